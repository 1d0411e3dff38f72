package mcp

import (
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// DecodeAnswer decodes what a client answered to a question of that kind: a
// result object that passed CheckSyntax (2026-07-28, schemas "ElicitResult",
// "CreateMessageResult" and "ListRootsResult"). The answer's content points into
// it. Types are checked, but not the content against the question's schema.
func DecodeAnswer(kind QuestionKind, raw []byte) (Answer, *Error) {
	members, ok := membersOf(raw)
	if !ok {
		return Answer{}, invalid("the answer must be an object")
	}
	switch kind {
	case AskModel:
		return decodeModelAnswer(members)
	case AskRoots:
		return decodeRoots(members)
	default:
		return decodePersonAnswer(kind, members)
	}
}

func decodePersonAnswer(kind QuestionKind, members Params) (Answer, *Error) {
	action, _ := text(members.Get("action"))
	switch action {
	case "accept":
	case "decline", "cancel":
		return Answer{Action: strings.Clone(action)}, nil
	default:
		return Answer{}, invalid("the answer's action must be accept, decline or cancel")
	}
	answer := Answer{Action: "accept"}
	if kind == AskURL {
		return answer, nil
	}
	content := members.Get("content")
	if content == nil || isNull(content) {
		answer.Content = []byte(`{}`) // nothing was filled in
		return answer, nil
	}
	if err := checkFilled(content); err != nil {
		return Answer{}, err
	}
	answer.Content = content
	return answer, nil
}

// checkFilled checks that the content of a form is flat.
func checkFilled(content []byte) *Error {
	members, ok := membersOf(content)
	if !ok {
		return invalid("the answer's content must be an object")
	}
	for i := range members {
		value := members[i].Value
		flat := value[0] != '{' && !isNull(value)
		if value[0] == '[' {
			flat = isTextList(value)
		}
		if !flat {
			return invalid("the answer's content must hold strings, numbers, booleans and lists of strings only")
		}
	}
	return nil
}

// isTextList reports whether a JSON value is an array of strings.
func isTextList(raw []byte) bool {
	elements, err := strictjson.Elements(raw, nil)
	if err != nil {
		return false
	}
	for _, element := range elements {
		if element[0] != '"' {
			return false
		}
	}
	return true
}

func decodeModelAnswer(members Params) (Answer, *Error) {
	var answer Answer
	var ok bool
	if role, _ := text(members.Get("role")); role != "assistant" && role != "user" {
		return Answer{}, invalid("the answer's role must be user or assistant")
	}
	if answer.Model, ok = textCopy(members.Get("model")); !ok {
		return Answer{}, invalid("the answer's model must be a string")
	}
	if raw := members.Get("stopReason"); raw != nil && !isNull(raw) {
		if answer.StopReason, ok = textCopy(raw); !ok {
			return Answer{}, invalid("the answer's stopReason must be a string")
		}
	}
	answer.Content = members.Get("content")
	if answer.Text, ok = textOf(answer.Content); !ok {
		return Answer{}, invalid("the answer's content must be a content block, or a list of them")
	}
	return answer, nil
}

// textOf returns the text of the text blocks in a model's message, line by
// line, and whether all blocks are well formed.
func textOf(content []byte) (string, bool) {
	blocks := [][]byte{content}
	if len(content) > 0 && content[0] == '[' {
		var err error
		if blocks, err = strictjson.Elements(content, nil); err != nil {
			return "", false
		}
	}
	var all strings.Builder
	texts := 0
	for _, block := range blocks {
		words, isText, ok := readBlock(block)
		if !ok {
			return "", false
		}
		if !isText {
			continue
		}
		if texts > 0 {
			all.WriteByte('\n')
		}
		all.WriteString(words)
		texts++
	}
	return all.String(), true
}

// readBlock reads a content block as far as it is understood.
func readBlock(raw []byte) (words string, isText, ok bool) {
	members, ok := membersOf(raw)
	if !ok {
		return "", false, false
	}
	kind, ok := text(members.Get("type"))
	if !ok {
		return "", false, false
	}
	switch kind {
	case "text":
		words, ok = text(members.Get("text"))
		return words, true, ok
	case "image", "audio":
		_, hasData := text(members.Get("data"))
		_, hasType := text(members.Get("mimeType"))
		return "", false, hasData && hasType
	}
	return "", false, true
}

func decodeRoots(members Params) (Answer, *Error) {
	raw := members.Get("roots")
	if len(raw) == 0 || raw[0] != '[' {
		return Answer{}, invalid("the answer's roots must be a list")
	}
	elements, err := strictjson.Elements(raw, nil)
	if err != nil {
		return Answer{}, invalid("the answer's roots must be a list")
	}
	answer := Answer{Roots: make([]Root, 0, len(elements))}
	for _, element := range elements {
		root, ok := decodeRoot(element)
		if !ok {
			return Answer{}, invalid("the answer's roots must have a file:// uri each, and a name that is a string or none")
		}
		answer.Roots = append(answer.Roots, root)
	}
	return answer, nil
}

func decodeRoot(raw []byte) (Root, bool) {
	members, ok := membersOf(raw)
	if !ok {
		return Root{}, false
	}
	uri, ok := textCopy(members.Get("uri"))
	if !ok || !strings.HasPrefix(uri, "file://") {
		return Root{}, false
	}
	root := Root{URI: uri}
	if name := members.Get("name"); name != nil && !isNull(name) {
		root.Name, ok = textCopy(name)
	}
	return root, ok
}

// RestoreAnswer returns the answer of a client of that revision to the
// question, as a newer one would have given it: what was asked as a choice of
// one value, because the revision has no choices of several, becomes a list.
func (q *Question) RestoreAnswer(r Revision, raw []byte) []byte {
	if q.Kind != AskForm || r.ElicitationChoices() {
		return raw
	}
	several := multipleChoices(q.Schema)
	if len(several) == 0 {
		return raw
	}
	return rewriteMembers(raw, func(name string, content []byte) []byte {
		if name != "content" {
			return content
		}
		return rewriteMembers(content, func(field string, value []byte) []byte {
			if !slices.Contains(several, field) || value[0] != '"' {
				return value
			}
			return append(append([]byte{'['}, value...), ']')
		})
	})
}
