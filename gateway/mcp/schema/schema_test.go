package schema_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

func compile(t testing.TB, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Compile([]byte(text))
	if err != nil {
		t.Fatalf("compile %s: %v", text, err)
	}
	return s
}

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := strictjson.Decode([]byte(text), 0)
	if err != nil {
		t.Fatalf("decode %.60s: %v", text, err)
	}
	return v
}

// lines puts violations into the form "pointer|expected|got".
func lines(found []schema.Violation) []string {
	out := []string{}
	for _, v := range found {
		out = append(out, v.Pointer+"|"+v.Expected+"|"+v.Got)
	}
	return out
}

// violations are values that break their schemas, and what is said about it.
var violations = []struct {
	name, schema, value string
	want                []string
}{
	{"type", `{"type":"integer","minimum":1}`, `"abc"`, []string{`|integer >= 1|string "abc"`}},
	{"limit", `{"type":"integer","minimum":1,"maximum":9}`, `10`, []string{`|integer >= 1 and <= 9|number 10`}},
	{"limits without type", `{"exclusiveMinimum":0,"multipleOf":0.5}`, `0.2`, []string{`|number > 0 and a multiple of 0.5|number 0.2`}},
	{"fraction", `{"type":"integer"}`, `5.5`, []string{`|integer|number 5.5`}},
	{"enum", `{"enum":["a","b",null,1]}`, `"c"`, []string{`|one of "a", "b", null, 1|string "c"`}},
	{"const", `{"const":{"a":[1]}}`, `{"a":[2]}`, []string{`|exactly {"a":[1]}|object with 1 property`}},
	{"pattern", `{"type":"string","pattern":"^x$"}`, `"y"`, []string{`|string matching ^x$|string "y"`}},
	{"length", `{"type":"string","minLength":2,"maxLength":3}`, `"ä"`, []string{`|string of 2 to 3 characters|string "ä"`}},
	{"exact length", `{"type":"string","minLength":2,"maxLength":2,"format":"iso-code"}`, `"abc"`, []string{`|string in iso-code format of exactly 2 characters|string "abc"`}},
	{"types", `{"type":["string","null"],"maxLength":1}`, `true`, []string{`|string of at most 1 character or null|boolean true`}},
	{"missing", `{"properties":{"id":{"type":"integer"}},"required":["id","x"]}`, `{}`, []string{`/id|required property: integer|nothing`, `/x|required property|nothing`}},
	{
		"unknown argument",
		`{"properties":{"customer_id":{},"limit":{}},"additionalProperties":false}`, `{"custmer_id":"c-1","limit":1,"zzz":{"a":1}}`,
		[]string{
			`/custmer_id|no property "custmer_id"; did you mean "customer_id"?|string "c-1"`,
			`/zzz|no property "zzz"; there are "customer_id", "limit"|object with 1 property`,
		},
	},
	{"swapped and cased", `{"properties":{"customerId":{}},"additionalProperties":false}`, `{"Custoemr_ID":1}`, []string{`/Custoemr_ID|no property "Custoemr_ID"; did you mean "customerId"?|number 1`}},
	{"no properties", `{"additionalProperties":false}`, `{"a":1}`, []string{`/a|no property "a"; no properties are allowed here|number 1`}},
	{"additional", `{"additionalProperties":{"type":"string"}}`, `{"b":1,"a":[],"c":"x"}`, []string{`/a|string|array of 0 items`, `/b|string|number 1`}},
	{
		"places", `{"properties":{"a/b~":{"type":"array","items":{"properties":{"":{"type":"null"}}}}}}`, `{"a/b~":[{},{"":1}]}`,
		[]string{`/a~1b~0/1/|null|number 1`},
	},
	{"items", `{"type":"array","minItems":1,"items":{"type":"string"}}`, `[]`, []string{`|array of at least 1 item (each string)|array of 0 items`}},
	{"prefix", `{"prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}`, `[1,2,3]`, []string{`/0|string|number 1`, `/2|nothing: no value is allowed here|number 3`}},
	{"unique", `{"uniqueItems":true}`, `[1,{"a":[1,2]},1.0,{"a":[1,2]}]`, []string{`/2|an item different from item 0|number 1.0`}},
	{"object size", `{"minProperties":1,"maxProperties":2}`, `{}`, []string{`|object of 1 to 2 properties|object with 0 properties`}},
	{"reference", `{"$defs":{"id":{"type":"string","pattern":"^c-"}},"properties":{"id":{"$ref":"#/$defs/id"}}}`, `{"id":"x"}`, []string{`/id|string matching ^c-|string "x"`}},
	{"recursion", `{"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}}}`, `{"next":{"next":{"v":"x"}}}`, []string{`/next/next/v|integer|string "x"`}},
	{"any", `{"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]}`, `true`, []string{`|integer or string of at most 1 character|boolean true`}},
	{"any, one meant", `{"anyOf":[{"type":"null"},{"type":"object","required":["a"]}]}`, `{}`, []string{`/a|required property|nothing`}},
	{
		"one, told by a constant",
		`{"oneOf":[{"properties":{"kind":{"const":"a"},"x":{"type":"integer"}},"type":"object"},{"properties":{"kind":{"const":"b"},"y":{"type":"integer"}},"required":["y","z"],"type":"object"}]}`,
		`{"kind":"a","x":"1"}`, []string{`/x|integer|string "1"`},
	},
	{"one, several", `{"oneOf":[{"type":"integer"},{"type":"number"}]}`, `1`, []string{`|exactly one of these, not several: integer or number|number 1`}},
	{"all", `{"allOf":[{"minLength":2},{"pattern":"^b"}]}`, `"a"`, []string{`|string of at least 2 characters|string "a"`, `|string matching ^b|string "a"`}},
	{"not", `{"not":{"type":"string"}}`, `"a"`, []string{`|anything but string|string "a"`}},
	{"if", `{"if":{"properties":{"a":{"const":1}}},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":1}`, []string{`/b|required property|nothing`}},
	{"else", `{"if":{"properties":{"a":{"const":1}}},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":2}`, []string{`/c|required property|nothing`}},
	{"false", `false`, `1`, []string{`|nothing: no value is allowed here|number 1`}},
	{"true", `true`, `{"a":1}`, []string{}},
	{"annotations", `{"title":"t","description":"d","default":1,"examples":[2],"format":"date","x-own":1,"nullable":true}`, `[1]`, []string{}},
	{"draft-07 reference alone counts", `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{"type":"string"}},"properties":{"a":{"$ref":"#/definitions/a","maxLength":1}}}`, `{"a":"xyz"}`, []string{}},
	{"2019-09 reference does not", `{"$schema":"https://json-schema.org/draft/2019-09/schema","$defs":{"a":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/a","maxLength":1}}}`, `{"a":"xyz"}`, []string{`/a|string of at most 1 character|string "xyz"`}},
}

