package gateway_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
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
			if took := time.Since(began); took > 3*time.Second {
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
				if took < 290*time.Millisecond || took > 1500*time.Millisecond {
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
