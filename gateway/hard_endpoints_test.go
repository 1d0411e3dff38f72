package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// wallsManifest has an endpoint that shows less than there is.
const wallsManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s, claims: {subject: sub, roles: roles, scopes: scope}}
upstreams:
  crm: {url: "${UPSTREAM}", breaker: none}
defaults: {rate_limit: none}
tools:
  open:   {description: Reads an order of the canary., request: GET /open, tags: [support]}
  hidden: {description: Deletes an order of the canary., request: GET /hidden, input: {secretargument: {type: string, optional: true, description: zebra}}}
  admins: {description: Resets a thing for the wombat., request: GET /admins, roles: [admin], tags: [support]}
  inside: {description: d, request: GET /inside, internal: true, tags: [support]}
  outer:  {description: Calls the other., tags: [support], steps: [{tool: hidden}]}
  asks:   {description: Asks., tags: [support], steps: [{id: ok, ask: {message: "Sure?", schema: {sure: {type: boolean}}}}, {tool: open}]}
resources:
  "crm://open": {name: open, text: OPEN, tags: [support]}
  "crm://hidden": {name: hidden, request: GET /hidden, watch: 1s}
  "crm://hidden/{id}": {name: each, request: "GET /hidden/{id}", complete: {id: [canary]}}
prompts:
  hiddenprompt: {description: d, arguments: {a: {complete: [canary]}}, messages: [{role: user, text: HIDDEN}]}
endpoints:
  /mcp: {}
  /mcp/support: {include: ["tag:support"]}
  /mcp/search: {include: ["tag:support"], discovery: search}
  /scoped: {scopes: [mcp:use], roles: [user]}
`

func startWalls(t *testing.T) (*rig, *backend) {
	t.Helper()
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	return start(t, wallsManifest, b.URL, map[string]string{"SECRET": sharedSecret}), b
}

// send posts a modern request of ann's to a path.
func (r *rig) sendTo(path, method, name, params string, headers map[string]string) answer {
	r.t.Helper()
	h := bearerWith("ann", "")
	for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": modernRevision, "Mcp-Method": method} {
		h[k] = v
	}
	if name != "" {
		h["Mcp-Name"] = name
	}
	for k, v := range headers {
		h[k] = v
	}
	if params != "" {
		params += ","
	}
	return r.do("POST", path, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+modernMeta+`}}`, h)
}

// TestHiddenStaysHidden tries to reach at an endpoint what it doesn't show.
func TestHiddenStaysHidden(t *testing.T) {
	r, b := startWalls(t)
	quiet := func(what string, a answer) {
		t.Helper()
		for _, seen := range b.requests() {
			if strings.Contains(seen, "hidden") || strings.Contains(seen, "admins") || strings.Contains(seen, "inside") {
				t.Fatalf("%s: the upstream saw %s", what, seen)
			}
		}
		if strings.Contains(a.body, `"text":"HIDDEN`) || strings.Contains(a.body, "canary\"") || strings.Contains(a.body, `"ok":true`) || strings.Contains(a.body, "zebra") || strings.Contains(a.body, "secretargument") {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	for _, name := range []string{"hidden", "admins", "inside", "HIDDEN", " hidden", "hidden ", "open\\u0000hidden", "../hidden", "call_tool", "search_tools"} {
		call := `"name":"` + name + `","arguments":{}`
		for _, path := range []string{"/mcp/support", "/mcp/search"} {
			if strings.HasSuffix(name, "_tool") || strings.HasSuffix(name, "_tools") {
				call = `"name":"` + name + `","arguments":{"name":"hidden","query":"zebra wombat secretargument delete"}`
			}
			quiet(path+" "+name, r.sendTo(path, "tools/call", name, call, nil))
			quiet(path+" "+name+" by another header", r.sendTo(path, "tools/call", "open", call, nil))
		}
	}
	for _, inner := range []string{
		`{"name":"hidden"}`, `{"name":"hidden","arguments":{}}`, `{"name":"call_tool","arguments":{"name":"hidden"}}`, `{"name":"search_tools","arguments":{"query":"zebra"}}`, `{"name":"admins"}`, `{"name":"inside"}`, `{"name":["hidden"]}`,
		`{"name":"open","name":"hidden"}`, `{"Name":"hidden","name":"open"}`, `{"name":"open","arguments":{"name":"hidden"}}`, `"{\"name\":\"hidden\"}"`, `{"name":"open","arguments":"{\"a\":1}"}`, `null`, `{}`,
	} {
		a := r.sendTo("/mcp/search", "tools/call", "call_tool", `"name":"call_tool","arguments":`+inner, nil)
		if strings.Contains(inner, `"Name":"hidden","name":"open"`) || strings.HasPrefix(inner, `{"name":"open","arguments"`) {
			continue // open may be called
		}
		quiet("call_tool "+inner, a)
	}
	for _, query := range []string{"zebra", "wombat", "secretargument", "delete order canary", "hidden", "*", "", strings.Repeat("hidden ", 10_000), "inside", "\\u0000", "(a+)+$"} {
		a := r.sendTo("/mcp/search", "tools/call", "search_tools", `"name":"search_tools","arguments":{"query":"`+query+`","limit":1e9}`, nil)
		if !json.Valid([]byte(a.body)) || strings.Contains(a.body, `"name":"hidden"`) || strings.Contains(a.body, `\"hidden\"`) || strings.Contains(a.body, "wombat") || strings.Contains(a.body, "zebra") {
			t.Errorf("search %.40q: %.500s", query, a.body)
		}
	}
	for _, path := range []string{"/mcp/support", "/mcp/search"} {
		quiet("read", r.sendTo(path, "resources/read", "crm://hidden", `"uri":"crm://hidden"`, nil))
		quiet("read", r.sendTo(path, "resources/read", "crm://hidden/1", `"uri":"crm://hidden/1"`, nil))
		quiet("prompt", r.sendTo(path, "prompts/get", "hiddenprompt", `"name":"hiddenprompt","arguments":{"a":"b"}`, nil))
		quiet("complete", r.sendTo(path, "completion/complete", "", `"ref":{"type":"ref/prompt","name":"hiddenprompt"},"argument":{"name":"a","value":"c"}`, nil))
		quiet("complete", r.sendTo(path, "completion/complete", "", `"ref":{"type":"ref/resource","uri":"crm://hidden/{id}"},"argument":{"name":"id","value":"c"}`, nil))
		for _, method := range []string{"tools/list", "resources/list", "resources/templates/list", "prompts/list", "server/discover"} {
			a := r.sendTo(path, method, "", "", nil)
			if strings.Contains(a.body, "hidden") || strings.Contains(a.body, "admins") || strings.Contains(a.body, "inside") || strings.Contains(a.body, "canary") && path == "/mcp/search" {
				t.Errorf("%s of %s: %s", method, path, a.body)
			}
		}
	}
	// A step reaches what its author wrote, and only so.
	if a := r.sendTo("/mcp/support", "tools/call", "outer", `"name":"outer","arguments":{}`, nil); strings.Contains(a.body, "rror") || !strings.HasSuffix(b.requests()[len(b.requests())-1], "/hidden") {
		t.Errorf("steps: %s", a.body)
	}
}

