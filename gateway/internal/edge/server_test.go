package edge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
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

func (handlerFunc) Limits() Limits { return Limits{MaxBody: 1 << 10} }

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
	if resp.StatusCode != 500 || body != `{"jsonrpc":"2.0","error":{"code":-32603,"message":"internal error"}}` || !resp.Close {
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
