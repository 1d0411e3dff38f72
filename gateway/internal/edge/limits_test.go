package edge

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

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

func (largeBodies) Limits() Limits { return Limits{MaxBody: 10 << 20} }

func (largeBodies) Serve(*Request, *Response) {}

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
