package gateway_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/auth"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// guarded is a manifest with every guard on.
const guarded = `
version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", max_body: 2KiB, allowed_origins: ["https://claude.ai"], public_url: "https://mcp.acme.example"}
auth:
  jwt: {issuer: "https://id.acme.example", audience: "https://mcp.acme.example/mcp", jwks_file: "${JWKS}"}
upstreams:
  crm: {url: "${UPSTREAM}"}
tools:
  get_customer:
    description: Retrieve a customer.
    request: GET /customers/{customer_id}
    input: {customer_id: {type: string}}
  update_customer:
    description: Change a customer.
    roles: [admin]
    request: PATCH /customers/{customer_id}
    input: {customer_id: {type: string}, name: {type: string}}
  export_customers:
    description: Export.
    scopes: [customers:read, customers:export]
    request: GET /export
  limited:
    description: Seldom.
    rate_limit: 1/h burst 1
    request: GET /limited
  limited_softly:
    description: Seldom, told to the model.
    rate_limit: {rate: 1/h burst 1, answer: tool_error}
    request: GET /limited
`

// identity signs tokens for the manifest guarded.
type identity struct {
	t   testing.TB
	key *auth.DevKey
	env map[string]string
}

func newIdentity(t testing.TB) *identity {
	t.Helper()
	key, err := auth.NewDevKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err = os.WriteFile(path, key.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &identity{t: t, key: key, env: map[string]string{"JWKS": path}}
}

// bearer is the header of a token with these roles and scopes.
func (i *identity) bearer(subject string, roles, scopes []string) map[string]string {
	i.t.Helper()
	token, err := i.key.Sign(auth.DevClaims{
		Issuer: "https://id.acme.example", Audience: "https://mcp.acme.example/mcp",
		Subject: subject, Roles: roles, Scopes: scopes, TTL: time.Hour,
	})
	if err != nil {
		i.t.Fatal(err)
	}
	return map[string]string{"Authorization": "Bearer " + token}
}

func ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"ok":true}`))
}

// with returns headers with some replaced; an empty value takes one away.
func with(headers map[string]string, changes ...string) map[string]string {
	out := make(map[string]string, len(headers)+len(changes)/2)
	for k, v := range headers {
		out[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		out[changes[i]] = changes[i+1]
	}
	return out
}

// TestRefusals plays every row of the contract: what is refused, how it is
// told, and that the upstream saw nothing of it.
//
// checklist: 3 6 35 48 50 55 100 101 103
func TestRefusals(t *testing.T) {
	id := newIdentity(t)
	b := newBackend(t, ok)
	r := start(t, guarded, b.URL, id.env)
	ann := id.bearer("ann", nil, nil)
	post := with(ann, "Content-Type", "application/json", "Accept", "application/json, text/event-stream")
	list := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + modernMeta + `}}`
	modern := with(post, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list")
	metadata := `resource_metadata="https://mcp.acme.example/.well-known/oauth-protected-resource/mcp"`
	tests := []struct {
		name, method, path, body string
		headers                  map[string]string
		status                   int
		code                     string // in the body
		header, value            string // wanted in the answer
	}{
		{"fine", "POST", "/mcp", list, modern, 200, `"tools"`, "", ""},
		{"no token", "POST", "/mcp", list, with(modern, "Authorization", ""), 401, "40100", "WWW-Authenticate", metadata},
		{"no token, GET", "GET", "/mcp", "", nil, 401, "40100", "WWW-Authenticate", metadata},
		{"no token, DELETE", "DELETE", "/mcp", "", map[string]string{"Mcp-Session-Id": "x"}, 401, "40100", "WWW-Authenticate", metadata},
		{"no token, initialize", "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"initialize"}`, with(post, "Authorization", ""), 401, "40100", "WWW-Authenticate", "scope="},
		{"garbage token", "POST", "/mcp", list, with(modern, "Authorization", "Bearer x.y.z"), 401, "40100", "WWW-Authenticate", `error="invalid_token"`},
		{"other scheme", "POST", "/mcp", list, with(modern, "Authorization", "Basic YTpi"), 400, "40000", "", ""},
		{"empty bearer", "POST", "/mcp", list, with(modern, "Authorization", "Bearer "), 400, "40000", "", ""},
		{"token in the query", "POST", "/mcp?access_token=" + strings.TrimPrefix(ann["Authorization"], "Bearer "), list, with(modern, "Authorization", ""), 401, "40100", "", ""},
		{"GET", "GET", "/mcp", "", ann, 405, "40000", "Allow", "POST, DELETE"},
		{"PUT", "PUT", "/mcp", list, modern, 405, "40000", "Allow", "POST, DELETE"},
		{"DELETE without session", "DELETE", "/mcp", "", ann, 405, "40000", "Allow", "POST"},
		{"DELETE, modern", "DELETE", "/mcp", "", with(ann, "Mcp-Session-Id", "x", "MCP-Protocol-Version", "2026-07-28"), 405, "", "Allow", "POST"},
		{"DELETE of an unknown session", "DELETE", "/mcp", "", with(ann, "Mcp-Session-Id", "x"), 404, "40400", "", ""},
		{"another path", "POST", "/", list, modern, 404, "40000", "", ""},
		{"endpoint with a slash", "POST", "/mcp/", list, modern, 404, "40000", "", ""},
		{"endpoint behind dots", "POST", "/x/%2e%2e/mcp", list, modern, 404, "40000", "", ""},
		{"an endpoint that is not there", "POST", "/mcp/support", list, modern, 404, "40000", "", ""},
		{"foreign origin", "POST", "/mcp", list, with(modern, "Origin", "http://evil.example.com"), 403, "40000", "", ""},
		{"null origin", "POST", "/mcp", list, with(modern, "Origin", "null"), 403, "40000", "", ""},
		{"allowed origin", "POST", "/mcp", list, with(modern, "Origin", "https://claude.ai"), 200, `"tools"`, "Access-Control-Allow-Origin", "https://claude.ai"},
		{"local origin", "POST", "/mcp", list, with(modern, "Origin", "http://localhost:3000"), 200, `"tools"`, "", ""},
		{"foreign host", "POST", "/mcp", list, with(modern, "Host", "evil.example.com"), 403, "40000", "", ""},
		{"public host", "POST", "/mcp", list, with(modern, "Host", "mcp.acme.example"), 200, `"tools"`, "", ""},
		{"text", "POST", "/mcp", list, with(modern, "Content-Type", "text/plain"), 415, "40000", "", ""},
		{"no content type", "POST", "/mcp", list, with(modern, "Content-Type", ""), 415, "40000", "", ""},
		{"charset", "POST", "/mcp", list, with(modern, "Content-Type", "Application/JSON; charset=utf-8"), 200, `"tools"`, "", ""},
		{"accepts html only", "POST", "/mcp", list, with(modern, "Accept", "text/html"), 406, "40000", "", ""},
		{"accepts no json", "POST", "/mcp", list, with(modern, "Accept", "application/json;q=0"), 406, "40000", "", ""},
		{"accepts anything", "POST", "/mcp", list, with(modern, "Accept", "*/*"), 200, `"tools"`, "", ""},
		{"large body", "POST", "/mcp", list + strings.Repeat(" ", 4096), modern, 413, "", "", ""},
		{"magic headers", "POST", "/mcp", list, with(modern, "Authorization", "", "X-Forwarded-User", "root", "X-HTTP-Method-Override", "GET"), 401, "40100", "", ""},
		{"session of nobody", "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, with(post, "Mcp-Session-Id", "nobody"), 404, "40400", "", ""},
		{"no session", "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, post, 400, "40400", "", ""},
		{"unknown legacy version", "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, with(post, "MCP-Protocol-Version", "2025-01-01"), 400, "-32600", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			headers := make(map[string]string, len(test.headers))
			for k, v := range test.headers {
				if v != "" {
					headers[k] = v
				}
			}
			r.t = t
			a := r.do(test.method, test.path, test.body, headers)
			if a.status != test.status || !strings.Contains(a.body, test.code) {
				t.Errorf("got %d %s, want %d with %s", a.status, a.body, test.status, test.code)
			}
			if test.header != "" && !strings.Contains(a.header.Get(test.header), test.value) {
				t.Errorf("%s is %q, want %q in it", test.header, a.header.Get(test.header), test.value)
			}
			if auth := headers["Authorization"]; len(auth) > 20 && strings.Contains(a.body+a.header.Get("WWW-Authenticate"), auth[7:]) {
				t.Error("the token is echoed")
			}
		})
	}
	if seen := b.requests(); len(seen) > 0 {
		t.Errorf("the upstream saw %v", seen)
	}
}

