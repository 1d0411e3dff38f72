package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

const explained = `version: 1
` + serverKeys + `
upstreams: {u: {url: "${UPSTREAM}"}}
tools:
  both: {description: d, response: {text: tool}}
  ask: {description: d, confirm: "Sure?", response: {text: done}}
  look: {description: d, steps: [{id: where, roots: {}}], response: {text: "${{ steps.where }}"}}
  model: {description: d, requires: [sampling], response: {text: x}}
  job: {description: d, request: POST /job, response: {poll: {every: 200ms}}}
  whole:
    description: d
    steps:
      - {tool: ask}
      - {tool: look, when: "true"}
      - parallel: [{tool: model, optional: true}, {id: j, tool: job}]
  reserve: {description: d, request: POST /reserve}
  release: {description: d, request: POST /release}
  buy:
    description: d
    steps:
      - {id: r, tool: reserve, undo: {tool: release}}
      - parallel:
          - {id: b, ask: {message: "B?", schema: {n: {type: integer}}}}
          - {id: a, ask: {message: "A?", schema: {yes: {type: boolean}}}}
    response: {text: "${{ steps.a.yes }} ${{ steps.b.n }}"}
resources:
  "x://one": {name: one, description: d, text: One}
  "x://{id}/open": {name: low, description: d, request: "GET /open/{id}", watch: 5s}
  "x://{id}/{part}": {name: high, description: d, response: {text: "${{ args.part }}"}, roles: [admin], complete: {id: [a], part: {request: "GET /parts?p={value}"}}}
prompts:
  both: {description: d, messages: [{role: user, text: prompt}]}
auth: {anonymous: {roles: [public]}}
`

// journal is an upstream that notes what it is asked.
type journal struct {
	mu    sync.Mutex
	paths []string
}

func (j *journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.paths = append(j.paths, r.Method+" "+r.URL.Path)
	if strings.HasPrefix(r.URL.Path, "/job") {
		w.Header().Set("Location", "/job")
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(w, `{"ok":true}`)
}

func (j *journal) asked() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.paths)
}

func explainRig(t *testing.T, manifest string) (*gateway.Gateway, *journal) {
	t.Helper()
	upstream := &journal{}
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	return start(t, manifest, server.URL, nil).g, upstream
}

