package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func TestDrain(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	s, err := listen(Config{Addr: "127.0.0.1:0", Handler: handlerFunc(func(req *Request, resp *Response) {
		if req.Path == "/slow" {
			begun <- struct{}{}
			<-release
		}
		resp.Body = append(resp.Body, "done"...)
	})}, quick())
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	fresh, idle, busy := dial(t, s), dial(t, s), dial(t, s)
	idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	idle.read("GET")
	busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /next")
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	idle.closed()
	fresh.closed() // after a moment in which its first request may come
	select {
	case err := <-ended:
		t.Fatalf("Shutdown returned %v before the request was answered", err)
	case <-served:
		t.Fatal("Serve returned before the request was answered")
	default:
	}
	if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("a connection was taken during the drain")
	}
	close(release)
	if resp, body := busy.read("GET"); body != "done" || !resp.Close {
		t.Errorf("body %q, close %v", body, resp.Close)
	}
	_ = busy.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
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
