package strictjson

import (
	"encoding/json"
	"strings"
)

// Decode returns the value of strict JSON text as map[string]any, []any,
// string, json.Number (digits as written), bool or nil. It refuses what Check
// refuses, with a *SyntaxError. The result doesn't alias data; its strings and
// numbers share one copy of it.
func Decode(data []byte, maxDepth int) (any, error) {
	d := decoder{scanner: scanner{data: data}, text: string(data)}
	v, i := d.valueAt(d.space(0), limit(maxDepth))
	if i < 0 {
		return nil, d.err()
	}
	if i = d.space(i); i < len(data) {
		d.fail(i, "unexpected text after the value")
		return nil, d.err()
	}
	return v, nil
}

// Unquote returns the text of a JSON string, given with its quotes and
// nothing around them. The result doesn't alias data. The error is a
// *SyntaxError.
func Unquote(data []byte) (string, error) {
	text, err := UnquoteAlias(data)
	return strings.Clone(text), err
}

// UnquoteAlias is Unquote without a copy: the string may share data's memory,
// which must not change while the string is in use.
func UnquoteAlias(data []byte) (string, error) {
	s := scanner{data: data}
	if len(data) == 0 || data[0] != '"' {
		s.fail(0, "expected a string")
		return "", s.err()
	}
	end, escaped := s.str(1)
	if end >= 0 && end < len(data) {
		end = s.fail(end, "unexpected text after the value")
	}
	if end < 0 {
		return "", s.err()
	}
	if escaped {
		return alias(appendUnescaped(make([]byte, 0, len(data)), data[1:end-1])), nil
	}
	return alias(data[1 : end-1]), nil
}

// decoder builds values while it scans.
type decoder struct {
	scanner
	text  string // a copy of data that strings and numbers are cut from
	stack []any  // elements of the open arrays, innermost last
}

// valueAt reads one value at i and returns it and the index behind it, or -1.
func (d *decoder) valueAt(i, depth int) (any, int) {
	if i >= len(d.data) {
		return nil, d.fail(i, msgEnd)
	}
	switch c := d.data[i]; c {
	case '"':
		end, escaped := d.str(i + 1)
		if end < 0 {
			return nil, -1
		}
		return d.cut(span{i + 1, end - 1, escaped}), end
	case '{', '[':
		if depth <= 0 {
			return nil, d.fail(i, msgDepth)
		}
		if c == '{' {
			return d.mapAt(i+1, depth-1)
		}
		return d.listAt(i+1, depth-1)
	case 't':
		return true, d.literal(i, "true")
	case 'f':
		return false, d.literal(i, "false")
	case 'n':
		return nil, d.literal(i, "null")
	default:
		end := d.value(i, 0) // a number, or the right complaint
		if end < 0 {
			return nil, -1
		}
		return json.Number(d.text[i:end]), end
	}
}

// cut returns the text of a string that has been scanned.
func (d *decoder) cut(raw span) string {
	if raw.escaped {
		d.buf = appendUnescaped(d.buf[:0], d.data[raw.start:raw.end])
		return string(d.buf)
	}
	return d.text[raw.start:raw.end]
}

// listAt reads the rest of an array, from behind its bracket.
func (d *decoder) listAt(i, depth int) (any, int) {
	i = d.space(i)
	if i < len(d.data) && d.data[i] == ']' {
		return []any{}, i + 1
	}
	base := len(d.stack)
	for {
		var v any
		if v, i = d.valueAt(i, depth); i < 0 {
			return nil, -1
		}
		d.stack = append(d.stack, v)
		if i = d.space(i); i >= len(d.data) {
			return nil, d.fail(i, msgEnd)
		}
		switch d.data[i] {
		case ',':
			i = d.space(i + 1)
		case ']':
			list := make([]any, len(d.stack)-base)
			copy(list, d.stack[base:])
			d.stack = d.stack[:base]
			return list, i + 1
		default:
			return nil, d.fail(i, "expected a comma or the end of the array")
		}
	}
}

// mapAt reads the rest of an object, from behind its brace.
func (d *decoder) mapAt(i, depth int) (any, int) {
	object := map[string]any{}
	i = d.space(i)
	if i < len(d.data) && d.data[i] == '}' {
		return object, i + 1
	}
	for {
		start := i
		end, escaped := d.name(i)
		if end < 0 {
			return nil, -1
		}
		name := d.cut(span{start + 1, end - 1, escaped})
		if i = d.colon(end); i < 0 {
			return nil, -1
		}
		var v any
		if v, i = d.valueAt(i, depth); i < 0 {
			return nil, -1
		}
		before := len(object)
		if object[name] = v; len(object) == before {
			return nil, d.fail(start, "duplicate member name")
		}
		if i = d.space(i); i >= len(d.data) {
			return nil, d.fail(i, msgEnd)
		}
		switch d.data[i] {
		case ',':
			i = d.space(i + 1)
		case '}':
			return object, i + 1
		default:
			return nil, d.fail(i, "expected a comma or the end of the object")
		}
	}
}
