package edge

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// The states of a connection.
const (
	stateIdle   int32 = iota // waiting for the first byte of a request
	stateActive              // a request has begun and is not answered yet
	stateLate                // likewise, but during a drain: it is refused
	stateClosed
)

const (
	// writeStall is how long a client may take over writeChunk bytes of a
	// response. It is no bound on the response as a whole.
	writeStall = 30 * time.Second
	writeChunk = 256 << 10
	// lastLook is the time for a write that needs none.
	lastLook = 10 * time.Millisecond
	// lingerTime bounds how long a refused client may go on sending, so that
	// it reads the refusal instead of a connection reset.
	lingerTime = 500 * time.Millisecond
	// largeRead is the size from which a read counts against the budget for
	// bodies that are announced but not yet there.
	largeRead = 64 << 10
	// largeReads is that budget of all connections together.
	largeReads = 256 << 20
)

// errOverloaded ends the read of a body that is beyond the budget.
var errOverloaded = errors.New("too many large bodies are on their way")

// conn is a connection of a client. Only the goroutine that serves it touches
// the fields that are not atomic.
type conn struct {
	net.Conn // TCP, or TLS over it
	tcp      *net.TCPConn
	listener *listener
	peer     netip.Addr
	made     time.Time

	state  atomic.Int32
	served atomic.Bool
	// stream is the answer that is being streamed, if one is.
	stream atomic.Pointer[Stream]
	// owned says that the connection is a detached stream's: only that closes
	// it.
	owned atomic.Bool

	// received counts the bytes read, consumed those that requests were made
	// of. What is between them is buffered, or empty lines before a request
	// line, which fasthttp skips.
	received, consumed int64
	// between says that a request has been answered and the next is not
	// looked for yet. A read then means that nothing is buffered.
	between bool
	// owed says that fasthttp may keep the last response back if it finds
	// further input. hidden says that it did, though by our count there was
	// none: then the count, and with it a request line, was wrong.
	owed, hidden bool
	// swallow says that what fasthttp writes is not sent: the request has
	// been answered by a stream.
	swallow bool
	// reserved is what this connection has of the budget for large reads.
	reserved int64
	// linger says that the client may still be sending what nobody will read.
	linger bool
	// renew is when the write deadline must be set anew.
	renew time.Time
}

// Read reads and notes that a request has begun.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) > largeRead && !c.reserve(int64(len(p))) {
		return 0, errOverloaded
	}
	if c.between {
		c.between = false
		c.consumed = c.received
		c.idle()
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		if !c.begin() {
			return 0, net.ErrClosed
		}
		c.received += int64(n)
	}
	return n, err
}

// begin notes that a request has begun, and reports whether it can be
// answered: a drain may have closed the connection just now.
func (c *conn) begin() bool {
	state := stateActive
	if c.listener.draining.Load() {
		state = stateLate
	}
	c.state.CompareAndSwap(stateIdle, state)
	return c.state.Load() != stateClosed
}

// Write writes what fasthttp has to say.
func (c *conn) Write(p []byte) (int, error) {
	if c.swallow {
		return len(p), nil
	}
	return c.write(p)
}

// write writes under a deadline that only a client that takes too little meets.
func (c *conn) write(p []byte) (int, error) {
	written := 0
	for {
		n, err := c.writeChunk(p[:min(len(p), writeChunk)])
		written += n
		if p = p[n:]; err != nil || len(p) == 0 {
			return written, err
		}
	}
}

// writeChunk writes a chunk, or fails when the client has not taken it in
// time. The system wakes a writer only when a good part of its buffer is free,
// which may be several chunks: so the deadline alone doesn't tell, and what
// has room by then still goes out.
func (c *conn) writeChunk(p []byte) (int, error) {
	stall := c.listener.stall
	if now := time.Now(); now.After(c.renew) {
		if err := c.Conn.SetWriteDeadline(now.Add(stall + stall/4)); err != nil {
			return 0, err
		}
		c.renew = now.Add(stall / 4)
	}
	n, err := c.Conn.Write(p)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	c.renew = time.Time{}
	if deadlineErr := c.Conn.SetWriteDeadline(time.Now().Add(lastLook)); deadlineErr != nil {
		return n, err
	}
	rest, err := c.Conn.Write(p[n:])
	return n + rest, err
}

// SetWriteDeadline does nothing: write has deadlines of its own.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the read deadline only, likewise.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// reserve takes n bytes off the budget for large reads. One read is always
// granted, however large.
func (c *conn) reserve(n int64) bool {
	if c.reserved >= n {
		return true
	}
	n -= c.reserved
	if total := c.listener.reserved.Add(n); total > largeReads && total != n {
		c.listener.reserved.Add(-n)
		return false
	}
	c.reserved += n
	return true
}

// answered notes that a response is out and the next request may come.
func (c *conn) answered() {
	c.release()
	c.served.Store(true)
	c.between, c.swallow = true, false
	if c.received == c.consumed {
		c.idle()
	}
}

// idle notes that no request has begun.
func (c *conn) idle() {
	c.state.CompareAndSwap(stateActive, stateIdle)
	if c.listener.draining.Load() {
		c.closeIfIdle()
	}
}

func (c *conn) release() {
	if c.reserved > 0 {
		c.listener.reserved.Add(-c.reserved)
		c.reserved = 0
	}
}

// Close closes the connection for fasthttp. A client that is still sending gets
// a moment to see the answer.
func (c *conn) Close() error {
	if c.owned.Load() {
		return nil
	}
	c.release()
	return c.close()
}

// closeOwned closes the connection for the stream that owns it. It does not
// wait.
func (c *conn) closeOwned() {
	c.linger = c.linger || hasInput(c.tcp)
	if c.linger || c.Conn != net.Conn(c.tcp) { // TLS says farewell
		go c.close() //nolint:errcheck // nothing is left to do if it fails
		return
	}
	_ = c.close() // likewise
}

func (c *conn) close() error {
	if c.state.Swap(stateClosed) == stateClosed {
		return nil
	}
	c.listener.tell()
	if c.linger {
		c.drainInput()
	}
	return c.shut()
}

// shut closes the socket and forgets the connection.
func (c *conn) shut() error {
	c.listener.forget(c)
	return c.Conn.Close()
}

// abort closes the connection whatever is going on; any goroutine may call it.
func (c *conn) abort() {
	if s := c.stream.Load(); s != nil {
		s.Cut()
	}
	c.reset()
}

// reset drops the socket.
func (c *conn) reset() {
	if c.tcp != nil {
		_ = c.tcp.SetLinger(0) // a failure leaves the ordinary way of closing
		_ = c.tcp.Close()      // likewise: nothing is left to do
	}
}

// drainInput ends our side and throws away what the client sends until it ends
// its side: closing with unread input would reset the connection, and the
// client could lose the answer.
func (c *conn) drainInput() {
	type closeWriter interface{ CloseWrite() error }
	if cw, ok := c.Conn.(closeWriter); !ok || cw.CloseWrite() != nil {
		return
	}
	if c.tcp.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	// The error is the end of it, or of the time.
	_, _ = io.Copy(io.Discard, c.tcp)
}

// explainTLS answers a client that speaks HTTP where TLS is expected.
func (c *conn) explainTLS(err error) {
	var record tls.RecordHeaderError
	if !errors.As(err, &record) || !classHas(record.RecordHeader[:], classToken) || c.tcp.SetWriteDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	// Nothing is left to do if it fails.
	_, _ = c.tcp.Write(wantTLS.appendResponse(nil, "Bad Request"))
}

// addrOf is the address of a connection's other end.
func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
