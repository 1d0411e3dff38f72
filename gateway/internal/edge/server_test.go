package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Two goroutines of fasthttp's: one for the Date header, which never
		// ends, and one a server, which ends within ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// handlerFunc is a Handler with a limit of 1 KiB.
type handlerFunc func(*Request, *Response)

func (handlerFunc) Limits() Limits                       { return Limits{MaxBody: 1 << 10} }
func (f handlerFunc) Serve(req *Request, resp *Response) { f(req, resp) }

// echo answers with what it was asked.
func echo(req *Request, resp *Response) {
	resp.ContentType = "text/plain"
	resp.Body = fmt.Appendf(resp.Body, "%s %s?%s %s [%s]", req.Method, req.Path, req.Query, req.Host, req.Body)
}

// statuses collects what the front answered.
type statuses struct {
	mu   sync.Mutex
	list []int
}

func (s *statuses) add(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, status)
}

func (s *statuses) all() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.list...)
}

// quick are limits that tests can wait for.
func quick() limits {
	l := standardLimits()
	l.headTimeout, l.bodyTimeout, l.watchInterval = 2*time.Second, 2*time.Second, 20*time.Millisecond
	return l
}

func startWith(t testing.TB, cfg Config, lim limits) *Server {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	s, err := listen(cfg, lim)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func start(t testing.TB, f handlerFunc) *Server {
	t.Helper()
	return startWith(t, Config{Handler: f}, quick())
}

// client is a raw connection.
type client struct {
	net.Conn
	r *bufio.Reader
	t testing.TB
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &client{c, bufio.NewReader(c), t}
}

func (c *client) send(wire string) {
	c.t.Helper()
	if _, err := io.WriteString(c, wire); err != nil {
		c.t.Fatal(err)
	}
}

// read reads one response with its body.
func (c *client) read(method string) (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, string(body)
}

// closed checks that nothing more comes.
func (c *client) closed() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Errorf("after the answer came %q, %v; want the end", rest, err)
	}
}

func TestServesAndKeepsAlive(t *testing.T) {
	c := dial(t, start(t, echo))
	for range 3 {
		c.send("POST /a/%2e%2e/b?x=1&y HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 2\r\n\r\nhi")
		resp, body := c.read("POST")
		if want := "POST /a/%2e%2e/b?x=1&y a.example:80 [hi]"; body != want || resp.StatusCode != 200 {
			t.Fatalf("%d %q, want 200 %q", resp.StatusCode, body, want)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Type": "text/plain",
			"Server": "", "Connection": "",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if resp.Header.Get("Date") == "" || len(resp.Header.Get("X-Request-Id")) != idLength {
			t.Errorf("Date or X-Request-ID missing: %v", resp.Header)
		}
	}
}

func TestPipelining(t *testing.T) {
	c := dial(t, start(t, echo))
	c.send(strings.Repeat("GET /p HTTP/1.1\r\nHost: a\r\n\r\n", 3))
	for range 3 {
		if _, body := c.read("GET"); body != "GET /p? a []" {
			t.Fatalf("body %q", body)
		}
	}
}

func TestChunkedBody(t *testing.T) {
	c := dial(t, start(t, echo))
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n you\r\n0\r\n\r\n")
	if resp, _ := c.read("POST"); resp.StatusCode != 400 {
		t.Errorf("a chunk longer than its size: %d, want 400", resp.StatusCode)
	}
	c = dial(t, start(t, echo))
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n4\r\n you\r\n0\r\n\r\n")
	resp, body := c.read("POST")
	if body != "POST /? a [hi you]" || !resp.Close {
		t.Errorf("body %q, close %v; want the chunks put together and the connection closed", body, resp.Close)
	}
	c.closed()
}

func TestExpectContinue(t *testing.T) {
	c := dial(t, start(t, echo))
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	line, err := c.r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q, %v; want 100", line, err)
	}
	if _, err := c.r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	c.send("hi")
	if _, body := c.read("POST"); body != "POST /? a [hi]" {
		t.Errorf("body %q", body)
	}
}