// TestHiddenToolsDoNotExist shows that a tool of another role is neither
// listed nor told from one that is not there.
//
// checklist: 8 20 92
func TestHiddenToolsDoNotExist(t *testing.T) {
	id := newIdentity(t)
	b := newBackend(t, ok)
	r := start(t, guarded, b.URL, id.env)
	ann, admin := id.bearer("ann", []string{"support"}, nil), id.bearer("root", []string{"admin"}, nil)

	if a := r.modern("tools/list", "", "", ann); strings.Contains(a.body, "update_customer") {
		t.Errorf("ann sees update_customer: %s", a.body)
	}
	if a := r.modern("tools/list", "", "", admin); !strings.Contains(a.body, "update_customer") {
		t.Errorf("admin doesn't see update_customer: %s", a.body)
	}
	hidden := r.call("update_customer", `{"customer_id":"1","name":"x"}`, ann)
	absent := r.call("update_custommer", `{"customer_id":"1","name":"x"}`, ann)
	if got, want := hidden.body, strings.ReplaceAll(absent.body, "update_custommer", "update_customer"); got != want || hidden.status != absent.status {
		t.Errorf("hidden: %d %s\nabsent: %d %s", hidden.status, got, absent.status, want)
	}
	if seen := b.requests(); len(seen) > 0 {
		t.Errorf("the upstream saw %v", seen)
	}
	if a := r.call("update_customer", `{"customer_id":"1","name":"x"}`, admin); a.status != 200 || strings.Contains(a.body, "isError") {
		t.Errorf("admin: %d %s", a.status, a.body)
	}
}

