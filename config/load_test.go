package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// load loads a manifest that must be good.
func load(t *testing.T, src Source) *Manifest {
	t.Helper()
	m, err := Load(src, testParts())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return m
}

// text is a source of one file, with variables.
func text(manifest string, env map[string]string) Source {
	return Source{
		Path:    "manifest.yaml",
		Env:     func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		Overlay: map[string][]byte{"manifest.yaml": []byte(manifest)},
	}
}

const quickstart = `version: 1
upstreams:
  crm: {url: "${CRM_URL:-http://127.0.0.1:9000}"}
tools:
  get_customer:
    description: Retrieve a customer's details by ID.
    request: GET /customers/{customer_id}
    input:
      customer_id: {type: string, description: The unique customer identifier}
`

func TestSmallestManifest(t *testing.T) {
	m := load(t, text(quickstart, nil))
	up := m.Upstreams["crm"]
	service, ok := up.Settings.Value.(testHTTP)
	if !ok || service.URL != "http://127.0.0.1:9000" || service.Connections != 128 || service.MaxResponse != 4<<20 || !service.Private {
		t.Errorf("upstream settings are %+v", up.Settings.Value)
	}
	if up.Name != "crm" || up.Kind != "url" || up.String() != "manifest.yaml:3:3" {
		t.Errorf("upstream is %s %s at %s", up.Name, up.Kind, up)
	}
	tool := m.Tools["get_customer"]
	if tool.Name != "get_customer" || tool.Line != 5 || tool.Path != "tools.get_customer" {
		t.Errorf("tool is %s at %d, %s", tool.Name, tool.Line, tool.Path)
	}
	if got := tool.Parts["request"].Value; !reflect.DeepEqual(got, testRequest{Method: "GET", Path: "/customers/{customer_id}"}) {
		t.Errorf("request is %+v", got)
	}
	want := `{"type":"string","description":"The unique customer identifier"}`
	if p := tool.Input.Properties[0]; p.Name != "customer_id" || string(p.Schema) != want || p.Optional || p.HasDefault {
		t.Errorf("property is %+v", p)
	}
	s := m.Server
	if s.Name != "sallyport" || s.Listen != "127.0.0.1:8080" || s.MaxBody != 1<<20 || s.CallTimeout != time.Minute || s.Sessions.TTL != time.Hour || !s.IsZero() {
		t.Errorf("server is %+v", s)
	}
	if m.Telemetry.Logs.Level != "info" || len(m.Warnings) != 0 {
		t.Errorf("telemetry %+v, warnings %v", m.Telemetry, m.Warnings)
	}
}

