package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const (
	get          = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	shutDownBody = `{"jsonrpc":"2.0","error":{"code":50300,"message":"the server is shutting down; try again"}}`
)

// draining is a server that drains while a request to /slow is in flight.
type draining struct {
	*Server
	begun, release, calls chan struct{}
	served, ended         chan error
}

func newDraining(t *testing.T, cfg Config, lim limits) *draining {
	t.Helper()
	d := &draining{
		begun: make(chan struct{}), release: make(chan struct{}), calls: make(chan struct{}, 100),
		served: make(chan error, 1), ended: make(chan error, 1),
	}
	cfg.Addr = "127.0.0.1:0"
	cfg.Handler = handlerFunc(func(req *Request, resp *Response) {
		d.calls <- struct{}{}
		if req.Path == "/slow" {
			d.begun <- struct{}{}
			<-d.release
		}
		resp.Body = append(resp.Body, "done"...)
	})
	var err error
	if d.Server, err = listen(cfg, lim); err != nil {
		t.Fatal(err)
	}
	go func() { d.served <- d.Serve() }()
	return d
}

// drain starts a Shutdown and returns once new requests are refused.
func (d *draining) drain(t *testing.T) {
	t.Helper()
	go func() { d.ended <- d.Shutdown(context.Background()) }()
	eventually(t, d.listener.draining.Load)
}

// over checks that the drain ends.
func (d *draining) over(t *testing.T) {
	t.Helper()
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
	if err := <-d.served; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", d.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("a connection was taken after the drain")
	}
}

// refused checks that the next answer says that the server is shutting down.
func (c *client) refused() {
	c.t.Helper()
	resp, body := c.read("GET")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !resp.Close || body != shutDownBody || resp.Header.Get("Content-Type") != "application/json" {
		c.t.Errorf("%d %v %q, close %v; want 503, Retry-After and close", resp.StatusCode, resp.Header, body, resp.Close)
	}
	c.closed()
}

func TestDrain(t *testing.T) {
	d := newDraining(t, Config{}, quick())
	fresh, idle, busy, half := dial(t, d.Server), dial(t, d.Server), dial(t, d.Server), dial(t, d.Server)
	idle.send(get)
	idle.read("GET")
	half.send("GET / HTTP/1.1\r\n")
	eventually(t, d.listener.inFlight)
	busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /next")
	<-d.begun
	d.drain(t)
	idle.closed()
	fresh.send(get)
	fresh.refused()
	for range 3 {
		late := dial(t, d.Server)
		late.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + get)
		late.refused()
	}
	half.send("Host: a\r\n\r\n")
	if resp, body := half.read("GET"); body != "done" || !resp.Close {
		t.Errorf("begun before the drain: body %q, close %v", body, resp.Close)
	}
	select {
	case err := <-d.ended:
		t.Fatalf("Shutdown returned %v before the request was answered", err)
	case <-d.served:
		t.Fatal("Serve returned before the request was answered")
	default:
	}
	close(d.release)
	if resp, body := busy.read("GET"); body != "done" || !resp.Close {
		t.Errorf("body %q, close %v", body, resp.Close)
	}
	_ = busy.Close()
	d.over(t)
	if n := len(d.calls); n != 3 {
		t.Errorf("the handler was called %d times, want 3: the new requests are not its business", n)
	}
}

// TestDrainRefusesMalformed: what the front refuses it refuses during a drain
// too, with its own reason.
func TestDrainRefusesMalformed(t *testing.T) {
	d := newDraining(t, Config{}, quick())
	busy := dial(t, d.Server)
	busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-d.begun
	d.drain(t)
	c := dial(t, d.Server)
	c.send("GET / HTTP/1.1\r\n\r\n")
	if resp, _ := c.read("GET"); resp.StatusCode != 400 {
		t.Errorf("%d, want 400", resp.StatusCode)
	}
	close(d.release)
	busy.read("GET")
	_ = busy.Close()
	d.over(t)
}

