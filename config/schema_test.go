package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := Schema(testParts())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Schema(testParts())
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("the schema differs from one time to the next (%v)", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("manifest.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaAgreesWithLoad compares what an editor says with what Load says.
func TestSchemaAgreesWithLoad(t *testing.T) {
	s := compileSchema(t)
	base := quickstart + "    "
	for manifest, good := range map[string]bool{
		quickstart:                  true,
		base + "timeout: 5s":        true,
		base + "timeout: 5":         false,
		base + "timeout: none":      true,
		base + "timeout: ${T:-5s}":  true,
		base + "timeot: 5s":         false,
		base + "roles: [a, b]":      true,
		base + "roles: a":           true,
		base + "roles: {a: b}":      false,
		base + "rate_limit: 30/min": true,
		base + "rate_limit: [30/min, {rate: 5/s, per: tool}]":                                      true,
		base + "rate_limit: {rate: 5/s, per: nobody}":                                              false,
		base + "rate_limit: {per: tool}":                                                           false,
		base + "requires: [sampling]":                                                              true,
		base + "requires: [sampler]":                                                               false,
		base + "annotations: {read_only: true}":                                                    true,
		base + "annotations: {read_only: \"yes\"}":                                                 false,
		base + "response: {any: {x: [1]}, errors: {\"404\": x}}":                                   true,
		base + "steps: [{parallel: 4}, {parallel: [{undo: {parallel: [{tool: t}]}}]}]":             true,
		base + "steps: [{parallel: four}]":                                                         false,
		base + "steps: [{parallel: [{undo: {parallel: [{tol: t}]}}]}]":                             false,
		base + "icons: [{src: https://a/i.png, sizes: any, theme: dark}]":                          true,
		base + "icons: [{source: https://a/i.png}]":                                                false,
		base + "meta: {a: 1}\nresources: {\"a://b\": {name: b, text: x, watch: 5s}}":               true,
		quickstart + "resources: {\"a://b\": {text: x}}":                                           false,
		quickstart + "resources: {a: {name: a, text: x}}":                                          false,
		quickstart + "resources: {\"a://{b}\": {name: a, request: GET /x, complete: {b: [c, d]}}}": true,
		quickstart + "resources: {\"a://{b}\": {name: a, request: GET /x, complete: {b: {request: \"GET /{value}\", select: .}}}}": true,
		quickstart + "resources: {\"a://{b}\": {name: a, request: GET /x, complete: {b: {url: a}}}}":                               false,
		quickstart + "prompts: {p: {messages: [], arguments: {a: , b: {complete: {tool: get_customer, args: {x: [1]}}}}}}":         true,
		quickstart + "prompts: {p: {messages: [], arguments: {a: {complete: {tool: get_customer, arguments: {}}}}}}":               false,
		quickstart + "prompts: {p: {messages: [], arguments: {a: {required: true}}}}":                                              false,
		quickstart + "prompts: {p p: {messages: []}}":                                                                              false,
		quickstart + "server: {keys: [{env: HOME32}], sessions: {stream: 5s}, icons: {src: https://a}, replica: http://10.0.0.1}":  true,
		strings.Replace(quickstart, "version: 1", "version: one", 1):                                                               false,
		strings.Replace(quickstart, "version: 1", "version: 2", 1):                                                                 false,
		strings.Replace(quickstart, "get_customer", "get customer", 1):                                                             false,
		strings.Replace(quickstart, "version: 1", "version: 1\nserver: {max_body: 10}", 1):                                         false,
		strings.Replace(quickstart, "version: 1", "server: {max_body: 1MiB}", 1):                                                   false,
		strings.Replace(quickstart, "type: string", "in: query, x-mcp-header: X", 1):                                               true,
		strings.Replace(quickstart, "type: string", "in: nowhere", 1):                                                              false,
		strings.Replace(quickstart, "crm: {", "crm: {connections: 0, ", 1):                                                         false,
		strings.Replace(quickstart, "crm: {", "crm: {auth: {bearer: {env: HOME}}, ", 1):                                            true,
		strings.Replace(quickstart, "crm: {", "crm: {auth: {bearer: {envv: HOME}}, ", 1):                                           false,
		strings.Replace(quickstart, "crm: {", "crm: {max_response: 4096, timeout: 1s,", 1):                                         true,
		strings.Replace(quickstart, "crm: {", "crm: {max_response: 4 quux, ", 1):                                                   false,
		strings.Replace(quickstart, "crm: {url", "crm: {ulr", 1):                                                                   false,
	} {
		var doc any
		if err := yaml.Unmarshal([]byte(manifest), &doc); err != nil {
			t.Fatal(err)
		}
		plain, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(value); (err == nil) != good {
			t.Errorf("the schema says %v of\n%s", err, manifest)
		}
		src := text(manifest, map[string]string{"HOME": "x", "HOME32": strings.Repeat("x", 32)})
		if _, err := Load(src, testParts()); (err == nil) != good {
			t.Errorf("Load says %v of\n%s", err, manifest)
		}
	}
	for _, included := range []string{`{"tools":{}}`, `{"upstreams":{},"include":["a"]}`, `{"resources":{},"prompts":{}}`} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(included))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(value); err != nil {
			t.Errorf("the schema refuses an included file: %v", err)
		}
	}
}

var updateReference = flag.Bool("update-reference", false, "rewrite testdata/reference.md")

func TestReference(t *testing.T) {
	got := Reference(testParts())
	const name = "testdata/reference.md"
	if *updateReference {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the reference differs from %s (%v):\n%s", name, err, got)
	}
}