func TestValuesOfAllTypes(t *testing.T) {
	m := load(t, Source{
		Path: "conf/manifest.yaml",
		Env: func(k string) (string, bool) {
			v, ok := map[string]string{"N": "7", "YES": "true", "KEY": "s3cret"}[k]
			return v, ok
		},
		Overlay: map[string][]byte{
			"conf/key": []byte("from-file\n"),
			"conf/manifest.yaml": []byte(`version: 1
server:
  max_concurrent_calls: ${N}
  max_body: 500KB
  call_timeout: 1h30m
  allowed_origins: https://claude.ai
  rate_limit: none
auth: {jwt: {issuer: 010, secret: {file: key}}}
upstreams:
  a: {url: no, allow_private: "${YES}", headers: {X: off, Y: 010, Z: 1.50}, auth: {bearer: {env: KEY}}, tls: {ca: ca.pem}, timeout: none}
tools:
  one:
    description: d
    rate_limit: [30/min, {rate: 5/s, per: tool, cost: 2}]
    roles: admin
    timeout: 100ms
    request:
      path: /x
      body:
        b: 010
        a: [1.50, 0x1F, +5, .5, 1e3, yes, true, ~, "1", !!str 2, 12345678901234567890, "${N}"]
        n: ${N}
        t: a${N}
    response: {any: {a: 010, b: [x, null, false]}, errors: {404: gone, default: bad}}
`),
		},
	})
	if m.Server.MaxConcurrentCalls != 7 || m.Server.MaxBody != 500_000 || m.Server.CallTimeout != 90*time.Minute ||
		!slices.Equal(m.Server.AllowedOrigins, []string{"https://claude.ai"}) || !m.Server.Parts["rate_limit"].Off {
		t.Errorf("server is %+v", m.Server)
	}
	if jwt := m.Auth.Parts["jwt"].Value.(testJWT); len(jwt) != 1 || jwt[0].Issuer != "010" || jwt[0].Secret.value != "from-file" {
		t.Errorf("jwt is %+v", jwt)
	}
	up := m.Upstreams["a"].Settings.Value.(testHTTP)
	if up.URL != "no" || !up.Private || up.Auth.Bearer.value != "s3cret" || up.TLS.CA != absolute("conf/ca.pem") ||
		!reflect.DeepEqual(up.Headers, map[string]string{"X": "off", "Y": "010", "Z": "1.50"}) || !m.Upstreams["a"].Parts["timeout"].Off {
		t.Errorf("upstream is %+v", up)
	}
	parts := m.Tools["one"].Parts
	limits := []testLimit{{testRate{30, time.Minute}, "client", 1}, {testRate{5, time.Second}, "tool", 2}}
	if !reflect.DeepEqual(parts["rate_limit"].Value, limits) || !reflect.DeepEqual(parts["roles"].Value, testRoles{"admin"}) || parts["timeout"].Value != 100*time.Millisecond {
		t.Errorf("parts are %+v", parts)
	}
	request := parts["request"].Value.(testRequest)
	wantBody := `{"b":10,"a":[1.50,31,5,0.5,1e3,"yes",true,null,"1","2",12345678901234567890,"7"],"n":7,"t":"a7"}`
	if request.Method != http.MethodGet || string(request.Body) != wantBody {
		t.Errorf("request is %s %s", request.Method, request.Body)
	}
	response := parts["response"].Value.(testResponse)
	wantAny := map[string]any{"a": json.Number("10"), "b": []any{"x", nil, false}}
	if !reflect.DeepEqual(response.Any, wantAny) || response.Errors["404"] != "gone" {
		t.Errorf("response is %+v", response)
	}
}

func TestDefaultsAreInherited(t *testing.T) {
	m := load(t, text(`version: 1
defaults:
  timeout: 5s
  rate_limit: 600/min
  response: {max_tokens: 9, select: .a}
  annotations: {read_only: true, open_world: false}
upstreams: {a: {url: http://a}}
tools:
  own: {description: d, timeout: 1s, rate_limit: none, response: {select: .b}, annotations: {read_only: false}}
  none: {description: d, response: none}
  bare: {description: d}
`, nil))
	own, none, bare := m.Tools["own"], m.Tools["none"], m.Tools["bare"]
	if own.Parts["timeout"].Value != time.Second || bare.Parts["timeout"].Value != 5*time.Second {
		t.Errorf("timeouts are %v and %v", own.Parts["timeout"], bare.Parts["timeout"])
	}
	if !own.Parts["rate_limit"].Off || own.Parts["rate_limit"].Value != nil || bare.Parts["rate_limit"].Off || !none.Parts["response"].Off {
		t.Error("none doesn't switch a default off")
	}
	r := own.Parts["response"].Value.(testResponse)
	if r.Select != ".b" || r.Max != 9 || r.As != "auto" {
		t.Errorf("response isn't merged key by key: %+v", r)
	}
	if *own.Annotations.ReadOnly || !*bare.Annotations.ReadOnly || *own.Annotations.OpenWorld || own.Annotations.Idempotent != nil {
		t.Error("annotations aren't inherited one by one")
	}
	if p := bare.Parts["timeout"].Place; p.Line != 3 || p.Path != "defaults.timeout" {
		t.Errorf("an inherited setting is said to be at %s, %s", p, p.Path)
	}
}

func TestInputTakesOurKeywordsOut(t *testing.T) {
	m := load(t, text(`version: 1
upstreams: {a: {url: http://a}}
tools:
  t:
    description: d
    input:
      z: {x-mcp-header: Z, in: header, as: X-Z, type: array, style: simple, explode: true, items: {in: kept}}
      a: {optional: true, default: 1.0}
      m: true
`, nil))
	want := []Property{
		{Name: "z", In: "header", As: "X-Z", Style: "simple", Schema: json.RawMessage(`{"x-mcp-header":"Z","type":"array","items":{"in":"kept"}}`)},
		{Name: "a", Optional: true, HasDefault: true, Schema: json.RawMessage(`{"default":1.0}`)},
		{Name: "m", Schema: json.RawMessage(`true`)},
	}
	for i, p := range m.Tools["t"].Input.Properties {
		if i == 0 && (p.Explode == nil || !*p.Explode) {
			t.Error("explode is lost")
		}
		if p.IsZero() {
			t.Errorf("%s has no place", p.Name)
		}
		p.Explode, p.Place = nil, Place{}
		if !reflect.DeepEqual(p, want[i]) {
			t.Errorf("property %d is %+v, want %+v", i, p, want[i])
		}
	}
}

