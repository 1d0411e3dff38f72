package side

import "bytes"

// request is what the floor needs of a JSON-RPC request; its parts point into
// the request's bytes, id as it is written, the others without their quotes.
type request struct {
	id, method, tool, customer []byte
}

// scanRequest finds the parts of a request in one pass. It trusts that the
// text is JSON and that the strings it wants have no escapes.
func scanRequest(text []byte) (request, bool) {
	var req request
	ok := eachMember(text, func(name, value []byte) {
		switch string(name) {
		case "id":
			req.id = value
		case "method":
			req.method = unquote(value)
		case "params":
			eachMember(value, func(name, value []byte) {
				switch string(name) {
				case "name":
					req.tool = unquote(value)
				case "arguments":
					eachMember(value, func(name, value []byte) {
						if string(name) == "customer_id" {
							req.customer = unquote(value)
						}
					})
				}
			})
		}
	})
	return req, ok && req.id != nil && req.method != nil
}

// eachMember calls do for every member of the JSON object in text.
func eachMember(text []byte, do func(name, value []byte)) bool {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	for i := 1; ; {
		i = skipSpace(text, i)
		if i >= len(text) {
			return false
		}
		if text[i] == '}' {
			return true
		}
		if text[i] == ',' {
			i++
			continue
		}
		end := skipValue(text, i)
		name := unquote(text[i:end])
		i = skipSpace(text, end)
		if i >= len(text) || text[i] != ':' {
			return false
		}
		i = skipSpace(text, i+1)
		end = skipValue(text, i)
		do(name, text[i:end])
		i = end
	}
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the end of the value that begins at text[i].
func skipValue(text []byte, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(text))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

func unquote(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	return value[1 : len(value)-1]
}

// appendString appends text, which must be UTF-8, as a JSON string. Bytes that
// need no escape, nearly all, are copied in runs.
func appendString(b, text []byte) []byte {
	b = append(b, '"')
	start := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, text[start:]...), '"')
}
