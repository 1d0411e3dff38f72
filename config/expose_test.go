package config

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// testDescribed is a kind of upstream that describes tools: its file has a
// name and a definition a line.
type testDescribed struct {
	Tools  string `manifest:"described,required,path"`
	Prefix string `manifest:"prefix"`
	URL    string `manifest:"url"`
	Auth   string `manifest:"auth"`
}

func exposeTest(settings any, read func(string) ([]byte, error)) (Exposure, error) {
	s, ok := settings.(testDescribed)
	if !ok {
		return Exposure{}, errors.New("these are other settings")
	}
	data, err := read(s.Tools)
	if err != nil {
		return Exposure{}, &testFieldError{path: []string{"described"}, message: "can't read the description: " + err.Error()}
	}
	s.URL = "https://described.example"
	out := Exposure{Settings: s}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		name, definition, _ := strings.Cut(line, " ")
		if name == "odd" {
			out.Warnings = append(out.Warnings, errors.New("there is something odd"))
			continue
		}
		out.Tools = append(out.Tools, ExposedTool{Name: s.Prefix + name, Definition: json.RawMessage(definition), File: s.Tools, Line: i + 1})
	}
	return out, nil
}

func exposingParts() Parts {
	parts := testParts()
	described := Part{Key: "described", Doc: "Describes itself.", Settings: reflect.TypeFor[testDescribed](), Expose: exposeTest}
	parts.Kinds = append([]Part{described}, parts.Kinds...)
	return parts
}

func exposed(manifest string, descriptions map[string]string) Source {
	src := text(manifest, map[string]string{"SECRET": "s3cret"})
	for name, data := range descriptions {
		src.Overlay[name] = []byte(data)
	}
	return src
}

const petsDescription = `list_pets {"description":"Lists ${SECRET} pets.","request":"GET /pets","input":{"limit":{"type":"integer","maximum":100,"in":"query","optional":true,"description":"Most pets"}}}
add_pet {"title":"Add","description":"Adds a pet.","request":"POST /pets","input":{"name":{"type":"string"},"tenant":{"type":"string","in":"header","as":"X-Tenant"}}}
`

// What an upstream describes is there as if the manifest had it, from its line,
// and with variables left as they are.
func TestExposedTools(t *testing.T) {
	src := exposed(`version: 1
upstreams: {pets: {described: pets.txt}}
defaults: {roles: [reader]}
`, map[string]string{"pets.txt": petsDescription})
	m, err := Load(src, exposingParts())
	if err != nil {
		t.Fatal(err)
	}
	tool := m.Tools["list_pets"]
	if tool == nil || tool.Name != "list_pets" || tool.Upstream != "pets" || tool.Description != "Lists ${SECRET} pets." {
		t.Fatalf("tool is %+v", tool)
	}
	if tool.Line != 1 || filepath.Base(tool.File) != "pets.txt" || m.Tools["add_pet"].Line != 2 {
		t.Errorf("places are %s and %s", tool, m.Tools["add_pet"])
	}
	if got := tool.Parts["roles"]; !reflect.DeepEqual(got.Value, testRoles{"reader"}) {
		t.Errorf("defaults don't reach it: %+v", got)
	}
	if p := tool.Input.Properties[0]; !p.Optional || p.In != "query" || string(p.Schema) != `{"type":"integer","maximum":100,"description":"Most pets"}` {
		t.Errorf("argument is %+v %s", p, p.Schema)
	}
	up := m.Upstreams["pets"]
	if up.Settings.Value.(testDescribed).URL != "https://described.example" || !slices.Equal(up.Exposes, []string{"add_pet", "list_pets"}) {
		t.Errorf("upstream is %+v", up)
	}
	if !slices.ContainsFunc(m.Files, func(f string) bool { return filepath.Base(f) == "pets.txt" }) {
		t.Errorf("the description isn't watched: %v", m.Files)
	}
}

// A change of the description is a change of the manifest.
func TestExposedToolsHash(t *testing.T) {
	manifest := "version: 1\nupstreams: {pets: {described: pets.txt}}\n"
	var hashes []string
	for _, description := range []string{petsDescription, petsDescription, strings.Replace(petsDescription, "Adds", "Creates", 1)} {
		m, err := Load(exposed(manifest, map[string]string{"pets.txt": description}), exposingParts())
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, m.Hash)
	}
	if hashes[0] != hashes[1] || hashes[0] == hashes[2] {
		t.Errorf("hashes are %v", hashes)
	}
}

// What an upstream exposes is known without its credentials.
func TestExposedWithoutCredentials(t *testing.T) {
	for manifest, want := range map[string]int{
		"version: 1\nupstreams: {pets: {described: pets.txt, url: '${NO}'}}\ntools: {a: {description: d}}\n": 0,
		"version: 1\nupstreams: {pets: {described: pets.txt, auth: '${NO}'}}\n":                              2,
	} {
		m, err := Load(exposed(manifest, map[string]string{"pets.txt": petsDescription}), exposingParts())
		var problems Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), "NO is not set") {
			t.Fatalf("got %v", err)
		}
		if up := m.Upstreams["pets"]; len(up.Exposes) != want || !up.Settings.Broken {
			t.Errorf("%s: exposes %v, broken %t", manifest, up.Exposes, up.Settings.Broken)
		}
	}
}

