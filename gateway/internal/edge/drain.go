package edge

import (
	"context"
	"fmt"
	"net"
	"time"
)

const (
	// drainStep is how often a drain looks for connections that became idle.
	drainStep = 50 * time.Millisecond
	// backlogGrace is how long a listener that closes takes connections that
	// the system has accepted already.
	backlogGrace = 20 * time.Millisecond
	// freshGrace is how long the end of a drain waits for the first request on
	// a connection that has just been made.
	freshGrace = 500 * time.Millisecond
	// lateGrace bounds the arrival of requests that are going to be refused,
	// once all others are answered.
	lateGrace = 500 * time.Millisecond
)

// Shutdown drains. Every request that has begun is answered, with Connection:
// close. As long as one is in flight, new ones are answered with 503 and
// Retry-After, on new connections too, so that clients go elsewhere instead of
// meeting a closed port; connections that wait for another request are closed.
// Then the listener closes and Shutdown returns. When ctx ends first, it cuts
// the rest off and returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.serving.Lock()
	defer s.serving.Unlock()
	select {
	case <-s.ended:
		return nil
	default:
	}
	defer close(s.ended)
	s.listener.draining.Store(true)
	s.listener.awaitAnswers(ctx)
	s.listener.stopAccepting()
	if s.started {
		select {
		case <-s.accepted:
		case <-ctx.Done():
		}
	}
	_ = s.listener.Close() // a second close is an error that means nothing
	return s.listener.wait(ctx)
}

// awaitAnswers returns when every request that began before the drain is
// answered, or ctx has ended.
func (l *listener) awaitAnswers(ctx context.Context) {
	tick := time.NewTicker(drainStep)
	defer tick.Stop()
	for {
		l.each((*conn).closeIfServed)
		if !l.inFlight() || !l.sleep(ctx, tick) {
			return
		}
	}
}

// inFlight reports whether a request that is going to be served has begun.
func (l *listener) inFlight() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if c.state.Load() == stateActive {
			return true
		}
	}
	return false
}

// stopAccepting ends Accept, after what the system has accepted already.
func (l *listener) stopAccepting() {
	close(l.stop)
	if tcp, ok := l.Listener.(*net.TCPListener); ok && tcp.SetDeadline(time.Now().Add(backlogGrace)) == nil {
		return // the accepting goroutine closes the listener
	}
	_ = l.Close() // it ends the accepting goroutine
}

// wait closes connections as they become idle until none is left.
func (l *listener) wait(ctx context.Context) error {
	tick := time.NewTicker(drainStep)
	defer tick.Stop()
	late := time.Now().Add(lateGrace)
	for {
		l.each((*conn).closeIfIdle)
		if l.empty() {
			return nil
		}
		if time.Now().After(late) {
			l.each((*conn).hurry)
		}
		if !l.sleep(ctx, tick) {
			l.each((*conn).abort)
			return fmt.Errorf("requests were cut off: %w", ctx.Err())
		}
	}
}

// sleep waits until a drain has something to look at; it reports whether ctx
// is still good.
func (l *listener) sleep(ctx context.Context, tick *time.Ticker) bool {
	select {
	case <-l.news:
	case <-tick.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// tell wakes a drain: a connection has been answered, or has gone.
func (l *listener) tell() {
	if !l.draining.Load() {
		return
	}
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// closeIfServed is closeIfIdle for connections that had a request: what has
// just been connected to learns by the answer to its first request.
func (c *conn) closeIfServed() {
	if c.served.Load() {
		c.closeIfIdle()
	}
}

// closeIfIdle closes the connection if no request has begun on it.
func (c *conn) closeIfIdle() {
	if c.state.Load() != stateIdle || !c.served.Load() && time.Since(c.made) < freshGrace {
		return
	}
	if hasInput(c.tcp) {
		return
	}
	if c.state.CompareAndSwap(stateIdle, stateClosed) {
		_ = c.shut() // nobody is served any more, so nobody is to be told
	}
}

// hurry ends the arrival of a request that is going to be refused anyway: it
// is refused then.
func (c *conn) hurry() {
	if c.state.Load() == stateLate {
		_ = c.tcp.SetReadDeadline(time.Unix(1, 0)) // an error says that the socket is closed
	}
}
