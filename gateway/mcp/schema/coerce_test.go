package schema_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

func TestCoerce(t *testing.T) {
	for _, tt := range []struct {
		name, schema, in, want string
		count                  int
	}{
		{"integer", `{"type":"integer"}`, `"5"`, `5`, 1},
		{"negative", `{"type":"integer"}`, `"-5"`, `-5`, 1},
		{"huge", `{"type":"integer"}`, `"123456789012345678901234567890"`, `123456789012345678901234567890`, 1},
		{"number", `{"type":"number"}`, `"5.50"`, `5.50`, 1},
		{"boolean", `{"type":"boolean"}`, `"false"`, `false`, 1},
		{"object", `{"type":"object","properties":{"n":{"type":"integer"}}}`, `"{\"n\":\"1\",\"o\":\"2\"}"`, `{"n":1,"o":"2"}`, 2},
		{"array", `{"type":"array","items":{"type":"boolean"}}`, `" [\"true\",false]"`, `[true,false]`, 2},
		{"number to string", `{"type":"string"}`, `1.50`, `"1.50"`, 1},
		{"boolean to string", `{"type":"string"}`, `true`, `"true"`, 1},
		{"nullable", `{"type":["integer","null"]}`, `"5"`, `5`, 1},
		{"optional", `{"anyOf":[{"type":"integer"},{"type":"null"}]}`, `"5"`, `5`, 1},
		{"reference", `{"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}}`, `"5"`, `5`, 1},
		{"additional", `{"additionalProperties":{"type":"integer"}}`, `{"a":"1","b":2}`, `{"a":1,"b":2}`, 1},
		{"prefix", `{"prefixItems":[{"type":"integer"}]}`, `["1","1"]`, `[1,"1"]`, 1},
		{"beside a foreign keyword", `{"type":"object","properties":{"a":{"type":"integer"}},"dependentRequired":{}}`, `{"a":"1"}`, `{"a":1}`, 1},

		{"leading zero", `{"type":"integer"}`, `"05"`, `"05"`, 0},
		{"minus zero", `{"type":"integer"}`, `"-0"`, `"-0"`, 0},
		{"plus", `{"type":"integer"}`, `"+5"`, `"+5"`, 0},
		{"space", `{"type":"integer"}`, `" 5"`, `" 5"`, 0},
		{"exponent", `{"type":"number"}`, `"1e3"`, `"1e3"`, 0},
		{"hexadecimal", `{"type":"integer"}`, `"0x5"`, `"0x5"`, 0},
		{"fraction", `{"type":"integer"}`, `"5.0"`, `"5.0"`, 0},
		{"dot", `{"type":"number"}`, `"5."`, `"5."`, 0},
		{"empty", `{"type":"number"}`, `""`, `""`, 0},
		{"other case", `{"type":"boolean"}`, `"True"`, `"True"`, 0},
		{"yes", `{"type":"boolean"}`, `"yes"`, `"yes"`, 0},
		{"one for true", `{"type":"boolean"}`, `1`, `1`, 0},
		{"string is allowed", `{"type":["string","integer"]}`, `"5"`, `"5"`, 0},
		{"two types", `{"type":["boolean","integer"]}`, `"5"`, `"5"`, 0},
		{"no type", `{"minimum":1}`, `"5"`, `"5"`, 0},
		{"choice", `{"anyOf":[{"type":"integer"},{"type":"boolean"}]}`, `"5"`, `"5"`, 0},
		{"choice with a string", `{"oneOf":[{"type":"integer"},{"type":"string"}]}`, `"5"`, `"5"`, 0},
		{"number to nullable string", `{"type":["string","null"]}`, `5`, `5`, 0},
		{"null", `{"type":"integer"}`, `null`, `null`, 0},
		{"null text", `{"type":["integer","null"]}`, `"null"`, `"null"`, 0},
		{"array text for an object", `{"type":"object"}`, `"[1]"`, `"[1]"`, 0},
		{"sloppy text", `{"type":"object"}`, `"{\"a\":1,\"a\":2}"`, `"{\"a\":1,\"a\":2}"`, 0},
		{"text in text", `{"type":"object"}`, `"\"{}\""`, `"\"{}\""`, 0},
		{"object for a string", `{"type":"string"}`, `{}`, `{}`, 0},
		{"loop beside a foreign keyword", `{"$ref":"#","contains":{}}`, `"5"`, `"5"`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := decode(t, tt.in)
			got, n := compile(t, tt.schema).Coerce(in)
			if n != tt.count || !reflect.DeepEqual(got, decode(t, tt.want)) {
				t.Errorf("got %v, %d changes; want %s, %d", got, n, tt.want, tt.count)
			}
			if !reflect.DeepEqual(in, decode(t, tt.in)) {
				t.Errorf("the given value was changed to %v", in)
			}
		})
	}
}

// TestCoerceKeepsRightValues: a value that obeys is never touched, nothing is
// ever changed in place, and coercing twice is coercing once.
func TestCoerceKeepsRightValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := wholeSchema(t)
		s, err := schema.Compile(text)
		if err != nil {
			t.Fatalf("compile %s: %v", text, err)
		}
		v := someValue(t, 3)
		before, err := strictjson.Append(nil, v)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		got, n := s.Coerce(v)
		if after, _ := strictjson.Append(nil, v); string(after) != string(before) {
			t.Fatalf("%s became %s", before, after)
		}
		if n == 0 != reflect.DeepEqual(got, v) {
			t.Fatalf("%d changes from %v to %v", n, v, got)
		}
		if n > 0 && len(s.Validate(v, nil)) == 0 {
			t.Fatalf("%s obeys %s but was changed to %v", before, text, got)
		}
		if again, more := s.Coerce(got); more != 0 {
			t.Fatalf("under %s %v becomes %v", text, got, again)
		}
	})
}

// TestCoerceRepairsText: numbers and booleans sent as text come back as what
// they were.
func TestCoerceRepairsText(t *testing.T) {
	s := compile(t, `{"properties":{"i":{"type":"integer"},"n":{"type":"number"},"b":{"type":"boolean"},"s":{"type":"string"}}}`)
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.Int64().Draw(t, "i")
		n := rapid.StringMatching(`[1-9][0-9]{0,30}\.[0-9]{1,10}`).Draw(t, "n")
		text := rapid.String().Draw(t, "s")
		want := map[string]any{"i": json.Number(encode(t, i)), "n": json.Number(n), "b": true, "s": text}
		got, count := s.Coerce(map[string]any{"i": encode(t, i), "n": n, "b": "true", "s": text})
		if count != 3 || !reflect.DeepEqual(got, any(want)) {
			t.Fatalf("got %v, %d changes", got, count)
		}
	})
}

func encode(t *rapid.T, v any) string {
	text, err := strictjson.Append(nil, v)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(text)
}
