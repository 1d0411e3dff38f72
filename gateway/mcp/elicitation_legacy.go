package mcp

import "github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"

// legacyForm rewrites a form's schema for revisions before 2025-11-25, which
// know only enum and enumNames for choices, and no choices of several: of those
// one may be chosen (see RestoreAnswer). What is not known otherwise, such as
// defaults of strings, is ignored there, and stays.
func legacyForm(raw []byte) []byte {
	if raw == nil {
		return nil
	}
	return rewriteMembers(raw, func(name string, value []byte) []byte {
		if name != "properties" {
			return value
		}
		return rewriteMembers(value, func(_ string, property []byte) []byte { return legacyProperty(property) })
	})
}

func legacyProperty(raw []byte) []byte {
	members, ok := membersOf(raw)
	if !ok {
		return raw
	}
	items, several := membersOf(members.Get("items"))
	options := members.Get("oneOf")
	if several {
		options = items.Get("anyOf")
	} else if options == nil {
		return raw
	}
	rewritten := rewriteMembers(raw, func(name string, value []byte) []byte {
		switch name {
		case "oneOf", "items", "minItems", "maxItems", "uniqueItems", "enum", "enumNames":
			return nil
		case "type":
			return []byte(`"string"`)
		case "default":
			if several {
				return onlyOf(value)
			}
		}
		return value
	})
	out := rewritten[:len(rewritten)-1] // without the brace at its end
	if options == nil {
		return append(appendRaw(out, "enum", items.Get("enum")), '}')
	}
	return appendTitled(out, options)
}

// appendTitled appends choices with titles, and closes the property.
func appendTitled(dst, options []byte) []byte {
	elements, err := strictjson.Elements(options, nil)
	if err != nil {
		return append(dst, '}')
	}
	for _, list := range [2][2]string{{"enum", "const"}, {"enumNames", "title"}} {
		dst = append(dst, `,"`+list[0]+`":[`...)
		for i, element := range elements {
			if i > 0 {
				dst = append(dst, ',')
			}
			option, _ := membersOf(element)
			dst = append(dst, option.Get(list[1])...)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// onlyOf returns the only element of an array; nil if it has another number of
// elements.
func onlyOf(raw []byte) []byte {
	elements, err := strictjson.Elements(raw, nil)
	if err != nil || len(elements) != 1 {
		return nil
	}
	return elements[0]
}

// multipleChoices names the properties of a form that are choices of several.
func multipleChoices(raw []byte) []string {
	members, _ := membersOf(raw)
	properties, _ := membersOf(members.Get("properties"))
	var names []string
	for i := range properties {
		property, _ := membersOf(properties[i].Value)
		if kind, _ := text(property.Get("type")); kind == "array" {
			names = append(names, properties[i].Name)
		}
	}
	return names
}
