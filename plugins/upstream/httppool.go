package upstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// pool keeps the connections to one place: at most max are open, and those
// without a request are used again, the last one first, so that others grow
// old and are closed. It is safe for concurrent use.
type pool struct {
	dial func(context.Context) (*conn, error)
	max  int

	mu      sync.Mutex
	idle    []*conn // the last one was used last
	open    int     // connections that exist or are being dialed
	waiting []chan *conn
	sweeper *time.Timer // runs while there are idle connections
	closed  bool
}

var errPoolClosed = errors.New("the upstream's connections are closed")

func newPool(dial func(context.Context) (*conn, error), limit int) *pool {
	return &pool{dial: dial, max: limit}
}

// get returns a connection: an idle one, or a new one, or the next to become
// free if as many as allowed are open. It waits no longer than ctx.
func (p *pool) get(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errPoolClosed
	}
	for len(p.idle) > 0 {
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if time.Since(c.idle) < c.keep {
			p.mu.Unlock()
			return c, nil
		}
		c.drop()
		p.open--
	}
	if p.open < p.max {
		p.open++
		p.mu.Unlock()
		return p.connect(ctx)
	}
	free := make(chan *conn, 1)
	p.waiting = append(p.waiting, free)
	p.mu.Unlock()
	select {
	case c := <-free:
		if c == nil {
			return p.connect(ctx)
		}
		return c, nil
	case <-ctx.Done():
		p.giveUp(free)
		return nil, ctx.Err()
	}
}

// giveUp takes back a wait; what was given meanwhile goes to the next.
func (p *pool) giveUp(free chan *conn) {
	p.mu.Lock()
	i := slices.Index(p.waiting, free)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		return
	}
	if c := <-free; c != nil {
		p.put(c)
	} else {
		p.release()
	}
}

// connect dials in a slot that is already counted.
func (p *pool) connect(ctx context.Context) (*conn, error) {
	c, err := p.dial(ctx)
	if err != nil {
		p.release()
		return nil, err
	}
	return c, nil
}

// replace gives up a connection and dials a new one in its slot.
func (p *pool) replace(ctx context.Context, c *conn) (*conn, error) {
	c.drop()
	return p.connect(ctx)
}

// put gives back a connection that can be used again.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	if p.closed {
		p.open--
		p.mu.Unlock()
		c.drop()
		return
	}
	c.idle = time.Now()
	if len(p.waiting) > 0 {
		p.next() <- c
		p.mu.Unlock()
		return
	}
	p.idle = append(p.idle, c)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(idleTimeout, p.sweep)
	}
	p.mu.Unlock()
}

// discard gives up a connection.
func (p *pool) discard(c *conn) {
	c.drop()
	p.release()
}

// release gives up a slot; who waits longest may dial in it.
func (p *pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 && !p.closed {
		p.next() <- nil
		return
	}
	p.open--
}

// next takes the longest waiting; its channel has room.
func (p *pool) next() chan *conn {
	free := p.waiting[0]
	p.waiting = slices.Delete(p.waiting, 0, 1)
	return free
}

// sweep closes connections that were idle for too long.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		old := time.Since(c.idle) >= c.keep
		if old {
			c.drop()
			p.open--
		}
		return old
	})
	p.sweeper = nil
	if len(p.idle) > 0 && !p.closed {
		p.sweeper = time.AfterFunc(idleTimeout/2, p.sweep)
	}
}

// Close closes all idle connections; those in use are closed when they are
// given back.
func (p *pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.drop()
		p.open--
	}
	p.idle = nil
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
	return nil
}
