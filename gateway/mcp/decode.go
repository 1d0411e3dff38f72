package mcp

import "github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"

// text returns the text of a JSON string, which may share memory with it, and
// whether it is one.
func text(raw []byte) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	s, err := strictjson.UnquoteAlias(raw)
	return s, err == nil
}

// textCopy is text without the sharing.
func textCopy(raw []byte) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	s, err := strictjson.Unquote(raw)
	return s, err == nil
}

// isTexts reports whether a JSON value is an object of strings.
func isTexts(raw []byte) bool {
	var space [16]strictjson.Member
	members, err := strictjson.Members(raw, space[:0])
	if err != nil {
		return false
	}
	for i := range members {
		if len(members[i].Value) == 0 || members[i].Value[0] != '"' {
			return false
		}
	}
	return true
}

// isNull reports whether a JSON value is null.
func isNull(raw []byte) bool { return string(raw) == "null" }

// invalid is the answer to params that are not what the method wants.
func invalid(what string) *Error {
	return Rejected(CodeInvalidParams, "Invalid params: "+what)
}

// decodeTexts reads a member of params that is an object of strings, as
// written: nil if there is none.
func decodeTexts(params Params, member string) ([]byte, *Error) {
	raw := params.Get(member)
	switch {
	case raw == nil, isNull(raw):
		// Clients write null for none.
		return nil, nil
	case !isTexts(raw):
		return nil, invalid(member + " must be an object of strings")
	}
	return raw, nil
}

// rewriteMembers rewrites the values of an object; a member whose value becomes
// nil is left out. What is no object is returned as it is.
func rewriteMembers(raw []byte, rewrite func(name string, value []byte) []byte) []byte {
	members, ok := membersOf(raw)
	if !ok {
		return raw
	}
	out := make([]byte, 0, len(raw)+16)
	out = append(out, '{')
	start := len(out)
	for i := range members {
		value := rewrite(members[i].Name, members[i].Value)
		if value == nil {
			continue
		}
		out = appendComma(out, start)
		out = append(strictjson.AppendString(out, members[i].Name), ':')
		out = append(out, value...)
	}
	return append(out, '}')
}

// membersOf splits an object, and reports whether it is one.
func membersOf(raw []byte) (Params, bool) {
	if !isObject(raw) {
		return nil, false
	}
	members, err := strictjson.Members(raw, nil)
	return members, err == nil
}
