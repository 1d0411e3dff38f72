package gateway_test

import (
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// built builds a gateway of a manifest, without listening.
func built(manifest string) (*gateway.Gateway, error) {
	return gateway.New(gateway.Options{
		Source: config.Source{Path: "manifest.yaml", Overlay: map[string][]byte{"manifest.yaml": []byte(manifest)}},
		Parts:  standard.Parts(), Version: "test",
	})
}

// TestDefaultAddress shows that nobody but this machine is served unless the
// manifest says so.
//
// checklist: 4
func TestDefaultAddress(t *testing.T) {
	g, err := built("version: 1\ntools: {a: {description: A., response: {text: a}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	if listen := g.Manifest().Server.Listen; !strings.HasPrefix(listen, "127.0.0.1:") {
		t.Errorf("listens on %s", listen)
	}
}

// TestRefusedDefinitions shows what clients would choke on, and what could not
// be checked: it is refused when the manifest is loaded, at its place.
//
// checklist: 15 16 60 78
func TestRefusedDefinitions(t *testing.T) {
	tool := func(rest string) string { return "version: 1\ntools:\n  a:\n    description: A.\n    " + rest + "\n" }
	text := "response: {text: a}\n    "
	tests := map[string]struct {
		manifest, told string
	}{
		"name with a dot and a space": {"version: 1\ntools:\n  \"a b.c\":\n    description: A.\n    response: {text: a}\n", "a b.c"},
		"name of 65 letters":          {"version: 1\ntools:\n  " + strings.Repeat("a", 65) + ":\n    description: A.\n    response: {text: a}\n", "aaaa"},
		"name twice":                  {"version: 1\ntools:\n  a: {description: A., response: {text: a}}\n  a: {description: A., response: {text: a}}\n", "twice"},
		"input is no object":          {tool(text + "input_schema: {type: string}"), "object"},
		"external $ref":               {tool(text + "input_schema: {type: object, properties: {x: {$ref: \"https://schemas.example/x.json\"}}}"), "$ref"},
		"$ref to nothing":             {tool(text + "input_schema: {type: object, properties: {x: {$ref: \"#/$defs/x\"}}}"), "$ref"},
		"another dialect":             {tool(text + "input_schema: {$schema: \"http://json-schema.org/draft-04/schema#\", type: object}"), "schema"},
		"icon over http":              {tool(text + "icons: [{src: \"http://acme.example/i.png\"}]"), "https"},
		"icon of a script":            {tool(text + "icons: [{src: \"javascript:alert(1)\"}]"), "https"},
		"header of a number":          {tool(text + "input: {x: {type: number, x-mcp-header: X}}"), "x-mcp-header"},
		"header that is no token":     {tool(text + "input: {x: {type: string, x-mcp-header: \"a b\"}}"), "x-mcp-header"},
		"header without name":         {tool(text + "input: {x: {type: string, x-mcp-header: \"\"}}"), "x-mcp-header"},
		"header twice":                {tool(text + "input: {x: {type: string, x-mcp-header: X}, y: {type: string, x-mcp-header: x}}"), "x-mcp-header"},
		"header of items":             {tool(text + "input: {x: {type: array, items: {type: string, x-mcp-header: X}}}"), "x-mcp-header"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := built(test.manifest)
			problems, ok := gateway.IsProblems(err)
			if !ok {
				t.Fatalf("it was taken: %v", err)
			}
			for _, p := range problems {
				if p.Line > 0 && strings.Contains(p.Message+p.Hint, test.told) {
					return
				}
			}
			t.Errorf("none tells of %q at a place:\n%v", test.told, err)
		})
	}
}
