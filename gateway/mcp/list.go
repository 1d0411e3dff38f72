package mcp

import (
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// ToolDefinition is a tool as a list shows it.
type ToolDefinition struct {
	Name, Title, Description string
	InputSchema              []byte
	// OutputSchema is nil if none is declared.
	OutputSchema []byte
	Annotations  ToolAnnotations
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

// ToolsResult encodes the result of tools/list from encoded definitions.
func (e *Encoder) ToolsResult(definitions [][]byte, modern bool, scope CacheScope) []byte {
	dst := []byte(`{`)
	if modern {
		dst = e.appendModernHead(dst, scope)
	}
	dst = append(dst, `"tools":[`...)
	for i, d := range definitions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, d...)
	}
	return append(dst, `]}`...)
}

// appendModernHead appends the members that modern cacheable results start
// with, each followed by a comma.
func (e *Encoder) appendModernHead(dst []byte, scope CacheScope) []byte {
	dst = append(dst, `"resultType":"complete","ttlMs":0,"cacheScope":"`...)
	dst = append(dst, scope...)
	dst = append(dst, `",`...)
	dst = append(dst, e.serverMeta...)
	return append(dst, ',')
}

// capabilities are what this server offers; what is not here is not served.
const capabilities = `{"tools":{}}`

// DiscoverResult encodes the result of server/discover.
func (e *Encoder) DiscoverResult(instructions string) []byte {
	dst := e.appendModernHead([]byte(`{`), Public)
	dst = append(dst, `"supportedVersions":[`...)
	for i, r := range modernRevisions() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strictjson.AppendString(dst, string(r))
	}
	dst = append(dst, `],"capabilities":`+capabilities...)
	dst = appendMember(dst, "instructions", instructions)
	return append(dst, '}')
}

// InitializeResult encodes the result of initialize.
func InitializeResult(r Revision, info ServerInfo, instructions string) []byte {
	dst := []byte(`{"protocolVersion":`)
	dst = strictjson.AppendString(dst, string(r))
	dst = append(dst, `,"capabilities":`+capabilities+`,"serverInfo":`...)
	dst = info.appendJSON(dst)
	dst = appendMember(dst, "instructions", instructions)
	return append(dst, '}')
}
