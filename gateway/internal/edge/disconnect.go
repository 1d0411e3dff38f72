package edge

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// watchAfter is how long a call runs before its client is watched: most calls
// are over by then, and pay next to nothing.
const watchAfter = 100 * time.Millisecond

// watch ends contexts when the client of a call hangs up.
type watch struct {
	conn  *conn
	after time.Duration
	timer *time.Timer
	armed bool

	mu      sync.Mutex
	cancels []context.CancelFunc
	ended   bool
	gone    bool
	// stream is the call's answer, if it is streamed.
	stream *Stream
	// parked ends when the goroutine that looks at the socket has ended; nil
	// if there is none.
	parked chan struct{}
	// fired says that the timer went off: its goroutine may come late.
	fired bool
}

func (w *watch) begin(c *conn, after time.Duration) {
	w.conn, w.after, w.ended, w.gone = c, after, false, false
}

// attach cuts a stream when the client hangs up.
func (w *watch) attach(s *Stream) {
	w.mu.Lock()
	w.stream = s
	gone := w.gone
	w.mu.Unlock()
	if gone {
		s.Cut()
	}
}

// start returns a context that ends at the deadline, or when the client hangs
// up.
func (w *watch) start(parent context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := plugins.WithDeadline(parent, deadline)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		cancel()
		return ctx, cancel
	}
	w.cancels = append(w.cancels, cancel)
	switch {
	case w.armed:
	case w.timer == nil:
		w.timer = time.AfterFunc(w.after, w.look)
	default:
		w.timer.Reset(w.after)
	}
	w.armed = true
	return ctx, cancel
}

// stop ends the watching, and the contexts. Afterwards nothing looks at the
// socket any more, and it has no read deadline.
func (w *watch) stop() {
	if !w.armed {
		return
	}
	w.fired = !w.timer.Stop()
	w.mu.Lock()
	w.ended = true
	parked := w.parked
	for i, cancel := range w.cancels {
		cancel()
		w.cancels[i] = nil
	}
	w.cancels = w.cancels[:0]
	w.mu.Unlock()
	w.armed = false
	if parked != nil {
		w.unpark(parked)
	}
}

// unpark wakes the goroutine that is parked on the socket, and waits for it.
func (w *watch) unpark(parked chan struct{}) {
	// An error says that the socket is closed, which wakes it too.
	_ = w.conn.tcp.SetReadDeadline(time.Unix(1, 0))
	<-parked
	// Likewise; the next read then reports it.
	_ = w.conn.tcp.SetReadDeadline(time.Time{})
}

// reusable reports whether no goroutine can still come to this watch.
func (w *watch) reusable() bool {
	w.conn, w.stream = nil, nil
	return !w.fired
}

// look waits on the socket until the client hangs up or the call ends.
func (w *watch) look() {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	parked := make(chan struct{})
	w.parked = parked
	tcp := w.conn.tcp
	// The deadline by which the request had to be there is still set. That it
	// cannot be taken off means that the socket is closed.
	err := tcp.SetReadDeadline(time.Time{})
	w.mu.Unlock()
	defer close(parked)
	if err == nil && !awaitHangup(tcp, w.conn.Conn != tcp) {
		return
	}
	w.hungUp()
}

// hungUp ends the contexts and the stream.
func (w *watch) hungUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.gone = true
	for _, cancel := range w.cancels {
		cancel()
	}
	if w.stream != nil {
		w.stream.Cut()
	}
}

// isGone reports whether an error means that the client has gone.
func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
