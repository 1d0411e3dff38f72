package openapi

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sound fails unless every operation has either a tool that can be sent, with
// schemas that compile and names that clients take, or a reason.
func sound(t interface {
	Errorf(format string, args ...any)
}, prepareAll func(o *Operation) error, operations []Operation) {
	names := map[string]bool{}
	for i := range operations {
		o := &operations[i]
		if (o.Skip == "") != (o.Name != "") || o.Known > o.Parameters {
			t.Errorf("%s %s: name %q, skip %q, %d of %d known", o.Method, o.Path, o.Name, o.Skip, o.Known, o.Parameters)
		}
		if o.Skip != "" {
			continue
		}
		if names[o.Name] {
			t.Errorf("the name %q is given twice", o.Name)
		}
		names[o.Name] = true
		if !regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`).MatchString(o.Name) {
			t.Errorf("%q is no name of a tool", o.Name)
		}
		if err := prepareAll(o); err != nil {
			t.Errorf("%s can't be sent: %v\n%s", o.Name, err, o.Definition)
		}
	}
}

// sendable prepares the tool, and looks at the names of its arguments.
func sendable(t testing.TB) func(o *Operation) error {
	u := service(t)
	legal := regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)
	return func(o *Operation) error {
		tool, _, err := prepare(u, o.Name, o.Definition)
		if err != nil {
			return err
		}
		if tool.Description == "" {
			return fmt.Errorf("no description")
		}
		for _, a := range tool.Arguments {
			if !legal.MatchString(a.Name) {
				return fmt.Errorf("%q is no name of an argument", a.Name)
			}
		}
		return nil
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"places.yaml", "swagger.yaml", "newer.json", "broken.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("openapi: 3.0.0\npaths: {/a: &a {get: {requestBody: *a}}}"))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/{a}{a}":{"post":{"parameters":[{"in":"path","name":"a"},{"in":"path","name":"a "}]}}}}`))
	send := sendable(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("fuzz.yaml", data, func(string) ([]byte, error) { return []byte("{}"), nil })
		if err != nil {
			return
		}
		d.Servers()
		d.Security()
		sound(t, send, d.Tools(Expose{AnyServer: true}))
	})
}

// anySchema draws schemas, right and wrong ones.
func anySchema(t *rapid.T, depth int) *node {
	if depth > 4 || rapid.IntRange(0, 7).Draw(t, "ref") == 0 {
		return object().set("$ref", text("#/components/schemas/"+rapid.SampledFrom([]string{"A", "B", "C", "None"}).Draw(t, "to")))
	}
	n := object()
	scalar := rapid.SampledFrom([]*node{text("x"), text("5"), number(5), number(-1), boolean(true), {}, list(), object()})
	if rapid.Bool().Draw(t, "typed") {
		n.set("type", rapid.SampledFrom([]*node{
			text("string"), text("integer"), text("object"), text("array"), text("boolean"), text("null"), text("file"), text("odd"),
			listOf([]string{"string", "null"}), listOf([]string{"object", "odd"}), number(1),
		}).Draw(t, "type"))
	}
	for _, keyword := range []string{
		"enum", "const", "default", "minimum", "exclusiveMinimum", "maxLength", "pattern", "required", "nullable", "readOnly",
		"minItems", "maxItems", "multipleOf", "format", "description", "additionalProperties",
	} {
		if rapid.IntRange(0, 5).Draw(t, keyword) > 0 {
			continue
		}
		v := scalar.Draw(t, "value")
		if rapid.Bool().Draw(t, "list") {
			v = list(scalar.Draw(t, "first"), scalar.Draw(t, "second"))
		}
		n.set(keyword, v)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if rapid.IntRange(0, 6).Draw(t, keyword) == 0 {
			n.set(keyword, list(anySchema(t, depth+1), anySchema(t, depth+1)))
		}
	}
	for _, keyword := range []string{"items", "not", "additionalProperties"} {
		if rapid.IntRange(0, 6).Draw(t, keyword) == 0 {
			n.set(keyword, anySchema(t, depth+1))
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "properties") == 0 {
		properties := object()
		for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "$c", "d[e]", "id"}), 0, 3).Draw(t, "names") {
			properties.set(name, anySchema(t, depth+1))
		}
		n.set("properties", properties)
	}
	return n
}

// TestEverySchemaCompiles makes tools of schemas of all kinds: each can be
// listed and sent.
func TestEverySchemaCompiles(t *testing.T) {
	send := sendable(t)
	rapid.Check(t, func(t *rapid.T) {
		schemas := object()
		for _, name := range []string{"A", "B", "C"} {
			schemas.set(name, anySchema(t, 0))
		}
		parameter := object().set("name", text("id")).set("in", text("query")).set("schema", anySchema(t, 0)).set("required", boolean(true))
		media := rapid.SampledFrom([]string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", "text/csv", "image/png"}).Draw(t, "media")
		body := object().set("content", object().set(media, object().set("schema", anySchema(t, 0))))
		operation := object().set("parameters", list(parameter)).set("requestBody", body)
		root := object().set("openapi", text("3.0.0")).
			set("paths", object().set("/{id}", object().set("post", operation))).
			set("components", object().set("schemas", schemas))
		d, err := Parse("drawn.json", root.json(), nil)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, send, d.Tools(Expose{}))
	})
}

// TestNestedDocuments shows that neither depth nor breadth costs more than it
// may.
func TestNestedDocuments(t *testing.T) {
	for name, document := range map[string]string{
		"deep":   `{"openapi":"3.0.0","paths":` + strings.Repeat(`{"a":`, 300),
		"broad":  `{"openapi":"3.0.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/S0"}}}}}}},"components":{"schemas":{` + doubling(40) + `}}}`,
		"bomb":   "openapi: 3.0.0\na: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]",
		"circle": "openapi: 3.0.0\na: &a [*a, *a]",
		"open":   `{"openapi":"3.0.0`,
	} {
		d, err := Parse(name, []byte(document), nil)
		if name == "broad" {
			if err != nil {
				t.Fatal(err)
			}
			o := d.Tools(Expose{})[0]
			if o.Skip != "" || len(o.Definition) > 3*budget {
				t.Errorf("%s: skip %q, %d bytes", name, o.Skip, len(o.Definition))
			}
			continue
		}
		if err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// doubling are schemas each of which holds the next one twice.
func doubling(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"S%d":{"type":"object","required":["a","b"],"properties":{"a":{"$ref":"#/components/schemas/S%d"},"b":{"allOf":[{"$ref":"#/components/schemas/S%d"}]}}}`, i, i+1, i+1))
	}
	return strings.Join(all, ",")
}
