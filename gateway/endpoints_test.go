package gateway_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const endpointsManifest = serverKeys + `version: 1
auth:
  api_keys:
    - {name: ann, sha256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", roles: [support]}
    - {name: ben, sha256: "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9", roles: [admin]}
tools:
  get_order: {description: Reads an order., tags: [support], response: {text: An order}}
  get_customer: {description: Reads a customer., response: {text: A customer}}
  delete_order: {description: Deletes an order., tags: [danger], response: {text: Deleted}}
  reset: {description: Resets., roles: [admin], response: {text: Reset}}
resources:
  "crm://orders": {name: orders, text: All orders}
  "crm://customers": {name: customers, text: All customers, tags: [support]}
prompts:
  help: {description: Helps., messages: [{role: user, text: Help!}]}
endpoints:
  /mcp: {}
  /mcp/support: {include: ["get_*", "tag:support"], exclude: [get_customer], instructions: Be kind.}
  /admin: {roles: [admin], include: ["*"], exclude: ["tag:danger"]}
  /scoped: {scopes: [mcp:use]}
`

// at sends a modern request to an endpoint.
func (r *rig) at(path, method, name, params, key string) answer {
	r.t.Helper()
	if params != "" {
		params += ","
	}
	h := map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": modernRevision, "Mcp-Method": method, "X-API-Key": key,
	}
	if name != "" {
		h["Mcp-Name"] = name
	}
	return r.do("POST", path, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+modernMeta+`}}`, h)
}

