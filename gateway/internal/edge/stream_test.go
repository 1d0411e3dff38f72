package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const post = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"

// pathRequest asks for a path.
func pathRequest(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }

// streaming are limits for tests of streams.
func streaming() limits {
	lim := quick()
	lim.sweepEvery = 2 * time.Millisecond
	return lim
}

// begin begins a stream of events.
func begin(resp *Response, keepAlive string) *Stream {
	resp.ContentType = eventStream
	return resp.Stream(keepAlive)
}

// head reads the head of a streamed answer; its body is read from the response
// as it comes.
func (c *client) head() *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
	if err != nil {
		c.t.Fatal(err)
	}
	return resp
}

// piece checks that exactly want comes next.
func piece(t testing.TB, body io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(body, got); err != nil || string(got) != want {
		t.Fatalf("%q, %v, want %q", got[:n], err, want)
	}
}

// TestStreamThenNextRequest: an answer that is streamed arrives piece by piece,
// with the headers of all answers, and leaves the connection good for more.
func TestStreamThenNextRequest(t *testing.T) {
	more := make(chan struct{})
	c := dial(t, start(t, func(req *Request, resp *Response) {
		if req.Path == "/plain" {
			echo(req, resp)
			return
		}
		resp.Set("Mcp-Session-Id", "s1")
		resp.Body = append(resp.Body, "not sent"...)
		s := begin(resp, "")
		if again := resp.Stream(""); again != s {
			t.Error("a second call made another stream")
		}
		buf := []byte("data: one\n\n")
		if !s.Send(buf) || !s.Send(nil) {
			t.Error("Send = false")
		}
		clear(buf) // Send has taken a copy
		<-more
		s.Send([]byte("data: two\n\n"))
		s.End()
		s.End()
		if s.Send([]byte("late")) {
			t.Error("Send after End = true")
		}
	}))
	for range 3 {
		c.send(post)
		resp := c.head()
		for name, want := range map[string]string{
			"Content-Type": eventStream, "X-Accel-Buffering": "no", noSniff: "nosniff", caching: "no-store",
			"Mcp-Session-Id": "s1", "Connection": "", "Content-Length": "",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if len(resp.Header.Get(requestID)) != idLength || resp.StatusCode != 200 {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
		piece(t, resp.Body, "data: one\n\n")
		more <- struct{}{}
		if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "data: two\n\n" {
			t.Fatalf("%q, %v", rest, err)
		}
		c.send(pathRequest("/plain"))
		if next, body := c.read("GET"); next.StatusCode != 200 || body != "GET /plain? a []" {
			t.Fatalf("%d %q", next.StatusCode, body)
		}
	}
}

// TestStreamNotEnded: a handler that returns ends its stream.
func TestStreamNotEnded(t *testing.T) {
	c := dial(t, start(t, func(_ *Request, resp *Response) {
		resp.Status = 202
		begin(resp, "").Send([]byte("x"))
	}))
	for range 2 {
		c.send(post)
		if resp, body := c.read("POST"); resp.StatusCode != 202 || body != "x" {
			t.Fatalf("%d %q", resp.StatusCode, body)
		}
	}
}

// TestStreamBetweenPipelined: requests sent at once are answered in their
// order, and what comes before a stream does not wait for its end.
func TestStreamBetweenPipelined(t *testing.T) {
	end := make(chan struct{})
	c := dial(t, start(t, func(req *Request, resp *Response) {
		if req.Path != "/stream" {
			echo(req, resp)
			return
		}
		begin(resp, "").Send([]byte("live"))
		<-end
	}))
	for _, first := range []string{"GET", "HEAD"} {
		c.send(first + " /1 HTTP/1.1\r\nHost: a\r\n\r\n" + pathRequest("/stream") + pathRequest("/stream") + pathRequest("/2"))
		want := "GET /1? a []"
		if first == "HEAD" {
			want = ""
		}
		if resp, body := c.read(first); resp.StatusCode != 200 || body != want || resp.ContentLength != int64(len("GET /1? a []")+len(first)-3) {
			t.Fatalf("%d %q, length %d", resp.StatusCode, body, resp.ContentLength)
		}
		for range 2 {
			resp := c.head()
			piece(t, resp.Body, "live")
			end <- struct{}{}
			if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
				t.Fatalf("%q, %v", rest, err)
			}
		}
		if _, body := c.read("GET"); body != "GET /2? a []" {
			t.Fatalf("%q", body)
		}
	}
}

// TestStreamNeverOvertakes: request lines that end in LF alone make the count of
// bytes wrong, so that an answer could be kept back without being noticed. A
// stream must not overtake it: the request is refused.
func TestStreamNeverOvertakes(t *testing.T) {
	c := dial(t, start(t, func(req *Request, resp *Response) {
		if req.Path == "/s" {
			begin(resp, "").Send([]byte("live"))
		}
	}))
	hidden := "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"
	n := len(hidden)
	c.send(strings.Repeat("GET / HTTP/1.1\nHost: a\r\n\r\n", n) + hidden)
	for range n - 1 {
		c.read("GET")
	}
	c.send("x" + strings.Repeat("\r\n", n))
	if resp, body := c.read("GET"); resp.StatusCode != 200 || body != "" {
		t.Fatalf("%d %q, want the answer kept back", resp.StatusCode, body)
	}
	if resp, _ := c.read("POST"); resp.StatusCode != 400 || !resp.Close {
		t.Errorf("%d, want 400", resp.StatusCode)
	}
}

// TestStreamOfManySenders: pieces sent at once by many stay whole, and those of
// one sender in order.
func TestStreamOfManySenders(t *testing.T) {
	const senders, pieces = 20, 200
	for name, secure := range map[string]bool{"plain": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			c := dialAny(t, secure, streaming(), func(_ *Request, resp *Response) {
				s := begin(resp, "")
				var all sync.WaitGroup
				for sender := range senders {
					all.Go(func() {
						for i := range pieces {
							if !s.Send(fmt.Appendf(nil, "%d %d %s\n", sender, i, strings.Repeat("x", i))) {
								t.Error("Send = false")
							}
						}
					})
				}
				all.Wait()
			})
			var next [senders]int
			lines := bufio.NewScanner(c.head().Body)
			for lines.Scan() {
				var sender, i int
				if _, err := fmt.Sscanf(lines.Text(), "%d %d", &sender, &i); err != nil {
					t.Fatal(err)
				}
				if want := fmt.Sprintf("%d %d %s", sender, next[sender], strings.Repeat("x", i)); lines.Text() != want {
					t.Fatalf("%.40q, want %.40q", lines.Text(), want)
				}
				next[sender]++
			}
			for sender, n := range next {
				if n != pieces {
					t.Errorf("%d pieces of sender %d, want %d (%v)", n, sender, pieces, lines.Err())
				}
			}
		})
	}
}