// TestScopes shows the step-up: 403 with all scopes the call needs.
//
// checklist: 104
func TestScopes(t *testing.T) {
	id := newIdentity(t)
	b := newBackend(t, ok)
	r := start(t, guarded, b.URL, id.env)
	a := r.call("export_customers", `{}`, id.bearer("ann", nil, []string{"customers:read"}))
	want := `error="insufficient_scope", scope="customers:read customers:export"`
	if a.status != 403 || !strings.Contains(a.header.Get("WWW-Authenticate"), want) ||
		!strings.Contains(a.header.Get("WWW-Authenticate"), "resource_metadata=") {
		t.Errorf("got %d, WWW-Authenticate %q", a.status, a.header.Get("WWW-Authenticate"))
	}
	if seen := b.requests(); len(seen) > 0 {
		t.Errorf("the upstream saw %v", seen)
	}
	a = r.call("export_customers", `{}`, id.bearer("ann", nil, []string{"customers:read", "customers:export"}))
	if a.status != 200 || strings.Contains(a.body, "isError") {
		t.Errorf("with scopes: %d %s", a.status, a.body)
	}
}

// TestRateLimits shows 429 with Retry-After and the id, the tool error form,
// and that one caller's limit is not another's.
//
// checklist: 20
func TestRateLimits(t *testing.T) {
	id := newIdentity(t)
	b := newBackend(t, ok)
	r := start(t, guarded, b.URL, id.env)
	ann, ben := id.bearer("ann", nil, nil), id.bearer("ben", nil, nil)
	if a := r.call("limited", `{}`, ann); a.status != 200 {
		t.Fatalf("first: %d %s", a.status, a.body)
	}
	a := r.call("limited", `{}`, id.bearer("ann", []string{"other"}, nil)) // a new token of the same caller
	if a.status != 429 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `"id":1`) || !strings.Contains(a.body, `"retryAfter":`) {
		t.Errorf("second: %d, Retry-After %q, %s", a.status, a.header.Get("Retry-After"), a.body)
	}
	if a = r.call("limited", `{}`, ben); a.status != 200 {
		t.Errorf("another caller: %d %s", a.status, a.body)
	}
	r.call("limited_softly", `{}`, ann)
	if a = r.call("limited_softly", `{}`, ann); a.status != 200 || !strings.Contains(a.body, `"isError":true`) {
		t.Errorf("as tool error: %d %s", a.status, a.body)
	}
	if seen := b.requests(); len(seen) != 3 {
		t.Errorf("the upstream saw %v", seen)
	}
}

