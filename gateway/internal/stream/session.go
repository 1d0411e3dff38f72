package stream

import (
	"crypto/rand"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// Session is the live side of a legacy session: its streams, what is kept for
// their resumption, open requests to the client, subscriptions, log level. It
// is safe for concurrent use.
type Session struct {
	table     *Table
	nonce     Nonce
	principal string
	expires   time.Time // zero: never
	used      atomic.Int64
	level     atomic.Uint32 // one more than the level; zero is the default
	owner     atomic.Value
	done      chan struct{} // closed when the session ends; nil if there is none

	// shared carries everything, if the transport has one stream for it all;
	// frame is how.
	shared *attachment
	frame  Framing

	mu       sync.Mutex
	ended    bool
	salt     string
	made     uint64 // lines
	lines    map[string]*line
	general  []*line // those with a sink, the newest last
	latest   *line   // the general one opened last
	calls    int     // channels opened and not finished
	log      []event
	logBytes int
	pending  map[string]*pending
	watched  map[string]*subscription
}

// SetOwner notes what the gateway knows of the caller whose session it is,
// always of one type.
func (s *Session) SetOwner(owner any) { s.owner.Store(owner) }

// Owner is what SetOwner was given last; nil before.
func (s *Session) Owner() any { return s.owner.Load() }

// newSalt makes event ids differ between the lives of a session.
func newSalt() string { return strings.ToLower(rand.Text()[:10]) }

// Single makes a session of which everything goes to one sink: of stdio, with
// AppendLine, or HTTP+SSE (2024-11-05), with AppendEvent. It ends with its
// sink. open makes the sink; it isn't called if too many streams are open.
// Errors are those of Session, or ErrGone if open returns nil.
func (t *Table) Single(nonce Nonce, principal string, expires time.Time, open func() Sink, frame Framing) (*Session, error) {
	if t.draining.Load() {
		return nil, ErrEnded
	}
	a, err := t.waiter(nil)
	if err != nil {
		return nil, err
	}
	sink := open()
	if a.sink = sink; sink == nil {
		a.leave()
		return nil, ErrGone
	}
	s, err := t.add(&Session{
		table: t, nonce: nonce, principal: principal, expires: expires, shared: a, frame: frame,
	}, true)
	if err != nil {
		a.leave()
		return nil, err
	}
	sink.OnEnd(func() {
		a.leave()
		t.sweepSoon()
	})
	return s, nil
}

// Principal is the key of the caller whose session it is.
func (s *Session) Principal() string { return s.principal }

// Nonce is what tells the session from others.
func (s *Session) Nonce() Nonce { return s.nonce }

// Done is closed when the session's live side ends.
func (s *Session) Done() <-chan struct{} { return s.done }

// SetLevel sets the least severe level of log messages that the client wants.
func (s *Session) SetLevel(level mcp.Level) { s.level.Store(uint32(level) + 1) }

// Level is what SetLevel set; LevelInfo before.
func (s *Session) Level() mcp.Level {
	if v := s.level.Load(); v > 0 {
		return mcp.Level(v - 1)
	}
	return mcp.LevelInfo
}

func (s *Session) touch() { s.used.Store(s.table.now().UnixNano()) }

// unlock gives the lock back, and room if the logs hold too much.
func (s *Session) unlock() {
	s.mu.Unlock()
	s.table.reclaim()
}

// Listen opens a general stream, the answer to a GET. With the Last-Event-ID
// of an earlier stream, general or of a request, it resumes exactly that one:
// what the client has not got is sent, then what comes. An id of a general
// stream that is not known any more opens a new one. A message goes to one
// stream only: to the general one opened last.
//
// Resumable says that the client's revision knows how to come back (2025-11-25
// and later). open makes the sink; it isn't called if there is an error:
// ErrUnknownEvent (400; 404 would end the session), ErrLimit, ErrEnded, ErrGone
// if open returns nil.
func (s *Session) Listen(open func() Sink, lastEventID string, resumable bool) error {
	s.touch()
	defer s.wake()
	s.mu.Lock()
	defer s.unlock()
	if s.ended || s.shared != nil {
		return ErrEnded
	}
	l, after, err := s.resumed(lastEventID)
	if err != nil {
		return err
	}
	if s.table.draining.Load() && (l == nil || l.general) {
		return ErrEnded
	}
	a, err := s.table.waiter(nil)
	if err != nil {
		return err
	}
	if a.sink = open(); a.sink == nil {
		a.leave()
		return ErrGone
	}
	if l == nil {
		l = s.addLine(generalLine)
	}
	l.ids = true
	l.resumable = resumable
	s.attach(l, a)
	s.watch(l, a)
	s.begin(l, after)
	for len(s.general) > maxGeneral {
		s.part(s.general[0])
	}
	return nil
}

// begin sends what comes first on a line that was attached.
func (s *Session) begin(l *line, after uint64) {
	if l.resumable {
		s.prime(l, after)
	} else if l.at != nil && !l.at.send([]byte(KeepAlive)) {
		s.detach(l)
	}
	s.confirm(l, after)
	s.replay(l)
	if l.finished && l.at != nil {
		l.at.close()
		s.detach(l)
	}
}

// resumed finds the line that a Last-Event-ID names, and the last event that
// the client has of it. No line: the client gets a new general one.
func (s *Session) resumed(lastEventID string) (*line, uint64, error) {
	if lastEventID == "" {
		return nil, 0, nil
	}
	name, after, ok := parseEventID(lastEventID)
	if l := s.lines[name]; ok && l != nil && l.ids && after <= l.seq {
		if !l.lost || after == l.seq {
			return l, after, nil
		}
	}
	if ok && name != "" && name[0] == generalLine {
		return nil, 0, nil
	}
	return nil, 0, ErrUnknownEvent
}

// Push sends a message that belongs to no request to the client, now or when
// it next opens a general stream. Nobody may change the message afterwards; it
// may be pushed to many sessions.
func (s *Session) Push(message []byte) {
	s.mu.Lock()
	defer s.unlock()
	if s.ended {
		return
	}
	if s.shared != nil {
		s.share(message)
		return
	}
	for len(s.general) > 0 {
		l := s.general[len(s.general)-1]
		if s.write(l, l.seq+1, message) {
			l.seq++
			s.keep(event{message: message, line: l, seq: l.seq})
			return
		}
	}
	s.keep(event{message: message})
}

// share writes to the one sink of all messages.
func (s *Session) share(message []byte) bool {
	return s.shared.send(s.frame(make([]byte, 0, len(message)+32), "", message))
}

// idle reports whether a session may lose its live side.
func (s *Session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls > 0 || len(s.pending) > 0 || s.shared != nil && !s.shared.left.Load() {
		return false
	}
	for _, l := range s.lines {
		if l.at != nil && !l.at.left.Load() {
			return false
		}
	}
	return true
}

// over reports whether a session is to end: when its time is up and no request
// is being answered, or when its one sink has ended.
func (s *Session) over(now time.Time) bool {
	if s.shared != nil && s.shared.left.Load() {
		return true
	}
	if s.expires.IsZero() || now.Before(s.expires) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls == 0
}

// sweep forgets sinks that have ended, and sends clients away whose stream is
// open for too long. Sessions differ in how long that is, by a tenth, so that
// not all come back at once.
func (s *Session) sweep(now time.Time) {
	longest := s.table.limits.Load().MaxStream
	longest -= longest / 2560 * time.Duration(s.nonce[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		switch {
		case l.at == nil:
		case l.at.left.Load():
			s.detach(l)
		case longest > 0 && l.resumable && now.Sub(l.at.since) >= longest:
			s.sendAway(l)
		}
	}
}

// part ends a line's sink; a client that knows how comes back.
func (s *Session) part(l *line) {
	if l.resumable {
		s.sendAway(l)
		return
	}
	if l.at != nil {
		l.at.close()
	}
	s.detach(l)
}

// end ends everything of the session.
func (s *Session) end() {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	close(s.done)
	if s.shared != nil {
		s.shared.close()
	}
	for _, l := range s.lines {
		if l.at != nil {
			l.at.close()
			l.at = nil
		}
	}
	s.clear()
	s.lines, s.general, s.latest, s.pending = nil, nil, nil, nil
	watched := s.watched
	s.watched = nil
	s.mu.Unlock()
	for _, one := range watched {
		one.stop()
	}
}