// dialAny serves with f, with TLS if secure, and sends a request.
func dialAny(t *testing.T, secure bool, lim limits, f handlerFunc) *client {
	t.Helper()
	if !secure {
		c := dial(t, startWith(t, Config{Handler: f}, lim))
		c.send(post)
		return c
	}
	files := newCertificate(t, "a.example")
	s := startWith(t, Config{Handler: f, TLS: &files.TLS}, lim)
	conn, err := tls.Dial("tcp", s.Addr().String(), files.client())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &client{conn, bufio.NewReader(conn), t}
	c.send(post)
	return c
}

func TestDetachedStream(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			streams, over := make(chan *Stream, 1), make(chan struct{})
			c := dialAny(t, secure, streaming(), func(req *Request, resp *Response) {
				if req.Method != "POST" {
					t.Error("a request on the connection of a detached stream was served")
				}
				s := begin(resp, "")
				s.Detach()
				s.OnEnd(func() { close(over) })
				streams <- s
			})
			s, resp := <-streams, c.head()
			if !resp.Close {
				t.Error("the client is not told that the connection will be closed")
			}
			body := resp.Body
			eventually(t, s.conn.owned.Load)
			for range 3 {
				if !s.Send([]byte("later")) {
					t.Fatal("Send = false")
				}
				piece(t, body, "later")
			}
			c.send(get)
			s.Send([]byte("last"))
			s.End()
			<-over
			if rest, err := io.ReadAll(body); err != nil || string(rest) != "last" {
				t.Errorf("%q, %v", rest, err)
			}
			c.closed()
			if s.Send([]byte("x")) {
				t.Error("Send after the end = true")
			}
			late := make(chan struct{})
			s.OnEnd(func() { close(late) })
			<-late
		})
	}
}

