package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestResourcesAndPrompts(t *testing.T) {
	src := text(`version: 1
include: more/r.yaml
defaults: {timeout: 5s, rate_limit: 9/s, response: {max_tokens: 9, select: .a}}
server:
  title: Acme
  keys: ["${KEY}", {file: key}]
  http_sse: true
  icons: {src: "data:image/png;base64,aaaa", sizes: any}
  sessions: {stream: 30s}
upstreams: {a: {url: http://a}}
tools: {search: {description: d, icons: [{src: https://a/i.png}], meta: {com.example/owner: [1]}}}
resources:
  "crm://customers/{id}/{part}":
    name: customer
    size: 1KiB
    annotations: {audience: user, priority: 0.5, last_modified: 2026-03-01T12:00:00Z}
    upstream: a
    request: GET /customers/{id}
    response: {select: .b}
    rate_limit: none
    watch: 60s
    complete:
      id: {request: "GET /customers?prefix={value}", select: '.[].id'}
      part: [all, 010]
prompts:
  churn:
    arguments:
      z:
      a: {title: A, description: Which., optional: true, complete: {tool: search, args: {b: "${{ value }}", a: 1}, select: .}}
      m: {complete: gold}
    messages: [{role: user, text: x}]
`, map[string]string{"KEY": strings.Repeat("k", 32)})
	src.Overlay["key"] = []byte(strings.Repeat("f", 32) + "\n")
	src.Overlay["more/r.yaml"] = []byte(`resources: {"crm://a": {name: a, file: b.txt}, "crm://e": {name: e, text: ""}}`)
	m := load(t, src)
	r := m.Resources["crm://customers/{id}/{part}"]
	if r.URI != "crm://customers/{id}/{part}" || !r.Template || r.Name != "customer" || r.Size != 1024 || r.Watch != time.Minute || r.Upstream != "a" || r.Text != nil || r.Broken {
		t.Errorf("resource is %+v", r)
	}
	if a := r.Annotations; !slices.Equal(a.Audience, []string{"user"}) || *a.Priority != 0.5 || a.LastModified != "2026-03-01T12:00:00Z" {
		t.Errorf("annotations are %+v", a)
	}
	id, part := r.Complete["id"], r.Complete["part"]
	if got := id.Request.Value; !reflect.DeepEqual(got, testRequest{Method: "GET", Path: "/customers?prefix={value}"}) || id.Select != ".[].id" || id.Values != nil {
		t.Errorf("suggestions of id are %+v", id)
	}
	if id.Request.Line != 23 || id.Path != "resources.crm://customers/{id}/{part}.complete.id" {
		t.Errorf("the request for id is at %s, its place %s", id.Request, id.Path)
	}
	if !slices.Equal(part.Values, []string{"all", "010"}) || !part.Request.IsZero() || part.IsZero() {
		t.Errorf("suggestions of part are %+v", part)
	}
	file, empty := m.Resources["crm://a"], m.Resources["crm://e"]
	if file.File != absolute("more/b.txt") || file.Template || empty.Text == nil || *empty.Text != "" {
		t.Errorf("resources are %+v and %+v", file, empty)
	}
	p := m.Prompts["churn"]
	if len(p.Arguments) != 3 || p.Name != "churn" || p.Arguments[0].Name != "z" || p.Arguments[0].IsZero() {
		t.Fatalf("prompt is %+v", p)
	}
	if a := p.Arguments[1]; a.Name != "a" || a.Title != "A" || !a.Optional || a.Complete.Tool != "search" || string(a.Complete.Args) != `{"b":"${{ value }}","a":1}` {
		t.Errorf("argument is %+v, %s", a, a.Complete.Args)
	}
	if a := p.Arguments[2]; a.Optional || !slices.Equal(a.Complete.Values, []string{"gold"}) {
		t.Errorf("argument is %+v", a)
	}
	if tool := m.Tools["search"]; tool.Icons[0].Src != "https://a/i.png" || string(tool.Meta) != `{"com.example/owner":[1]}` {
		t.Errorf("tool is %+v", tool)
	}
	s := m.Server
	if s.Title != "Acme" || len(s.Keys) != 2 || s.Keys[0].Reveal() != strings.Repeat("k", 32) || s.Keys[1].Reveal() != strings.Repeat("f", 32) ||
		!s.HTTPSSE || s.MaxStreams != 10000 || s.Sessions.Stream != 30*time.Second || s.Sessions.Replay != 256 || s.PageSize != 0 || s.Icons[0].Sizes[0] != "any" {
		t.Errorf("server is %+v", s)
	}
	if shown := fmt.Sprintf("%v %+v %#v", s.Keys, s.Keys, s.Keys); strings.Contains(shown, "kkk") {
		t.Errorf("keys are printed: %s", shown)
	}
}

