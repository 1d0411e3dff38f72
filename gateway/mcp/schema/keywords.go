package schema

import (
	"encoding/json"
	"slices"
)

// keywords turns the members of one schema object into a node.
type keywords struct {
	c      *compiler
	n      *node
	object map[string]any
	ptr    string
}

func (k *keywords) wrong(name, msg string) error { return keywordError(k.ptr, name, msg) }

// add reads one keyword. Unknown ones are annotations.
func (k *keywords) add(name string, v any) error {
	switch name {
	case "$ref":
		return k.c.reference(k.n, v, k.ptr)
	case "type":
		return k.kinds(v)
	case "enum":
		values, ok := v.([]any)
		if !ok {
			return k.wrong(name, "must be an array")
		}
		k.n.enum, k.n.isEnum = values, true
	case "const":
		k.n.constant, k.n.isConst = v, true
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		return k.number(name, v)
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		return k.count(name, v)
	case "pattern", "format", "title", "description", "$comment", "$id", "$anchor", "$schema",
		"contentEncoding", "contentMediaType":
		return k.text(name, v)
	case "uniqueItems", "readOnly", "writeOnly", "deprecated":
		return k.flag(name, v)
	case "examples":
		if _, ok := v.([]any); !ok {
			return k.wrong(name, "must be an array")
		}
	case "required":
		names, ok := toNames(v)
		if !ok {
			return k.wrong(name, "must be an array of different names")
		}
		k.n.required = names
	default:
		return k.applicator(name, v)
	}
	return nil
}

func (k *keywords) flag(name string, v any) error {
	flag, ok := v.(bool)
	if !ok && (name != "deprecated" || k.c.draft > draft07) {
		return k.wrong(name, "must be true or false")
	}
	if name == "uniqueItems" {
		k.n.unique = flag
	}
	return nil
}

func (k *keywords) kinds(v any) error {
	names, ok, hint := []string(nil), false, ""
	switch v := v.(type) {
	case string:
		names, ok = []string{v}, true
	case []any:
		names, ok = toNames(v)
		ok = ok && len(names) > 0
	}
	for _, name := range names {
		kind, known := kindByName(name)
		k.n.kinds |= kind
		ok = ok && known
		if !known {
			hint = nearKind(name)
		}
	}
	if !ok {
		e := keywordError(k.ptr, "type", "must be string, number, integer, boolean, array, object or null, or an array of different ones")
		e.Hint = hint
		return e
	}
	return nil
}

func (k *keywords) number(name string, v any) error {
	text, ok := v.(json.Number)
	if !ok {
		return k.wrong(name, "must be a number")
	}
	n := parseNumber(string(text))
	switch name {
	case "minimum":
		k.n.min = &n
	case "maximum":
		k.n.max = &n
	case "exclusiveMinimum":
		k.n.above = &n
	case "exclusiveMaximum":
		k.n.below = &n
	default:
		if n.compare(number{small: true}) <= 0 {
			return k.wrong(name, "must be greater than 0")
		}
		k.n.multipleOf = &n
	}
	k.n.numeric = true
	return nil
}

func (k *keywords) count(name string, v any) error {
	n, ok := toCount(v)
	if !ok {
		return k.wrong(name, "must be an integer >= 0")
	}
	switch name {
	case "minLength":
		k.n.minLen = n
	case "maxLength":
		k.n.maxLen = n
	case "minItems":
		k.n.minItems = n
	case "maxItems":
		k.n.maxItems = n
	case "minProperties":
		k.n.minProps = n
	default:
		k.n.maxProps = n
	}
	return nil
}

// text reads keywords whose value is a string.
func (k *keywords) text(name string, v any) (err error) {
	s, ok := v.(string)
	switch {
	case !ok && name == "$anchor" && k.c.draft == draft07:
	case !ok:
		return k.wrong(name, "must be a string")
	case name == "pattern":
		if k.n.pattern, err = toRegexp(s); err != nil {
			return errorAt(k.ptr+"/pattern", err.Error())
		}
	case name == "format":
		k.n.format = s
	case name == "$anchor", (name == "$id" || name == "$schema") && k.ptr != "":
		k.c.outside = true
	}
	return nil
}

