package mcp

import "github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"

// PromptDefinition is a prompt as prompts/list shows it
// (https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#prompt).
type PromptDefinition struct {
	Name, Title, Description string
	Arguments                []PromptArgument
	Icons                    []Icon
	// Meta is the _meta object as JSON; nil if there is none.
	Meta []byte
}

// PromptArgument is an argument of a prompt: a string.
type PromptArgument struct {
	Name, Title, Description string
	Required                 bool
}

// AppendPrompt appends the definition of a prompt, as JSON.
func AppendPrompt(dst []byte, d *PromptDefinition) []byte {
	dst = append(dst, `{"name":`...)
	dst = strictjson.AppendString(dst, d.Name)
	dst = appendMember(dst, "title", d.Title)
	dst = appendMember(dst, "description", d.Description)
	if len(d.Arguments) > 0 {
		dst = append(dst, `,"arguments":[`...)
		for i := range d.Arguments {
			if i > 0 {
				dst = append(dst, ',')
			}
			a := &d.Arguments[i]
			dst = append(dst, `{"name":`...)
			dst = strictjson.AppendString(dst, a.Name)
			dst = appendMember(dst, "title", a.Title)
			dst = appendMember(dst, "description", a.Description)
			dst = append(dst, ',')
			dst = appendHint(dst, len(dst), "required", &a.Required)
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	dst = appendIcons(dst, d.Icons)
	dst = appendRaw(dst, "_meta", d.Meta)
	return append(dst, '}')
}

// AppendGetPromptResult appends the response to a prompts/get in the form of
// the client's revision
// (https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#getting-a-prompt).
// The description may be empty.
func (e *Encoder) AppendGetPromptResult(dst []byte, r Revision, id ID, description string, messages []PromptMessage) []byte {
	dst = appendResultType(appendHead(dst, id), r)
	dst = append(dst, `"messages":[`...)
	for i := range messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRole(dst, messages[i].Role)
		dst = appendBlock(dst, r, &messages[i].Block)
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	dst = appendMember(dst, "description", description)
	return append(e.appendServerMeta(dst, r), `}}`...)
}

// appendRole opens a message, up to its content.
func appendRole(dst []byte, role string) []byte {
	dst = append(dst, `{"role":`...)
	dst = strictjson.AppendString(dst, role)
	return append(dst, `,"content":`...)
}

// GetPromptParams are the params of prompts/get.
type GetPromptParams struct {
	Name string
	// Arguments is an object of strings, as written; nil if there is none.
	Arguments []byte
}

// DecodeGetPromptParams decodes the params of prompts/get.
func DecodeGetPromptParams(params Params) (GetPromptParams, *Error) {
	name, ok := DecodeName(params, "name")
	if !ok || name == "" {
		return GetPromptParams{}, invalid("name must be a string")
	}
	arguments, err := decodeTexts(params, "arguments")
	if err != nil {
		return GetPromptParams{}, err
	}
	return GetPromptParams{Name: name, Arguments: arguments}, nil
}