// TestDetachedAndEnded: a stream that is over when its handler returns leaves
// the connection to the next request.
func TestDetachedAndEnded(t *testing.T) {
	c := dial(t, start(t, func(_ *Request, resp *Response) {
		s := begin(resp, "")
		s.Send([]byte("x"))
		s.Detach()
		s.End()
		s.wait()
	}))
	for range 2 {
		c.send(post)
		if _, body := c.read("POST"); body != "x" {
			t.Fatalf("%q", body)
		}
	}
}

func TestStreamOfHTTP10(t *testing.T) {
	for _, detached := range []bool{false, true} {
		c := dial(t, startWith(t, Config{Handler: handlerFunc(func(_ *Request, resp *Response) {
			s := begin(resp, "")
			if detached {
				s.Detach()
				go s.End()
			}
			s.Send([]byte("one"))
		})}, streaming()))
		c.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
		resp, body := c.read("GET")
		if !resp.Close || len(resp.TransferEncoding) > 0 || !detached && body != "one" {
			t.Errorf("close %v, encoding %v, %q", resp.Close, resp.TransferEncoding, body)
		}
		c.closed()
	}
}

// TestStreamClose: Connection: close is said and done.
func TestStreamClose(t *testing.T) {
	c := dial(t, start(t, func(_ *Request, resp *Response) { begin(resp, "").Send([]byte("x")) }))
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if resp, body := c.read("GET"); !resp.Close || body != "x" {
		t.Errorf("close %v, %q", resp.Close, body)
	}
	c.closed()
}

// TestStreamHead: the answer to HEAD is a head.
func TestStreamHead(t *testing.T) {
	c := dial(t, start(t, func(_ *Request, resp *Response) { begin(resp, "").Send([]byte("x")) }))
	for range 2 {
		c.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		if resp, _ := c.read("HEAD"); resp.StatusCode != 200 {
			t.Errorf("%d", resp.StatusCode)
		}
	}
}

// TestPanicAfterStream: the client learns that something is missing.
func TestPanicAfterStream(t *testing.T) {
	for _, detached := range []bool{false, true} {
		over := make(chan struct{})
		c := dial(t, start(t, func(_ *Request, resp *Response) {
			s := begin(resp, "")
			s.OnEnd(func() { close(over) })
			if detached {
				s.Detach()
			}
			s.Send([]byte("x"))
			panic("on purpose")
		}))
		c.send(post)
		<-over
		if rest, err := io.ReadAll(c.r); err == nil && strings.HasSuffix(string(rest), "0\r\n\r\n") {
			t.Errorf("%q: the end of the body was sent", rest)
		}
	}
}

func TestCutStream(t *testing.T) {
	c := dial(t, start(t, func(_ *Request, resp *Response) {
		s := begin(resp, "")
		s.Cut()
		s.End()
		if s.Send([]byte("x")) {
			t.Error("Send = true")
		}
	}))
	c.send(post)
	if rest, err := io.ReadAll(c.r); err == nil && strings.HasSuffix(string(rest), "0\r\n\r\n") {
		t.Errorf("%q: the end of the body was sent", rest)
	}
}

// TestRequestWithoutHTTP: requests and responses serve other transports too.
func TestRequestWithoutHTTP(t *testing.T) {
	req := NewRequest("r1", []byte("{}"))
	if _, ok := req.Header("Host"); ok || req.Method != "POST" || req.Path != "/mcp" || req.ID != "r1" || string(req.Body) != "{}" {
		t.Errorf("%+v", req)
	}
	ctx, cancel := req.Watch(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("Watch: %v", ctx.Err())
	}
	var resp Response
	resp.Set("A", "b")
	if s := resp.Stream(""); s != nil {
		t.Error("a response without a connection has a stream")
	}
}
