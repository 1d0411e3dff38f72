package mcp

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
)

// formSchemas are schemas that can be asked, each with what becomes of its
// properties for revisions that know less; empty if nothing does.
func formSchemas() [][2]string {
	return [][2]string{
		{``, ``},
		{`"name":{"type":"string","title":"Name","description":"d","minLength":1,"maxLength":1,"pattern":"^a","format":"email","default":"a"}`, ``},
		{`"age":{"type":"integer","minimum":0,"maximum":1.0,"default":1},"score":{"type":"number","minimum":-1.5,"default":95.5}`, ``},
		{`"verified":{"type":"boolean","default":true}`, ``},
		{`"status":{"type":"string","enum":["a","b"],"default":"a"}`, ``},
		{`"old":{"type":"string","enum":["a","b"],"enumNames":["A","B"]}`, ``},
		{`"titled":{"type":"string","oneOf":[{"const":"a","title":"A"},{"const":"b\"","title":"B"}],"default":"b\""}`,
			`"titled":{"type":"string","default":"b\"","enum":["a","b\""],"enumNames":["A","B"]}`},
		{`"many":{"type":"array","title":"M","minItems":1,"maxItems":2,"items":{"type":"string","enum":["a","b"]},"default":["a"]}`,
			`"many":{"type":"string","title":"M","default":"a","enum":["a","b"]}`},
		{`"many":{"type":"array","items":{"anyOf":[{"const":"a","title":"A"}]},"default":[]}`,
			`"many":{"type":"string","enum":["a"],"enumNames":["A"]}`},
	}
}

