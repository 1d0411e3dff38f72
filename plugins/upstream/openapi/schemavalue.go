package openapi

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// formatBinary says of a text that it stands for bytes as they are.
const formatBinary = "binary"

// typesOf are the types of a schema, as JSON Schema names them, null apart.
// What authors left out is taken from what they wrote.
func typesOf(n *node) (types []string, nullable bool) {
	nullable = n.is("nullable") || n.is("x-nullable")
	for _, t := range n.texts("type") {
		t = standardType(t)
		if t == nullType {
			nullable = true
		} else if t != "" && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	if len(types) > 0 || nullable && n.get("type") != nil && len(n.members) == 1 {
		return types, nullable
	}
	switch {
	case n.get("properties") != nil, n.get("additionalProperties").isObject(), n.get("required") != nil && n.get("required").kind == listKind:
		types = []string{"object"}
	case n.get("items") != nil, n.get("prefixItems") != nil:
		types = []string{"array"}
	case allTexts(n.list("enum")), n.str("pattern") != "", n.str("minLength") != "", n.str("maxLength") != "":
		types = []string{"string"}
	}
	return types, nullable && len(types) > 0
}

// standardType mends types that JSON Schema doesn't have; empty for those that
// may be anything.
func standardType(t string) string {
	switch t = strings.ToLower(t); t {
	case "string", "number", "integer", "boolean", "array", "object", nullType:
		return t
	case "file", "date", "datetime", "date-time", "dateTime", "uuid", "char", "byte", "binary", "password", "email", "uri", "url", "text", "enum":
		return "string"
	case "int", "int32", "int64", "long", "short":
		return "integer"
	case "float", "double", "decimal":
		return "number"
	case "bool":
		return "boolean"
	case "map", "dict", "hash":
		return "object"
	case "list", "set":
		return "array"
	}
	return ""
}

func allTexts(values []*node) bool {
	for _, v := range values {
		if v.kind != stringKind {
			return false
		}
	}
	return len(values) > 0
}

// values converts enum and const.
func (c *converter) values(out, n *node, types []string, nullable bool) {
	if v := n.get("const"); v != nil {
		if v.kind == nullKind {
			return
		}
		if fitted := fit(v, types); fitted != nil {
			out.set("const", fitted)
		}
		return
	}
	var values []*node
	null, seen := false, map[string]bool{}
	for _, v := range n.list("enum") {
		if v.kind == nullKind {
			null = true
			continue
		}
		if fitted := fit(v, types); fitted != nil {
			if key := string(fitted.json()); !seen[key] {
				seen[key] = true
				values = append(values, fitted)
			}
		}
	}
	if len(values) == 0 {
		return
	}
	if null && !nullable && len(types) > 0 {
		out.set("type", typeList(types, true))
	}
	size := len(list(values...).json())
	if !c.affords(len(values), size) {
		c.tooMany(out, values)
		return
	}
	if nullable || null {
		values = append(values, &node{})
	}
	out.set("enum", list(values...))
}

// affords reports whether an enum of so many values and bytes is listed.
// Without it nobody could give what must be given.
func (c *converter) affords(count, size int) bool {
	switch {
	case c.must:
		return size <= mostOfEnum
	case count <= fewValues:
		return size <= max(c.detail.enum, fewBytes)
	}
	return size <= max(c.detail.enum, 40)
}

// namedValues is what tooMany says.
var namedValues = regexp.MustCompile(`One of \d+ values such as .*`)

// tooMany names some values of an enum that is too long to be listed.
func (c *converter) tooMany(out *node, values []*node) {
	if !values[0].isScalar() {
		return
	}
	var some []string
	size := 0
	for _, v := range values {
		if size += len(v.text) + 2; size > max(c.detail.enum/8, 40) && len(some) > 0 {
			break
		}
		some = append(some, clip(v.text, 60))
	}
	description := fmt.Sprintf("%s One of %d values such as %s", sentence(out.str("description")), len(values), strings.Join(some, ", "))
	out.set("description", text(strings.TrimSpace(description)))
}

// fit makes a value one of the types, if it is written as another; nil if it
// can't be.
func fit(v *node, types []string) *node {
	if len(types) != 1 {
		return v
	}
	lower := strings.ToLower(v.text)
	switch want, is := kindOf(types[0]); {
	case !is || v.kind == want:
		return v
	case want == stringKind && v.isScalar():
		return text(v.text)
	case want == numberKind && v.kind == stringKind && isNumber(v.text):
		return &node{kind: numberKind, text: v.text}
	case want == boolKind && v.kind == stringKind && (lower == "true" || lower == "false"):
		return boolean(lower == "true")
	}
	return nil
}

// kindOf is the kind of the values of a type.
func kindOf(t string) (k kind, known bool) {
	switch t {
	case "string":
		return stringKind, true
	case "integer", "number":
		return numberKind, true
	case "boolean":
		return boolKind, true
	case "array":
		return listKind, true
	case "object":
		return objectKind, true
	}
	return nullKind, false
}

func (c *converter) stringKeywords(out, n *node) {
	if out.get("enum") != nil || out.get("const") != nil {
		return
	}
	encodingKeywords(out, n)
	if pattern := n.str("pattern"); pattern != "" {
		pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "/^"), "$/")
		if pattern != n.str("pattern") {
			pattern = "^" + pattern + "$"
		}
		if rewritten, ok := portable(pattern); ok && len(pattern) <= 120 {
			out.set("pattern", text(rewritten))
		} else if c.detail.inner > 0 {
			c.notes.add("a pattern is not checked: %s", clip(pattern, 60))
		}
	}
	minLength, maxLength := count(n, "minLength"), count(n, "maxLength")
	if minLength != nil && minLength.text != "0" {
		out.set("minLength", minLength)
	}
	if maxLength != nil && len(maxLength.text) < 10 {
		out.set("maxLength", maxLength)
	}
}

