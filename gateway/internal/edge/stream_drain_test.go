package edge

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// draining streams: one attached, one detached.
func drainStreams(t *testing.T) (s *Server, served chan error, attached, detached *client, open []*Stream, over chan struct{}) {
	t.Helper()
	streams := make(chan *Stream, 2)
	over = make(chan struct{}, 2)
	s, err := listen(Config{Addr: "127.0.0.1:0", Handler: handlerFunc(func(req *Request, resp *Response) {
		stream := begin(resp, "")
		gone := make(chan struct{})
		stream.OnEnd(func() { over <- struct{}{}; close(gone) })
		stream.Send([]byte("x"))
		if req.Path == "/detached" {
			stream.Detach()
			streams <- stream
			return
		}
		streams <- stream
		<-gone
	})}, streaming())
	if err != nil {
		t.Fatal(err)
	}
	served = make(chan error, 1)
	go func() { served <- s.Serve() }()
	attached, detached = dial(t, s), dial(t, s)
	attached.send(pathRequest("/attached"))
	open = append(open, <-streams)
	detached.send(pathRequest("/detached"))
	open = append(open, <-streams)
	eventually(t, open[1].conn.owned.Load)
	return s, served, attached, detached, open, over
}

// TestDrainAwaitsStreams: a drain waits for open streams, and what is sent
// until they end arrives.
func TestDrainAwaitsStreams(t *testing.T) {
	s, served, attached, detached, open, over := drainStreams(t)
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	eventually(t, s.listener.draining.Load)
	for _, stream := range open {
		select {
		case err := <-ended:
			t.Fatalf("Shutdown returned %v with open streams", err)
		default:
		}
		late := dial(t, s)
		late.send(get)
		late.refused()
		stream.Send([]byte("last"))
		stream.End()
		<-over
	}
	for _, c := range []*client{attached, detached} {
		if body, err := io.ReadAll(c.head().Body); err != nil || string(body) != "xlast" {
			t.Errorf("%q, %v", body, err)
		}
		c.closed()
	}
	if err := errors.Join(<-ended, <-served); err != nil {
		t.Error(err)
	}
}

// TestDrainAbortsStreams: those left at the end of the time are cut off.
func TestDrainAbortsStreams(t *testing.T) {
	s, served, attached, detached, _, over := drainStreams(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	<-over
	<-over
	for _, c := range []*client{attached, detached} {
		if _, err := io.ReadAll(c.r); err == nil {
			t.Error("the client was told an orderly end")
		}
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	eventually(t, s.listener.empty)
}
