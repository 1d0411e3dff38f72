package upstream

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// conn is a connection to an upstream. One request at a time uses it.
type conn struct {
	net.Conn          // what requests are written to: raw, or TLS over it
	raw      net.Conn // the socket
	secure   bool
	used     bool      // a request was answered on it
	idle     time.Time // when it became idle
	keep     time.Duration
	peek     peeker
	end      func() // drop, made once: a method value for each request would be garbage
	// timer drops the connection at the deadline of the request on it.
	timer   *time.Timer
	limited bool // the timer runs
}

func newConn(raw, top net.Conn) *conn {
	c := &conn{Conn: top, raw: raw, secure: raw != top, keep: idleTimeout}
	c.end = c.drop
	if s, ok := raw.(syscall.Conn); ok {
		c.peek.open(s)
	}
	return c
}

// drop ends the connection at once: the upstream sees it, and reads and writes
// return. It may be called more than once and from any goroutine.
func (c *conn) drop() {
	// What a close returns can't be mended, and the request's own error
	// tells more.
	_ = c.raw.Close()
}

// bind makes the connection end with a request's context: the upstream sees
// it, and reads and writes return.
func (c *conn) bind(ctx context.Context) *plugins.Waiter {
	if deadline, ok := ctx.Deadline(); !ok {
		c.limited = false
	} else if c.limited = true; c.timer == nil {
		c.timer = time.AfterFunc(time.Until(deadline), c.end)
	} else {
		c.timer.Reset(time.Until(deadline))
	}
	return plugins.OnCancel(ctx, c.end)
}

// unbind ends that, and reports whether the connection may be used again.
func (c *conn) unbind(w *plugins.Waiter) bool {
	inTime := !c.limited || c.timer.Stop()
	return w.Stop() && inTime
}

// stale reports whether the upstream has closed an idle connection, or sent
// what nobody asked for.
func (c *conn) stale() bool { return c.peek.readable() }