// encodingKeywords converts what tells how a text stands for something else.
func encodingKeywords(out, n *node) {
	switch format := n.str("format"); format {
	case "date", "date-time", "time", "duration", "email", "uri", "uuid", "ipv4", "ipv6", "hostname", "uri-template", "json-pointer":
		out.set("format", text(format))
	case "url":
		out.set("format", text("uri"))
	case "byte", "base64":
		out.set("contentEncoding", text("base64"))
	case "binary":
		out.set("format", text(formatBinary))
	}
	if n.str("type") == "file" {
		out.set("format", text(formatBinary))
	}
	for _, name := range []string{"contentEncoding", "contentMediaType"} {
		if s := n.str(name); s != "" {
			out.set(name, text(s))
		}
	}
}

// count is a number of things, be it written as a text; nil if it is none.
func count(n *node, name string) *node {
	s := n.str(name)
	whole, rest := digits(s)
	if whole == "" || rest != "" || len(whole) > 18 {
		return nil
	}
	whole = strings.TrimLeft(whole[:len(whole)-1], "0") + whole[len(whole)-1:]
	return &node{kind: numberKind, text: whole}
}

func numberKeywords(out, n *node) {
	for _, bound := range [][2]string{{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}} {
		limit, exclusive := numeric(n, bound[0]), n.get(bound[1])
		switch {
		case exclusive != nil && exclusive.text == "true" && limit != nil:
			out.set(bound[1], limit)
		case numeric(n, bound[1]) != nil:
			out.set(bound[1], numeric(n, bound[1]))
		case limit != nil && !isMachineBound(limit.text):
			out.set(bound[0], limit)
		}
	}
	if step := numeric(n, "multipleOf"); step != nil && step.text[0] != '-' && strings.Trim(step.text, "0.") != "" && step.text != "1" {
		out.set("multipleOf", step)
	}
}

// isMachineBound reports whether a bound only says how wide a machine's numbers
// are.
func isMachineBound(s string) bool {
	switch s {
	case "2147483647", "-2147483648", "9223372036854775807", "-9223372036854775808", "9007199254740991", "-9007199254740991", "4294967295":
		return true
	}
	return false
}

func numeric(n *node, name string) *node {
	if s := n.str(name); isNumber(s) {
		return &node{kind: numberKind, text: s}
	}
	return nil
}

// setDefault keeps a default that obeys its own schema.
func setDefault(out, n *node) {
	v := n.get("default")
	if v == nil || v.kind == nullKind || v.kind == objectKind {
		return
	}
	v = fit(v, withoutNull(out).texts("type"))
	if v == nil || len(v.json()) > 80 {
		return
	}
	if obeys(out, v) {
		out.set("default", v)
	}
}

// obeys reports whether a value is right by a schema without references.
func obeys(s, v *node) bool {
	compiled, err := schema.Compile(s.without("items", "properties").json())
	if err != nil {
		return false
	}
	value, err := strictjson.Decode(v.json(), 0)
	return err == nil && len(compiled.Validate(value, nil)) == 0
}
