package plugins

import (
	"context"
	"slices"
	"sync"
	"time"
)

// WithDeadline is context.WithDeadline for the way of a call, where most
// contexts end before anybody waits for their end: it makes no channel, timer
// or goroutine until somebody asks for Done. A zero deadline is none.
//
// It behaves as contexts do. Who can watch the deadline by other means (that
// of a connection, say) waits with OnCancel instead of Done, and pays nothing
// for it.
func WithDeadline(parent context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	c := &callContext{parent: parent, deadline: deadline}
	c.up, _ = parent.(*callContext)
	if outer, ok := parent.Deadline(); ok && (deadline.IsZero() || outer.Before(deadline)) {
		c.deadline = outer
	}
	return c, func() { c.end(context.Canceled) }
}

// OnCancel calls f when ctx is cancelled. That its deadline passes need not
// call f: whoever waits so watches the deadline as well. f must be quick, and
// may be called more than once. Stop the waiting when it is over.
func OnCancel(ctx context.Context, f func()) *Waiter {
	w := &Waiter{call: f}
	c, ok := ctx.(*callContext)
	if !ok {
		w.foreign = context.AfterFunc(ctx, w.fire)
		return w
	}
	w.first = c
	// Every context above may be cancelled by itself.
	for at := c; at != nil; at = at.up {
		if !at.add(w) {
			w.fire()
			break
		}
		if at.up == nil && at.parent.Done() != nil {
			w.foreign = context.AfterFunc(at.parent, w.fire) //nolint:contextcheck // ctx was made of it
		}
	}
	return w
}

// Waiter is one who waits for a context to be cancelled.
type Waiter struct {
	first *callContext
	call  func()
	// foreign ends the waiting for a context of another type.
	foreign func() bool
	mu      sync.Mutex
	fired   bool
	stopped bool
}

// fire calls the function, unless the waiting has ended: a cancellation may be
// on its way to a waiter that has been stopped meanwhile.
func (w *Waiter) fire() {
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return
	}
	w.fired = true
	w.mu.Unlock()
	w.call()
}

// Stop ends the waiting. It reports whether the function was not called; then
// it never will be.
func (w *Waiter) Stop() bool {
	stopped := w.end()
	for at := w.first; at != nil; at = at.up {
		at.remove(w)
	}
	if w.foreign != nil {
		w.foreign()
	}
	return stopped
}

// end settles that the function is not called any more, if it wasn't yet.
func (w *Waiter) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = !w.fired
	return w.stopped
}

// callContext is the context of a call, or of a part of one.
type callContext struct {
	parent context.Context //nolint:containedctx // a context is made of its parent
	// up is the parent, if it is of this type.
	up       *callContext
	deadline time.Time

	mu  sync.Mutex
	err error
	// one waits most often alone; more are the others.
	one  *Waiter
	more []*Waiter
	// What follows is made when somebody asks for Done.
	done   chan struct{}
	timer  *time.Timer
	unlink func() bool
}

// Deadline implements context.Context.
func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Value implements context.Context.
func (c *callContext) Value(key any) any { return c.parent.Value(key) }

// Err implements context.Context.
func (c *callContext) Err() error {
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case c.parent.Err() != nil:
		c.end(c.parent.Err())
	case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
		c.end(context.DeadlineExceeded)
	default:
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done implements context.Context.
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	if c.done != nil {
		defer c.mu.Unlock()
		return c.done
	}
	done := make(chan struct{})
	c.done = done
	if c.err != nil {
		close(done)
		c.mu.Unlock()
		return done
	}
	if !c.deadline.IsZero() {
		c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
	}
	c.mu.Unlock()
	if c.parent.Done() != nil {
		c.link()
	}
	return done
}

// link ends the context with its parent.
func (c *callContext) link() {
	unlink := context.AfterFunc(c.parent, func() { c.end(c.parent.Err()) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		unlink()
		return
	}
	c.unlink = unlink
}

// AfterFunc makes contexts derived from this one end without a goroutine each
// (see context.AfterFunc).
func (c *callContext) AfterFunc(f func()) func() bool {
	c.Done()
	w := &Waiter{first: c, call: func() { go f() }}
	if !c.add(w) {
		w.fire()
		return func() bool { return false }
	}
	return func() bool {
		c.remove(w)
		return w.end()
	}
}

// add adds a waiter, unless the context has ended.
func (c *callContext) add(w *Waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	if c.one == nil {
		c.one = w
	} else {
		c.more = append(c.more, w)
	}
	return true
}

func (c *callContext) remove(w *Waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.one == w {
		c.one = nil
		return
	}
	if i := slices.Index(c.more, w); i >= 0 {
		c.more = slices.Delete(c.more, i, i+1)
	}
}

// end ends the context and tells those who wait.
func (c *callContext) end(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	one, more := c.one, c.more
	c.one, c.more = nil, nil
	if c.done != nil {
		close(c.done)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	unlink := c.unlink
	c.mu.Unlock()
	if unlink != nil {
		unlink()
	}
	if one != nil {
		one.fire()
	}
	for _, w := range more {
		w.fire()
	}
}
