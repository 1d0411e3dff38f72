package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// The place of a mistake is the keyword's, also where the complete
// implementation finds it.
func TestCompileTellsThePlace(t *testing.T) {
	for _, tt := range []struct {
		schema, path, message, hint string
	}{
		{`{"properties":{"a/b":{"type":"strin"}}}`, "properties a/b type", "type must be string", `did you mean "string"?`},
		{`{"items":{"pattern":"("}}`, "items pattern", "pattern is not supported", ""},
		{`{"patternProperties":{"(":true}}`, "patternProperties (", "pattern is not supported", ""},
		{`{"$schema":"x"}`, "$schema", "unknown dialect", "use https://"},
		{`{"not":{"$ref":"#/$defs/x"}}`, "not $ref", "points to nothing", "$defs"},
		{`{"$defs":{"x":true},"anyOf":[{"$ref":"#/$defs/x"},{"$ref":"http://x/y"}]}`, "anyOf 1 $ref", "points outside", "$defs"},
		{`{"propertyNames":{"$ref":"#gone"}}`, "propertyNames $ref", "points to nothing", "$defs"},
		{`{"properties":{"a":{"contains":1}}}`, "properties a contains", "must be", ""},
	} {
		_, err := schema.Compile([]byte(tt.schema))
		var e *schema.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", tt.schema, err)
			continue
		}
		if got := strings.Join(e.FieldPath(), " "); got != tt.path || !strings.Contains(e.FieldMessage(), tt.message) || !strings.Contains(e.FieldHint(), tt.hint) {
			t.Errorf("%s: at %q: %s; %s", tt.schema, got, e.FieldMessage(), e.FieldHint())
		}
	}
}

func TestFaults(t *testing.T) {
	s := compile(t, `{"properties":{"n":{"type":"integer","maximum":5},"s":{"type":"string"},"j":{"type":"array","items":{"type":"integer"}}},"required":["s"],"additionalProperties":false}`)
	sent, err := strictjson.Decode([]byte(`{"n":"7","xyz":1,"j":"[true]"}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := s.Coerce(sent)
	want := []schema.Violation{
		{Pointer: "/j/0", Expected: "integer", Got: "boolean true"},
		{Pointer: "/n", Expected: "integer <= 5", Got: `string "7"`},
		{Pointer: "/s", Expected: "required property: string", Got: "nothing", Fault: schema.FaultMissing, Note: "string"},
		{Pointer: "/xyz", Expected: `no property "xyz"; there are "j", "n", "s"`, Got: "number 1", Fault: schema.FaultUnknown, Note: `there are "j", "n", "s"`},
	}
	for i, v := range s.Validate(value, nil) {
		if i >= len(want) || v.As(sent) != want[i] {
			t.Errorf("%+v", v.As(sent))
		}
	}
}