// TestDrainDoesNotWaitForLateRequests: one that began during the drain and
// does not arrive is refused soon after the last call has ended.
func TestDrainDoesNotWaitForLateRequests(t *testing.T) {
	var seen statuses
	lim := quick()
	lim.headTimeout = time.Minute
	d := newDraining(t, Config{Observe: seen.add}, lim)
	busy := dial(t, d.Server)
	busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-d.begun
	d.drain(t)
	late := dial(t, d.Server)
	late.send("GET / HT")
	eventually(t, func() bool { return d.count(stateLate) == 1 })
	close(d.release)
	busy.read("GET")
	_ = busy.Close()
	late.refused()
	d.over(t)
	if list := seen.all(); len(list) != 1 || list[0] != 503 {
		t.Errorf("observed %v, want 503", list)
	}
}

// count is how many connections are in a state.
func (d *draining) count(state int32) (n int) {
	d.listener.each(func(c *conn) {
		if c.state.Load() == state {
			n++
		}
	})
	return n
}

// TestDrainOverTLS: new connections are answered there too.
func TestDrainOverTLS(t *testing.T) {
	files := newCertificate(t, "a.example")
	d := newDraining(t, Config{TLS: &files.TLS}, quick())
	busy, err := tls.Dial("tcp", d.Addr().String(), files.client())
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, err := io.WriteString(busy, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-d.begun
	d.drain(t)
	if answer, err := ask(d.Server, files.client()); err != nil || !strings.HasPrefix(answer, "HTTP/1.1 503 ") || !strings.HasSuffix(answer, shutDownBody) {
		t.Errorf("%q, %v; want 503", answer, err)
	}
	close(d.release)
	if answer, err := io.ReadAll(busy); err != nil || !strings.HasSuffix(string(answer), "done") {
		t.Errorf("%q, %v", answer, err)
	}
	_ = busy.Close()
	d.over(t)
}

// TestDrainOfNothing does not wait for anything.
func TestDrainOfNothing(t *testing.T) {
	d := newDraining(t, Config{}, quick())
	c := dial(t, d.Server)
	c.send(get)
	c.read("GET")
	eventually(t, func() bool { return d.count(stateIdle) == 1 })
	began := time.Now()
	d.drain(t)
	d.over(t)
	if took := time.Since(began); took > lateGrace {
		t.Errorf("it took %v", took)
	}
	c.closed()
}

// TestClosedWhileReading: a request read when a drain has just closed its
// connection does not begin.
func TestClosedWhileReading(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	c := &conn{Conn: ours, listener: newListener(nil, quick(), nil, nil)}
	c.state.Store(stateClosed)
	go func() { _, _ = theirs.Write([]byte("GET")) }()
	if n, err := c.Read(make([]byte, 10)); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read = %d, %v, want net.ErrClosed", n, err)
	}
}

func TestDrainCutsOff(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	s, err := listen(Config{Addr: "127.0.0.1:0", Handler: handlerFunc(func(req *Request, _ *Response) {
		ctx, cancel := req.Watch(context.Background(), time.Time{})
		defer cancel()
		close(begun)
		<-ctx.Done()
		close(gone)
	})}, quick())
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	<-gone
	if _, err := c.r.ReadByte(); err == nil || errors.Is(err, io.ErrNoProgress) {
		t.Errorf("the connection is still there: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestShutdownWithoutServe(t *testing.T) {
	s, err := Listen(Config{Addr: "127.0.0.1:0", Handler: handlerFunc(echo)})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if err := s.Serve(); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

// TestDrainAnswersAll closes the server again and again under load: what it
// begins to answer it answers whole.
func TestDrainAnswersAll(t *testing.T) {
	for range 5 {
		s, err := listen(Config{Addr: "127.0.0.1:0", Handler: handlerFunc(echo)}, quick())
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve() }()
		results := make(chan error, 8)
		ready := make(chan struct{}, 8)
		for range 8 {
			go func() { results <- hammer(s.Addr().String(), ready) }()
		}
		for range 8 {
			<-ready
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		for range 8 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		<-served
	}
}

// hammer sends requests on one connection until it is told to close. Only an
// orderly end, before a request or after an answer with Connection: close, is
// right.
func hammer(addr string, ready chan<- struct{}) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 4096)
	for i := 0; ; i++ {
		if _, err := io.WriteString(conn, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			return nil // closed while idle
		}
		n, err := conn.Read(buf)
		if err != nil {
			if n > 0 {
				return errors.New("half an answer")
			}
			return nil
		}
		if i == 10 {
			ready <- struct{}{}
		}
	}
}
