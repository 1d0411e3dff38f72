package mcp

import (
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// ToolDefinition is a tool as tools/list shows it
// (https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool).
type ToolDefinition struct {
	Name, Title, Description string
	InputSchema              []byte
	// OutputSchema is nil if none is declared.
	OutputSchema []byte
	Annotations  ToolAnnotations
	Icons        []Icon
	// Meta is the _meta object as JSON; nil if there is none.
	Meta []byte
}

// AppendTool appends the definition of a tool, as JSON. Towards legacy clients
// schemas are made such that the strictest of them takes the list: no boolean
// subschemas, and only objects as output.
func AppendTool(dst []byte, d *ToolDefinition, modern bool) []byte {
	dst = append(dst, `{"name":`...)
	dst = strictjson.AppendString(dst, d.Name)
	dst = appendMember(dst, "title", d.Title)
	dst = appendMember(dst, "description", d.Description)
	input, output := d.InputSchema, d.OutputSchema
	if !modern {
		input = schema.Legacy(input)
		if output != nil {
			output = legacyOutput(schema.Legacy(output))
		}
	}
	dst = append(dst, `,"inputSchema":`...)
	dst = append(dst, input...)
	if output != nil {
		dst = append(dst, `,"outputSchema":`...)
		dst = append(dst, output...)
	}
	dst = appendHints(dst, &d.Annotations)
	dst = appendIcons(dst, d.Icons)
	dst = appendRaw(dst, "_meta", d.Meta)
	return append(dst, '}')
}

// legacyOutput makes an output schema fit clients that know only objects: one
// of another type is wrapped, as structured content is; one that leaves the
// type open is not shown.
func legacyOutput(raw []byte) []byte {
	members, err := strictjson.Members(raw, nil)
	if err != nil {
		return nil
	}
	kind := Params(members).Get("type")
	switch {
	case string(kind) == `"object"`:
		return raw
	case len(kind) == 0 || kind[0] != '"':
		return nil
	}
	out := []byte(`{"type":"object","properties":{"result":`)
	out = append(out, raw...)
	return append(out, `},"required":["result"]}`...)
}

func appendHints(dst []byte, a *ToolAnnotations) []byte {
	if a.ReadOnly == nil && a.Destructive == nil && a.Idempotent == nil && a.OpenWorld == nil {
		return dst
	}
	dst = append(dst, `,"annotations":{`...)
	start := len(dst)
	dst = appendHint(dst, start, "readOnlyHint", a.ReadOnly)
	dst = appendHint(dst, start, "destructiveHint", a.Destructive)
	dst = appendHint(dst, start, "idempotentHint", a.Idempotent)
	dst = appendHint(dst, start, "openWorldHint", a.OpenWorld)
	return append(dst, '}')
}

func appendHint(dst []byte, start int, name string, hint *bool) []byte {
	if hint == nil {
		return dst
	}
	dst = appendComma(dst, start)
	dst = append(dst, '"')
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return strconv.AppendBool(dst, *hint)
}

// CacheScope says who may share a cached result.
type CacheScope string

// The cache scopes of 2026-07-28.
const (
	Public  CacheScope = "public"
	Private CacheScope = "private"
)

// List is what a list method lists, by the name of the member that holds it.
type List string

// The lists.
const (
	Tools             List = "tools"
	Resources         List = "resources"
	ResourceTemplates List = "resourceTemplates"
	Prompts           List = "prompts"
)

// ListResult encodes the result of a list method from encoded definitions
// (2026-07-28, "Tools", section "Listing Tools", and its like). The cursor is
// that of the next page; empty on the last one. All pages must have the same
// scope.
func (e *Encoder) ListResult(list List, definitions [][]byte, modern bool, scope CacheScope, next string) []byte {
	dst := []byte(`{`)
	if modern {
		dst = e.appendCacheable(dst, 0, scope)
	}
	dst = append(dst, '"')
	dst = append(dst, list...)
	dst = append(dst, `":[`...)
	for i, d := range definitions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, d...)
	}
	dst = append(dst, ']')
	dst = appendMember(dst, "nextCursor", next)
	return append(dst, '}')
}

// appendCacheable appends the members that modern cacheable results start
// with, each followed by a comma (2026-07-28, "Caching").
func (e *Encoder) appendCacheable(dst []byte, ttl time.Duration, scope CacheScope) []byte {
	dst = append(dst, `"resultType":"complete","ttlMs":`...)
	dst = strconv.AppendInt(dst, max(ttl.Milliseconds(), 0), 10)
	dst = append(dst, `,"cacheScope":"`...)
	dst = append(dst, scope...)
	dst = append(dst, `",`...)
	dst = append(dst, e.serverMeta...)
	return append(dst, ',')
}