// TestPathsOfEndpoints shows that a path is an endpoint's or nobody's, for
// every method.
func TestPathsOfEndpoints(t *testing.T) {
	r, _ := startWalls(t)
	for _, path := range []string{
		"/mcp/support/..", "/mcp/support/../", "/mcp%2fsupport", "/mcp%2Fsupport", "//mcp", "/mcp//support", "/MCP/support", "/mcp/Support", "/mcp/support/", "/mcp/support/x", "/mcp/supports", "/mcp/suppor", "/mcp/./support", "/./mcp", "/scoped/../mcp", "/%6dcp",
		"/mcp;x", "/mcp/support;x=1", "/mcp\\support", "/", "/mcp/nothing", "/sse", "/messages", "/mcp%00", "/mcp%20", "/.well-known/oauth-protected-resource/../../mcp",
	} {
		for _, method := range []string{"POST", "GET", "DELETE", "PUT", "HEAD"} {
			c := r.dial(t, method, path, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+modernMeta+`}}`, map[string]string{
				"Authorization": bearerWith("ann", "")["Authorization"], "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": modernRevision, "Mcp-Method": "tools/list", "Connection": "close",
			})
			text, err := io.ReadAll(c)
			_ = c.Close()
			if head, _, _ := strings.Cut(string(text), "\r\n"); !strings.Contains(head, " 404") && !strings.Contains(head, " 400") || strings.Contains(string(text), "canary") {
				t.Errorf("%s %s: %v %.300s", method, path, err, text)
			}
		}
	}
	for _, path := range []string{"/mcp/support?x=/mcp", "/mcp/support?endpoint=/mcp", "/mcp/support?"} {
		for name, headers := range map[string]map[string]string{"none": nil, "original": {"X-Original-URL": "/mcp", "X-Rewrite-URL": "/mcp", "X-Forwarded-Prefix": "/mcp", "X-Forwarded-Path": "/mcp"}} {
			if a := r.sendTo(path, "tools/list", "", "", headers); a.status != 200 || strings.Contains(a.body, `"hidden"`) {
				t.Errorf("%s with %s: %d %s", path, name, a.status, a.body)
			}
		}
	}
}

