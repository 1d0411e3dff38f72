package stream

import "fmt"

// subscription is what a session does about one URI.
type subscription struct {
	session *Session
	// cancel is nil until it started; over says that it has been cancelled. The
	// session's lock guards both.
	cancel func()
	over   bool
}

// Subscribe starts watching something for the session, unless it is watched
// already. start begins it and returns what ends it, which is called by
// Unsubscribe and at the end of the session. No lock is held during both. The
// error is ErrLimit or ErrEnded.
func (s *Session) Subscribe(uri string, start func() (cancel func())) error {
	one, err := s.reserve(uri)
	if one == nil {
		return err
	}
	cancel := start()
	s.mu.Lock()
	one.cancel = cancel
	over := one.over
	s.mu.Unlock()
	if over {
		cancel()
	}
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
