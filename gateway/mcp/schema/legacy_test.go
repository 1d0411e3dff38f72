package schema_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

func TestLegacy(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"top", `true`, `{}`},
		{"top false", ` false `, `{"not":{}}`},
		{"property", `{"z":1,"properties":{"b":true,"a":false},"type":"object"}`, `{"z":1,"properties":{"b":{},"a":{"not":{}}},"type":"object"}`},
		{"depth", `{"properties":{"a":{"items":{"anyOf":[true,{"not":false}]}}}}`, `{"properties":{"a":{"items":{"anyOf":[{},{"not":{"not":{}}}]}}}}`},
		{"tuple", `{"items":[true,{}],"prefixItems":[false]}`, `{"items":[{},{}],"prefixItems":[{"not":{}}]}`},
		{"items", `{"items":true,"contains":true,"propertyNames":false}`, `{"items":{},"contains":{},"propertyNames":{"not":{}}}`},
		{"conditions", `{"if":true,"then":false,"else":true}`, `{"if":{},"then":{"not":{}},"else":{}}`},
		{"definitions", `{"$defs":{"a":true},"definitions":{"b":true},"dependentSchemas":{"c":true},"dependencies":{"d":true,"e":["f"]},"patternProperties":{"^g":true}}`,
			`{"$defs":{"a":{}},"definitions":{"b":{}},"dependentSchemas":{"c":{}},"dependencies":{"d":{},"e":["f"]},"patternProperties":{"^g":{}}}`},
		{"escapes in rewritten names", `{"properties":{"a\"b\\":true}}`, `{"properties":{"a\"b\\":{}}}`},
		// Booleans that are no subschemas, or were always allowed, stay.
		{"closed object", `{ "additionalProperties": false, "unevaluatedProperties": false, "additionalItems": true }`, `{ "additionalProperties": false, "unevaluatedProperties": false, "additionalItems": true }`},
		{"inside additional", `{"additionalProperties":{"properties":{"a":true}}}`, `{"additionalProperties":{"properties":{"a":{}}}}`},
		{"values", `{"enum":[true,{"items":true}], "const":true,"default":{"properties":{"a":true}},"examples":[false],"uniqueItems":true,"x":{"items":true}}`,
			`{"enum":[true,{"items":true}], "const":true,"default":{"properties":{"a":true}},"examples":[false],"uniqueItems":true,"x":{"items":true}}`},
		{"a property with a keyword's name", `{"properties":{"items":{"type":"string"},"not":{"const":true}}}`, `{"properties":{"items":{"type":"string"},"not":{"const":true}}}`},
		{"nothing to do", "{ \"type\" : \"object\",\n \"properties\" : { \"\\u0061\" : {} } }", "{ \"type\" : \"object\",\n \"properties\" : { \"\\u0061\" : {} } }"},
		{"no JSON", `{"items":true`, `{"items":true`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(schema.Legacy([]byte(tt.in))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestLegacyMeansTheSame: the rewritten schema gives the same verdicts, and
// rewriting it again changes nothing.
func TestLegacyMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := wholeSchema(t)
		rewritten := schema.Legacy(text)
		if again := schema.Legacy(rewritten); string(again) != string(rewritten) {
			t.Fatalf("%s becomes %s", rewritten, again)
		}
		before, err := schema.Compile(text)
		if err != nil {
			t.Fatalf("compile %s: %v", text, err)
		}
		after, err := schema.Compile(rewritten)
		if err != nil {
			t.Fatalf("compile %s: %v", rewritten, err)
		}
		v := someValue(t, 3)
		if a, b := before.Validate(v, nil), after.Validate(v, nil); (len(a) == 0) != (len(b) == 0) {
			t.Fatalf("%v: %q under %s, %q under %s", v, lines(a), text, lines(b), rewritten)
		}
	})
}

