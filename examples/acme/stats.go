package acme

import (
	"context"
	"maps"
	"sync"
)

// Stats says what a service has seen since it was made.
type Stats struct {
	// Total counts every request, refused ones too.
	Total int64
	// Routes counts requests by route, named as in the package comment
	// without the query: "GET /customers/{id}". HEAD counts as GET.
	Routes map[string]int64
	// Unauthorized counts requests without the token.
	Unauthorized int64
	// Unmatched counts requests answered 404 or 405 for their path or method.
	Unmatched int64
	// SlowStarted, SlowFinished and SlowCancelled count requests of GET /slow
	// that began, slept to the end, and ended because the client hung up.
	SlowStarted, SlowFinished, SlowCancelled int64
	// Connections counts connections that a [Server] accepted.
	Connections int64
}

// recorder keeps the stats and wakes those who wait for a change.
type recorder struct {
	mu      sync.Mutex
	stats   Stats
	changed chan struct{} // closed at the next change; nil while nobody waits
}

func newRecorder() *recorder {
	return &recorder{stats: Stats{Routes: map[string]int64{}}}
}

func (c *recorder) count(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

func (c *recorder) read(watch bool) (Stats, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.stats
	st.Routes = maps.Clone(st.Routes)
	if watch && c.changed == nil {
		c.changed = make(chan struct{})
	}
	return st, c.changed
}

// Stats returns a copy of the counts so far.
func (s *Service) Stats() Stats {
	st, _ := s.stats.read(false)
	return st
}

// Wait returns nil as soon as reached holds for the counts, or the context's
// error. Tests use it to learn without sleeping that a request has arrived or
// was cancelled.
func (s *Service) Wait(ctx context.Context, reached func(Stats) bool) error {
	for {
		st, changed := s.stats.read(true)
		if reached(st) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