// TestExplainFinds looks a name up among all kinds, or among the one asked for.
func TestExplainFinds(t *testing.T) {
	g, upstream := explainRig(t, explained)
	for _, tt := range []struct {
		name      string
		kinds     []gateway.Kind
		kind      gateway.Kind
		template  string
		arguments string
		visible   bool
	}{
		{name: "both", kind: gateway.KindTool, visible: true},
		{name: "both", kinds: []gateway.Kind{gateway.KindPrompt}, kind: gateway.KindPrompt, visible: true},
		{name: "x://one", kind: gateway.KindResource, visible: true},
		{name: "x://7/open", kind: gateway.KindResource, template: "x://{id}/open", arguments: `{"id":"7"}`, visible: true},
		{name: "x://7/a%2Fb", kind: gateway.KindResource, template: "x://{id}/{part}", arguments: `{"id":"7","part":"a/b"}`},
		{name: "x://7/a/b"},
		{name: "x://7/rest", kind: gateway.KindResource, template: "x://{id}/{part}", arguments: `{"id":"7","part":"rest"}`},
		{name: "x://{id}/open", kind: gateway.KindResource, template: "x://{id}/open", visible: true},
	} {
		e, err := g.Explain(tt.name, nil, gatewayCaller(), tt.kinds...)
		if tt.kind == "" {
			if err == nil || !strings.Contains(err.Error(), `nothing is called "x://7/a/b"; this caller sees: [ask both`) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if e.Kind != tt.kind || e.Template != tt.template || string(e.Arguments) != tt.arguments || e.Visible != tt.visible {
			t.Errorf("%s %v: %s, template %q with %s, visible %v", tt.name, tt.kinds, e.Kind, e.Template, e.Arguments, e.Visible)
		}
	}
	if asked := upstream.asked(); len(asked) > 0 {
		t.Errorf("an explanation sent %v", asked)
	}
}

// TestExplainResource tells what a resource asks for, how it is watched, and
// where suggestions come from.
func TestExplainResource(t *testing.T) {
	g, _ := explainRig(t, explained)
	e, err := g.Explain("x://7/open", nil, gatewayCaller())
	if err != nil {
		t.Fatal(err)
	}
	if e.Watch != "5s" || e.Request == nil || !strings.HasSuffix(e.Request.URL, "/open/7") || e.Places["id"] != "path {id}" {
		t.Errorf("explained as %+v", e)
	}
	e, err = g.Explain("x://7/rest", nil, gatewayCaller())
	if err != nil {
		t.Fatal(err)
	}
	if e.Completions["id"] != "a" || e.Completions["part"] != "a request to u" || e.Request != nil {
		t.Errorf("explained as %+v", e)
	}
	if _, err = g.DryRun("x://7/rest", nil, gatewayCaller(), gateway.KindResource); err == nil || !strings.Contains(err.Error(), "hidden from this caller") {
		t.Errorf("dry run of what is hidden: %v", err)
	}
}

// TestExplainNeeds follows the calls of steps: what a client must be able to
// do, what it may lack, and whether the call may wait.
func TestExplainNeeds(t *testing.T) {
	g, _ := explainRig(t, explained)
	for name, want := range map[string]struct {
		needs, uses []string
		waits       bool
	}{
		"both":  {},
		"ask":   {needs: []string{"elicitation"}},
		"look":  {needs: []string{"roots"}},
		"model": {needs: []string{"sampling"}},
		"job":   {waits: true},
		"whole": {needs: []string{"elicitation"}, uses: []string{"roots", "sampling"}, waits: true},
	} {
		e, err := g.Explain(name, nil, gatewayCaller())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(e.Needs, want.needs) || !slices.Equal(e.Uses, want.uses) || e.Waits != want.waits {
			t.Errorf("%s needs %v, uses %v, waits %v", name, e.Needs, e.Uses, e.Waits)
		}
	}
}

// TestPerformAsks puts all questions of a round, in the order of their keys, and
// goes on where the call stood.
func TestPerformAsks(t *testing.T) {
	g, upstream := explainRig(t, explained)
	var asked []string
	response, err := g.Perform(t.Context(), &gateway.Invocation{
		Name: "buy", Caller: gatewayCaller(),
		Ask: func(_ context.Context, q *mcp.Question) ([]byte, error) {
			asked = append(asked, q.Key+" "+q.Message)
			return map[string][]byte{
				"a": []byte(`{"action":"accept","content":{"yes":true}}`),
				"b": []byte(`{"action":"accept","content":{"n":3}}`),
			}[q.Key], nil
		},
	})
	if err != nil || !strings.Contains(string(response), `"text":"true 3"`) {
		t.Errorf("%s %v", response, err)
	}
	if want := []string{"a A?", "b B?"}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if got := upstream.asked(); !slices.Equal(got, []string{"POST /reserve"}) {
		t.Errorf("the upstream was asked %v", got)
	}
}

// TestPerformGivesUp undoes what was done if a question can't be answered.
func TestPerformGivesUp(t *testing.T) {
	g, upstream := explainRig(t, explained)
	_, err := g.Perform(t.Context(), &gateway.Invocation{
		Name: "buy", Caller: gatewayCaller(),
		Ask: func(context.Context, *mcp.Question) ([]byte, error) { return nil, errors.New("nobody is there") },
	})
	if err == nil || !strings.Contains(err.Error(), "nobody is there") {
		t.Errorf("error is %v", err)
	}
	if got := upstream.asked(); !slices.Equal(got, []string{"POST /reserve", "POST /release"}) {
		t.Errorf("the upstream was asked %v", got)
	}
}

// TestPerformWithoutPerson says how the question could be answered.
func TestPerformWithoutPerson(t *testing.T) {
	g, _ := explainRig(t, explained)
	for name, want := range map[string]string{
		"ask":   "run it on a terminal, or answer with --answer confirm=JSON",
		"look":  "the command line has neither a model nor roots",
		"model": `tool "model" needs a client with the capability sampling; the command line has neither`,
	} {
		if _, err := g.Invoke(t.Context(), name, nil, gatewayCaller()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPerformWaits tells of every wait, and ends with the call's time.
func TestPerformWaits(t *testing.T) {
	manifest := strings.Replace(explained, `admin: "127.0.0.1:0"`, `admin: "127.0.0.1:0", call_timeout: 500ms`, 1)
	g, upstream := explainRig(t, manifest)
	waits := 0
	response, err := g.Perform(t.Context(), &gateway.Invocation{
		Name: "job", Caller: gatewayCaller(), Waiting: func(time.Duration, string) { waits++ },
	})
	if err != nil || !strings.Contains(string(response), `"isError":true`) || !strings.Contains(string(response), "still working on it") {
		t.Errorf("%s %v", response, err)
	}
	if polls := len(upstream.asked()) - 1; waits == 0 || polls != waits {
		t.Errorf("%d waits were told, and the job was asked for %d times", waits, polls)
	}
}
