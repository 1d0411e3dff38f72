package gateway

import (
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxAwaited bounds the modern calls whose retry is waited for.
const maxAwaited = 10_000

// awaited are modern calls that have done something which is undone if their
// retry doesn't come while the state is good. A retry comes to the replica that
// has sealed the state, unless that is gone.
type awaited struct {
	mu  sync.Mutex
	all map[string]*retry
}

// retry is the retry of one call.
type retry struct {
	timer *time.Timer
	// free gives back what the call holds.
	free func()
}

// awaitRetry undoes what the call has done, unless its retry comes in time.
func (c *callRun) awaitRetry(call *plugins.Call, p *mcp.Pending, nonce string, expires time.Time) {
	if !p.Undoable {
		return
	}
	job, g := c.background(call), c.r.g
	next := job.call.WithRun(&plugins.Run{Uncounted: true, Resume: &plugins.Resume{State: p.State}})
	job.s.use()
	known := g.awaited.add(nonce, &retry{free: job.s.done}, time.Until(expires), func() {
		if g.used.take([]byte(nonce), expires.Add(stateGrace).Unix()) {
			giveUp(job.t, next)
		}
	})
	if !known {
		job.s.done()
	}
}

// add waits for one more retry; late is called if it doesn't come. False says
// that there are too many.
func (a *awaited) add(nonce string, one *retry, within time.Duration, late func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) >= maxAwaited {
		return false
	}
	if a.all == nil {
		a.all = make(map[string]*retry)
	}
	one.timer = time.AfterFunc(within, func() {
		late()
		a.remove(nonce)
	})
	a.all[nonce] = one
	return true
}

// remove ends the waiting for a retry: it has come, or too late.
func (a *awaited) remove(nonce string) {
	a.mu.Lock()
	one := a.all[nonce]
	delete(a.all, nonce)
	a.mu.Unlock()
	if one != nil {
		one.timer.Stop()
		one.free()
	}
}

// close ends all waiting. Nothing is undone: another replica with the same keys
// may still take the retries.
func (a *awaited) close() {
	a.mu.Lock()
	all := a.all
	a.all = nil
	a.mu.Unlock()
	for _, one := range all {
		one.timer.Stop()
		one.free()
	}
}