// namesOf are the names in the list of an answer.
func namesOf(t *testing.T, a answer) []string {
	t.Helper()
	var list struct {
		Result struct {
			Tools, Resources, Prompts []struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || a.status != 200 {
		t.Fatalf("list: %d %s (%v)", a.status, a.body, err)
	}
	var names []string
	for _, some := range [][]struct{ Name string }{list.Result.Tools, list.Result.Resources, list.Result.Prompts} {
		for _, one := range some {
			names = append(names, one.Name)
		}
	}
	return names
}

func TestEndpointsShowTheirParts(t *testing.T) {
	r := start(t, endpointsManifest, "", nil)
	for _, c := range []struct {
		path, method, key string
		want              []string
	}{
		{"/mcp", "tools/list", "foo", []string{"delete_order", "get_customer", "get_order"}},
		{"/mcp", "tools/list", "bar", []string{"delete_order", "get_customer", "get_order", "reset"}},
		{"/mcp/support", "tools/list", "foo", []string{"get_order"}},
		{"/mcp/support", "resources/list", "foo", []string{"customers"}},
		{"/admin", "tools/list", "bar", []string{"get_customer", "get_order", "reset"}},
		{"/admin", "prompts/list", "bar", []string{"help"}},
	} {
		if got := namesOf(t, r.at(c.path, c.method, "", "", c.key)); !slices.Equal(got, c.want) {
			t.Errorf("%s %s as %s: %v, want %v", c.path, c.method, c.key, got, c.want)
		}
	}
	if a := r.at("/mcp/support", "server/discover", "", "", "foo"); !strings.Contains(a.body, "Be kind.") || strings.Contains(a.body, `"prompts"`) {
		t.Errorf("discover: %s", a.body)
	}
}

// What an endpoint doesn't show is unknown there, also to those who know its
// name.
func TestEndpointsRefuseWhatTheyDoNotShow(t *testing.T) {
	r := start(t, endpointsManifest, "", nil)
	for _, c := range []struct{ path, method, name, params, want string }{
		{"/mcp/support", "tools/call", "delete_order", `"name":"delete_order","arguments":{}`, "Unknown tool: delete_order"},
		{"/mcp/support", "tools/call", "get_order", `"name":"get_order","arguments":{}`, "An order"},
		{"/mcp/support", "resources/read", "crm://orders", `"uri":"crm://orders"`, "Resource not found"},
		{"/mcp/support", "prompts/get", "help", `"name":"help"`, "Method not found"},
		{"/admin", "tools/call", "delete_order", `"name":"delete_order","arguments":{}`, "Unknown tool: delete_order"},
	} {
		if a := r.at(c.path, c.method, c.name, c.params, "bar"); !strings.Contains(a.body, c.want) {
			t.Errorf("%s %s %s: %d %s, want %q", c.path, c.method, c.name, a.status, a.body, c.want)
		}
	}
}

func TestEndpointsAskForRolesAndScopes(t *testing.T) {
	r := start(t, endpointsManifest, "", nil)
	for _, c := range []struct {
		path, key string
		want      int
	}{
		{"/mcp", "foo", 200}, {"/admin", "bar", 200}, {"/admin", "foo", 404}, {"/admin", "", 401},
		{"/scoped", "bar", 403}, {"/nothing", "bar", 404}, {"/mcp/", "bar", 404}, {"/mcp/support/x", "bar", 404}, {"/MCP", "bar", 404},
	} {
		headers := map[string]string{"Content-Type": "application/json", "MCP-Protocol-Version": modernRevision, "Mcp-Method": "tools/list"}
		if c.key != "" {
			headers["X-API-Key"] = c.key
		}
		a := r.do("POST", c.path, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+modernMeta+`}}`, headers)
		if a.status != c.want {
			t.Errorf("%s as %q: %d %s, want %d", c.path, c.key, a.status, a.body, c.want)
		}
		challenge := a.header.Get("WWW-Authenticate")
		if c.want == 403 && !strings.Contains(challenge, `error="insufficient_scope", scope="mcp:use"`) {
			t.Errorf("%s: challenge %q", c.path, challenge)
		}
	}
	hidden, unknown := r.at("/admin", "tools/list", "", "", "foo"), r.at("/nothing", "tools/list", "", "", "foo")
	if hidden.body != unknown.body {
		t.Errorf("an endpoint for others can be told from none: %s and %s", hidden.body, unknown.body)
	}
}

// A session is good at its endpoint only.
func TestSessionsBelongToAnEndpoint(t *testing.T) {
	r := start(t, endpointsManifest, "", nil)
	h := r.begin("2025-11-25", map[string]string{"X-API-Key": "bar"})
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	if a := r.do("POST", "/mcp", body, h); a.status != 200 {
		t.Errorf("at its endpoint: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/mcp/support", "/admin"} {
		if a := r.do("POST", path, body, h); a.status != 404 {
			t.Errorf("at %s: %d %s", path, a.status, a.body)
		}
		if a := r.do("DELETE", path, "", h); a.status != 404 {
			t.Errorf("DELETE at %s: %d %s", path, a.status, a.body)
		}
	}
}

// Each endpoint is a protected resource of its own (RFC 9728, section 3.1).
func TestEndpointsTellWhereToLogIn(t *testing.T) {
	manifest := strings.Replace(endpointsManifest, "auth:\n", "auth:\n  jwt: {issuer: \"http://127.0.0.1:1\", audience: a, secret: \"0123456789abcdef0123456789abcdef\"}\n", 1)
	r := start(t, manifest, "", nil)
	a := r.do("POST", "/scoped", "{}", map[string]string{"Content-Type": "application/json"})
	if want := r.url + "/.well-known/oauth-protected-resource/scoped"; a.status != 401 ||
		!strings.Contains(a.header.Get("WWW-Authenticate"), "/.well-known/oauth-protected-resource/scoped\", scope=\"mcp:use\"") {
		t.Errorf("challenge: %d %q, want %s", a.status, a.header.Get("WWW-Authenticate"), want)
	}
	a = r.do("GET", "/.well-known/oauth-protected-resource/scoped", "", nil)
	if a.status != 200 || !strings.Contains(a.body, `/scoped","authorization_servers"`) || !strings.Contains(a.body, `"scopes_supported":["mcp:use"]`) {
		t.Errorf("metadata: %d %s", a.status, a.body)
	}
	if a = r.do("GET", "/.well-known/oauth-protected-resource/nothing", "", nil); a.status != 404 {
		t.Errorf("metadata of nothing: %d %s", a.status, a.body)
	}
}

// A reload that changes what one endpoint shows is told to those who listen
// there, and to nobody else.
func TestEndpointsChangeApart(t *testing.T) {
	r := start(t, endpointsManifest, "", nil)
	before := map[string]string{}
	for _, path := range []string{"/mcp", "/mcp/support"} {
		before[path] = r.at(path, "tools/list", "", "", "foo").body
	}
	r.replace(strings.Replace(endpointsManifest, "exclude: [get_customer], ", "", 1))
	if _, err := r.g.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := r.at("/mcp", "tools/list", "", "", "foo").body; got != before["/mcp"] {
		t.Errorf("/mcp changed: %s", got)
	}
	if got := namesOf(t, r.at("/mcp/support", "tools/list", "", "", "foo")); !slices.Equal(got, []string{"get_customer", "get_order"}) {
		t.Errorf("/mcp/support: %v", got)
	}
	r.replace(strings.Replace(endpointsManifest, "  /mcp/support:", "  /mcp/other:", 1))
	if _, err := r.g.Reload(); err != nil {
		t.Fatal(err)
	}
	if a := r.at("/mcp/support", "tools/list", "", "", "foo"); a.status != 404 {
		t.Errorf("an endpoint that is no more: %d %s", a.status, a.body)
	}
}
