package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const oldManifest = `version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", http_sse: %t}
tools:
  a: {description: A., response: {text: a}}
  who:
    description: Asks for roots.
    steps: [{progress: 1}, {id: r, roots: {}}]
    response: {text: "${{ steps.r | length }}"}
`

// TestOldTransport speaks HTTP+SSE (2024-11-05): everything is heard on one
// stream, and what is posted is only accepted.
//
// checklist: 3 39 45
func TestOldTransport(t *testing.T) {
	r := start(t, fmt.Sprintf(oldManifest, true), "", nil)
	if a := r.do("GET", "/sse", "", map[string]string{"Accept": "text/event-stream", "Origin": "https://evil.example"}); a.status != 403 {
		t.Errorf("a foreign origin: %d %s", a.status, a.body)
	}
	events := listening(t, r.client, http.MethodGet, r.url+"/sse", "", map[string]string{"Accept": "text/event-stream"})
	first := events.next(t)
	endpoint, err := url.Parse(first.text)
	if err != nil || first.name != "endpoint" || endpoint.Path != "/messages" {
		t.Fatalf("the first event is %+v", first)
	}
	post := func(message string) {
		t.Helper()
		a := r.do("POST", endpoint.RequestURI(), message, map[string]string{"Content-Type": "application/json"})
		if a.status != 202 || strings.Contains(a.body, "jsonrpc") {
			t.Errorf("%s: %d %s", message, a.status, a.body)
		}
	}
	hear := func(parts ...string) string {
		t.Helper()
		e := events.next(t)
		for _, part := range parts {
			if e.name != "message" || !strings.Contains(e.text, part) {
				t.Errorf("heard %+v, want a message with %s", e, part)
			}
		}
		return e.text
	}
	post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{"roots":{}},"clientInfo":{"name":"t","version":"1"}}}`)
	hear(`"id":1,`, `"protocolVersion":"2024-11-05"`)
	post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	post(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a"}}`)
	hear(`{"jsonrpc":"2.0","id":2,"result":`)
	post(`{"jsonrpc":"2.0","id":"3","method":"tools/call","params":{"_meta":{"progressToken":9},"name":"who"}}`)
	hear(`"progressToken":9`)
	question, isQuestion := requestIn(hear(`"method":"roots/list"`))
	if !isQuestion {
		t.Fatal("no question")
	}
	post(`{"jsonrpc":"2.0","id":"` + question.id + `","result":{"roots":[{"uri":"file:///a"}]}}`)
	hear(`"id":"3"`, `"text":"1"`)
	events.drop()
	if a := r.do("POST", "/messages?session=nobody", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, map[string]string{"Content-Type": "application/json"}); a.status != 404 {
		t.Errorf("an unknown session: %d %s", a.status, a.body)
	}

	off := start(t, fmt.Sprintf(oldManifest, false), "", nil)
	if a := off.do("GET", "/sse", "", map[string]string{"Accept": "text/event-stream"}); a.status != 404 {
		t.Errorf("not configured: %d %s", a.status, a.body)
	}
}

