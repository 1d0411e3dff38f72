package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// listenerManifest has two kinds of callers; tools and prompts are appended.
const listenerManifest = serverKeys + `
version: 1
auth:
  api_keys:
    - {name: ci, sha256: "${KEY_HASH}", roles: [support]}
    - {name: cd, sha256: "${OTHER_HASH}", roles: [admin]}
upstreams: {crm: {url: "${UPSTREAM}"}}
defaults: {rate_limit: none}
tools:
  seen: {description: d, request: GET /x}
%s
prompts:
  seen: {description: d, messages: [{role: user, text: x}]}
%s`

// listener is a client that listens.
type listener struct {
	*hearing
	name   string
	modern bool
	admin  bool
	id     string // of its subscriptions/listen
}

// listenAs opens a stream.
func (r *rig) listenAs(n int, modern, admin bool) *listener {
	r.t.Helper()
	key := map[bool]string{false: "key-of-ci", true: "key-of-cd"}[admin]
	one := &listener{name: fmt.Sprintf("%d (modern %v, admin %v)", n, modern, admin), modern: modern, admin: admin, id: fmt.Sprintf(`"s%d"`, n)}
	headers := map[string]string{"Authorization": "Bearer " + key}
	if !modern {
		headers = r.begin("2025-11-25", headers)
		headers["Accept"] = "text/event-stream"
		delete(headers, "Content-Type")
		one.hearing = listening(r.t, r.client, "GET", r.url+"/mcp", "", headers)
		one.next(r.t) // what tells it where to resume from
		return one
	}
	headers["Content-Type"], headers["Accept"] = "application/json", "application/json, text/event-stream"
	headers["MCP-Protocol-Version"], headers["Mcp-Method"] = "2026-07-28", "subscriptions/listen"
	one.hearing = listening(r.t, r.client, "POST", r.url+"/mcp", `{"jsonrpc":"2.0","id":`+one.id+
		`,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"promptsListChanged":true},`+modernMeta+`}}`, headers)
	if ack := one.nextMessage(r.t); !strings.Contains(ack, "notifications/subscriptions/acknowledged") {
		r.t.Fatalf("%s: %s", one.name, ack)
	}
	return one
}

// told takes messages up to the one that a list of prompts has changed, and
// returns what has changed each time.
func (one *listener) told(t *testing.T) (lists []string) {
	t.Helper()
	for {
		text := one.nextMessage(t)
		var m struct {
			Method string
			Params struct {
				Meta map[string]json.RawMessage `json:"_meta"`
			}
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("%s: %s: %v", one.name, text, err)
		}
		if got := string(m.Params.Meta["io.modelcontextprotocol/subscriptionId"]); one.modern && got != one.id || !one.modern && got != "" {
			t.Errorf("%s: message of another stream: %s", one.name, text)
		}
		list, _, _ := strings.Cut(strings.TrimPrefix(m.Method, "notifications/"), "/")
		if lists = append(lists, list); list == "prompts" {
			return lists
		}
	}
}

// TestListenersHearWhatTheySee: a reload is told to those who see its change,
// once each and in order, and not to others, for whom what they must not see
// does not exist. A refused reload, and one without a change, is told to
// nobody; no stream ends before the gateway does, and then all end properly.
func TestListenersHearWhatTheySee(t *testing.T) {
	const each = 10
	b := newBackend(t, ok)
	manifest := func(tools, prompts string) string { return fmt.Sprintf(listenerManifest, tools, prompts) }
	r := start(t, manifest("", ""), b.URL, crowdEnv())
	var all []*listener
	for n := range 4 * each {
		all = append(all, r.listenAs(n, n%2 == 0, n%4 < 2))
	}
	tool := func(name, role string) string {
		return fmt.Sprintf("  %s: {description: d, request: GET /x, roles: [%s]}\n", name, role)
	}
	a, b1, c := tool("a", "admin"), tool("b", "support"), tool("c", "admin")
	for _, step := range []struct {
		manifest string
		refused  bool
	}{
		{manifest(a, ""), false}, // admins
		{manifest(a+"  broken: {}\n", ""), true},
		{manifest(a+b1, ""), false}, // support
		{manifest(a+b1, ""), false}, // nobody
		{"tools: [", true},
		{manifest(a+b1+c, ""), false}, // admins
		{manifest(a+b1+c, "  more: {description: d, messages: [{role: user, text: x}]}\n"), false}, // all
	} {
		r.replace(step.manifest)
		if _, err := r.g.Reload(); (err != nil) != step.refused {
			t.Fatalf("reload: %v", err)
		}
	}
	for _, one := range all {
		want := []string{"tools", "prompts"}
		if one.admin {
			want = []string{"tools", "tools", "prompts"}
		}
		if got := one.told(t); !slices.Equal(got, want) {
			t.Errorf("%s was told of %v, want %v", one.name, got, want)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.g.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		one.endsProperly(t)
	}
}

// endsProperly checks the end of a stream: that of a modern client has the
// response to its request, that of a legacy one nothing more to take.
func (one *listener) endsProperly(t *testing.T) {
	t.Helper()
	var last []string
	for e, more := one.more(t); more; e, more = one.more(t) {
		if e.text != "" {
			last = append(last, e.text)
		}
	}
	switch {
	case !one.modern && len(last) > 0:
		t.Errorf("%s ended with %q", one.name, last)
	case one.modern && (len(last) != 1 || !strings.Contains(last[0], `"resultType":"complete"`) || !strings.Contains(last[0], `"id":`+one.id)):
		t.Errorf("%s ended with %q, want the response", one.name, last)
	}
}
