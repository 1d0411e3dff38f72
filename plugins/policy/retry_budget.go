package policy

import (
	"sync"
	"time"
)

const (
	budgetTicks = 10 // of a second each
	budgetFloor = 3  // retries in a window, however few the requests
	budgetShare = 10 // one retry to so many requests
)

// retryBudget bounds the retries to one upstream: to a tenth of the requests
// of the last ten seconds, or to three if there were few. An upstream that
// fails altogether thus sees at most 1.1 requests a call, not a multiple.
type retryBudget struct {
	retained
	now  func() time.Time
	base time.Time

	mu       sync.Mutex
	tick     int64 // seconds since base of the newest slot
	slots    [budgetTicks]struct{ requests, retries int64 }
	requests int64 // in all slots
	retries  int64
}

func newRetryBudget(now func() time.Time) *retryBudget {
	return &retryBudget{now: now, base: now()}
}

// request counts a call's first request.
func (b *retryBudget) request() {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roll(now)
	b.requests++
	b.slots[b.tick%budgetTicks].requests++
}

// retry counts a retry, or reports that there have been enough.
func (b *retryBudget) retry() bool {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roll(now)
	if b.retries >= max(budgetFloor, b.requests/budgetShare) {
		return false
	}
	b.retries++
	b.slots[b.tick%budgetTicks].retries++
	return true
}

// roll empties the slots that have left the window.
func (b *retryBudget) roll(now time.Time) {
	tick := int64(now.Sub(b.base) / time.Second)
	if tick-b.tick > budgetTicks {
		b.tick = tick - budgetTicks
	}
	for b.tick < tick {
		b.tick++
		slot := &b.slots[b.tick%budgetTicks]
		b.requests -= slot.requests
		b.retries -= slot.retries
		slot.requests, slot.retries = 0, 0
	}
}