func TestSchemaFromFile(t *testing.T) {
	manifest := "version: 1\nupstreams: {a: {url: http://a}}\ntools:\n  t: {description: d, input_schema: {file: %s}}\n"
	for name, content := range map[string]string{
		"s.json": "{\n\t\"type\": \"object\", \"a\": 1.50, \"e\": \"\\ud83d\\ude00 ${NOT}\"}",
		"s.yaml": "type: object\na: 1.50\ne: \"😀 ${NOT}\"\n",
	} {
		src := text(fmt.Sprintf(manifest, name), nil)
		src.Overlay[name] = []byte(content)
		m := load(t, src)
		var got map[string]any
		if err := json.Unmarshal(m.Tools["t"].InputSchema.Schema, &got); err != nil || got["e"] != "😀 ${NOT}" {
			t.Errorf("%s: schema is %s (%v)", name, m.Tools["t"].InputSchema.Schema, err)
		}
		if !slices.Contains(m.Files, absolute(name)) {
			t.Errorf("%s isn't among the files to watch: %v", name, m.Files)
		}
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	m := load(t, text(`version: 1
upstreams:
  a: &base {url: http://a, connections: 3, headers: &h {X: "1"}}
  b: {<<: *base, url: http://b}
  c: {url: http://c, <<: [{connections: 4}, *base], headers: *h}
tools:
  t: {description: d, upstream: a}
`, nil))
	for name, want := range map[string]testHTTP{
		"b": {URL: "http://b", Connections: 3}, "c": {URL: "http://c", Connections: 4},
	} {
		got := m.Upstreams[name].Settings.Value.(testHTTP)
		if got.URL != want.URL || got.Connections != want.Connections || got.Headers["X"] != "1" {
			t.Errorf("%s is %+v", name, got)
		}
	}
}

func TestHashIsOfContentOnly(t *testing.T) {
	hash := func(manifest string, env map[string]string) string { return load(t, text(manifest, env)).Hash }
	base := hash(quickstart, nil)
	secret := strings.Replace(quickstart, `-http://127.0.0.1:9000}"`, `-http://a}", auth: {bearer: %s}`, 1)
	switch {
	case len(base) != 64:
		t.Errorf("hash is %q", base)
	case hash("# a comment\n"+quickstart, map[string]string{"CRM_URL": "http://x"}) != base:
		t.Error("comments or the environment change the hash")
	case hash(strings.Replace(quickstart, "GET", "PUT", 1), nil) == base:
		t.Error("another request has the same hash")
	case hash(quickstart+"auth: {anonymous: {roles: [a]}}\n", nil) == hash(quickstart+"auth: {anonymous: {roles: [b]}}\n", nil):
		t.Error("what is hidden for being below auth doesn't count for the hash")
	case hash(fmt.Sprintf(secret, "one"), nil) != hash(fmt.Sprintf(secret, "two"), nil):
		t.Error("a secret changes the hash")
	}
}

func TestLoadFromDisk(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	write := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(from, to string) {
		t.Helper()
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	// The layout of a mounted Kubernetes ConfigMap: all files are links.
	write(filepath.Join(dir, "..2026", "manifest.yaml"), quickstart+"  # end\ninclude: [\"tools-*.yaml\", sub/*.yaml]\n")
	write(filepath.Join(dir, "..2026", "tools-a.yaml"), "tools: {a: {description: d}}\ninclude: manifest.yaml\n")
	link(filepath.Join(dir, "..data"), "..2026")
	link(filepath.Join(dir, "manifest.yaml"), filepath.Join("..data", "manifest.yaml"))
	link(filepath.Join(dir, "tools-a.yaml"), filepath.Join("..data", "tools-a.yaml"))
	m := load(t, Source{Path: filepath.Join(dir, "manifest.yaml")})
	if len(m.Tools) != 2 || len(m.Files) != 2 {
		t.Errorf("tools %v of files %v", m.Tools, m.Files)
	}
	if !slices.Contains(m.Folders, dir) {
		t.Errorf("folders to watch are %v", m.Folders)
	}
	if m = load(t, Source{Path: dir}); len(m.Tools) != 2 {
		t.Errorf("the folder has the tools %v", m.Tools)
	}
	write(filepath.Join(outside, "x.yaml"), "tools: {out: {description: d}}\n")
	link(filepath.Join(dir, "tools-b.yaml"), filepath.Join(outside, "x.yaml"))
	link(filepath.Join(dir, "sub"), outside)
	_, err := Load(Source{Path: filepath.Join(dir, "manifest.yaml")}, testParts())
	if err == nil || !strings.Contains(err.Error(), "leaves the folder") {
		t.Errorf("a link out of the folder is followed: %v", err)
	}
	link(filepath.Join(dir, "c.yaml"), filepath.Join(outside, "x.yaml"))
	if _, err = Load(Source{Path: dir}, testParts()); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "c.yaml")+":1:1: error: this link leaves the folder") {
		t.Errorf("a link out of the folder is followed: %v", err)
	}
}