// TestProtectedResourceMetadata shows where clients find the issuer (RFC 9728).
//
// checklist: 52 102
func TestProtectedResourceMetadata(t *testing.T) {
	id := newIdentity(t)
	r := start(t, guarded, "http://127.0.0.1:9", id.env)
	want := `{"resource":"https://mcp.acme.example/mcp","authorization_servers":["https://id.acme.example"],"scopes_supported":["customers:export","customers:read"],"bearer_methods_supported":["header"]}`
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		a := r.do("GET", path, "", map[string]string{"Origin": "https://inspector.example"})
		if a.status != 200 || a.body != want || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// TestSessionsAreBound shows that a session belongs to its caller, and ends.
//
// checklist: 34 41 106
func TestSessionsAreBound(t *testing.T) {
	id := newIdentity(t)
	r := start(t, guarded, "http://127.0.0.1:9", id.env)
	ann := r.begin("2025-11-25", id.bearer("ann", nil, nil))
	list := `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	if a := r.do("POST", "/mcp", list, ann); a.status != 200 {
		t.Fatalf("own session: %d %s", a.status, a.body)
	}
	if a := r.do("POST", "/mcp", list, with(ann, "Authorization", id.bearer("ben", nil, nil)["Authorization"])); a.status != 404 {
		t.Errorf("another's session: %d %s", a.status, a.body)
	}
	if a := r.do("DELETE", "/mcp", "", ann); a.status != 204 {
		t.Errorf("end: %d %s", a.status, a.body)
	}
	if a := r.do("POST", "/mcp", list, ann); a.status != 404 {
		t.Errorf("ended session: %d %s", a.status, a.body)
	}
}

// TestServerLimitTellsTheID shows that a request refused before it is decoded
// gets its id back all the same.
//
// checklist: 1
func TestServerLimitTellsTheID(t *testing.T) {
	b := newBackend(t, ok)
	manifest := `version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", rate_limit: 1/h burst 1}
upstreams: {crm: {url: "${UPSTREAM}"}}
tools: {get: {description: Get., request: GET /}}
`
	r := start(t, manifest, b.URL, nil)
	if a := r.call("get", "{}", nil); a.status != 200 {
		t.Fatalf("first: %d %s", a.status, a.body)
	}
	a := r.call("get", "{}", nil)
	if a.status != 429 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `"id":1`) {
		t.Errorf("second: %d %v %s", a.status, a.header, a.body)
	}
	if seen := b.requests(); len(seen) != 1 {
		t.Errorf("the upstream saw %v", seen)
	}
}

// TestTLSFilesAreChecked shows that certificate files that can't be served are
// found when the manifest is built, at their place.
func TestTLSFilesAreChecked(t *testing.T) {
	folder := t.TempDir()
	junk := filepath.Join(folder, "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	manifest := `version: 1
server: {listen: "127.0.0.1:0", admin: "off", tls: {cert: "` + junk + `", key: "` + filepath.Join(folder, "absent.pem") + `"}}
upstreams: {crm: {url: "http://127.0.0.1:9"}}
tools: {get: {description: Get., request: GET /}}
`
	_, err := gateway.New(gateway.Options{
		Source: config.Source{Path: "manifest.yaml", Overlay: map[string][]byte{"manifest.yaml": []byte(manifest)}},
		Parts:  standard.Parts(),
	})
	problems, ok := gateway.IsProblems(err)
	if !ok || len(problems) != 1 || problems[0].Line != 2 || problems[0].Path != "server.tls" {
		t.Errorf("got %v", err)
	}
}
