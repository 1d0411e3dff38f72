package edge

import (
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// keepAliveAfter is the silence after which a stream's keep-alive is sent.
	// Proxies commonly give up on a connection after 30 or 60 seconds.
	keepAliveAfter = 15 * time.Second
	// sweepEvery is how often all streams are looked over, for keep-alives
	// and clients that have gone.
	sweepEvery = time.Second
	// maxQueued is how many bytes a client may be behind. A single piece may
	// be larger.
	maxQueued = 8 << 20
	// maxQueuedTotal is that of all clients together: beyond it, who is
	// behind is cut.
	maxQueuedTotal = 256 << 20
)

// The states of a stream.
const (
	streamOpen   uint8 = iota
	streamEnding       // End was called; what is queued is being written
	streamOver
)

// Stream is an answer that is sent piece by piece. All methods may be called
// from any goroutine, and none of them blocks.
type Stream struct {
	conn  *conn
	table *streams
	// raw writes what the socket takes at once; nil if that cannot be done.
	raw       syscall.RawConn
	keepAlive string
	// chunked says that the body has chunks (RFC 9112, section 7.1); without
	// them it ends with the connection.
	chunked bool
	// closing says that the connection ends with the stream.
	closing bool
	// fd is the socket's descriptor, or -1. It may only be asked about.
	fd int32
	// index is the place in the table, or -1.
	index int

	mu    sync.Mutex
	state uint8
	// head is the head of the answer without its last line, until it is sent.
	head string
	// clean says that a stream that is over was written to its end.
	clean bool
	// detached says that the stream outlives the handler, owner that the
	// connection is its own and nobody else's.
	detached, owner bool
	// writing says that somebody has the task of writing the queue.
	writing bool
	// pending is what waits to be written, or nil; queued counts the bytes of
	// it and of what is being written.
	pending *buffer
	queued  int
	last    time.Time
	onEnd   []func()
	// progress is signalled when bytes are written and when the stream is
	// over.
	progress sync.Cond
}

// Send queues a piece, of which it takes a copy. False says that the client
// has gone, or takes too little, so that the connection is cut, or that the
// stream has ended.
func (s *Stream) Send(p []byte) bool {
	s.mu.Lock()
	switch {
	case s.state != streamOpen:
		s.mu.Unlock()
		return false
	case len(p) == 0: // an empty chunk would end the body
		s.mu.Unlock()
		return true
	case !s.fits(len(p)):
		s.mu.Unlock()
		s.finish(false)
		return false
	}
	s.last = time.Now()
	s.sendHead()
	s.enqueue(text(p))
	return s.flush()
}

// push is Send for those who can wait: it does until the client is not far
// behind.
func (s *Stream) push(p []byte) bool {
	s.mu.Lock()
	for s.queued > maxQueued/8 && s.state != streamOver {
		s.progress.Wait()
	}
	s.mu.Unlock()
	return s.Send(p)
}

// End ends the body once what is queued is written. Further calls do nothing.
func (s *Stream) End() {
	s.mu.Lock()
	if s.state != streamOpen {
		s.mu.Unlock()
		return
	}
	s.state = streamEnding
	s.sendHead()
	if s.chunked {
		s.enqueueRaw("0\r\n\r\n")
	}
	s.flush()
}

// endWithHead ends an answer that has no body.
func (s *Stream) endWithHead() {
	s.mu.Lock()
	s.state = streamEnding
	s.sendHead()
	s.flush()
}

// Cut drops the connection at once, with what is queued.
func (s *Stream) Cut() { s.finish(false) }

// Detach lets the stream outlive the handler. A detached stream that has
// nothing to send holds no goroutine and none of the buffers of a request.
// Contexts of Request.Watch end with the handler all the same: OnEnd tells when
// the client of a detached stream has gone, at once if a write fails, else
// within a second on Linux and with the next keep-alive elsewhere. When the
// stream ends, the connection is closed; what the client sends on it after the
// request is never served. Detach before the first Send, and the client is told
// so.
func (s *Stream) Detach() {
	s.mu.Lock()
	s.detached = true
	if s.state != streamOpen || s.head == "" {
		s.mu.Unlock()
		return
	}
	s.closing = true
	s.sendHead()
	s.flush()
}

// OnEnd calls f when the stream is over: ended and written, cut, or the client
// gone. If it is over already, f is called at once. f is called once, on a
// goroutine of its own, so that a caller may hold a lock that f needs. Several
// functions may be set.
func (s *Stream) OnEnd(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == streamOver {
		go f()
		return
	}
	s.onEnd = append(s.onEnd, f)
}

// finish ends the stream, if it is not over yet; clean says that all of it was
// written. What was not is dropped, together with the connection.
func (s *Stream) finish(clean bool) {
	s.mu.Lock()
	if s.state == streamOver {
		s.mu.Unlock()
		return
	}
	s.state, s.clean = streamOver, clean
	if s.pending != nil {
		s.settle(s.pending)
		s.pending = nil
	}
	owner, waiting := s.owner, s.onEnd
	s.onEnd = nil
	s.progress.Broadcast()
	s.mu.Unlock()
	s.table.remove(s)
	s.conn.stream.CompareAndSwap(s, nil)
	if !clean {
		s.conn.reset()
	}
	if owner {
		s.conn.closeOwned()
	}
	for _, f := range waiting {
		go f()
	}
}

// wait returns when the stream is over, and reports whether all of it was
// written.
func (s *Stream) wait() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.state != streamOver {
		s.progress.Wait()
	}
	return s.clean
}

// handOver gives a detached stream its connection when the handler returns. It
// reports false if the stream is not detached, or over already.
func (s *Stream) handOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.detached || s.state == streamOver {
		return false
	}
	s.owner = true
	s.conn.owned.Store(true)
	return true
}

// beat sends the keep-alive if it is due, or the head of an answer that has
// nothing to say yet.
func (s *Stream) beat(now time.Time, silence time.Duration) {
	s.mu.Lock()
	due := s.keepAlive != "" && now.Sub(s.last) >= silence
	if s.state != streamOpen || s.writing || !due && s.head == "" {
		s.mu.Unlock()
		return
	}
	s.sendHead()
	if due {
		s.last = now
		s.enqueue(s.keepAlive)
	}
	s.flush()
}

// sendHead queues the head, if it has not been. It goes out with the first
// piece, or when it is clear that the connection ends with the stream, or
// within a second.
func (s *Stream) sendHead() {
	if s.head == "" {
		return
	}
	s.enqueueRaw(s.head)
	if s.closing {
		s.enqueueRaw("Connection: close\r\n")
	}
	s.enqueueRaw("\r\n")
	s.head = ""
}

// newStream makes a stream.
func newStream(c *conn, table *streams, keepAlive string) *Stream {
	s := &Stream{conn: c, table: table, keepAlive: keepAlive, fd: -1, index: -1, last: time.Now()}
	s.progress.L = &s.mu
	if c.tcp != nil {
		if raw, err := c.tcp.SyscallConn(); err == nil {
			s.fd = descriptor(raw)
			if c.Conn == net.Conn(c.tcp) {
				s.raw = raw
			}
		}
	}
	return s
}

// descriptor is the number of a socket, or -1 if it is closed.
func descriptor(raw syscall.RawConn) int32 {
	number := int32(-1)
	// An error says that it is closed.
	_ = raw.Control(func(fd uintptr) { number = int32(fd) })
	return number
}
