package config

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// json decodes any value as it is: into a json.RawMessage, or into any with
// the types of package encoding/json and numbers as json.Number.
func (d *decoder) json(s site, v reflect.Value) {
	before := d.errors()
	if v.Kind() != reflect.Interface {
		v.SetBytes(d.appendJSON(nil, s, nil))
		return
	}
	value := d.anyValue(s)
	if d.errors() == before && value != nil && reflect.TypeOf(value).AssignableTo(v.Type()) {
		v.Set(reflect.ValueOf(value))
	}
}

// appendJSON writes a value as JSON: members in their order, numbers with their
// digits. Members of the top mapping named in without are left out.
func (d *decoder) appendJSON(dst []byte, s site, without map[string]bool) []byte {
	switch s.node.kind {
	case mappingNode:
		dst = append(dst, '{')
		first := true
		for i := range s.node.members {
			m := &s.node.members[i]
			if without[m.key.raw] {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendString(dst, m.key.raw)
			dst = append(dst, ':')
			dst = d.appendJSON(dst, s.member(m), nil)
		}
		return append(dst, '}')
	case sequenceNode:
		dst = append(dst, '[')
		for i := range s.node.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = d.appendJSON(dst, s.item(i), nil)
		}
		return append(dst, ']')
	default:
		return d.appendScalar(dst, s)
	}
}

// appendString writes a JSON string; < > & stay as they are.
func appendString(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

// appendScalar writes a scalar with the type it has in YAML's core schema.
func (d *decoder) appendScalar(dst []byte, s site) []byte {
	n := s.node
	switch kind := n.coreType(); kind {
	case "null":
		return append(dst, "null"...)
	case "bool":
		b, ok := boolText(n.text)
		if !ok {
			d.wrong(s, "true or false", "")
		}
		return strconv.AppendBool(dst, b)
	case "int", "float":
		if isNotFinite(n.text) {
			d.problem(s, clip(n.text)+" is no number in JSON", "quote this value, if it is a text")
			return append(dst, '0')
		}
		digits, ok := jsonNumber(n.text)
		if !ok || (kind == "int" && !isInt(n.text)) {
			d.wrong(s, "a number", "")
			return append(dst, '0')
		}
		return append(dst, digits...)
	default:
		return appendString(dst, n.text)
	}
}

// coreType is a scalar's type: null, bool, int, float or str.
func (n *node) coreType() string {
	switch {
	case n.tag != "":
		return n.tag
	case n.style != plain || (n.parts != nil && !n.whole):
		return "str"
	case isNullText(n.text):
		return "null"
	case isInt(n.text):
		return "int"
	case isFloat(n.text):
		return "float"
	}
	if _, ok := boolText(n.text); ok {
		return "bool"
	}
	return "str"
}

// anyValue turns a node into maps, slices, strings, json.Number, bool and nil.
func (d *decoder) anyValue(s site) any {
	switch s.node.kind {
	case mappingNode:
		out := make(map[string]any, len(s.node.members))
		for i := range s.node.members {
			m := &s.node.members[i]
			out[m.key.raw] = d.anyValue(s.member(m))
		}
		return out
	case sequenceNode:
		out := make([]any, len(s.node.items))
		for i := range s.node.items {
			out[i] = d.anyValue(s.item(i))
		}
		return out
	}
	switch s.node.coreType() {
	case "null":
		return nil
	case "str":
		return s.node.text
	case "bool":
		b, ok := boolText(s.node.text)
		if !ok {
			d.wrong(s, "true or false", "")
		}
		return b
	default:
		return json.Number(d.appendScalar(nil, s))
	}
}
