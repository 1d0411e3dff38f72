package mcp

import (
	"slices"
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// CheckElicitationSchema checks that a schema can be asked as a form: an object
// whose properties are strings, numbers, booleans, and choices of one or of
// several strings (2026-07-28, "Elicitation", section "Requested Schema";
// SEP-1034, SEP-1330). The schema must be strict JSON. The error is
// schema.Errors: all mistakes, each with its place.
func CheckElicitationSchema(raw []byte) error {
	c := formCheck{}
	members, ok := membersOf(raw)
	if !ok {
		c.fault(nil, "a form's schema must be an object schema")
		return c.faults
	}
	if kind, _ := text(members.Get("type")); kind != "object" {
		c.fault([]string{"type"}, `a form's schema must have type: object`)
	}
	c.flat(nil, members, "")
	properties, ok := membersOf(members.Get("properties"))
	if !ok {
		c.fault([]string{"properties"}, "a form's schema must have properties")
	}
	for i := range properties {
		c.property([]string{"properties", properties[i].Name}, properties[i].Value)
	}
	c.required(members.Get("required"), properties)
	if len(c.faults) > 0 {
		return c.faults
	}
	return nil
}

// flat refuses keywords that make a schema more than flat, but for one that
// lists choices.
func (c *formCheck) flat(path []string, members Params, choices string) {
	for i := range members {
		if name := members[i].Name; name != choices && isStructure(name) {
			c.fault(at(path, name), name+" can't be asked: forms are flat")
		}
	}
}

// isStructure reports whether a keyword makes a schema more than flat.
func isStructure(keyword string) bool {
	switch keyword {
	case "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "$dynamicRef", "$defs", "definitions",
		"patternProperties", "propertyNames", "dependentSchemas", "unevaluatedProperties":
		return true
	}
	return false
}

// formCheck collects the mistakes of a form's schema.
type formCheck struct {
	faults schema.Errors
}

func (c *formCheck) fault(path []string, message string) {
	c.faults = append(c.faults, &schema.Error{Path: path, Message: message})
}

// at is a path one step further.
func at(path []string, name string) []string {
	return append(path[:len(path):len(path)], name)
}

func (c *formCheck) required(raw []byte, properties Params) {
	if raw == nil {
		return
	}
	if !isTextList(raw) {
		c.fault([]string{"required"}, "required must be a list of names")
		return
	}
	for i, name := range textsOf(raw) {
		if properties.Get(name) == nil {
			c.fault([]string{"required", strconv.Itoa(i)}, "required names a property that there isn't")
		}
	}
}

// property checks one property of a form.
func (c *formCheck) property(path []string, raw []byte) {
	members, ok := membersOf(raw)
	if !ok {
		c.fault(path, "a property of a form must be a schema")
		return
	}
	for _, name := range []string{"title", "description"} {
		c.texts(path, members, name)
	}
	kind, _ := text(members.Get("type"))
	choices := ""
	if kind == "string" {
		choices = "oneOf"
	} else if members.Get("enum") != nil {
		c.fault(at(path, "enum"), "enum is for strings only; choices of several have it under items")
	}
	c.flat(path, members, choices)
	switch kind {
	case "string":
		c.stringProperty(path, members)
	case "number", "integer":
		c.numberProperty(path, members, kind == "integer")
	case "boolean":
		if raw := members.Get("default"); raw != nil {
			if _, ok := boolean(raw); !ok {
				c.fault(at(path, "default"), "default must be true or false")
			}
		}
	case "array":
		c.arrayProperty(path, members)
	default:
		c.fault(at(path, "type"), "type must be string, number, integer, boolean, or array for choices of several")
	}
}

func (c *formCheck) texts(path []string, members Params, name string) {
	if raw := members.Get(name); raw != nil && raw[0] != '"' {
		c.fault(at(path, name), name+" must be a string")
	}
}

func (c *formCheck) stringProperty(path []string, members Params) {
	c.counts(path, members, "minLength", "maxLength")
	c.texts(path, members, "pattern")
	if raw := members.Get("format"); raw != nil {
		switch format, _ := text(raw); format {
		case "email", "uri", "date", "date-time":
		default:
			c.fault(at(path, "format"), "format must be email, uri, date or date-time")
		}
	}
	chosen := c.options(path, members, "oneOf")
	if chosen != nil && members.Get("enumNames") != nil {
		if names := members.Get("enumNames"); !isTextList(names) || len(textsOf(names)) != len(chosen) {
			c.fault(at(path, "enumNames"), "enumNames must be a list of as many strings as enum")
		}
	}
	raw := members.Get("default")
	if raw == nil {
		return
	}
	value, ok := text(raw)
	switch {
	case !ok:
		c.fault(at(path, "default"), "default must be a string")
	case chosen != nil && !slices.Contains(chosen, value):
		c.fault(at(path, "default"), "default must be one of the choices")
	}
}

func (c *formCheck) numberProperty(path []string, members Params, whole bool) {
	want := "must be a number"
	if whole {
		want = "must be an integer"
	}
	limits := [3]float64{}
	known := [3]bool{}
	for i, name := range []string{"minimum", "default", "maximum"} {
		raw := members.Get(name)
		if raw == nil {
			continue
		}
		f, err := strconv.ParseFloat(string(raw), 64)
		// Limits of integers may be written 1.0, but a default is an answer.
		if err != nil || whole && name == "default" && f != float64(int64(f)) {
			c.fault(at(path, name), name+" "+want)
			continue
		}
		limits[i], known[i] = f, true
	}
	switch {
	case known[0] && known[2] && limits[0] > limits[2]:
		c.fault(at(path, "minimum"), "minimum must not be more than maximum")
	case known[1] && (known[0] && limits[1] < limits[0] || known[2] && limits[1] > limits[2]):
		c.fault(at(path, "default"), "default must be within minimum and maximum")
	}
}

// arrayProperty checks a choice of several strings.
func (c *formCheck) arrayProperty(path []string, members Params) {
	c.counts(path, members, "minItems", "maxItems")
	items, ok := membersOf(members.Get("items"))
	if !ok {
		c.fault(at(path, "items"), "items must be a schema with enum, or with anyOf of const and title")
		return
	}
	inner := at(path, "items")
	c.flat(inner, items, "anyOf")
	if kind, _ := text(items.Get("type")); kind != "string" && items.Get("anyOf") == nil {
		c.fault(at(inner, "type"), "items must have type: string")
	}
	chosen := c.options(inner, items, "anyOf")
	if chosen == nil && items.Get("enum") == nil && items.Get("anyOf") == nil {
		c.fault(inner, "items must have enum, or anyOf of const and title")
	}
	raw := members.Get("default")
	switch {
	case raw == nil:
	case !isTextList(raw):
		c.fault(at(path, "default"), "default must be a list of strings")
	case chosen != nil:
		for i, value := range textsOf(raw) {
			if !slices.Contains(chosen, value) {
				c.fault(at(at(path, "default"), strconv.Itoa(i)), "default must be of the choices")
			}
		}
	}
}

// options returns what may be chosen by enum, or by the keyword that gives
// titles; nil if there is no choice, or a wrong one.
func (c *formCheck) options(path []string, members Params, titled string) []string {
	enum, list := members.Get("enum"), members.Get(titled)
	switch {
	case enum != nil && list != nil:
		c.fault(at(path, "enum"), "enum and "+titled+" exclude each other")
		return nil
	case enum != nil:
		if !isTextList(enum) || len(textsOf(enum)) == 0 {
			c.fault(at(path, "enum"), "enum must be a list of strings")
			return nil
		}
		return textsOf(enum)
	case list == nil:
		return nil
	}
	elements, err := strictjson.Elements(list, nil)
	if err != nil || len(elements) == 0 {
		c.fault(at(path, titled), titled+" must be a list of const and title")
		return nil
	}
	chosen := make([]string, 0, len(elements))
	for i, element := range elements {
		option, _ := membersOf(element)
		value, hasValue := text(option.Get("const"))
		if _, hasTitle := text(option.Get("title")); !hasValue || !hasTitle {
			c.fault(at(at(path, titled), strconv.Itoa(i)), "a choice must have const and title, both strings")
			continue
		}
		chosen = append(chosen, value)
	}
	return chosen
}

// counts checks two limits that are counts.
func (c *formCheck) counts(path []string, members Params, least, most string) {
	low, hasLow := c.count(path, members, least)
	high, hasHigh := c.count(path, members, most)
	if hasLow && hasHigh && low > high {
		c.fault(at(path, least), least+" must not be more than "+most)
	}
}

func (c *formCheck) count(path []string, members Params, name string) (uint64, bool) {
	raw := members.Get(name)
	if raw == nil {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw), 10, 31)
	if err != nil {
		c.fault(at(path, name), name+" must be an integer, 0 or more")
	}
	return n, err == nil
}

// textsOf returns the strings of an array of strings.
func textsOf(raw []byte) []string {
	elements, err := strictjson.Elements(raw, nil)
	if err != nil {
		return nil
	}
	list := make([]string, 0, len(elements))
	for _, element := range elements {
		s, _ := text(element)
		list = append(list, s)
	}
	return list
}
