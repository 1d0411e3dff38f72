package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// oracle compiles with a complete implementation of other authors.
func oracle(text []byte) (*jsonschema.Schema, error) {
	doc, err := strictjson.Decode(text, 0)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err = c.AddResource("urn:oracle", doc); err != nil {
		return nil, err
	}
	return c.Compile("urn:oracle")
}

// oneOf draws one of the values.
func oneOf[T any](t *rapid.T, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, "choice")
}

// numbers that lie close together and are written in several ways.
func someNumber(t *rapid.T) json.Number {
	return json.Number(oneOf(t, "0", "-0", "1", "1.0", "10e-1", "2", "3", "-1", "0.5", "5e-1", "1.5", "0.01", "100", "1e2",
		"12345678901234567890", "12345678901234567891", "1e20", "0.1", "0.3", "-2.50"))
}

func someText(t *rapid.T) string {
	return oneOf(t, "", "a", "b", "ab", "äö", "5", "true", "a\n", "abcdef", "😀")
}

func someName(t *rapid.T) string { return oneOf(t, "a", "b", "c", "ab") }

func someValue(t *rapid.T, depth int) any {
	k := rapid.IntRange(0, 9).Draw(t, "kind")
	switch {
	case k >= 8 && depth > 0:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "len"))
		for i := range list {
			list[i] = someValue(t, depth-1)
		}
		return list
	case k >= 5 && depth > 0:
		object := map[string]any{}
		for range rapid.IntRange(0, 4).Draw(t, "size") {
			object[someName(t)] = someValue(t, depth-1)
		}
		return object
	case k >= 3:
		return someNumber(t)
	case k == 2:
		return rapid.Bool().Draw(t, "bool")
	case k == 1:
		return nil
	}
	return someText(t)
}

// someSchema draws a schema. References are only drawn where they can't loop:
// at the top, or below something that consumes a level of the value.
func someSchema(t *rapid.T, depth int, refs bool) any {
	if rapid.IntRange(0, 14).Draw(t, "boolean") == 0 {
		return rapid.Bool().Draw(t, "schema")
	}
	s := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "keywords") {
		keyword := oneOf(t, "type", "type", "types", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
			"multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minProperties",
			"maxProperties", "required", "properties", "properties", "additionalProperties", "items", "prefixItems",
			"allOf", "anyOf", "oneOf", "not", "if", "$ref", "title", "format", "x-own")
		someKeyword(t, s, keyword, depth, refs)
	}
	return s
}

func someKeyword(t *rapid.T, s map[string]any, keyword string, depth int, refs bool) {
	kinds := []string{"string", "number", "integer", "boolean", "object", "array", "null"}
	switch keyword {
	case "type":
		s["type"] = oneOf(t, kinds...)
	case "types":
		s["type"] = anys(rapid.SliceOfNDistinct(rapid.SampledFrom(kinds), 1, 3, rapid.ID).Draw(t, "types"))
	case "enum":
		s["enum"] = []any{someValue(t, 1), someValue(t, 1), someValue(t, 1)}
	case "const":
		s["const"] = someValue(t, 2)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		s[keyword] = someNumber(t)
	case "multipleOf":
		s[keyword] = json.Number(oneOf(t, "1", "0.5", "0.01", "3", "1e1", "12345678901234567890", "0.1"))
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		s[keyword] = json.Number(oneOf(t, "0", "1", "2", "2.0", "3"))
	case "pattern":
		s[keyword] = oneOf(t, "^a", "b$", "[0-9]", "^.$", "")
	case "uniqueItems":
		s[keyword] = rapid.Bool().Draw(t, "unique")
	case "required":
		s[keyword] = anys(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 2, rapid.ID).Draw(t, "required"))
	case "title", "format", "x-own":
		s[keyword] = "date"
	case "$ref":
		if refs {
			s[keyword] = oneOf(t, "#/$defs/x", "#/$defs/y", "#/%24defs/x")
		}
	default:
		if depth > 0 {
			someApplicator(t, s, keyword, depth-1, refs)
		}
	}
}

func someApplicator(t *rapid.T, s map[string]any, keyword string, depth int, refs bool) {
	switch keyword {
	case "properties":
		props := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "properties") {
			props[someName(t)] = someSchema(t, depth, true)
		}
		s[keyword] = props
	case "additionalProperties", "items":
		s[keyword] = someSchema(t, depth, true)
	case "prefixItems":
		s[keyword] = []any{someSchema(t, depth, true), someSchema(t, depth, true)}
	case "not":
		s[keyword] = someSchema(t, depth, refs)
	case "if":
		for _, name := range []string{"if", "then", "else"} {
			if rapid.Bool().Draw(t, name) {
				s[name] = someSchema(t, depth, refs)
			}
		}
	default:
		s[keyword] = []any{someSchema(t, depth, refs), someSchema(t, depth, refs)}
	}
}