func TestFilesThatCantBeRead(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "no such file",
		dir:                             "no *.yaml",
		os.DevNull:                      "not a regular file",
		"":                              "",
	} {
		_, err := Load(Source{Path: name}, testParts())
		var problems Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), want) || problems[0].Line == 0 {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

func TestBounds(t *testing.T) {
	nested := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), ", "))
	}
	long := "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a, ", 1000) + "]\n"
	for name, c := range map[string]struct{ manifest, want string }{
		"deep":              {"version: " + nested, "deeper"},
		"alias bomb":        {bomb, "aliases stand for too much"},
		"aliases of a long": {long, "aliases stand for too much"},
		"cycle":             {"a: &a [*a]\n", "contains itself"},
		"large":             {"a: " + strings.Repeat("x", 5<<20), "larger than"},
	} {
		_, err := Load(text(c.manifest, nil), testParts())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.200v, want %q", name, err, c.want)
		}
	}
	many := text("version: 1\ninclude: [\"t/*.yaml\"]\n"+quickstart[len("version: 1\n"):], nil)
	for i := range 1001 {
		many.Overlay[fmt.Sprintf("t/%d.yaml", i)] = []byte("version: 1\n")
	}
	if _, err := Load(many, testParts()); err == nil || !strings.Contains(err.Error(), "more than 1000 files") {
		t.Errorf("1002 files: %v", err)
	}
}

// TestLongLine: places within one long line, as in a manifest that a program
// wrote as JSON, don't cost more than places on lines of their own.
func TestLongLine(t *testing.T) {
	var tools []string
	for i := range 3000 {
		tools = append(tools, fmt.Sprintf(`"t%d": {"description": "d", "roles": ["a"], "input": {"x": {"type": "string"}, "y": {"type": "string"}}}`, i))
	}
	manifest := `{"version": 1, "upstreams": {"a": {"url": "http://a"}}, "tools": {` + strings.Join(tools, ", ") + "}}"
	begin := time.Now()
	m := load(t, text(manifest, nil))
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("loading took %v", took)
	}
	if p := m.Tools["t2999"].ProblemAt([]string{"input", "y", "type"}, "", "", 0); manifest[p.Col-1:p.EndCol-1] != `"string"` {
		t.Errorf("the place is %d to %d", p.Col, p.EndCol)
	}
}

// TestBrokenTools: a tool is broken if its arguments can't be told, but not for
// an argument whose place is none.
func TestBrokenTools(t *testing.T) {
	m, err := Load(text(`version: 1
upstreams: {a: {url: http://a}}
tools:
  place: {description: d, input: {x: {type: string, in: nowhere}, y: {}}}
  shape: {description: d, input: {x: string}}
  other: {description: d, timeout: x}
`, nil), testParts())
	if err == nil || !m.Tools["shape"].Broken || m.Tools["place"].Broken || m.Tools["other"].Broken {
		t.Errorf("broken are the wrong tools: %v", err)
	}
}