func TestElicitationSchema(t *testing.T) {
	for _, test := range formSchemas() {
		raw := []byte(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{` + test[0] + `},"required":[]}`)
		if err := CheckElicitationSchema(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		want := strings.Replace(string(raw), test[0], test[1], 1)
		if test[1] == "" {
			want = string(raw)
		}
		got := legacyForm(raw)
		if string(got) != want {
			t.Errorf("legacy:\n got %s\nwant %s", got, want)
		}
		if err := CheckElicitationSchema(got); err != nil {
			t.Errorf("legacy, %s: %v", got, err)
		}
	}
}

func TestBadElicitationSchema(t *testing.T) {
	tests := map[string]string{ // schema -> places, by comma
		`7`:                                 "",
		`{"properties":{}}`:                 "/type",
		`{"type":"array","properties":{}}`:  "/type",
		`{"type":"object"}`:                 "/properties",
		`{"type":"object","properties":[]}`: "/properties",
		`{"type":"object","properties":{},"allOf":[],"$ref":"#"}`:                                                      "/allOf,/$ref",
		`{"type":"object","properties":{},"required":"a"}`:                                                             "/required",
		`{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a","b"]}`:                                 "/required/1",
		`{"type":"object","properties":{"a":true}}`:                                                                    "/properties/a",
		`{"type":"object","properties":{"a":{}}}`:                                                                      "/properties/a/type",
		`{"type":"object","properties":{"a":{"type":["string","null"]}}}`:                                              "/properties/a/type",
		`{"type":"object","properties":{"a":{"type":"object","properties":{}}}}`:                                       "/properties/a/type",
		`{"type":"object","properties":{"a":{"type":"boolean","default":"true","title":1}}}`:                           "/properties/a/title,/properties/a/default",
		`{"type":"object","properties":{"a":{"type":"string","anyOf":[]}}}`:                                            "/properties/a/anyOf",
		`{"type":"object","properties":{"a":{"type":"integer","oneOf":[]}}}`:                                           "/properties/a/oneOf",
		`{"type":"object","properties":{"a":{"type":"integer","enum":[1]}}}`:                                           "/properties/a/enum",
		`{"type":"object","properties":{"a":{"type":"string","format":"uuid"}}}`:                                       "/properties/a/format",
		`{"type":"object","properties":{"a":{"type":"string","minLength":-1}}}`:                                        "/properties/a/minLength",
		`{"type":"object","properties":{"a":{"type":"string","minLength":3,"maxLength":2}}}`:                           "/properties/a/minLength",
		`{"type":"object","properties":{"a":{"type":"string","default":1}}}`:                                           "/properties/a/default",
		`{"type":"object","properties":{"a":{"type":"string","enum":[]}}}`:                                             "/properties/a/enum",
		`{"type":"object","properties":{"a":{"type":"string","enum":[1]}}}`:                                            "/properties/a/enum",
		`{"type":"object","properties":{"a":{"type":"string","enum":["x"],"default":"y"}}}`:                            "/properties/a/default",
		`{"type":"object","properties":{"a":{"type":"string","enum":["x"],"enumNames":[]}}}`:                           "/properties/a/enumNames",
		`{"type":"object","properties":{"a":{"type":"string","enum":["x"],"oneOf":[]}}}`:                               "/properties/a/enum",
		`{"type":"object","properties":{"a":{"type":"string","oneOf":[]}}}`:                                            "/properties/a/oneOf",
		`{"type":"object","properties":{"a":{"type":"string","oneOf":[{"const":"x"}]}}}`:                               "/properties/a/oneOf/0",
		`{"type":"object","properties":{"a":{"type":"integer","default":1.5}}}`:                                        "/properties/a/default",
		`{"type":"object","properties":{"a":{"type":"number","default":"1"}}}`:                                         "/properties/a/default",
		`{"type":"object","properties":{"a":{"type":"number","minimum":2,"maximum":1}}}`:                               "/properties/a/minimum",
		`{"type":"object","properties":{"a":{"type":"number","minimum":2,"default":1}}}`:                               "/properties/a/default",
		`{"type":"object","properties":{"a":{"type":"array"}}}`:                                                        "/properties/a/items",
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}}}`:                              "/properties/a/items",
		`{"type":"object","properties":{"a":{"type":"array","items":{"enum":["x"]}}}}`:                                 "/properties/a/items/type",
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","enum":["x"]},"default":"x"}}}`:   "/properties/a/default",
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","enum":["x"]},"default":["y"]}}}`: "/properties/a/default/0",
		`{"type":"object","properties":{"a":{"type":"array","items":{"anyOf":[{"const":1,"title":"A"}]}}}}`:            "/properties/a/items/anyOf/0",
	}
	for raw, want := range tests {
		err := CheckElicitationSchema([]byte(raw))
		var faults schema.Errors
		if !errors.As(err, &faults) {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		places := make([]string, 0, len(faults))
		for _, fault := range faults {
			place := ""
			for _, name := range fault.Path {
				place += "/" + name
			}
			places = append(places, place)
		}
		if got := strings.Join(places, ","); got != want {
			t.Errorf("%s: at %s, want %s: %v", raw, got, want, err)
		}
	}
}

// FuzzElicitationSchema checks any strict JSON: no panic, and what passes still
// does, without lists, once it is rewritten for revisions that know less.
func FuzzElicitationSchema(f *testing.F) {
	for _, test := range formSchemas() {
		f.Add([]byte(`{"type":"object","properties":{` + test[0] + `}}`))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if CheckSyntax(raw) != nil || CheckElicitationSchema(raw) != nil {
			return
		}
		old := legacyForm(raw)
		if err := CheckSyntax(old); err != nil {
			t.Fatalf("%s: %v", old, err)
		}
		if err := CheckElicitationSchema(old); err != nil {
			t.Fatalf("%s: %v", old, err)
		}
		members, _ := membersOf(old)
		properties, _ := membersOf(members.Get("properties"))
		for i := range properties {
			property, _ := membersOf(properties[i].Value)
			if kind, _ := text(property.Get("type")); kind == "array" || property.Get("oneOf") != nil {
				t.Errorf("%s", properties[i].Value)
			}
		}
	})
}
