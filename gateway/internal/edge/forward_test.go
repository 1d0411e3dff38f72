package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// forwarding is a server that forwards every request to home, and tells the
// error.
func forwarding(t *testing.T, home string, cfg Config, extra ...[2]string) (*Server, *Forwarder, chan error) {
	t.Helper()
	errs := make(chan error, 10)
	var f *Forwarder
	cfg.Handler = handlerFunc(func(req *Request, resp *Response) {
		err := f.Forward(context.Background(), req, resp, home, extra)
		if err != nil {
			resp.Status = 502
		}
		errs <- err
	})
	s := startWith(t, cfg, streaming())
	f = NewForwarder(s)
	t.Cleanup(f.Close)
	return s, f, errs
}

func urlOf(s *Server) string { return "http://" + s.Addr().String() }

// TestForward: the replica gets the request as it was sent, and the client the
// answer, but for what belongs to each connection.
func TestForward(t *testing.T) {
	home := start(t, func(req *Request, resp *Response) {
		for name, want := range map[string]string{
			"Authorization": "Bearer t", "Mcp-Session-Id": "s1", "X-Two": "a, b", "X-Sallyport-Hop": "1",
			"Keep-Alive": "", "Te": "", "Proxy-Authorization": "", "User-Agent": "", "Accept-Encoding": "",
		} {
			if got, _ := req.Header(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		resp.Status = 201
		resp.Set("Mcp-Session-Id", "s2")
		resp.Set("Vary", "Origin")
		resp.Set("Vary", "Accept")
		resp.Set(caching, "max-age=1")
		echo(req, resp)
	})
	front, _, errs := forwarding(t, urlOf(home), Config{}, [2]string{"X-Sallyport-Hop", "1"})
	c := dial(t, front)
	for range 2 {
		c.send("POST /a%2fb/%C3%A9?x=%20&y HTTP/1.1\r\nHost: mcp.example:1\r\nX-Request-ID: r1\r\nAuthorization: Bearer t\r\nMcp-Session-Id: s1\r\n" +
			"X-Two: a\r\nx-two: b\r\nx-sallyport-hop: forged\r\nConnection: Authorization\r\nKeep-Alive: x\r\nTE: trailers\r\nProxy-Authorization: x\r\nContent-Length: 2\r\n\r\nhi")
		resp, body := c.read("POST")
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		if want := "POST /a%2fb/%C3%A9?x=%20&y mcp.example:1 [hi]"; resp.StatusCode != 201 || body != want {
			t.Errorf("%d %q, want 201 %q", resp.StatusCode, body, want)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/plain", "Mcp-Session-Id": "s2", "Vary": "Origin,Accept", caching: "max-age=1",
			requestID: "r1", noSniff: "nosniff", "Connection": "",
		} {
			if got := strings.Join(resp.Header.Values(name), ","); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if len(resp.Header.Values("Date")) != 1 {
			t.Errorf("Date: %q", resp.Header.Values("Date"))
		}
	}
}

// TestForwardWithoutHTTP: the answer to a request that did not come by HTTP is
// read whole.
func TestForwardWithoutHTTP(t *testing.T) {
	home := start(t, func(_ *Request, resp *Response) {
		s := begin(resp, "")
		s.Send([]byte("data: 1\n\n"))
		s.Send([]byte("data: 2\n\n"))
	})
	f := NewForwarder(nil)
	defer f.Close()
	resp := Response{Body: []byte(">")}
	if err := f.Forward(context.Background(), NewRequest("r1", nil), &resp, urlOf(home), nil); err != nil {
		t.Fatal(err)
	}
	if string(resp.Body) != ">data: 1\n\ndata: 2\n\n" || resp.Status != 200 || resp.ContentType != eventStream {
		t.Errorf("%d %s %q", resp.Status, resp.ContentType, resp.Body)
	}
}

// streamingHome is a replica whose streams the test gets.
func streamingHome(t *testing.T) (*Server, chan *Stream) {
	t.Helper()
	streams := make(chan *Stream, 1)
	return startWith(t, Config{Handler: handlerFunc(func(_ *Request, resp *Response) {
		s := begin(resp, "")
		s.Detach()
		streams <- s
	})}, streaming()), streams
}

// TestForwardStream: events arrive as they come, and the end too.
func TestForwardStream(t *testing.T) {
	home, streams := streamingHome(t)
	front, _, errs := forwarding(t, urlOf(home), Config{})
	c := dial(t, front)
	for range 2 {
		c.send(post)
		s, resp := <-streams, c.head()
		if resp.Header.Get("Content-Type") != eventStream || strings.Join(resp.Header.Values("X-Accel-Buffering"), ",") != "no" {
			t.Errorf("%v", resp.Header)
		}
		for range 3 {
			s.Send([]byte("data: x\n\n"))
			piece(t, resp.Body, "data: x\n\n")
		}
		large := strings.Repeat("x", 3*maxQueued)
		s.Send([]byte(large)) // more than a client may be behind: the replica must wait
		piece(t, resp.Body, large)
		s.End()
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
			t.Errorf("%q, %v", rest, err)
		}
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestForwardStreamHangup: the client's hang-up reaches the replica.
func TestForwardStreamHangup(t *testing.T) {
	home, streams := streamingHome(t)
	front, _, errs := forwarding(t, urlOf(home), Config{})
	c := dial(t, front)
	c.send(post)
	over := make(chan struct{})
	s := <-streams
	s.OnEnd(func() { close(over) })
	c.head()
	_ = c.Close()
	<-over
	if err := <-errs; err != nil {
		t.Error(err)
	}
}

// TestForwardStreamCut: a replica that dies leaves no orderly end.
func TestForwardStreamCut(t *testing.T) {
	home, streams := streamingHome(t)
	front, _, errs := forwarding(t, urlOf(home), Config{})
	c := dial(t, front)
	c.send(post)
	s, body := <-streams, c.head().Body
	s.Send([]byte("x"))
	piece(t, body, "x")
	s.Cut()
	if _, err := io.ReadAll(body); err == nil {
		t.Error("the client was told an orderly end")
	}
	if err := <-errs; err != nil {
		t.Error(err)
	}
}

// TestForwardHangup: so does a hang-up while the replica has not answered.
func TestForwardHangup(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	home := start(t, func(req *Request, _ *Response) {
		ctx, cancel := req.Watch(context.Background(), time.Time{})
		defer cancel()
		close(begun)
		<-ctx.Done()
		close(gone)
	})
	front, _, errs := forwarding(t, urlOf(home), Config{})
	c := dial(t, front)
	c.send(post)
	<-begun
	_ = c.Close()
	<-gone
	if err := <-errs; !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// forwardOnce forwards a request without a client.
func forwardOnce(ctx context.Context, f *Forwarder, target string) (Response, error) {
	var resp Response
	req := NewRequest("r1", []byte("{}"))
	req.Host = "a"
	err := f.Forward(ctx, req, &resp, target, nil)
	return resp, err
}

// TestForwardDown: a replica that is down is left alone for a while.
func TestForwardDown(t *testing.T) {
	f := NewForwarder(nil)
	defer f.Close()
	now, dials := time.Now(), 0
	f.now = func() time.Time { return now }
	dial := f.transport.DialContext
	f.transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials++
		return dial(ctx, network, addr)
	}
	target := "http://" + closedPort(t)
	for i, test := range []struct {
		pass  time.Duration
		dials int
	}{{0, 1}, {0, 1}, {forwardDown - 1, 1}, {1, 2}, {0, 2}} {
		now = now.Add(test.pass)
		resp, err := forwardOnce(context.Background(), f, target)
		if !errors.Is(err, ErrUnreachable) || dials != test.dials || resp.Status != 0 {
			t.Errorf("%d: %v after %d dials, want %d", i, err, dials, test.dials)
		}
	}
	home := start(t, echo)
	if resp, err := forwardOnce(context.Background(), f, urlOf(home)); err != nil || resp.Status != 200 {
		t.Errorf("another replica: %d, %v", resp.Status, err)
	}
}

// TestForwardDownIsBounded: addresses are not remembered without end.
func TestForwardDownIsBounded(t *testing.T) {
	f := NewForwarder(nil)
	for i := range 3 * forwardDownMost {
		_ = f.failed(context.Background(), strings.Repeat("x", i), &dialError{io.EOF})
	}
	if len(f.down) > forwardDownMost {
		t.Errorf("%d addresses are remembered", len(f.down))
	}
}

// TestForwardNoAnswer: a replica that took the request may have acted on it.
func TestForwardNoAnswer(t *testing.T) {
	home := start(t, func(_ *Request, resp *Response) {
		resp.Stream("").Cut()
	})
	f := NewForwarder(nil)
	defer f.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, acceptErr := l.Accept()
		if acceptErr == nil {
			_, _ = io.ReadAtLeast(c, make([]byte, 1000), 10)
			_ = c.Close()
		}
	}()
	for _, target := range []string{"http://" + l.Addr().String(), urlOf(home)} {
		if resp, err := forwardOnce(context.Background(), f, target); err == nil || errors.Is(err, ErrUnreachable) || resp.Status != 0 {
			t.Errorf("%d, %v", resp.Status, err)
		}
	}
	for _, target := range []string{"", "ftp://a", "a:80", "http://"} {
		if _, err := forwardOnce(context.Background(), f, target); err == nil || errors.Is(err, ErrUnreachable) {
			t.Errorf("%q: %v", target, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := forwardOnce(ctx, f, urlOf(home)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestForwardToDraining: a replica that drains has not served the request, one
// whose handler answers 503 has.
func TestForwardToDraining(t *testing.T) {
	d := newDraining(t, Config{}, quick())
	busy := dial(t, d.Server)
	busy.send(pathRequest("/slow"))
	<-d.begun
	d.drain(t)
	f := NewForwarder(nil)
	defer f.Close()
	if _, err := forwardOnce(context.Background(), f, urlOf(d.Server)); !errors.Is(err, ErrUnreachable) {
		t.Errorf("draining: %v", err)
	}
	close(d.release)
	busy.read("GET")
	_ = busy.Close()
	d.over(t)
	home := start(t, func(_ *Request, resp *Response) { resp.Status = 503 })
	if resp, err := forwardOnce(context.Background(), f, urlOf(home)); err != nil || resp.Status != 503 {
		t.Errorf("503 of a handler: %d, %v", resp.Status, err)
	}
}

// TestForwardBounds: an answer without end is refused, a redirect is not
// followed.
func TestForwardBounds(t *testing.T) {
	home := start(t, func(req *Request, resp *Response) {
		if req.Path != "/mcp" {
			t.Errorf("%s was asked for", req.Path)
		}
		resp.Status = http.StatusTemporaryRedirect
		resp.Set("Location", "/elsewhere")
		resp.Body = append(resp.Body, "0123456789"...)
	})
	f := NewForwarder(nil)
	defer f.Close()
	f.most = 9
	if resp, err := forwardOnce(context.Background(), f, urlOf(home)); !errors.Is(err, errTooLarge) || len(resp.Body) > 0 || len(resp.headers) > 0 {
		t.Errorf("%q, %v", resp.Body, err)
	}
	f.most = 10
	if resp, err := forwardOnce(context.Background(), f, urlOf(home)); err != nil || resp.Status != 307 || string(resp.Body) != "0123456789" {
		t.Errorf("%d %q, %v", resp.Status, resp.Body, err)
	}
}

// TestForwardTLS: a replica is trusted for our own key, and not for another,
// and gets our certificate if it wants one.
func TestForwardTLS(t *testing.T) {
	files, others := newCertificate(t, "a.example"), newCertificate(t, "a.example")
	for name, test := range map[string]struct {
		home TLS
		good bool
	}{
		"same key":            {files.TLS, true},
		"other key":           {others.TLS, false},
		"wants a certificate": {TLS{Cert: files.Cert, Key: files.Key, ClientCA: files.Cert}, true},
	} {
		t.Run(name, func(t *testing.T) {
			home := startWith(t, Config{Handler: handlerFunc(echo), TLS: &test.home}, streaming())
			own := startWith(t, Config{Handler: handlerFunc(echo), TLS: &files.TLS}, streaming())
			f := NewForwarder(own)
			defer f.Close()
			resp, err := forwardOnce(context.Background(), f, "https://"+home.Addr().String())
			if good := err == nil && string(resp.Body) == "POST /mcp? a [{}]"; good != test.good {
				t.Errorf("%q, %v", resp.Body, err)
			}
			if !test.good && !errors.Is(err, ErrUnreachable) {
				t.Errorf("%v", err)
			}
			plain := NewForwarder(nil)
			defer plain.Close()
			if _, err := forwardOnce(context.Background(), plain, "https://"+home.Addr().String()); err == nil {
				t.Error("a certificate of nobody's was accepted")
			}
		})
	}
}
