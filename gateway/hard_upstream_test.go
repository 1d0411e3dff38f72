package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hostileManifest asks an upstream that can't be trusted.
const hostileManifest = serverKeys + `
version: 1
upstreams:
  crm: {url: "${UPSTREAM}", max_response: 1MiB, breaker: none}
defaults: {timeout: 300ms}
tools:
  get:   {description: d, request: "GET /{v}", input: {v: {type: string}}}
  post:  {description: d, request: "POST /{v}", input: {v: {type: string}}}
  json:  {description: d, request: "GET /{v}", input: {v: {type: string}}, response: {as: json}}
  pick:  {description: d, request: "GET /{v}", input: {v: {type: string}}, response: {select: "{a: .a}"}}
`

// rawServer answers every request on a connection with bytes as they are.
func rawServer(t *testing.T, serve func(c net.Conn, request string)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 64<<10)
				for n, err := c.Read(buf); err == nil; n, err = c.Read(buf) {
					serve(c, string(buf[:n]))
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

func zipped(body []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

// brotliBomb is 64 MiB of zeros.
const brotliBomb = "y///PwAkAOKxQHLv//j//weABEAcFoDu/R////8AkACIwwLQvf/j//8fABIAcVgAuvd//P//A0ACIA4LQPf+j///fwBIAMRhAeje//H//w8ACYA4LADd+7/8//8DIAEQhwWge/8H"

func unbase64(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

func message(head string, body []byte) []byte {
	return append([]byte(fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n", head, len(body))), body...)
}

const jsonHead = "Content-Type: application/json\r\n"

// hostileAnswers are what upstreams should never answer.
func hostileAnswers() map[string][]byte {
	bomb := make([]byte, 64<<20)
	deep := []byte(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000))
	return map[string][]byte{
		"nothing":            nil,
		"cut-head":           []byte("HTTP/1.1 200 OK\r\nContent-Le"),
		"cut-body":           []byte("HTTP/1.1 200 OK\r\n" + jsonHead + "Content-Length: 100\r\n\r\n{\"a\":"),
		"cut-chunk":          []byte("HTTP/1.1 200 OK\r\n" + jsonHead + "Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
		"lies-more":          []byte("HTTP/1.1 200 OK\r\n" + jsonHead + "Content-Length: 999999999999\r\n\r\n{}"),
		"lies-negative":      []byte("HTTP/1.1 200 OK\r\n" + jsonHead + "Content-Length: -1\r\n\r\n{}"),
		"two-lengths":        []byte("HTTP/1.1 200 OK\r\n" + jsonHead + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
		"both-framings":      []byte("HTTP/1.1 200 OK\r\n" + jsonHead + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
		"chunk-bomb":         []byte("HTTP/1.1 200 OK\r\n" + jsonHead + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}"),
		"header-bomb":        []byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("h", 200<<10) + "\r\n\r\n{}"),
		"many-headers":       []byte("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 40_000) + "\r\n{}"),
		"no-http":            []byte("SSH-2.0-OpenSSH_9.7\r\n"),
		"http2":              []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		"status-1000":        []byte("HTTP/1.1 1000 OK\r\nContent-Length: 0\r\n\r\n"),
		"switch":             []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
		"interim-flood":      []byte(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000)),
		"too-big":            message(jsonHead, append(append([]byte(`"`), bytes.Repeat([]byte("a"), 1<<20)...), '"')),
		"gzip-bomb":          message(jsonHead+"Content-Encoding: gzip\r\n", zipped(bomb)),
		"gzip-twice":         message(jsonHead+"Content-Encoding: gzip, gzip\r\n", zipped(zipped(bomb))),
		"brotli-bomb":        message(jsonHead+"Content-Encoding: br\r\n", unbase64(brotliBomb)),
		"gzip-garbage":       message(jsonHead+"Content-Encoding: gzip\r\n", []byte("not gzip at all")),
		"unknown-coding":     message(jsonHead+"Content-Encoding: exi\r\n", []byte("{}")),
		"garbage-as-json":    message(jsonHead, []byte("{'a':1}")),
		"bad-utf8-as-json":   message(jsonHead, []byte("{\"a\":\"\xff\xfe\"}")),
		"two-values-as-json": message(jsonHead, []byte("{}{}")),
		"deep-json":          message(jsonHead, deep),
	}
}

// TestHostileUpstreams shows that whatever an upstream answers, the client gets
// a valid tool error in time, the next call works, and memory stays bounded.
func TestHostileUpstreams(t *testing.T) {
	answers := hostileAnswers()
	url := rawServer(t, func(c net.Conn, request string) {
		name, _, _ := strings.Cut(strings.SplitN(request, " ", 3)[1][1:], "?")
		if name == "fine" {
			_, _ = c.Write(message(jsonHead, []byte(`{"ok":true}`)))
			return
		}
		_, _ = c.Write(answers[name])
		_ = c.Close()
	})
	r := start(t, hostileManifest, url, nil)
	before := allocated()
	for name := range answers {
		for _, tool := range []string{"get", "post", "pick"} {
			began := time.Now()
			a := r.call(tool, `{"v":"`+name+`"}`, nil)
			if a.status != 200 || !strings.Contains(a.body, `"isError":true`) || !json.Valid([]byte(a.body)) || len(a.body) > 4096 {
				t.Errorf("%s by %s: %d %.400s", name, tool, a.status, a.body)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("%s by %s took %s", name, tool, took)
			}
			if a = r.call("get", `{"v":"fine"}`, nil); !strings.Contains(a.body, `"ok":true`) {
				t.Errorf("a good call after %s by %s: %s", name, tool, a.body)
			}
		}
	}
	if used := allocated() - before; used > 1<<30 {
		t.Errorf("%d MiB allocated for %d answers of at most 1 MiB", used>>20, 3*len(answers))
	}
}

// allocated is how many bytes were ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestOddButFine shows answers that are unusual and still good.
func TestOddButFine(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch req.URL.Path {
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/empty":
		case "/40k":
			w.Header().Set("X-Large", strings.Repeat("h", 40<<10))
			_, _ = io.WriteString(w, `{"a":1}`)
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped([]byte(`{"a":1}`)))
		case "/chunks":
			for _, part := range []string{`{"`, `a`, `":`, `1}`} {
				_, _ = io.WriteString(w, part)
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	r := start(t, hostileManifest, b.URL, nil)
	for path, want := range map[string]string{"204": `"content":[`, "empty": `"content":[`, "40k": `"a":1`, "gzip": `"a":1`, "chunks": `"a":1`} {
		if a := r.call("get", `{"v":"`+path+`"}`, nil); strings.Contains(a.body, "isError") || !strings.Contains(a.body, want) || !json.Valid([]byte(a.body)) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

// TestForeignStatuses shows that a page, and statuses that mean something to
// MCP clients, are tool errors and nothing else.
func TestForeignStatuses(t *testing.T) {
	const page = "<html><form action=/login>secret-internal-name <script>alert(1)</script></form></html>"
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("WWW-Authenticate", `Bearer realm="theirs"`)
		w.Header().Set("Set-Cookie", "theirs=1")
		w.Header().Set("Mcp-Session-Id", "theirs")
		w.Header().Set("Location", "http://127.0.0.1/theirs")
		var status int
		_, _ = fmt.Sscanf(req.URL.Path, "/%d", &status)
		w.WriteHeader(max(status, 200))
		_, _ = io.WriteString(w, page)
	})
	r := start(t, hostileManifest, b.URL, nil)
	for _, status := range []int{200, 301, 302, 307, 400, 401, 403, 404, 407, 409, 429, 500, 502, 503} {
		a := r.call("json", fmt.Sprintf(`{"v":"%d"}`, status), nil)
		if a.status != 200 || !strings.Contains(a.body, `"isError":true`) || strings.Contains(a.body, "<html") || strings.Contains(a.body, "alert(1)") {
			t.Errorf("%d: %d %s", status, a.status, a.body)
		}
		for name, values := range a.header {
			if strings.Contains(fmt.Sprint(values), "theirs") || name == "Set-Cookie" || name == "Www-Authenticate" {
				t.Errorf("%d: the header %s: %q", status, name, values)
			}
		}
	}
	if seen := b.requests(); len(seen) != 14 {
		t.Errorf("the upstream saw %d requests: %v", len(seen), seen)
	}
}

// TestHangsEnd shows that a hanging and a dripping upstream cost a call no more
// than its timeout, and that the upstream sees the end.
func TestHangsEnd(t *testing.T) {
	ended := make(chan string, 64)
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/drip" {
			for req.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-req.Context().Done():
				case <-time.After(5 * time.Millisecond):
				}
			}
		}
		<-req.Context().Done()
		ended <- req.Method + " " + req.URL.Path
	})
	r := start(t, hostileManifest, b.URL, nil)
	session := r.begin("2025-11-25", nil)
	for _, v := range []string{"hang", "drip"} {
		for _, tool := range []string{"get", "post"} {
			for _, era := range []string{"modern", "legacy"} {
				began := time.Now()
				var a answer
				if era == "modern" {
					a = r.call(tool, `{"v":"`+v+`"}`, nil)
				} else {
					a = r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":{"v":"`+v+`"}}}`, session)
				}
				took := time.Since(began)
				if !strings.Contains(a.body, `"isError":true`) || !strings.Contains(a.body, "300ms") {
					t.Errorf("%s by %s, %s: %s", v, tool, era, a.body)
				}
				if took < 290*time.Millisecond || took > 900*time.Millisecond {
					t.Errorf("%s by %s, %s: took %s, want 300ms", v, tool, era, took)
				}
				awaitText(t, ended, strings.ToUpper(tool)+" /"+v)
			}
		}
	}
	if seen := b.requests(); len(seen) != 8 {
		t.Errorf("the upstream saw %v", seen)
	}
}

// awaitText waits for a text on a channel.
func awaitText(t *testing.T, from <-chan string, want string) {
	t.Helper()
	select {
	case got := <-from:
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("%q never came", want)
	}
}

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
