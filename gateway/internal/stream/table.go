package stream

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Nonce is what tells a session from all others; its sealed id carries it.
type Nonce = [12]byte

// Table holds the sessions that have a live side on this replica. A session
// without one has no entry and costs nothing. It is safe for concurrent use.
type Table struct {
	now    func() time.Time
	limits atomic.Pointer[Limits]

	mu       sync.RWMutex
	sessions map[Nonce]*Session
	closed   bool

	draining   atomic.Bool
	open       atomic.Int64 // sinks that are attached
	waiting    slots
	subscribed atomic.Int64
	held       atomic.Int64 // bytes in logs
	reclaiming atomic.Bool

	wake, stop, stopped chan struct{}
}

// New makes a table. Close stops what it runs.
func New(limits Limits, now func() time.Time) *Table {
	t := &Table{
		now:      now,
		sessions: make(map[Nonce]*Session),
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	t.limits.Store(limits.orDefaults())
	go t.run()
	return t
}

// SetLimits changes the limits. What is over a lowered one already stays until
// it ends by itself.
func (t *Table) SetLimits(limits Limits) {
	t.limits.Store(limits.orDefaults())
	t.sweepSoon()
}

// Find returns a session's live side, nil if it has none.
func (t *Table) Find(nonce Nonce) *Session {
	t.mu.RLock()
	s := t.sessions[nonce]
	t.mu.RUnlock()
	if s != nil {
		s.touch()
	}
	return s
}

// Session returns a session's live side and makes it if there is none. The id
// must have been opened for its caller before: the table trusts the nonce, and
// doesn't remember which sessions were ended. If too many sessions are in use
// it is an ErrLimit, after Close an ErrEnded.
func (t *Table) Session(nonce Nonce, principal string, expires time.Time) (*Session, error) {
	if s := t.Find(nonce); s != nil {
		return s, nil
	}
	return t.add(&Session{table: t, nonce: nonce, principal: principal, expires: expires}, false)
}

// add puts a session into the table, unless there is one that may stay.
func (t *Table) add(s *Session, replace bool) (*Session, error) {
	s.done = make(chan struct{})
	s.touch()
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, ErrEnded
	}
	var out []*Session
	if old := t.sessions[s.nonce]; old != nil {
		if !replace {
			t.mu.Unlock()
			return old, nil
		}
		out = append(out, old)
	} else if limit := t.limits.Load().Sessions; len(t.sessions) >= limit {
		if out = t.evict(limit); out == nil {
			t.mu.Unlock()
			return nil, fmt.Errorf("%w: %d sessions are in use", ErrLimit, limit)
		}
	}
	t.sessions[s.nonce] = s
	t.mu.Unlock()
	for _, one := range out {
		one.end()
	}
	return s, nil
}

// evict takes the idle sessions that are over or longest unused out of the
// table: a sixteenth of all at once, since looking for them costs.
func (t *Table) evict(limit int) []*Session {
	now := t.now()
	idle := make([]*Session, 0, len(t.sessions))
	for _, s := range t.sessions {
		if s.idle() {
			idle = append(idle, s)
		}
	}
	used := func(s *Session) int64 {
		if s.over(now) {
			return 0
		}
		return s.used.Load()
	}
	slices.SortFunc(idle, func(a, b *Session) int { return cmp.Compare(used(a), used(b)) })
	idle = idle[:min(len(idle), len(t.sessions)-limit+1+limit/16)]
	for _, s := range idle {
		delete(t.sessions, s.nonce)
	}
	if len(t.sessions) >= limit {
		// As many as there are give way, but they don't suffice.
		for _, s := range idle {
			t.sessions[s.nonce] = s
		}
		return nil
	}
	return idle
}

// End ends a session: its streams are closed, its open requests fail, its
// subscriptions are cancelled, what it kept is dropped.
func (t *Table) End(nonce Nonce) {
	if s := t.Find(nonce); s != nil {
		t.drop(s)
	}
}

func (t *Table) drop(s *Session) {
	t.mu.Lock()
	if t.sessions[s.nonce] == s {
		delete(t.sessions, s.nonce)
	}
	t.mu.Unlock()
	s.end()
}

// Each calls f for every session there is at the moment. No lock is held
// meanwhile.
func (t *Table) Each(f func(*Session)) {
	for _, s := range t.snapshot() {
		f(s)
	}
}

func (t *Table) snapshot() []*Session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]*Session, 0, len(t.sessions))
	for _, s := range t.sessions {
		all = append(all, s)
	}
	return all
}

// Sessions counts the sessions with a live side.
func (t *Table) Sessions() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.sessions)
}

// Streams counts the open streams: those that answer requests, general ones,
// listen streams.
func (t *Table) Streams() int { return int(t.open.Load()) }

// Drain ends the streams that wait for news, and refuses new ones. Streams that
// answer requests go on.
func (t *Table) Drain() {
	t.draining.Store(true)
	t.Each(func(s *Session) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for len(s.general) > 0 {
			s.part(s.general[0])
		}
	})
}

// Close ends all sessions. It returns when nothing runs any more.
func (t *Table) Close() {
	t.draining.Store(true)
	t.mu.Lock()
	first := !t.closed
	t.closed = true
	all := t.sessions
	t.sessions = make(map[Nonce]*Session)
	t.mu.Unlock()
	for _, s := range all {
		s.end()
	}
	if first {
		close(t.stop)
	}
	<-t.stopped
}

func (t *Table) sweepSoon() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *Table) run() {
	defer close(t.stopped)
	for {
		timer := time.NewTimer(t.limits.Load().sweepEvery())
		select {
		case <-t.stop:
			timer.Stop()
			return
		case <-t.wake:
			timer.Stop()
		case <-timer.C:
		}
		t.sweep()
	}
}

// sweep ends what is over.
func (t *Table) sweep() {
	now := t.now()
	for _, s := range t.snapshot() {
		if s.over(now) {
			t.drop(s)
		} else {
			s.sweep(now)
			if now.Sub(time.Unix(0, s.used.Load())) > restAfter && s.idle() {
				s.rest()
			}
		}
	}
}
