//go:build unix

package edge

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// watching is a server of one path that ends when its client hangs up, and
// others that answer at once.
func watching(t *testing.T, files *TLS, watchInterval time.Duration) (s *Server, begun chan struct{}, gone chan time.Time) {
	begun, gone = make(chan struct{}, 1), make(chan time.Time, 1)
	lim := quick()
	lim.watchInterval, lim.headTimeout = watchInterval, 400*time.Millisecond
	s = startWith(t, Config{TLS: files, Handler: handlerFunc(func(req *Request, resp *Response) {
		ctx, cancel := req.Watch(context.Background(), time.Time{})
		defer cancel()
		second, cancelSecond := req.Watch(ctx, time.Time{})
		defer cancelSecond()
		if req.Path == "/wait" {
			begun <- struct{}{}
			<-ctx.Done()
			<-second.Done()
			gone <- time.Now()
		}
		resp.Body = append(resp.Body, "done"...)
	})}, lim)
	return s, begun, gone
}

func TestHangupCancels(t *testing.T) {
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 500 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			s, begun, gone := watching(t, nil, watchAfter)
			c := dial(t, s)
			c.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
			<-begun
			<-time.After(after)
			hungUp := time.Now()
			_ = c.Close()
			if took := (<-gone).Sub(hungUp); took > 2*time.Second {
				t.Errorf("noticed after %v", took)
			}
		})
	}
}

func TestResetCancels(t *testing.T) {
	s, begun, gone := watching(t, nil, time.Millisecond)
	c := dial(t, s)
	c.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	<-gone
}

func TestHangupCancelsOverTLS(t *testing.T) {
	files := newCertificate(t, "a.example")
	s, begun, gone := watching(t, &files.TLS, time.Millisecond)
	c, err := tls.Dial("tcp", s.Addr().String(), files.client())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	_ = c.Close() // with close_notify before the end
	<-gone
}

// awaitParked waits until the client of a call is watched. The channel ends
// when it no longer is.
func awaitParked(req *Request) <-chan struct{} {
	w := &req.source.(*exchange).hangup
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		w.mu.Lock()
		parked := w.parked
		w.mu.Unlock()
		if parked != nil {
			return parked
		}
		<-tick.C
	}
}

// TestConnectionAfterWatch lets calls be watched and sends the next request on
// the same connection, which must be good as new: no byte is lost, no deadline
// is left.
func TestConnectionAfterWatch(t *testing.T) {
	release := make(chan struct{})
	var parked atomic.Int32
	lim := quick()
	lim.watchInterval = time.Millisecond
	lim.headTimeout = 200 * time.Millisecond
	s := startWith(t, Config{Handler: handlerFunc(func(req *Request, resp *Response) {
		ctx, cancel := req.Watch(context.Background(), time.Time{})
		defer cancel()
		awaitParked(req)
		parked.Add(1)
		<-release
		if ctx.Err() != nil {
			resp.Status = 500
		}
		resp.Body = append(resp.Body, req.Path...)
	})}, lim)
	c := dial(t, s)
	for _, path := range []string{"/1", "/2", "/3"} {
		c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		eventually(t, func() bool { return parked.Load() > 0 })
		// Longer than the time a request has to arrive: that deadline must
		// not end the call.
		<-time.After(lim.headTimeout * 3 / 2)
		parked.Store(0)
		release <- struct{}{}
		if resp, body := c.read("GET"); resp.StatusCode != 200 || body != path {
			t.Fatalf("%d %q, want 200 %q", resp.StatusCode, body, path)
		}
		// Idle for longer than a request has to arrive: no stale deadline.
		<-time.After(lim.headTimeout * 3 / 2)
	}
}

// TestWatchWhileStreaming: a call that is watched streams, and its connection is
// good for the next one.
func TestWatchWhileStreaming(t *testing.T) {
	lim := streaming()
	lim.watchInterval = time.Millisecond
	c := dial(t, startWith(t, Config{Handler: handlerFunc(func(req *Request, resp *Response) {
		ctx, cancel := req.Watch(context.Background(), time.Time{})
		defer cancel()
		s := begin(resp, "")
		s.Send([]byte("a"))
		awaitParked(req)
		s.Send([]byte("b"))
		if ctx.Err() != nil {
			t.Error(ctx.Err())
		}
	})}, lim))
	for range 3 {
		c.send(post)
		if _, body := c.read("POST"); body != "ab" {
			t.Fatalf("%q", body)
		}
	}
}

// TestPipelinedInputDoesNotCancel sends the next request while a call is
// watched.
func TestPipelinedInputDoesNotCancel(t *testing.T) {
	begun := make(chan struct{})
	lim := quick()
	lim.watchInterval = time.Millisecond
	s := startWith(t, Config{Handler: handlerFunc(func(req *Request, resp *Response) {
		ctx, cancel := req.Watch(context.Background(), time.Time{})
		defer cancel()
		if req.Path == "/first" {
			parked := awaitParked(req)
			begun <- struct{}{}
			<-parked // the input ends the watching, and only that
		}
		if ctx.Err() != nil {
			resp.Status = 500
		}
		resp.Body = append(resp.Body, req.Path...)
	})}, lim)
	c := dial(t, s)
	c.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	c.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, path := range []string{"/first", "/second"} {
		if resp, body := c.read("GET"); resp.StatusCode != 200 || body != path {
			t.Fatalf("%d %q, want 200 %q", resp.StatusCode, body, path)
		}
	}
}

// TestWatchEndsWithCall: a context that outlives its call is ended.
func TestWatchEndsWithCall(t *testing.T) {
	contexts := make(chan context.Context, 1)
	c := dial(t, start(t, func(req *Request, _ *Response) {
		ctx, _ := req.Watch(context.Background(), time.Time{}) // that it is lost is what is tested
		contexts <- ctx
	}))
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	c.read("GET")
	<-(<-contexts).Done()
}

func BenchmarkWatch(b *testing.B) {
	s := &Server{limits: standardLimits(), ids: newIDSource()}
	x := newExchange(s)
	c := &conn{}
	for b.Loop() {
		x.hangup.begin(c, watchAfter)
		_, cancel := x.req.Watch(context.Background(), time.Time{})
		cancel()
		x.hangup.stop()
	}
}
