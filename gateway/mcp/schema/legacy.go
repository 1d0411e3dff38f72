package schema

import (
	"bytes"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// Legacy rewrites a schema for clients of protocol revisions whose validators
// know no boolean subschemas: true becomes {} and false {"not":{}} wherever a
// subschema may stand. Booleans under additionalProperties, additionalItems,
// unevaluatedProperties and unevaluatedItems stay: they were always allowed
// there, and models' own rules ask for additionalProperties: false. Values and
// the order of members stay as they are; text without anything to rewrite, and
// text that is no JSON, is returned as it is.
func Legacy(raw []byte) []byte {
	if strictjson.Check(raw, maxDepth) != nil {
		return raw
	}
	return legacySchema(bytes.TrimSpace(raw))
}

func legacySchema(raw []byte) []byte {
	switch string(raw) {
	case "true":
		return []byte("{}")
	case "false":
		return []byte(`{"not":{}}`)
	}
	return eachMember(raw, func(name string, value []byte) []byte {
		switch positionOf(name) {
		case none:
		case single:
			if value[0] != '{' && isBooleanForm(name) {
				return value
			}
			return legacySchema(value)
		case list:
			return eachElement(value, legacySchema)
		case oneOr:
			if value[0] == '[' {
				return eachElement(value, legacySchema)
			}
			return legacySchema(value)
		case named, perName:
			return eachMember(value, func(_ string, inner []byte) []byte { return legacySchema(inner) })
		}
		return value
	})
}

// isBooleanForm reports whether a keyword's value was a schema or a boolean
// before schemas could be booleans, or is always written as one.
func isBooleanForm(keyword string) bool {
	switch keyword {
	case "additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems":
		return true
	}
	return false
}

// eachMember rewrites the values of an object. An object that doesn't change,
// and anything else, is returned as it is.
func eachMember(raw []byte, rewrite func(name string, value []byte) []byte) []byte {
	members, err := strictjson.Members(raw, nil)
	if err != nil {
		return raw
	}
	same := true
	for i, m := range members {
		members[i].Value = rewrite(m.Name, m.Value)
		same = same && bytes.Equal(members[i].Value, m.Value)
	}
	if same {
		return raw
	}
	out := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(strictjson.AppendString(out, m.Name), ':')
		out = append(out, m.Value...)
	}
	return append(out, '}')
}

// eachElement rewrites the elements of an array likewise.
func eachElement(raw []byte, rewrite func(value []byte) []byte) []byte {
	elements, err := strictjson.Elements(raw, nil)
	if err != nil {
		return raw
	}
	same := true
	for i, e := range elements {
		elements[i] = rewrite(e)
		same = same && bytes.Equal(elements[i], e)
	}
	if same {
		return raw
	}
	return append(append([]byte{'['}, bytes.Join(elements, []byte{','})...), ']')
}