func TestHeaders(t *testing.T) {
	got, err := schema.Headers([]byte(`{"type":"object","properties":{
		"region":{"type":"string","x-mcp-header":"Region"},
		"a/b":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N-1"},"x":{"type":"boolean","x-mcp-header":"x"}}},
		"x-mcp-header":{"type":"string"},
		"other":{"type":"string","default":{"x-mcp-header":1},"enum":[{"x-mcp-header":1}]}}}`))
	want := []schema.HeaderParam{
		{Header: "N-1", Path: []string{"a/b", "n"}, Type: "integer"},
		{Header: "x", Path: []string{"a/b", "x"}, Type: "boolean"},
		{Header: "Region", Path: []string{"region"}, Type: "string"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err = schema.Headers([]byte(`{"properties":{"a":true}}`)); err != nil || len(got) != 0 {
		t.Errorf("no annotations: %v, %v", got, err)
	}
}

func TestHeadersRefuses(t *testing.T) {
	prop := func(annotated string) string { return `{"properties":{"a":` + annotated + `}}` }
	for name, tt := range map[string]struct{ schema, place string }{
		"empty":         {prop(`{"type":"string","x-mcp-header":""}`), "/properties/a/x-mcp-header"},
		"no token":      {prop(`{"type":"string","x-mcp-header":"a b"}`), "/properties/a/x-mcp-header"},
		"line break":    {prop(`{"type":"string","x-mcp-header":"a\r\nb"}`), "/properties/a/x-mcp-header"},
		"beyond ASCII":  {prop(`{"type":"string","x-mcp-header":"ä"}`), "/properties/a/x-mcp-header"},
		"no text":       {prop(`{"type":"string","x-mcp-header":1}`), "/properties/a/x-mcp-header"},
		"number":        {prop(`{"type":"number","x-mcp-header":"A"}`), "/properties/a/x-mcp-header"},
		"object":        {prop(`{"type":"object","x-mcp-header":"A"}`), "/properties/a/x-mcp-header"},
		"several types": {prop(`{"type":["string","null"],"x-mcp-header":"A"}`), "/properties/a/x-mcp-header"},
		"no type":       {prop(`{"x-mcp-header":"A"}`), "/properties/a/x-mcp-header"},
		"same twice":    {`{"properties":{"a":{"type":"string","x-mcp-header":"Aa"},"b":{"type":"string","x-mcp-header":"aA"}}}`, "/properties/b/x-mcp-header"},
		"top":           {`{"type":"string","x-mcp-header":"A"}`, "/x-mcp-header"},
		"items":         {prop(`{"items":{"type":"string","x-mcp-header":"A"}}`), "/properties/a/items/x-mcp-header"},
		"choice":        {prop(`{"oneOf":[{"type":"string","x-mcp-header":"A"}]}`), "/properties/a/oneOf/0/x-mcp-header"},
		"in a choice":   {`{"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}`, "/anyOf/0/properties/a/x-mcp-header"},
		"definition":    {`{"$defs":{"a":{"type":"string","x-mcp-header":"A"}}}`, "/$defs/a/x-mcp-header"},
		"condition":     {`{"if":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`, "/if/properties/a/x-mcp-header"},
		"no JSON":       {`{`, "invalid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := schema.Headers([]byte(tt.schema)); err == nil || !strings.Contains(err.Error(), tt.place) {
				t.Errorf("got %v, %v, want an error with %q", got, err, tt.place)
			}
		})
	}
}

// All breaches come at once, each with its own place.
func TestHeadersRefusesAll(t *testing.T) {
	_, err := schema.Headers([]byte(`{"properties":{"a/b":{"type":"number","x-mcp-header":"A"},"c":{"properties":{"d":{"type":"string","x-mcp-header":"ä"}}}}}`))
	var all schema.Errors
	if !errors.As(err, &all) || len(all) != 2 {
		t.Fatalf("got %v", err)
	}
	for i, want := range [][]string{
		{"properties", "a/b", "x-mcp-header"}, {"properties", "c", "properties", "d", "x-mcp-header"},
	} {
		if got := all[i]; !slices.Equal(got.FieldPath(), want) || !strings.HasPrefix(got.FieldMessage(), "x-mcp-header ") {
			t.Errorf("%q: %s; want %q", got.FieldPath(), got.FieldMessage(), want)
		}
	}
}

