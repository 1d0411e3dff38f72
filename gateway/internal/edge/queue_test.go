package edge

import (
	"io"
	"testing"
	"time"
)

// TestSlowStreamIsCut: a client that does not read is cut when too much waits
// for it, without holding up the sender or another stream.
func TestSlowStreamIsCut(t *testing.T) {
	const size = 1 << 20
	for name, secure := range map[string]bool{"plain": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			streams, over := make(chan *Stream, 2), make(chan struct{})
			serve := func(_ *Request, resp *Response) {
				s := begin(resp, "")
				s.Detach()
				streams <- s
			}
			dialAny(t, secure, streaming(), serve)
			slow := <-streams
			slow.OnEnd(func() { close(over) })
			reader := dialAny(t, secure, streaming(), serve)
			other := <-streams
			body, sent := reader.head().Body, 0
			for slow.Send(make([]byte, size)) {
				if sent++; sent > 100 {
					t.Fatal("100 MiB were taken for a client that reads nothing")
				}
				if !other.Send([]byte("piece")) {
					t.Fatal("the other stream has ended")
				}
				piece(t, body, "piece")
			}
			if sent < 8 {
				t.Errorf("cut after %d MiB", sent)
			}
			<-over
			if waiting := slow.table.queued.Load(); waiting > 2*size {
				t.Errorf("%d bytes still count as waiting", waiting)
			}
			other.End()
			if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
				t.Errorf("%q, %v", rest, err)
			}
		})
	}
}

// TestStalledStreamIsCut: so is one that is sent no more.
func TestStalledStreamIsCut(t *testing.T) {
	lim := streaming()
	lim.writeStall = 50 * time.Millisecond
	over := make(chan struct{})
	dialAny(t, false, lim, func(_ *Request, resp *Response) {
		s := begin(resp, "")
		s.OnEnd(func() { close(over) })
		s.Send(make([]byte, 64<<20)) // a single piece of any size
	})
	<-over
}

// TestQueuesTogetherAreBounded: when too much waits for all clients, those that
// are behind are cut, and others are not.
func TestQueuesTogetherAreBounded(t *testing.T) {
	table := newStreams(streaming(), nil)
	table.queued.Store(maxQueuedTotal + 1)
	behind, ahead := &Stream{table: table, queued: 1}, &Stream{table: table}
	if behind.fits(1) || !ahead.fits(maxQueued*2) {
		t.Errorf("fits: behind %v, ahead %v", behind.fits(1), ahead.fits(maxQueued*2))
	}
	table.queued.Store(0)
	if !behind.fits(maxQueued-1) || behind.fits(maxQueued) {
		t.Error("a queue has another bound than maxQueued")
	}
}
