package importer

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
)

// Draft is a manifest to be: an upstream and its tools.
type Draft struct {
	// Comments are lines for the top of the file.
	Comments []string
	// Preview says what became of each operation.
	Preview Preview

	upstream upstream
	tools    []tool
	server   *object
	// variables is what the names of environment variables begin with.
	variables string
	needed    []string // environment variables of credentials
	// generated are the upstream's settings as the document gives them, if they
	// were changed since.
	generated *object
}

// upstream is the service of a draft.
type upstream struct {
	name     string
	comments []string
	settings *object
	// after are comments below the settings.
	after []string
}

// tool is a stanza of a draft.
type tool struct {
	name      string
	operation string
	// id is the operation's operationId, if it has one.
	id         string
	definition *object
}

// keyOrder is the order in which a careful author writes the keys of a tool;
// others stand before response.
func keyOrder() []string {
	return []string{"title", "description", "upstream", "request", "input", "input_schema", "in"}
}

// lastKeys end a stanza.
func lastKeys() []string { return []string{"response", "examples"} }

// ordered puts the keys of a tool in their usual order.
func ordered(definition *object) *object {
	out := &object{}
	take := func(keys []string) {
		for _, key := range keys {
			if v, ok := definition.get(key); ok {
				out.set(key, v)
			}
		}
	}
	take(keyOrder())
	for _, m := range definition.members {
		if !slices.Contains(keyOrder(), m.key) && !slices.Contains(lastKeys(), m.key) {
			out.set(m.key, m.value)
		}
	}
	take(lastKeys())
	return out
}

// escaped doubles the dollars of all texts that a manifest would take for
// variables.
func escaped(v any) any {
	switch v := v.(type) {
	case string:
		return variableText(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = escaped(v[i])
		}
		return out
	case *object:
		out := &object{members: make([]member, len(v.members))}
		for i, m := range v.members {
			out.members[i] = member{m.key, escaped(m.value)}
		}
		return out
	}
	return v
}

// root is the whole manifest as a value, texts as they stand in the file.
func (d *Draft) root() *object {
	tools := &object{}
	for _, t := range d.tools {
		tools.members = append(tools.members, member{t.name, t.definition})
	}
	return pairs("upstreams", pairs(d.upstream.name, d.upstream.settings), "tools", tools)
}

// Tools are the names of the draft's tools, in order.
func (d *Draft) Tools() []string {
	names := make([]string, len(d.tools))
	for i := range d.tools {
		names[i] = d.tools[i].name
	}
	return names
}

// Manifest writes the draft as a manifest.
func (d *Draft) Manifest() []byte {
	var out []byte
	out = appendComments(out, d.Comments, "")
	out = append(out, "version: 1\n\n"...)
	if d.server != nil {
		out = append(appendEntry(out, "server", d.server, "", spread), '\n')
	}
	out = append(out, "upstreams:\n"...)
	out = appendComments(out, d.upstream.comments, step)
	out = append(append(out, step...), quote(d.upstream.name, false)+":\n"...)
	out = appendMapping(out, d.upstream.settings, step+step, spread)
	out = appendComments(out, d.upstream.after, step+step)
	if len(d.tools) > 0 {
		tools, _ := d.root().get("tools")
		out = appendEntry(append(out, '\n'), "tools", tools, "", list)
	}
	return out
}

// appendComments writes lines of a comment.
func appendComments(out []byte, lines []string, margin string) []byte {
	for _, line := range lines {
		out = append(out, strings.TrimRight(margin+"# "+strings.Map(printable, line), " ")...)
		out = append(out, '\n')
	}
	return out
}

// printable makes blanks of what must not stand in a comment.
func printable(r rune) rune {
	if r == '\u00A0' || !isPrintable(string(r)) {
		return ' '
	}
	return r
}

// ownKeys are the keywords of an argument that aren't listed.
func ownKeys() []string {
	return []string{"optional", "in", "as", "style", "explode", "media_type"}
}

// definitionTokens estimates what a tool's definition costs a model, as it will
// be listed.
func definitionTokens(name, operation string, definition *object) int {
	schema := definition.object("input_schema")
	if schema == nil {
		schema = listedSchema(definition.object("input"))
	}
	text, err := encode(schema)
	if err != nil {
		return 0
	}
	var output []byte
	if schema = definition.object("response").object("schema"); schema != nil {
		if output, err = encode(schema); err != nil {
			return 0
		}
	}
	method, _, _ := strings.Cut(operation, " ")
	reads := method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
	changes := method == http.MethodPut || method == http.MethodDelete
	destroys, repeats := changes || method == http.MethodPatch, changes || reads
	return tokens.Estimate(mcp.AppendTool(nil, &mcp.ToolDefinition{
		Name: name, Title: definition.text("title"), Description: definition.text("description"), InputSchema: text, OutputSchema: output,
		Annotations: mcp.ToolAnnotations{ReadOnly: &reads, Destructive: &destroys, Idempotent: &repeats},
	}, true))
}

// listedSchema is the schema that clients see of an input.
func listedSchema(input *object) *object {
	properties, required := &object{}, []any{}
	schema := pairs("type", "object", "properties", properties)
	if input != nil {
		for _, m := range input.members {
			o, ok := m.value.(*object)
			if m.key == "$defs" || !ok || o.has("value") {
				continue
			}
			property := &object{}
			for _, keyword := range o.members {
				if !slices.Contains(ownKeys(), keyword.key) {
					property.set(keyword.key, keyword.value)
				}
			}
			properties.set(m.key, property)
			if optional, _ := o.get("optional"); optional != true && !o.has("default") {
				required = append(required, m.key)
			}
		}
		if defs := input.object("$defs"); defs != nil {
			schema.set("$defs", defs)
		}
	}
	if len(required) > 0 {
		schema.set("required", required)
	}
	schema.set("additionalProperties", false)
	return schema
}

// errNothing is that of a document without a tool to make.
var errNothing = errors.New("nothing to import: no operation becomes a tool")

// IsNothing reports whether an import failed for want of tools; its preview says
// why there are none.
func IsNothing(err error) bool { return errors.Is(err, errNothing) }