func TestHeaderMatch(t *testing.T) {
	for _, tt := range []struct {
		kind, header, arg string
		want              bool
	}{
		{"string", "eu-west", `"eu-west"`, true},
		{"string", " eu-west\t", `"eu-west"`, true},
		{"string", "EU-west", `"eu-west"`, false},
		{"string", "", `""`, true},
		{"string", "=?base64?ZXUtd2VzdA==?=", `"eu-west"`, true},
		{"string", "=?base64?w6TDtg==?=", `"äö"`, true},
		{"string", "=?base64??=", `""`, true},
		{"string", "=?base64?ZXUtd2VzdA=?=", `"eu-west"`, false},      // padding
		{"string", "=?base64?ZXUtd2VzdA?=", `"eu-west"`, false},       // no padding
		{"string", "=?base64?ZXUtd2VzdB==?=", `"eu-west"`, false},     // bits behind the end
		{"string", "=?base64?ZXUt d2VzdA==?=", `"eu-west"`, false},    // alphabet
		{"string", "=?base64?ZXUt\r\nd2VzdA==?=", `"eu-west"`, false}, // line break
		{"string", "=?base64?_-8=?=", `"\u00ff"`, false},              // URL alphabet
		{"string", "=?base64?/w==?=", `"\ufffd"`, false},              // no UTF-8
		{"string", "=?base64?ZXUtd2VzdA==", `"eu-west"`, false},       // half a sentinel is literal
		{"string", "=?base64?ZXUtd2VzdA==", `"=?base64?ZXUtd2VzdA=="`, true},
		{"string", "=?BASE64?ZXUtd2VzdA==?=", `"=?BASE64?ZXUtd2VzdA==?="`, true},
		{"string", "=?base64?=", `"=?base64?="`, true}, // prefix and suffix may not overlap
		{"string", "42", `42`, false},
		{"boolean", "true", `true`, true},
		{"boolean", "false", `false`, true},
		{"boolean", "True", `true`, false},
		{"boolean", "1", `true`, false},
		{"boolean", "true", `false`, false},
		{"boolean", "=?base64?dHJ1ZQ==?=", `true`, true},
		{"integer", "42", `42`, true},
		{"integer", "42.0", `42`, true},
		{"integer", "42", `42.0`, true},
		{"integer", "42", `4.2e1`, true},
		{"integer", "-0", `0`, true},
		{"integer", "43", `42`, false},
		{"integer", "42.5", `42`, false},
		{"integer", "4.2e1", `42`, false},
		{"integer", "0x2a", `42`, false},
		{"integer", "", `0`, false},
		{"integer", "-", `0`, false},
		{"integer", "4 2", `42`, false},
		{"integer", "9007199254740991", `9007199254740991`, true},
		{"integer", "9007199254740992", `9007199254740992`, false},
		{"integer", "9007199254740993", `9007199254740992`, false},
		{"integer", "-9007199254740992", `-9007199254740992`, false},
		{"integer", "42", `"42"`, true}, // text that will be coerced
		{"integer", "42.0", `"42"`, false},
		{"boolean", "true", `"true"`, true},
		{"integer", "1.5", `1.5`, false},
		{"string", "x", `{"a":1}`, false},
		{"string", "null", `null`, false},
	} {
		p := schema.HeaderParam{Header: "X", Type: tt.kind}
		if got := p.Match(tt.header, decode(t, tt.arg)); got != tt.want {
			t.Errorf("%s %q for %s: %v", tt.kind, tt.header, tt.arg, got)
		}
	}
}

// TestHeaderMatchRoundTrip: what a client may send matches, and nothing else.
func TestHeaderMatchRoundTrip(t *testing.T) {
	p := schema.HeaderParam{Header: "X", Type: "integer"}
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(-1<<53+1, 1<<53-1).Draw(t, "a")
		b := rapid.Int64Range(-1<<53+1, 1<<53-1).Draw(t, "b")
		text, err := strictjson.Append(nil, a)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		if !p.Match(string(text), a) || p.Match(string(text), b) != (a == b) {
			t.Fatalf("%s against %d and %d", text, a, b)
		}
	})
}
