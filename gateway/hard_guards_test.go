package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const patientManifest = serverKeys + `
version: 1
upstreams: {crm: {url: "${UPSTREAM}", breaker: none}}
defaults: {timeout: 20s}
tools:
  slow: {description: d, request: "POST /{v}", input: {v: {type: string}}}
`

// TestHangingUp shows that a modern client that hangs up ends the upstream's
// work, that a legacy one doesn't, and that its notification does; and only
// its own.
//
// checklist: 38 88
func TestHangingUp(t *testing.T) {
	ended, begun, finish := make(chan string, 8), make(chan string, 8), make(chan bool)
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		begun <- req.URL.Path
		select {
		case <-req.Context().Done():
			ended <- req.URL.Path
		case <-finish:
			ok(w, req)
			ended <- "finished " + req.URL.Path
		}
	})
	r := start(t, patientManifest, b.URL, nil)
	one, two := r.begin("2025-06-18", nil), r.begin("2025-06-18", nil)
	legacy := func(v string) string {
		return `{"jsonrpc":"2.0","id":"` + v + `","method":"tools/call","params":{"name":"slow","arguments":{"v":"` + v + `"}}}`
	}
	modern := with(envelopeHeaders(), "Mcp-Name", "slow")

	hangUp := r.background(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{"v":"modern"},`+modernMeta+`}}`, modern)
	awaitText(t, begun, "/modern")
	hangUp()
	awaitText(t, ended, "/modern")

	hangUp = r.background(t, legacy("legacy"), one)
	awaitText(t, begun, "/legacy")
	hangUp()
	cancelled := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"legacy"}}`
	if a := r.do("POST", "/mcp", cancelled, two); a.status != 202 { // the id is another session's
		t.Errorf("cancel: %d %s", a.status, a.body)
	}
	select {
	case got := <-ended:
		t.Errorf("%s ended before it was cancelled by its own session", got)
	case <-time.After(400 * time.Millisecond):
	}
	finish <- true
	awaitText(t, ended, "finished /legacy")

	stop := r.background(t, legacy("again"), one)
	awaitText(t, begun, "/again")
	if a := r.do("POST", "/mcp", strings.ReplaceAll(cancelled, "legacy", "again"), one); a.status != 202 || a.body != "" {
		t.Errorf("cancel: %d %s", a.status, a.body)
	}
	awaitText(t, ended, "/again")
	stop()
	if seen := b.requests(); len(seen) != 3 {
		t.Errorf("the upstream saw %v", seen)
	}
}

// background sends a request whose answer nobody waits for, and returns what
// hangs up.
func (r *rig) background(t *testing.T, body string, headers map[string]string) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := r.client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	return func() { cancel(); <-done }
}

const guardManifest = serverKeys + `
version: 1
upstreams:
  crm: {url: "${UPSTREAM}", breaker: {failure_ratio: 0.5, min_calls: 5, window: 10s, open: 500ms, probes: 1}, retry: {attempts: 3, backoff: 1ms, max_backoff: 2ms}}
tools:
  get:  {description: d, request: "GET /{v}", input: {v: {type: string}}}
  post: {description: d, request: "POST /{v}", input: {v: {type: string}}}
`