func anys(names []string) []any {
	out := []any{}
	for _, name := range names {
		out = append(out, name)
	}
	return out
}

// wholeSchema adds what the references of someSchema point to.
func wholeSchema(t *rapid.T) []byte {
	s, ok := someSchema(t, 3, true).(map[string]any)
	if !ok {
		s = map[string]any{"not": false}
	}
	s["$defs"] = map[string]any{"x": someSchema(t, 2, false), "y": someSchema(t, 2, false)}
	text, err := strictjson.Append(nil, s)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return text
}

// TestVerdictsAgree compares the verdicts about random values under random
// schemas of the keywords that have code of our own.
func TestVerdictsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := wholeSchema(t)
		want, err := oracle(text)
		if err != nil {
			t.Fatalf("the oracle refuses %s: %v", text, err)
		}
		s, err := schema.Compile(text)
		if err != nil {
			t.Fatalf("compile %s: %v", text, err)
		}
		for range 8 {
			v := someValue(t, 3)
			verdict := want.Validate(v)
			found := s.Validate(v, nil)
			if (verdict == nil) != (len(found) == 0) {
				t.Fatalf("%v under %s: %q, the oracle says %v", v, text, lines(found), verdict)
			}
			if again := s.Validate(v, nil); !reflect.DeepEqual(found, again) {
				t.Fatalf("%v under %s: %q, then %q", v, text, lines(found), lines(again))
			}
			pointersExist(t, v, found)
		}
	})
}

// pointersExist: a pointer leads to a value, or to a missing property.
func pointersExist(t *rapid.T, v any, found []schema.Violation) {
	for _, violation := range found {
		at := v
		tokens := strings.Split(violation.Pointer, "/")[1:]
		for i, token := range tokens {
			switch outer := at.(type) {
			case map[string]any:
				inner, given := outer[token]
				if !given && (i < len(tokens)-1 || violation.Got != "nothing") {
					t.Fatalf("%v: nothing at %q", v, violation)
				}
				at = inner
			case []any:
				index, err := json.Number(token).Int64()
				if err != nil || int(index) >= len(outer) {
					t.Fatalf("%v: nothing at %q", v, violation)
				}
				at = outer[index]
			default:
				t.Fatalf("%v: nothing at %q", v, violation)
			}
		}
	}
}

// TestBadSchemasAgree puts wrong values under keywords: what one refuses, the
// other does.
func TestBadSchemasAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := map[string]any{}
		keyword := oneOf(t, "type", "enum", "minimum", "multipleOf", "minLength", "maxItems", "uniqueItems", "required", "properties",
			"additionalProperties", "items", "prefixItems", "allOf", "anyOf", "not", "if", "title", "description", "format", "examples",
			"$comment", "readOnly", "deprecated", "$defs", "pattern", "patternProperties", "contains", "dependentRequired", "minContains")
		junk := oneOf[any](t, nil, true, json.Number("0"), json.Number("2"), json.Number("-1"), json.Number("1.5"), "string", "a", []any{},
			[]any{"a"}, []any{"a", "a"}, []any{"string", "null"}, []any{true}, map[string]any{}, map[string]any{"a": true}, map[string]any{"a": json.Number("1")})
		s[keyword] = junk
		var doc any = s
		if rapid.Bool().Draw(t, "nested") {
			doc = map[string]any{"properties": map[string]any{"p": s}}
		}
		text, err := strictjson.Append(nil, doc)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		_, want := oracle(text)
		if _, err = schema.Compile(text); (err == nil) != (want == nil) {
			t.Fatalf("compile %s: %v, the oracle says %v", text, err, want)
		}
	})
}

// FuzzCompile never panics, and what compiles can check any value.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{order, "true", `{"$ref":"#"}`, `{"$ref":"#/properties/a","properties":{"a":{}}}`, `{"contains":{"$ref":"#"}}`, `{"$id":"x:y","$ref":"#"}`} {
		f.Add([]byte(s), []byte(goodOrder))
	}
	f.Fuzz(func(t *testing.T, text, value []byte) {
		schema.Legacy(text)
		_, _ = schema.Headers(text)
		s, err := schema.Compile(text)
		if err != nil {
			return
		}
		v, err := strictjson.Decode(value, 0)
		if err != nil {
			return
		}
		found := s.Validate(v, nil)
		if len(found) > schema.MaxViolations {
			t.Fatalf("%d violations", len(found))
		}
		s.Coerce(v)
	})
}