// refused are requests of which none may reach the handler. Where it can be,
// another request is hidden in the body.
var refused = map[string]struct {
	wire   string
	status int
}{
	"CL.TE":              {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
	"TE.CL":              {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden, 400},
	"TE identity":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc" + hidden, 400},
	"TE.TE":              {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + hidden, 400},
	"CL.CL":              {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\n" + hidden, 400},
	"CL 0 folded":        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n 30\r\n\r\n" + hidden, 400},
	"space before colon": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 30\r\n\r\n" + hidden, 400},
	"bare LF line end":   {"POST / HTTP/1.1\r\nHost: a\nContent-Length: 30\r\n\r\n" + hidden, 400},
	"bare LF after line": {"POST / HTTP/1.1\nHost: a\r\n\r\n", 400},
	"bare LF head end":   {"POST / HTTP/1.1\r\nHost: a\r\n\n" + hidden, 400},
	"bare CR":            {"POST / HTTP/1.1\r\nHost: a\r\nX: \rContent-Length: 30\r\n\r\n" + hidden, 400},
	"NUL":                {"POST / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n" + hidden, 400},
	"chunk size":         {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n" + hidden, 400},
	"chunk size LF":      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n" + hidden, 400},
	"bad host":           {"GET / HTTP/1.1\r\nHost: x@evil\r\n\r\n" + hidden, 400},
	"no host":            {"GET / HTTP/1.1\r\n\r\n" + hidden, 400},
	"absolute":           {"GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"asterisk":           {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"small method":       {"post / HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"two spaces":         {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"space in target":    {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"HTTP/0.9":           {"GET /\r\n\r\n", 400},
	"HTTP/2.0":           {"GET / HTTP/2.0\r\nHost: a\r\n\r\n" + hidden, 505},
	"HTTP/1.2":           {"GET / HTTP/1.2\r\nHost: a\r\n\r\n" + hidden, 505},
	"HTTP/11":            {"GET / HTTP/11\r\nHost: a\r\n\r\n" + hidden, 400},
	"http/1.1":           {"GET / http/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"HTTP/2 preface":     {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
	"expectation":        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nExpect: x\r\n\r\n" + hidden, 417},
	"encoded":            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nContent-Encoding: gzip\r\n\r\n" + hidden, 415},
	"too large":          {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n" + hidden, 413},
	"too large, asks":    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n", 413},
	"too large, chunked": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n" + strings.Repeat("x", 1025), 413},
	"head too large":     {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", headBuffer) + "\r\n\r\n", 431},
	"many headers":       {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", maxFields) + "\r\n", 431},
}

const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"

func TestRefusals(t *testing.T) {
	var seen statuses
	var served atomic.Int32
	s := startWith(t, Config{Observe: seen.add, Handler: handlerFunc(func(req *Request, resp *Response) {
		served.Add(1)
		echo(req, resp)
	})}, quick())
	count := 0
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			c.send(test.wire)
			resp, body := c.read("POST")
			if resp.StatusCode != test.status || !resp.Close {
				t.Errorf("%d, close %v, %s; want %d and close", resp.StatusCode, resp.Close, body, test.status)
			}
			if !strings.HasPrefix(body, `{"error":"`) || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("body %q of type %q", body, resp.Header.Get("Content-Type"))
			}
			if resp.Header.Get("X-Request-ID") == "" || strings.Contains(body, "evil") || resp.Header.Get("Server") != "" {
				t.Errorf("headers %v, body %q", resp.Header, body)
			}
			c.closed()
			count++
			list := seen.all()
			if len(list) != count || list[count-1] != test.status {
				t.Errorf("observed %v, want %d at the end", list, test.status)
			}
		})
	}
	if n := served.Load(); n != 0 {
		t.Errorf("%d requests reached the handler", n)
	}
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := c.read("GET"); resp.StatusCode != 200 {
		t.Errorf("a good request afterwards: %d", resp.StatusCode)
	}
}

// TestBodyIsNoRequest: a body belongs to its request, whatever the method.
func TestBodyIsNoRequest(t *testing.T) {
	c := dial(t, start(t, echo))
	for _, method := range []string{"GET", "DELETE", "OPTIONS", "TRACE", "POST", "HEAD", "CONNECT"} {
		c.send(fmt.Sprintf("%s / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, len(hidden), hidden))
		c.send("POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		if _, body := c.read(method); method != "HEAD" && method != "CONNECT" && body != method+" /? a ["+hidden+"]" {
			t.Errorf("%s: %q", method, body)
		}
		if method == "CONNECT" {
			break // a response to it has no end that a client knows
		}
		if _, body := c.read("POST"); body != "POST /next? a []" {
			t.Errorf("after %s: %q", method, body)
		}
	}
}

// TestEmptyLinesBetween: RFC 9112, section 2.2, has servers skip them.
func TestEmptyLinesBetween(t *testing.T) {
	c := dial(t, start(t, echo))
	for range 3 {
		c.send("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n")
		if resp, _ := c.read("GET"); resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
}

// TestNoMixUp sends unique values over many connections through reused
// buffers.
func TestNoMixUp(t *testing.T) {
	s := start(t, func(req *Request, resp *Response) {
		key, _ := req.Header("X-API-Key")
		resp.Set("X-Echo", strings.Clone(key))
		resp.Body = fmt.Appendf(resp.Body, "%s %s %s %s", req.Path, req.ID, key, req.Body)
	})
	var wg sync.WaitGroup
	for worker := range 8 {
		c := dial(t, s)
		wg.Go(func() {
			for i := range 500 {
				nonce := fmt.Sprintf("%d-%d-%s", worker, i, strings.Repeat("x", i%50))
				wire := fmt.Sprintf("POST /%[1]s HTTP/1.1\r\nHost: a\r\nX-API-Key: %[1]s\r\nX-Request-ID: %[2]d-%[3]d\r\nContent-Length: %[4]d\r\n\r\n%[1]s", nonce, worker, i, len(nonce))
				if _, err := io.WriteString(c, wire); err != nil {
					t.Error(err)
					return
				}
				resp, err := http.ReadResponse(c.r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				want := fmt.Sprintf("/%[1]s %[2]d-%[3]d %[1]s %[1]s", nonce, worker, i)
				if err != nil || string(body) != want || resp.Header.Get("X-Echo") != nonce {
					t.Errorf("%q %q, %v; want %q", body, resp.Header.Get("X-Echo"), err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestClientThatDoesNotRead is cut off, and doesn't keep a drain waiting.
func TestClientThatDoesNotRead(t *testing.T) {
	lim := quick()
	lim.writeStall = 100 * time.Millisecond
	s := startWith(t, Config{Handler: handlerFunc(func(_ *Request, resp *Response) {
		resp.Body = append(resp.Body, make([]byte, 64<<20)...)
	})}, lim)
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, func() bool { return s.listener.open.Load() == 1 })
	eventually(t, func() bool { return s.listener.open.Load() == 0 })
}

// TestSlowReaderIsServed: a client that takes a large answer bit by bit gets
// all of it, though it takes far longer than a stall may.
func TestSlowReaderIsServed(t *testing.T) {
	const size = 16 << 20
	lim := quick()
	lim.writeStall = 300 * time.Millisecond
	s := startWith(t, Config{Handler: handlerFunc(func(_ *Request, resp *Response) {
		resp.Body = append(resp.Body, make([]byte, size)...)
	})}, lim)
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := 0
	for started := time.Now(); ; {
		n, err := io.CopyN(io.Discard, resp.Body, 1<<20)
		got += int(n)
		if err != nil {
			break
		}
		if time.Since(started) < 4*lim.writeStall {
			<-time.After(lim.writeStall / 4)
		}
	}
	if got != size {
		t.Errorf("%d bytes of %d", got, size)
	}
}

// TestAnnouncedBodies: bodies that are announced and do not come are not
// given memory without end.
func TestAnnouncedBodies(t *testing.T) {
	s, err := listen(Config{Addr: "127.0.0.1:0", Handler: largeBodies{}}, quick())
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	defer func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	}()
	s.listener.reserved.Store(largeReads) // as if others had taken all
	announce := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
	c := dial(t, s)
	c.send(announce)
	if resp, _ := c.read("POST"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d, want 503", resp.StatusCode)
	}
	s.listener.reserved.Store(0)
	c = dial(t, s)
	for range 2 {
		c.send(announce + strings.Repeat("x", 1_000_000))
		if resp, _ := c.read("POST"); resp.StatusCode != 200 {
			t.Errorf("%d, want 200", resp.StatusCode)
		}
	}
	eventually(t, func() bool { return s.listener.reserved.Load() == 0 })
}

// largeBodies admits bodies of 10 MiB.
type largeBodies struct{}

func (largeBodies) Limits() Limits            { return Limits{MaxBody: 10 << 20} }
func (largeBodies) Serve(*Request, *Response) {}

// TestChunkedEndsConnection: whatever lies behind a chunked body is not
// served, since the ends of chunked bodies are read with tolerance.
func TestChunkedEndsConnection(t *testing.T) {
	for _, end := range []string{"0\r\n\r\n", "0\r\n\n", "0\r\nX: y\r\n\r\n", "0 \r\n\r\n", "0;x=y\r\n\r\n", "00\r\n\r\n"} {
		var paths statuses
		s := start(t, func(req *Request, _ *Response) {
			if req.Path != "/" {
				paths.add(1)
			}
		})
		c := dial(t, s)
		c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n" + end + hidden)
		c.read("POST")
		c.closed()
		if len(paths.all()) > 0 {
			t.Errorf("after %q a second request was served", end)
		}
	}
}

func TestUpgradeIsIgnored(t *testing.T) {
	c := dial(t, start(t, echo))
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n")
	if resp, _ := c.read("GET"); resp.StatusCode != 200 || resp.Close {
		t.Errorf("%d, close %v", resp.StatusCode, resp.Close)
	}
}

func TestConnectionClose(t *testing.T) {
	s := start(t, echo)
	for _, wire := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, CLOSE\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
	} {
		c := dial(t, s)
		c.send(wire)
		if resp, _ := c.read("GET"); !resp.Close {
			t.Errorf("%q: connection not closed", wire)
		}
		c.closed()
	}
	c := dial(t, s)
	c.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n")
	c.read("GET")
	c.read("GET")
}

func TestResponses(t *testing.T) {
	s := start(t, func(req *Request, resp *Response) {
		switch req.Path {
		case "/accepted":
			resp.Status = 202
		case "/headers":
			resp.Set("WWW-Authenticate", "Bearer a")
			resp.Set("WWW-Authenticate", "Basic b")
			resp.Set("Cache-Control", "max-age=1")
			resp.Set("X-Evil", "a\r\nX-Injected: b")
			resp.Close = true
		case "/empty":
			resp.Status = 204
		default:
			resp.ContentType = "text/plain"
			resp.Body = append(resp.Body, "hello"...)
		}
	})
	c := dial(t, s)
	c.send("POST /accepted HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	resp, body := c.read("POST")
	if _, typed := resp.Header["Content-Type"]; typed || body != "" || resp.StatusCode != 202 || resp.Header.Get("Content-Length") != "0" {
		t.Errorf("%d %q %v; want 202, Content-Length 0, no Content-Type", resp.StatusCode, body, resp.Header)
	}
	c.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, body = c.read("HEAD"); body != "" || resp.Header.Get("Content-Length") != "5" {
		t.Errorf("HEAD: %q, %v", body, resp.Header)
	}
	c.send("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ = c.read("GET"); resp.StatusCode != 204 || resp.Header.Get("Content-Length") != "" {
		t.Errorf("204: %v", resp.Header)
	}
	c.send("GET /headers HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, _ = c.read("GET")
	if len(resp.Header["Www-Authenticate"]) != 2 || len(resp.Header["Cache-Control"]) != 1 || resp.Header.Get("Cache-Control") != "max-age=1" || !resp.Close {
		t.Errorf("headers %v, close %v", resp.Header, resp.Close)
	}
	if resp.Header.Get("X-Injected") != "" {
		t.Error("a header value became a header of its own")
	}
	c.closed()
}

func TestHeaders(t *testing.T) {
	c := dial(t, start(t, func(req *Request, resp *Response) {
		for _, name := range []string{"x-FORWARDED-for", "X-Empty", "X-None", "X-Blank"} {
			value, ok := req.Header(name)
			resp.Body = fmt.Appendf(resp.Body, "%q %v;", value, ok)
		}
		resp.Body = fmt.Appendf(resp.Body, "%v", req.Peer)
	}))
	c.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Empty:\r\nX-Blank: \t a b \t\r\nx-forwarded-for: 2.2.2.2\r\n\r\n")
	if _, body := c.read("GET"); body != `"1.1.1.1, 2.2.2.2" true;"" true;"" false;"a b" true;127.0.0.1` {
		t.Errorf("headers %s", body)
	}
}

func TestRequestID(t *testing.T) {
	c := dial(t, start(t, func(req *Request, resp *Response) { resp.Body = append(resp.Body, req.ID...) }))
	seen := make(map[string]bool)
	for _, id := range []string{"", "a b", "<x>", strings.Repeat("a", 65), "abc.DEF_1-2"} {
		c.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: " + id + "\r\n\r\n")
		resp, body := c.read("GET")
		if header := resp.Header.Get("X-Request-ID"); header != body || seen[body] {
			t.Errorf("sent %q: id %q, header %q", id, body, header)
		}
		seen[body] = true
		if sane := id == "abc.DEF_1-2"; sane != (body == id) {
			t.Errorf("sent %q, got %q", id, body)
		}
	}
}

func TestPanic(t *testing.T) {
	var log bytes.Buffer
	s := startWith(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Handler: handlerFunc(func(req *Request, resp *Response) {
		resp.Body = append(resp.Body, "half an answer"...)
		if req.Path == "/panic" {
			panic("oh no")
		}
	})}, quick())
	c := dial(t, s)
	c.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, body := c.read("GET")
	if resp.StatusCode != 500 || body != `{"error":"internal error"}` || !resp.Close {
		t.Errorf("%d %q, close %v", resp.StatusCode, body, resp.Close)
	}
	c.closed()
	if !strings.Contains(log.String(), "oh no") || !strings.Contains(log.String(), "server_test.go") {
		t.Errorf("log %q, want the panic and the stack", log.String())
	}
	c = dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := c.read("GET"); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

func TestSlowClients(t *testing.T) {
	lim := quick()
	lim.headTimeout = 100 * time.Millisecond
	var seen statuses
	s := startWith(t, Config{Handler: handlerFunc(echo), Observe: seen.add}, lim)
	for _, wire := range []string{"GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"} {
		c := dial(t, s)
		c.send(wire)
		if resp, _ := c.read("GET"); resp.StatusCode != 408 || !resp.Close {
			t.Errorf("%q: %d, close %v, want 408", wire, resp.StatusCode, resp.Close)
		}
	}
	dial(t, s).closed() // a client that says nothing is told nothing
	if list := seen.all(); len(list) != 2 {
		t.Errorf("observed %v, want two", list)
	}
}

func TestConnectionLimit(t *testing.T) {
	lim := quick()
	lim.connections = 2
	s := startWith(t, Config{Handler: handlerFunc(echo)}, lim)
	var held []*client
	for range 2 {
		c := dial(t, s)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		c.read("GET")
		held = append(held, c)
	}
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := c.read("GET"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	c.closed()
	_ = held[0].Close()
	eventually(t, func() bool { return s.listener.open.Load() == 1 })
	c = dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := c.read("GET"); resp.StatusCode != 200 {
		t.Errorf("after one has gone: %d", resp.StatusCode)
	}
}

// eventually waits until a condition holds that nothing announces.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen within 5 s")
		}
	}
}

// failingListener fails a number of times, as if there were no descriptors.
type failingListener struct {
	net.Listener
	left int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.left > 0 {
		l.left--
		return nil, errors.New("too many open files")
	}
	return l.Listener.Accept()
}

func TestSurvivesAcceptErrors(t *testing.T) {
	s, err := listen(Config{Addr: "127.0.0.1:0", Handler: handlerFunc(echo)}, quick())
	if err != nil {
		t.Fatal(err)
	}
	s.listener.Listener = &failingListener{s.listener.Listener, 3}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	c.read("GET")
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