// TestTraceContext shows that the trace of a call goes on at the upstream: that
// of _meta, else that of the HTTP headers, and neither if it is malformed.
//
// checklist: 22
func TestTraceContext(t *testing.T) {
	const parent, other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	seen := make(chan string, 1)
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		seen <- req.Header.Get("traceparent")
		ok(w, req)
	})
	r := start(t, serverKeys+"version: 1\nupstreams: {u: {url: \"${UPSTREAM}\"}}\ntools: {a: {description: A., request: GET /}}\n", b.URL, nil)
	tests := map[string]struct{ meta, header, want string }{
		"_meta":            {`"traceparent":"` + parent + `",`, "", parent[:35]},
		"header":           {"", parent, parent[:35]},
		"_meta wins":       {`"traceparent":"` + parent + `",`, other, parent[:35]},
		"malformed _meta":  {`"traceparent":"00-0af7",`, "", ""},
		"malformed header": {"", "nonsense", ""},
	}
	for name, test := range tests {
		for _, modern := range []bool{true, false} {
			headers := map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
			meta := strings.TrimSuffix(test.meta, ",")
			if modern {
				headers = envelopeHeaders()
				headers["Mcp-Name"] = "a"
				meta = test.meta + strings.TrimSuffix(strings.TrimPrefix(modernMeta, `"_meta":{`), "}")
			} else {
				headers = r.begin("2025-11-25", headers)
			}
			if test.header != "" {
				headers["traceparent"] = test.header
			}
			a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{`+meta+`}}}`, headers)
			if got := <-seen; a.status != 200 || !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
				t.Errorf("%s, modern %t: %d, the upstream saw %q", name, modern, a.status, got)
			}
		}
	}
}

// TestClientTokensStayHere shows that a client's token reaches no upstream.
//
// checklist: 105
func TestClientTokensStayHere(t *testing.T) {
	seen := make(chan string, 4)
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		seen <- fmt.Sprint(req.RequestURI, req.Header)
		ok(w, req)
	})
	id := newIdentity(t)
	r := start(t, guarded, b.URL, id.env)
	headers := id.bearer("ann", []string{"admin"}, []string{"customers:read", "customers:export"})
	token := strings.TrimPrefix(headers["Authorization"], "Bearer ")
	session := r.begin("2025-11-25", headers)
	r.call("get_customer", `{"customer_id":"1"}`, headers)
	r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"export_customers"}}`, session)
	for range 2 {
		if request := <-seen; strings.Contains(request, token) || strings.Contains(request, "Authorization") {
			t.Errorf("the upstream saw %s", request)
		}
	}
	if strings.Contains(r.log.String(), token) {
		t.Error("the log has the token")
	}
	headers["Authorization"] = "bEaReR " + token
	if a := r.call("get_customer", `{"customer_id":"1"}`, headers); a.status != 200 {
		t.Errorf("a scheme of other case: %d %s", a.status, a.body)
	}
}

// TestErasSideBySide lets clients of every revision call at once, all with the
// same id: each hears its own answer.
//
// checklist: 21 93
func TestErasSideBySide(t *testing.T) {
	r := start(t, serverKeys+`version: 1
tools:
  echo:
    description: Echoes.
    input: {what: {type: string}}
    steps: [{progress: 1}, {progress: 2}]
    response: {text: "${{ args.what }}"}
`, "", nil)
	var all sync.WaitGroup
	for _, revision := range revisions {
		headers := map[string]string{}
		if era(revision) == "legacy" {
			headers = r.begin(revision, nil)
		}
		for n := range 4 {
			all.Go(func() {
				own := headers
				for call := range 10 {
					text := fmt.Sprintf("%s-%d-%d", revision, n, call)
					body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":"` + text + `"},"name":"echo","arguments":{"what":"` + text + `"}}}`
					if era(revision) == "modern" {
						own = map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
						body = modernize(body, "{}", own)
					}
					a := r.do("POST", "/mcp", body, own)
					if strings.Count(a.body, `"progressToken":"`+text+`"`) != 2 || strings.Count(a.body, `"text":"`+text+`"`) != 1 || strings.Count(a.body, `"jsonrpc"`) != 3 {
						t.Errorf("%s: %d %s", text, a.status, a.body)
					}
				}
			})
		}
	}
	all.Wait()
}

// TestListenersHearTheEnd shows that a gateway that stops tells those who
// listen: modern ones get the result of their request, and all streams end.
//
// checklist: 84
func TestListenersHearTheEnd(t *testing.T) {
	r := start(t, serverKeys+"version: 1\ntools: {a: {description: A., response: {text: a}}}\n", "", nil)
	headers := map[string]string{"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
	body := modernize(`{"jsonrpc":"2.0","id":"mine","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}`, "{}", headers)
	modern := listening(t, r.client, http.MethodPost, r.url+"/mcp", body, headers)
	if text := modern.nextMessage(t); !strings.Contains(text, "acknowledged") {
		t.Fatalf("heard %s", text)
	}
	session := r.begin("2025-06-18", nil)
	session["Accept"] = "text/event-stream"
	legacy := listening(t, r.client, http.MethodGet, r.url+"/mcp", "", session).begun(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.g.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	want := `"io.modelcontextprotocol/subscriptionId":"mine"`
	if text := modern.nextMessage(t); !strings.HasPrefix(text, `{"jsonrpc":"2.0","id":"mine","result":{`) || !strings.Contains(text, want) || !strings.Contains(text, `"resultType":"complete"`) {
		t.Errorf("heard %s", text)
	}
	if e, more := modern.more(t); more {
		t.Errorf("after the result %+v", e)
	}
	for e, more := legacy.more(t); more; e, more = legacy.more(t) {
		if e.text != "" {
			t.Errorf("heard %+v", e)
		}
	}
}
