package stream

import (
	"fmt"
	"time"
)

// subscription is what a session does about one URI.
type subscription struct {
	session *Session
	// cancel is nil until it started; over says that it has been cancelled. The
	// session's lock guards both.
	cancel func()
	over   bool
	// start begins it, and again after a rest.
	start   func() (cancel func())
	resting bool
}

// restAfter is how long a session may be without a stream before its
// subscriptions rest: a client that has gone without a word must not make the
// gateway look at things until its session expires.
const restAfter = 5 * time.Minute

// rest ends the watching while nobody could hear of it.
func (s *Session) rest() {
	var cancels []func()
	s.mu.Lock()
	for _, one := range s.watched {
		if one.cancel != nil && !one.resting {
			cancels = append(cancels, one.cancel)
			one.cancel, one.resting = nil, true
		}
	}
	s.mu.Unlock()
	for _, cancel := range cancels {
		cancel()
	}
}

// wake begins the watching again that rests.
func (s *Session) wake() {
	var all []*subscription
	s.mu.Lock()
	for _, one := range s.watched {
		if one.resting {
			one.resting = false
			all = append(all, one)
		}
	}
	s.mu.Unlock()
	for _, one := range all {
		one.begin()
	}
}

// begin starts a subscription, and cancels it if it has ended meanwhile.
func (one *subscription) begin() {
	cancel := one.start()
	one.session.mu.Lock()
	one.cancel = cancel
	over := one.over
	one.session.mu.Unlock()
	if over {
		cancel()
	}
}

// Subscribe starts watching something for the session, unless it is watched
// already. start begins it and returns what ends it, which is called by
// Unsubscribe and at the end of the session. While the session has been without
// a stream for long, the watching rests: it is ended, and started again when
// the client comes back. No lock is held during both. The error is ErrLimit or
// ErrEnded.
func (s *Session) Subscribe(uri string, start func() (cancel func())) error {
	one, err := s.reserve(uri)
	if one == nil {
		return err
	}
	one.start = start
	one.begin()
	return nil
}

// reserve notes a subscription before it starts; nil if there is one.
func (s *Session) reserve(uri string) (*subscription, error) {
	s.touch()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, ErrEnded
	}
	if s.watched[uri] != nil {
		return nil, nil
	}
	limits := s.table.limits.Load()
	if len(s.watched) >= limits.Subscriptions {
		return nil, fmt.Errorf("%w: %d subscriptions", ErrLimit, limits.Subscriptions)
	}
	if s.table.subscribed.Add(1) > int64(limits.TotalSubscriptions) {
		s.table.subscribed.Add(-1)
		return nil, fmt.Errorf("%w: %d subscriptions of all sessions", ErrLimit, limits.TotalSubscriptions)
	}
	if s.watched == nil {
		s.watched = make(map[string]*subscription, 1)
	}
	one := &subscription{session: s}
	s.watched[uri] = one
	return one, nil
}

// Unsubscribe ends what Subscribe began, and reports whether there was any.
func (s *Session) Unsubscribe(uri string) bool {
	s.mu.Lock()
	one := s.watched[uri]
	delete(s.watched, uri)
	s.mu.Unlock()
	if one == nil {
		return false
	}
	one.stop()
	return true
}

// Subscribed reports whether the session watches something.
func (s *Session) Subscribed(uri string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watched[uri] != nil
}

// stop ends a subscription that is out of its session's list.
func (one *subscription) stop() {
	s := one.session
	s.mu.Lock()
	one.over = true
	cancel := one.cancel
	s.mu.Unlock()
	s.table.subscribed.Add(-1)
	if cancel != nil {
		cancel()
	}
}