// TestEveryMethodOfAnEndpointIsGuarded shows that who may not use an endpoint
// may use none of its methods.
func TestEveryMethodOfAnEndpointIsGuarded(t *testing.T) {
	r, _ := startWalls(t)
	for _, c := range []struct {
		more string
		want int
	}{{"", 404}, {`,"roles":["user"]`, 403}, {`,"scope":"mcp:use"`, 404}, {`,"roles":["admin"],"scope":"mcp:use2 mcp MCP:USE"`, 404}, {`,"roles":["user"],"scope":"mcp:use2"`, 403}} {
		for _, method := range []string{"POST", "GET", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "HEAD"} {
			h := with(bearerWith("ann", c.more), "Content-Type", "application/json", "Accept", "application/json, text/event-stream", "MCP-Protocol-Version", modernRevision, "Mcp-Method", "tools/list", "Mcp-Session-Id", "x", "Last-Event-ID", "x")
			body := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + modernMeta + `}}`
			if method == "GET" || method == "HEAD" || method == "TRACE" {
				body = ""
			}
			if a := r.do(method, "/scoped", body, h); a.status != c.want && method != "TRACE" || a.status == 200 || strings.Contains(a.body, "canary") {
				t.Errorf("%s with %s: %d %s, want %d", method, c.more, a.status, a.body, c.want)
			}
		}
	}
	if a := r.do("GET", "/scoped", "", nil); a.status != 401 {
		t.Errorf("without a token: %d", a.status)
	}
	if a := r.sendTo("/scoped", "tools/list", "", "", bearerWith("ann", `,"roles":["user"],"scope":"mcp:use"`)); a.status != 200 {
		t.Errorf("with all: %d %s", a.status, a.body)
	}
}

// TestStatesStayAtTheirEndpoint brings what was sealed at one endpoint to
// another, and as somebody whose name ends in its path.
func TestStatesStayAtTheirEndpoint(t *testing.T) {
	r, _ := startWalls(t)
	c := toolRounds("asks", `{}`)
	c.headers = bearerWith("ann", "")
	at := func(path, more string, headers map[string]string) answer {
		c.headers = headers
		body, h := c.message(more)
		return r.do("POST", path, body, h)
	}
	const sure = `{"ok":{"action":"accept","content":{"sure":true}}}`
	ann := bearerWith("ann", "")
	own := stateIn(at("/mcp/support", "", ann))
	if own == "" {
		t.Fatal("nothing is asked")
	}
	for _, path := range []string{"/mcp", "/mcp/search"} {
		if a := at(path, retry(own, sure), ann); !strings.Contains(a.body, `"error"`) && !strings.Contains(a.body, `"isError":true`) {
			t.Errorf("at %s: %d %s", path, a.status, a.body)
		}
	}
	odd := bearerWith("ann\x00/mcp/support", "")
	raw, _ := json.Marshal("ann\x00/mcp/support")
	odd["Authorization"] = "Bearer " + forge(goodHeader, fmt.Sprintf(`{"iss":"https://id.acme.example","aud":"gateway","sub":%s,"exp":9999999999}`, raw))
	if a := at("/mcp", retry(own, sure), odd); a.status == 200 && !strings.Contains(a.body, `"error"`) && !strings.Contains(a.body, `"isError":true`) {
		t.Errorf("as somebody else: %d %s", a.status, a.body)
	}
	if a := at("/mcp/support", retry(own, sure), ann); strings.Contains(a.body, "rror") || !strings.Contains(a.body, "complete") {
		t.Errorf("at its own: %d %s", a.status, a.body)
	}
}

// TestEndpointsChangeUnderStreams takes the roles of an endpoint's tools away
// while sessions of it are open: what they may see is decided anew.
func TestEndpointsChangeUnderStreams(t *testing.T) {
	r, b := startWalls(t)
	h := map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": bearerWith("ann", "")["Authorization"]}
	a := r.do("POST", "/mcp/support", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, h)
	h["Mcp-Session-Id"], h["MCP-Protocol-Version"] = a.header.Get("Mcp-Session-Id"), "2025-11-25"
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","arguments":{}}}`
	if a = r.do("POST", "/mcp/support", call, h); !strings.Contains(a.body, `ok`) || a.status != 200 {
		t.Fatalf("before: %d %s", a.status, a.body)
	}
	before := len(b.requests())
	r.replace(strings.Replace(wallsManifest, `/mcp/support: {include: ["tag:support"]}`, `/mcp/support: {include: ["tag:support"], exclude: [open]}`, 1))
	reload(t, r)
	if a = r.do("POST", "/mcp/support", call, h); !strings.Contains(a.body, "Unknown tool") || len(b.requests()) > before {
		t.Errorf("excluded: %d %s", a.status, a.body)
	}
	r.replace(strings.Replace(wallsManifest, `/mcp/support: {include: ["tag:support"]}`, `/mcp/support: {include: ["tag:support"], roles: [boss]}`, 1))
	reload(t, r)
	for _, method := range []string{"POST", "GET", "DELETE"} {
		body := call
		if method != "POST" {
			body = ""
		}
		if a = r.do(method, "/mcp/support", body, h); a.status != 404 || len(b.requests()) > before {
			t.Errorf("%s without the role: %d %s", method, a.status, a.body)
		}
	}
}
