package mcp

import "strconv"

// maxCompletions is how many values a completion may hold.
const maxCompletions = 100

// ReferenceKind tells of what an argument is completed.
type ReferenceKind uint8

// The kinds of references.
const (
	// PromptReference is a prompt, by name.
	PromptReference ReferenceKind = iota
	// ResourceReference is a resource template, by its URI template.
	ResourceReference
)

// CompleteParams are the params of completion/complete
// (https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion).
type CompleteParams struct {
	Kind ReferenceKind
	// Of is the prompt's name or the template.
	Of string
	// Argument is the name of the argument, and Value what has been typed of it.
	Argument, Value string
	// Arguments are those given so far: an object of strings, as written; nil if
	// there is none.
	Arguments []byte
}

// DecodeCompleteParams decodes the params of completion/complete.
func DecodeCompleteParams(params Params) (CompleteParams, *Error) {
	var p CompleteParams
	if err := p.takeReference(params.Get("ref")); err != nil {
		return CompleteParams{}, err
	}
	argument, ok := membersOf(params.Get("argument"))
	if !ok {
		return CompleteParams{}, invalid("argument must be an object")
	}
	if p.Argument, ok = text(argument.Get("name")); !ok {
		return CompleteParams{}, invalid("argument.name must be a string")
	}
	if p.Value, ok = text(argument.Get("value")); !ok {
		return CompleteParams{}, invalid("argument.value must be a string")
	}
	raw := params.Get("context")
	if raw == nil || isNull(raw) {
		return p, nil
	}
	context, ok := membersOf(raw)
	if !ok {
		return CompleteParams{}, invalid("context must be an object")
	}
	var err *Error
	if p.Arguments, err = decodeTexts(context, "arguments"); err != nil {
		return CompleteParams{}, err
	}
	return p, nil
}

func (p *CompleteParams) takeReference(raw []byte) *Error {
	ref, ok := membersOf(raw)
	if !ok {
		return invalid("ref must be an object")
	}
	name := "name"
	switch kind, _ := text(ref.Get("type")); kind {
	case "ref/prompt":
		p.Kind = PromptReference
	case "ref/resource":
		p.Kind, name = ResourceReference, "uri"
	default:
		return invalid("ref.type must be ref/prompt or ref/resource")
	}
	if p.Of, ok = text(ref.Get(name)); !ok {
		return invalid("ref." + name + " must be a string")
	}
	return nil
}

// AppendCompletion appends the response to a completion/complete: the first 100
// of the values. Total is how many there are at all, negative if that is
// unknown; more says that there are others than the values.
func (e *Encoder) AppendCompletion(dst []byte, r Revision, id ID, values []string, total int, more bool) []byte {
	if len(values) > maxCompletions {
		if total >= 0 {
			total = max(total, len(values))
		}
		values, more = values[:maxCompletions], true
	}
	dst = appendResultType(appendHead(dst, id), r)
	dst = append(dst, `"completion":{"values":`...)
	dst = appendStrings(dst, values)
	if total >= 0 {
		dst = append(dst, `,"total":`...)
		dst = strconv.AppendInt(dst, int64(total), 10)
	}
	dst = append(dst, `,"hasMore":`...)
	dst = strconv.AppendBool(dst, more)
	dst = append(dst, '}')
	return append(e.appendServerMeta(dst, r), `}}`...)
}
