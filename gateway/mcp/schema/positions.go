package schema

import "slices"

// position says how subschemas stand under a keyword.
type position int

const (
	none    position = iota
	single           // a schema
	list             // an array of schemas
	named            // an object whose members are schemas
	oneOr            // a schema or an array of schemas
	perName          // an object whose members are schemas or arrays of names
)

// positionOf knows where subschemas may stand, in any dialect.
func positionOf(keyword string) position {
	switch keyword {
	case "additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems", "not", "if", "then",
		"else", "contains", "propertyNames", "contentSchema":
		return single
	case "allOf", "anyOf", "oneOf", "prefixItems":
		return list
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		return named
	case "items":
		return oneOr
	case "dependencies":
		return perName
	}
	return none
}

// subschema is a schema inside another one.
type subschema struct {
	ptr   string // below the outer schema
	value any
}

// subschemas lists what stands under one keyword of a schema, in a fixed
// order. Values that can be no schema are left out.
func subschemas(keyword string, value any) []subschema {
	var found []subschema
	add := func(ptr string, v any) {
		switch v.(type) {
		case map[string]any, bool:
			found = append(found, subschema{ptr, v})
		}
	}
	at := "/" + escape(keyword)
	switch positionOf(keyword) {
	case none:
	case single:
		add(at, value)
	case list, oneOr:
		items, ok := value.([]any)
		if !ok {
			add(at, value)
		}
		for i, v := range items {
			add(at+"/"+itoa(i), v)
		}
	case named, perName:
		members, _ := value.(map[string]any)
		for _, name := range sortedNames(members) {
			add(at+"/"+escape(name), members[name])
		}
	}
	return found
}

func sortedNames[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