// TestDefaultsReachResourcesAndPrompts: what a resource or prompt has the key
// of; a response is merged as a tool's is.
func TestDefaultsReachResourcesAndPrompts(t *testing.T) {
	m := load(t, text(`version: 1
defaults: {timeout: 5s, rate_limit: 9/s, response: {max_tokens: 9, select: .a}}
upstreams: {a: {url: http://a}}
resources:
  "crm://own": {name: own, request: GET /, rate_limit: none, response: {select: .b}, timeout: 1s}
  "crm://bare": {name: bare, text: x}
prompts: {p: {messages: []}}
`, nil))
	own, bare, prompt := m.Resources["crm://own"].Parts, m.Resources["crm://bare"].Parts, m.Prompts["p"].Parts
	if r := own["response"].Value.(testResponse); r.Select != ".b" || r.Max != 9 {
		t.Errorf("response isn't merged: %+v", r)
	}
	if own["timeout"].Value != time.Second || !own["rate_limit"].Off || bare["timeout"].Value != 5*time.Second {
		t.Errorf("resources have %+v and %+v", own, bare)
	}
	if _, has := prompt["timeout"]; has {
		t.Error("a prompt inherits a key that prompts don't have")
	}
	if limit := prompt["rate_limit"]; limit.Path != "defaults.rate_limit" || limit.Value == nil {
		t.Errorf("a prompt doesn't inherit: %+v", limit)
	}
}

// TestBrokenListed: what can't be told of resources and prompts is marked, and
// nothing else.
func TestBrokenListed(t *testing.T) {
	m, err := Load(text(`version: 1
upstreams: {a: {url: http://a}}
resources:
  "crm://{a}{b}": {name: a, text: x}
  "crm://upstream": {name: a, upstream: b, request: GET /}
  "crm://{x}": {name: a, text: x, size: big, complete: {x: {tool: none}}}
prompts:
  shape: {messages: [], arguments: {x: {titel: a}}}
  complete: {messages: [], arguments: {x: {complete: {tool: none}}}}
  other: {messages: [], roles: {}}
`, nil), testParts())
	if err == nil {
		t.Fatal("a bad manifest is taken")
	}
	for uri, want := range map[string]bool{"crm://{a}{b}": true, "crm://upstream": true, "crm://{x}": false} {
		if m.Resources[uri].Broken != want {
			t.Errorf("resource %s: broken is %t", uri, !want)
		}
	}
	for name, want := range map[string]bool{"shape": true, "complete": false, "other": false} {
		if m.Prompts[name].Broken != want {
			t.Errorf("prompt %s: broken is %t", name, !want)
		}
	}
	if !m.Resources["crm://{x}"].Complete["x"].Broken || !m.Prompts["complete"].Arguments[0].Complete.Broken {
		t.Error("broken suggestions aren't marked")
	}
}

func TestValuesOfSeveralShapes(t *testing.T) {
	m := load(t, text(`version: 1
upstreams: {a: {url: http://a}}
tools:
  t:
    steps:
      - parallel: 4
      - parallel: [{id: a, parallel: 2}, {id: b, undo: {id: c, undo: {id: d}}}]
      - parallel: {id: e}
      - id: f
`, nil))
	steps := m.Tools["t"].Parts["steps"].Value.([]testStep)
	if p := steps[0].Parallel; p.Most != 4 || p.Steps != nil || p.Line != 6 {
		t.Errorf("a number is %+v", p)
	}
	if p := steps[1].Parallel; p.Most != 0 || len(p.Steps) != 2 || p.Steps[0].Parallel.Most != 2 || p.Steps[1].Undo.Undo.ID != "d" || p.Steps[1].Undo.Undo.Path != "tools.t.steps.1.parallel.1.undo.undo" {
		t.Errorf("a list is %+v", p)
	}
	if p := steps[2].Parallel; len(p.Steps) != 1 || p.Steps[0].ID != "e" {
		t.Errorf("a list of one is %+v", p)
	}
	if p := steps[3].Parallel; !p.IsZero() || p.Steps != nil {
		t.Errorf("what isn't written is %+v", p)
	}
}

func FuzzParseURI(f *testing.F) {
	for _, uri := range []string{"crm://customers/{id}", "crm:", "a:{x}/{y}", "a:%41{x}", "a:{x}{y}", "a:{", "a:}", "{x}:a", "a:{x}/{x}", "a:é"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		names, shape, mistake := parseURI(uri)
		if mistake != nil {
			if mistake.offset < 0 || mistake.offset > len(uri) || mistake.message == "" {
				t.Errorf("%q: %+v", uri, mistake)
			}
			return
		}
		filled := uri
		for _, name := range names {
			if strings.Count(filled, "{"+name+"}") != 1 {
				t.Errorf("%q has the placeholder %q, but not once", uri, name)
			}
			filled = strings.Replace(filled, "{"+name+"}", "{}", 1)
		}
		if filled != shape || strings.Count(shape, "{") != len(names) || strings.Contains(shape, "}{") {
			t.Errorf("%q has the shape %q and the placeholders %q", uri, shape, names)
		}
	})
}