// applicator reads keywords that hold schemas.
func (k *keywords) applicator(name string, v any) error {
	switch name {
	case "allOf", "anyOf", "oneOf", "not", "if", "then", "else":
		return k.logic(name, v)
	case "patternProperties":
		return k.patterns(name, v)
	case "propertyNames", "contains", "dependencies", "additionalItems", "dependentRequired",
		"dependentSchemas", "minContains", "maxContains", "unevaluatedItems", "unevaluatedProperties",
		"contentSchema", "$recursiveRef", "$recursiveAnchor", "$dynamicRef",
		"$dynamicAnchor", "$vocabulary":
		k.c.outside = true
		return nil
	}
	return k.children(name, v)
}

// children reads keywords whose schemas are for members and items, or for
// whoever refers to them.
func (k *keywords) children(name string, v any) (err error) {
	n := k.n
	switch name {
	case "properties":
		n.byName, err = k.named(name, v)
	case "$defs", "definitions":
		if name == "definitions" || k.c.draft > draft07 {
			_, err = k.named(name, v)
		}
	case "additionalProperties":
		n.additional, err = k.single(name, v)
	case "items":
		if _, isList := v.([]any); isList && k.c.draft < draft2020 {
			k.c.outside = true
			return nil
		}
		n.items, err = k.single(name, v)
	case "prefixItems":
		if k.c.draft == draft2020 {
			n.prefix, err = k.list(name, v)
		}
	}
	return err
}

// logic reads keywords whose schemas are for the value itself.
func (k *keywords) logic(name string, v any) (err error) {
	n := k.n
	switch name {
	case "allOf":
		n.allOf, err = k.list(name, v)
	case "anyOf":
		n.anyOf, err = k.list(name, v)
	case "oneOf":
		n.oneOf, err = k.list(name, v)
	case "not":
		n.not, err = k.single(name, v)
	case "if":
		n.cond, err = k.single(name, v)
	case "then":
		n.then, err = k.single(name, v)
	case "else":
		n.otherwise, err = k.single(name, v)
	}
	return err
}

// patterns refuses a pattern that is no regular expression.
func (k *keywords) patterns(name string, v any) error {
	k.c.outside = true
	members, _ := v.(map[string]any)
	for _, pattern := range sortedNames(members) {
		if _, err := toRegexp(pattern); err != nil {
			return errorAt(k.ptr+"/"+escape(name)+"/"+escape(pattern), err.Error())
		}
	}
	return nil
}

func (k *keywords) single(name string, v any) (*node, error) {
	return k.c.compile(v, k.ptr+"/"+escape(name))
}

func (k *keywords) list(name string, v any) ([]*node, error) {
	items, ok := v.([]any)
	if !ok || len(items) == 0 {
		return nil, k.wrong(name, "must be an array of at least one schema")
	}
	nodes := make([]*node, 0, len(items))
	for i, item := range items {
		n, err := k.c.compile(item, k.ptr+"/"+escape(name)+"/"+itoa(i))
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (k *keywords) named(name string, v any) (map[string]*node, error) {
	members, ok := v.(map[string]any)
	if !ok {
		return nil, k.wrong(name, "must be an object of schemas")
	}
	nodes := make(map[string]*node, len(members))
	for _, member := range sortedNames(members) {
		n, err := k.c.compile(members[member], k.ptr+"/"+escape(name)+"/"+escape(member))
		if err != nil {
			return nil, err
		}
		nodes[member] = n
	}
	return nodes, nil
}

// finish puts together what several keywords say.
func (k *keywords) finish() {
	n := k.n
	if n.cond == nil {
		n.then, n.otherwise = nil, nil // they mean nothing alone
	}
	if n.kinds&kindNumber != 0 {
		n.kinds &^= kindInteger
	}
	for _, name := range sortedNames(n.byName) {
		n.props = append(n.props, property{name, n.byName[name], slices.Contains(n.required, name)})
	}
	n.required = slices.DeleteFunc(n.required, func(name string) bool { return n.byName[name] != nil })
	slices.Sort(n.required)
}