// TestBreakerThroughTheFront shows that no client opens a breaker with what is
// its own fault, that failures do open it, and that it closes again.
func TestBreakerThroughTheFront(t *testing.T) {
	var down atomic.Bool
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		var status int
		_, _ = fmt.Sscanf(req.URL.Path, "/%d", &status)
		if down.Load() {
			status = 503
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(max(status, 200))
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	r := start(t, guardManifest, b.URL, nil)
	for range 50 {
		for _, arguments := range []string{`{"v":"404"}`, `{"v":"429"}`, `{"v":"401"}`, `{"v":".."}`, `{"v":1.5,"x":2}`, `{}`} {
			r.call("get", arguments, nil)
		}
	}
	if a := r.call("get", `{"v":"x"}`, nil); !strings.Contains(a.body, `"ok":true`) {
		t.Fatalf("one client's mistakes opened the breaker: %s", a.body)
	}
	down.Store(true)
	// The window is full of successes: fill it with failures.
	open := false
	for n := 0; n < 2000 && !open; n++ {
		open = strings.Contains(r.call("post", `{"v":"x"}`, nil).body, "left alone")
	}
	if !open {
		t.Fatal("2,000 failures don't open the breaker")
	}
	before := len(b.requests())
	for range 20 {
		if a := r.call("get", `{"v":"x"}`, nil); a.status != 200 || !strings.Contains(a.body, `"isError":true`) {
			t.Errorf("open: %d %s", a.status, a.body)
		}
	}
	if after := len(b.requests()); after > before+2 {
		t.Errorf("an open breaker let %d requests through", after-before)
	}
	down.Store(false)
	deadline := time.Now().Add(5 * time.Second)
	for !strings.Contains(r.call("get", `{"v":"x"}`, nil).body, `"ok":true`) {
		if time.Now().After(deadline) {
			t.Fatal("the breaker never closes")
		}
	}
}

// TestRetryBudget shows that an upstream that only fails sees hardly more
// requests than calls, and that a POST is sent once.
func TestRetryBudget(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	r := start(t, strings.ReplaceAll(guardManifest, "min_calls: 5", "min_calls: 100000"), b.URL, nil)
	for range 300 {
		r.call("get", `{"v":"x"}`, nil)
	}
	if seen := len(b.requests()); seen < 301 || seen > 335 {
		t.Errorf("300 calls made %d upstream requests", seen)
	}
	before := len(b.requests())
	for range 50 {
		r.call("post", `{"v":"x"}`, nil)
	}
	if sent := len(b.requests()) - before; sent != 50 {
		t.Errorf("50 POST calls made %d upstream requests", sent)
	}
}

const crowdedManifest = `
version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", max_concurrent_calls: 4}
upstreams: {crm: {url: "${UPSTREAM}"}}
tools:
  narrow: {description: d, concurrency: 2, request: "GET /narrow"}
  wide:   {description: d, request: "GET /wide"}
`

// TestConcurrencyLimits shows 503 beyond a tool's limit and the gateway's, that
// refused calls never reach the upstream, and that places come free.
func TestConcurrencyLimits(t *testing.T) {
	begun, finish := make(chan string, 16), make(chan bool)
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		begun <- req.URL.Path
		<-finish
		ok(w, req)
	})
	r := start(t, crowdedManifest, b.URL, nil)
	call := func(tool string) func() {
		return r.background(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`",`+modernMeta+`}}`, with(envelopeHeaders(), "Mcp-Name", tool))
	}
	refused := func(tool string) {
		t.Helper()
		a := r.call(tool, "{}", nil)
		if a.status != 503 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "50300") || !strings.Contains(a.body, `"id":1`) {
			t.Errorf("%s: %d %v %s", tool, a.status, a.header, a.body)
		}
	}
	waits := []func(){call("narrow"), call("narrow")}
	awaitText(t, begun, "/narrow")
	awaitText(t, begun, "/narrow")
	refused("narrow")
	waits = append(waits, call("wide"), call("wide"))
	awaitText(t, begun, "/wide")
	awaitText(t, begun, "/wide")
	refused("wide")
	if a := r.modern("tools/list", "", "", nil); a.status != 200 {
		t.Errorf("a list while all calls are taken: %d", a.status)
	}
	close(finish)
	for _, hangUp := range waits {
		defer hangUp()
	}
	deadline := time.Now().Add(5 * time.Second)
	for r.call("narrow", "{}", nil).status != 200 {
		if time.Now().After(deadline) {
			t.Fatal("places never come free")
		}
	}
	if seen := b.requests(); len(seen) != 5 {
		t.Errorf("the upstream saw %v", seen)
	}
}

// TestRefusedConnections shows that an upstream that isn't there is a tool
// error without its address.
func TestRefusedConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	r := start(t, hostileManifest, "http://"+address, nil)
	for _, tool := range []string{"get", "post"} {
		a := r.call(tool, `{"v":"x"}`, nil)
		if a.status != 200 || !strings.Contains(a.body, `"isError":true`) || strings.Contains(a.body, "127.0.0.1") || strings.Contains(a.body, "refused") {
			t.Errorf("%s: %d %s", tool, a.status, a.body)
		}
	}
}