func TestViolations(t *testing.T) {
	for _, tt := range violations {
		t.Run(tt.name, func(t *testing.T) {
			found := compile(t, tt.schema).Validate(decode(t, tt.value), nil)
			if got := lines(found); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestForeignViolations(t *testing.T) {
	for _, tt := range []struct {
		name, schema, value string
		want                []string
	}{
		{"right", `{"patternProperties":{"^x":{"type":"integer"}}}`, `{"x1":1}`, []string{}},
		{"pattern properties", `{"patternProperties":{"^x":{"type":"integer"}}}`, `{"x2":"a","x1":true}`, []string{`/x1|integer|boolean true`, `/x2|integer|string "a"`}},
		{"missing and unknown", `{"patternProperties":{"^x":{}},"required":["a"],"additionalProperties":false}`, `{"b/c":1}`, []string{`/a|required property|nothing`, `/b~1c|no property "b/c"|number 1`}},
		{"dependent", `{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, []string{`/b|required property beside "a"|nothing`}},
		{"contains", `{"contains":{"const":1}}`, `[2]`, []string{`|array with an item of the kind the schema asks for|array of 1 item`}},
		{"names", `{"propertyNames":{"maxLength":1}}`, `{"abc":1}`, []string{`|object without a property named "abc"|object with 1 property`}},
		{"unevaluated", `{"unevaluatedProperties":false,"allOf":[{"properties":{"a":{}}}]}`, `{"a":1,"b":2}`, []string{`/b|nothing: no value is allowed here|number 2`}},
		{"anchor", `{"$defs":{"a":{"$anchor":"x","minimum":1.5}},"items":{"$ref":"#x"}}`, `[1]`, []string{`/0|number >= 1.5|number 1`}},
		{"choice", `{"patternProperties":{"x":{"anyOf":[{"type":"integer"},{"type":"null"}]}}}`, `{"x":"a"}`, []string{`/x|integer or null|string "a"`}},
		{"tuple of draft-07", `{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string","format":"date"}],"additionalItems":false}`, `["x",1]`, []string{`|array with 1 item less|array of 2 items`}},
		{"huge number", `{"contains":{}}`, `[{"a":1e999999999}]`, []string{`/0/a|a number of at most 1000 digits|a longer one`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := compile(t, tt.schema).Validate(decode(t, tt.value), nil)
			if got := lines(found); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestAnswersOfJQ(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	v := map[string]any{"i": 5, "f": 5.0, "h": 0.5, "b": huge}
	fast := `{"properties":{"i":{"type":"integer","maximum":5},"f":{"type":"integer","const":5},"h":{"multipleOf":0.25},"b":{"type":"integer","minimum":123456789012345678901234567890,"multipleOf":10}}}`
	for _, text := range []string{fast, strings.TrimSuffix(fast, "}") + `,"patternProperties":{}}`} {
		if found := compile(t, text).Validate(v, nil); len(found) > 0 {
			t.Errorf("%s: %v", text, lines(found))
		}
	}
	if found := compile(t, `{"properties":{"h":{"type":"integer"}}}`).Validate(v, nil); len(found) != 1 {
		t.Errorf("0.5 as an integer: %v", lines(found))
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ schema, want string }{
		"no JSON":            {`{"type":`, "invalid JSON"},
		"duplicate keyword":  {`{"type":"string","type":"integer"}`, "duplicate member name"},
		"no schema":          {`[]`, "schema: a schema is an object"},
		"dialect":            {`{"$schema":"http://json-schema.org/draft-04/schema#"}`, "unknown dialect"},
		"dialect type":       {`{"$schema":1}`, "unknown dialect"},
		"type":               {`{"properties":{"a":{"type":"text"}}}`, "/properties/a/type: type must be string"},
		"no types":           {`{"type":[]}`, "/type: type must be"},
		"minLength":          {`{"minLength":-1}`, "/minLength: minLength must be an integer >= 0"},
		"fraction":           {`{"maxItems":1.5}`, "/maxItems: maxItems must be an integer"},
		"minimum":            {`{"minimum":"1"}`, "/minimum: minimum must be a number"},
		"multipleOf":         {`{"multipleOf":0.0}`, "must be greater than 0"},
		"required":           {`{"required":["a","a"]}`, "different names"},
		"required true":      {`{"properties":{"a":{"required":true}}}`, "/properties/a/required: required must be an array"},
		"enum":               {`{"enum":"a"}`, "/enum: enum must be an array"},
		"anyOf":              {`{"anyOf":[]}`, "at least one schema"},
		"properties":         {`{"properties":[]}`, "must be an object of schemas"},
		"property":           {`{"properties":{"a/b":1}}`, "/properties/a~1b: a schema is"},
		"look-ahead":         {`{"pattern":"^(?=a)"}`, "/pattern: pattern is not supported"},
		"look-ahead foreign": {`{"patternProperties":{"^(?=a)":{}}}`, "pattern is not supported"},
		"network":            {`{"$ref":"https://example.com/s.json"}`, "never fetched"},
		"file":               {`{"$ref":"file:///etc/passwd"}`, "never fetched"},
		"relative":           {`{"$ref":"other.json#/a"}`, "$ref"},
		"nowhere":            {`{"$ref":"#/$defs/x"}`, "points to nothing"},
		"no anchor":          {`{"$ref":"#x"}`, "points to nothing"},
		"loop":               {`{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}}}`, "loops back"},
		"self":               {`{"$ref":"#"}`, "loops back"},
		"foreign keyword":    {`{"properties":{"a":{"dependentRequired":1}}}`, "/properties/a/dependentRequired: must be object"},
		"foreign number":     {`{"contains":{"minimum":1e99999}}`, "1000 digits"},
		"deep":               {strings.Repeat(`{"items":`, 130) + "{}" + strings.Repeat("}", 130), "nested too deeply"},
		"many":               {`{"anyOf":[` + strings.Repeat("{},", 10_000) + `{}]}`, "more than 10000 subschemas"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := schema.Compile([]byte(tt.schema))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v (%v), want an error with %q", err, s, tt.want)
			}
		})
	}
}

func TestNumbersAreExact(t *testing.T) {
	for _, tt := range []struct {
		schema, value string
		ok            bool
	}{
		{`{"type":"integer"}`, "5.0", true},
		{`{"type":"integer"}`, "1e3", true},
		{`{"type":"integer"}`, "1.5e1", true},
		{`{"type":"integer"}`, "15e-1", false},
		{`{"type":"integer"}`, "-0", true},
		{`{"type":"integer"}`, "0e-99999999999999999999", true},
		{`{"type":"integer"}`, "1e-99999999999999999999", false},
		{`{"type":"integer"}`, "1e99999999999999999999", true},
		{`{"maximum":9007199254740992}`, "9007199254740993", false},
		{`{"maximum":9007199254740993}`, "9007199254740993.000", true},
		{`{"exclusiveMaximum":1}`, "0.99999999999999999999999999", true},
		{`{"exclusiveMaximum":1}`, "1.00000000000000000000000000", false},
		{`{"minimum":-1e400}`, "-1e401", false},
		{`{"minimum":0}`, "-0.0", true},
		{`{"minimum":1e-400}`, "0", false},
		{`{"multipleOf":0.01}`, "19.99", true},
		{`{"multipleOf":0.01}`, "19.999", false},
		{`{"multipleOf":0.1}`, "-0.3", true},
		{`{"multipleOf":7}`, "1e999999999999", false},
		{`{"multipleOf":16}`, "1e999999999999", true},
		{`{"multipleOf":18446744073709551615}`, "36893488147419103230", true},
		{`{"multipleOf":18446744073709551615}`, "36893488147419103231", false},
		{`{"multipleOf":123456789012345678901234567891}`, "246913578024691357802469135782e5", true},
		{`{"multipleOf":123456789012345678901234567891}`, "246913578024691357802469135781", false},
		{`{"multipleOf":3}`, "0", true},
		{`{"const":1}`, "1.0", true},
		{`{"const":100}`, "1E2", true},
		{`{"enum":[12345678901234567890]}`, "12345678901234567891", false},
		{`{"uniqueItems":true}`, "[1,10e-1]", false},
		{`{"uniqueItems":true}`, "[1,true,\"1\",[1],{\"1\":1},null,0,false]", true},
		{`{"maxLength":1e30}`, `"a"`, true},
		{`{"minLength":1e30}`, `"a"`, false},
		{`{"maxLength":2.0}`, `"abc"`, false},
		{`{"maxLength":2}`, `"😀é"`, true},
		{`{"maxLength":4}`, `"👨‍👩‍👧"`, false},
	} {
		if found := compile(t, tt.schema).Validate(decode(t, tt.value), nil); (len(found) == 0) != tt.ok {
			t.Errorf("%s of %s: %q, want ok: %v", tt.value, tt.schema, lines(found), tt.ok)
		}
	}
	// A number as long as a body may be is no problem.
	long := strings.Repeat("9", 2_000_000)
	for _, text := range []string{`{"multipleOf":3}`, `{"multipleOf":0.3333333333333333333333333}`, `{"minimum":5}`, `{"type":"integer"}`} {
		compile(t, text).Validate(json.Number(long), nil)
	}
}

func TestManyViolations(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `,"wrong%d":"%s"`, i, strings.Repeat("x", 1000))
	}
	before := []schema.Violation{{Pointer: "/kept"}}
	for _, text := range []string{`{"additionalProperties":false}`, `{"additionalProperties":{"type":"integer"}}`, `{"patternProperties":{"x":{"type":"null"}},"additionalProperties":false}`} {
		found := compile(t, text).Validate(decode(t, "{"+b.String()[1:]+"}"), before)
		if len(found) != 1+schema.MaxViolations || found[0].Pointer != "/kept" {
			t.Errorf("%s: %d violations", text, len(found)-1)
		}
		for _, v := range found {
			if len(v.Pointer)+len(v.Expected)+len(v.Got) > 300 {
				t.Errorf("%s: long violation %v", text, v)
			}
		}
	}
}

func TestTextsAreShort(t *testing.T) {
	long := strings.Repeat("é", 5000)
	found := compile(t, `{"properties":{"a":{"type":"integer"}},"additionalProperties":false}`).
		Validate(map[string]any{"a": long, long: json.Number(strings.Repeat("1", 5000))}, nil)
	if len(found) != 2 {
		t.Fatalf("got %d violations", len(found))
	}
	if want := `string of 5000 characters "` + strings.Repeat("é", 40) + `…"`; found[0].Got != want {
		t.Errorf("got %s, want %s", found[0].Got, want)
	}
	for _, v := range found {
		if len(v.Pointer) > 150 || len(v.Expected) > 150 || len(v.Got) > 150 {
			t.Errorf("long: %v", v)
		}
	}
	if got := compile(t, "false").Validate("a\x1b[31m\u202e\n", nil)[0].Got; got != `string "a\x1b[31m\u202e\n"` {
		t.Errorf("invisible characters: %s", got)
	}
}

func TestWorkIsBounded(t *testing.T) {
	// Forty levels of two references each: 2^40 schemas to apply.
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	s := compile(t, `{"$defs":{`+b.String()+`"d40":{"type":"string"}},"$ref":"#/$defs/d0"}`)
	if found := s.Validate("x", nil); len(found) != 1 {
		t.Errorf("got %v", lines(found))
	}
	s = compile(t, `{"$defs":{`+b.String()+`"d40":{"type":"string"}},"not":{"$ref":"#/$defs/d0"}}`)
	if found := s.Validate("x", nil); len(found) != 1 {
		t.Errorf("under not: %v", lines(found))
	}
	// A large value may take more steps than a small one.
	large := make([]any, 300_000)
	if found := compile(t, `{"items":{"anyOf":[{"type":"string"},{"$ref":"#/$defs/a"}]},"$defs":{"a":{"type":"null"}}}`).Validate(large, nil); len(found) != 0 {
		t.Errorf("large: %v", lines(found))
	}
	var deep any = "x"
	for range 10_000 {
		deep = []any{deep}
	}
	s = compile(t, `{"items":{"$ref":"#"}}`)
	if found := s.Validate(deep, nil); len(found) != 0 {
		t.Errorf("deep: %v", lines(found))
	}
	// A long array with equal items at its end.
	items := make([]any, 200_000)
	for i := range items {
		items[i] = json.Number(fmt.Sprint(i))
	}
	items[len(items)-1] = json.Number("0.0")
	if found := compile(t, `{"uniqueItems":true}`).Validate(items, nil); len(found) != 1 || found[0].Pointer != "/199999" {
		t.Errorf("unique: %v", lines(found))
	}
}

const order = `{"type":"object","properties":{"customer_id":{"type":"string","pattern":"^c-[0-9]+$"},"limit":{"type":"integer","minimum":1,"maximum":100},
 "price":{"type":"number","multipleOf":0.01},"state":{"enum":["open","closed"]},"lines":{"type":"array","maxItems":50,"items":{"$ref":"#/$defs/line"}},
 "when":{"anyOf":[{"type":"string","maxLength":30},{"type":"null"}]}},
 "required":["customer_id"],"additionalProperties":false,"$defs":{"line":{"type":"object","properties":{"sku":{"type":"string","minLength":1},"n":{"type":"integer"}},"required":["sku"]}}}`

const goodOrder = `{"customer_id":"c-100045","limit":25,"price":19.99,"state":"open","lines":[{"sku":"a","n":1},{"sku":"b","n":20}],"when":null}`

func TestRightValuesCostNoAllocation(t *testing.T) {
	s, v := compile(t, order), decode(t, goodOrder)
	if found := s.Validate(v, nil); len(found) > 0 {
		t.Fatal(lines(found))
	}
	if n := testing.AllocsPerRun(100, func() { s.Validate(v, nil) }); n != 0 {
		t.Errorf("Validate: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { s.Coerce(v) }); n != 0 {
		t.Errorf("Coerce: %v allocations", n)
	}
}

func BenchmarkValidate(b *testing.B) {
	s, v := compile(b, order), decode(b, goodOrder)
	b.ReportAllocs()
	for b.Loop() {
		s.Validate(v, nil)
	}
}

func BenchmarkCoerce(b *testing.B) {
	s, v := compile(b, order), decode(b, goodOrder)
	b.ReportAllocs()
	for b.Loop() {
		s.Coerce(v)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compile(b, order)
	}
}