// A value takes the place of what clients could give or leave out: neither the
// description's default nor that the service can do without it counts any more.
func TestExposedToolsFilledIn(t *testing.T) {
	m, err := Load(exposed(`version: 1
upstreams: {pets: {described: pets.txt}}
tools:
  list:
    input:
      tenant: {value: "${{ caller.claims.tenant }}"}
      limit: {value: 3}
      order: {value: a, optional: true}
  own: {description: d, request: GET /, upstream: pets, input: {limit: {type: integer, default: 40, value: 3}}}
`, map[string]string{"pets.txt": `list {"description":"d","request":"GET /pets","input":{"tenant":{"type":"string","optional":true},"limit":{"type":"integer","default":40},"order":{"type":"string","optional":true}}}`}), exposingParts())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(m.Tools["list"].Input.Properties, m.Tools["own"].Input.Properties...) {
		if p.Optional != (p.Name == "order") || p.HasDefault || strings.Contains(string(p.Schema), "default") {
			t.Errorf("%s is %+v %s", p.Name, p, p.Schema)
		}
	}
}

// A tool of the manifest with the name of an exposed one changes what it names.
func TestExposedToolsOverridden(t *testing.T) {
	m, err := Load(exposed(`version: 1
upstreams: {pets: {described: pets.txt}}
tools:
  list_pets:
    description: Lists the pets of the shop.
    roles: [clerk]
    input:
      limit: {maximum: 10}
      species: {type: string, in: query, optional: true}
  add_pet:
    input:
      tenant: {value: "acme"}
      name: {type: string, enum: [cat, dog]}
`, map[string]string{"pets.txt": petsDescription}), exposingParts())
	if err != nil {
		t.Fatal(err)
	}
	list := m.Tools["list_pets"]
	if list.Description != "Lists the pets of the shop." || list.File != "manifest.yaml" || len(list.Input.Properties) != 2 {
		t.Errorf("tool is %+v", list)
	}
	limit := list.Input.Properties[0]
	if limit.In != "query" || !limit.Optional || string(limit.Schema) != `{"maximum":10,"type":"integer","description":"Most pets"}` {
		t.Errorf("limit is %+v %s", limit, limit.Schema)
	}
	add := m.Tools["add_pet"]
	if add.Title != "Add" || add.Upstream != "pets" {
		t.Errorf("tool is %+v", add)
	}
	tenant, name := add.Input.Properties[0], add.Input.Properties[1]
	if string(tenant.Value) != `"acme"` || tenant.As != "X-Tenant" || tenant.In != "header" {
		t.Errorf("tenant is %+v", tenant)
	}
	if string(name.Schema) != `{"type":"string","enum":["cat","dog"]}` {
		t.Errorf("name is %s", name.Schema)
	}
}

func TestExposedToolsProblems(t *testing.T) {
	for _, c := range []struct{ name, manifest, want string }{
		{"file missing", "version: 1\nupstreams: {pets: {described: none.txt}}\n", "manifest.yaml:2:31: error: can't read the description: no such file"},
		{"twice", "version: 1\nupstreams:\n  pets: {described: pets.txt}\n  zoo: {described: pets.txt}\n", `manifest.yaml:4:3: error: the tool "list_pets" is exposed by upstream "pets" too`},
		{"bad key in a description", "version: 1\nupstreams: {pets: {described: bad.txt}}\n", `bad.txt:1:1: error: unknown field "timeot" in tool "x"`},
		{"not a definition", "version: 1\nupstreams: {pets: {described: list.txt}}\n", `manifest.yaml:2:13: error: the definition of "x" can't be read`},
	} {
		_, err := Load(exposed(c.manifest, map[string]string{
			"pets.txt": petsDescription, "bad.txt": `x {"description":"d","timeot":"5s"}`, "list.txt": "x [1]",
		}), exposingParts())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	_, err := Load(exposed("version: 1\nupstreams: {pets: {described: none.txt}}\ntools: {list_pets: {roles: [clerk]}}\n", nil), exposingParts())
	if problems := (Problems)(nil); !errors.As(err, &problems) || len(problems) != 1 {
		t.Errorf("what lies over tools that nobody knows: %v", err)
	}
	m, err := Load(exposed("version: 1\nupstreams: {pets: {described: odd.txt}}\n", map[string]string{"odd.txt": "odd {}\n" + petsDescription}), exposingParts())
	if err != nil || len(m.Warnings) != 1 || m.Warnings[0].Message != "there is something odd" {
		t.Errorf("warnings: %v, %v", m.Warnings, err)
	}
}

func TestEndpointPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		tags          []string
		want          bool
	}{
		{"*", "x", nil, true}, {"get_*", "get_order", nil, true}, {"get_*", "forget_order", nil, false},
		{"*_order", "get_order", nil, true}, {"*_order", "get_orders", nil, false}, {"a*b*c", "aXbYc", nil, true}, {"a*b*c", "acb", nil, false},
		{"get", "get_order", nil, false}, {"tag:support", "x", []string{"sales", "support"}, true}, {"tag:s*", "x", []string{"sales"}, true},
		{"tag:support", "support", nil, false}, {"crm://*", "crm://orders", nil, true}, {"a*a", "a", nil, false},
	} {
		if got := Picks([]string{c.pattern}, c.name, c.tags); got != c.want {
			t.Errorf("%q picks %q %v: %v", c.pattern, c.name, c.tags, got)
		}
	}
}
