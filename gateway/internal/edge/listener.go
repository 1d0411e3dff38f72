package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// acceptPause is the longest pause after a failed accept.
	acceptPause = 500 * time.Millisecond
	// turnedAway is how many connections beyond the limit are answered at a
	// time; more are closed without a word.
	turnedAway = 64
)

// listener accepts connections within the limit and knows all of them.
type listener struct {
	net.Listener
	tls     *tls.Config
	limit   int64
	stall   time.Duration
	log     *slog.Logger
	observe func(status int)

	// draining says that requests that begin now are refused; stop ends when
	// no connection is accepted any more.
	draining atomic.Bool
	stop     chan struct{}
	open     atomic.Int64
	// reserved is how much of largeReads is taken.
	reserved atomic.Int64
	away     chan struct{}

	mu    sync.Mutex
	conns map[*conn]struct{}
	// news wakes a drain.
	news chan struct{}
}

// listenOn opens a TCP listener. The error names the address once.
func listenOn(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr) //nolint:noctx // an address of ours: nothing is waited for
	if err == nil {
		return l, nil
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another process: %w", addr, err)
	}
	return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
}

func newListener(l net.Listener, lim limits, log *slog.Logger, observe func(int)) *listener {
	return &listener{
		Listener: l, limit: lim.connections, stall: lim.writeStall, log: log, observe: observe,
		stop: make(chan struct{}), away: make(chan struct{}, turnedAway),
		conns: make(map[*conn]struct{}), news: make(chan struct{}, 1),
	}
}

// Accept waits for the next connection. It survives a lack of descriptors, and
// returns io.EOF after stopAccepting.
func (l *listener) Accept() (net.Conn, error) {
	pause := 5 * time.Millisecond
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			if accepted := l.admit(c); accepted != nil {
				return accepted, nil
			}
			pause = 5 * time.Millisecond
			continue
		case l.stopped() || errors.Is(err, net.ErrClosed):
			return nil, io.EOF
		}
		if pause == acceptPause {
			l.log.Warn("cannot accept connections", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-l.stop:
			return nil, io.EOF
		}
		pause = min(pause*2, acceptPause)
	}
}

func (l *listener) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// admit wraps a connection, or turns it away.
func (l *listener) admit(nc net.Conn) net.Conn {
	c := &conn{Conn: nc, listener: l, made: time.Now(), peer: addrOf(nc.RemoteAddr())}
	c.tcp, _ = nc.(*net.TCPConn)
	if l.open.Add(1) > l.limit {
		l.open.Add(-1)
		l.turnAway(nc)
		return nil
	}
	if l.tls != nil {
		c.Conn = tls.Server(nc, l.tls)
	}
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	return c
}

// turnAway answers 503, without keeping the accepting goroutine.
func (l *listener) turnAway(nc net.Conn) {
	l.observe(503)
	select {
	case l.away <- struct{}{}:
	default:
		_ = nc.Close() // there is nobody to tell
		return
	}
	go func() {
		defer func() { <-l.away }()
		defer nc.Close() //nolint:errcheck // there is nobody to tell
		tcp, ok := nc.(*net.TCPConn)
		if !ok || l.tls != nil || nc.SetDeadline(time.Now().Add(lingerTime)) != nil {
			return
		}
		if _, err := nc.Write(overloaded.appendResponse(nil, "Service Unavailable")); err == nil && tcp.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, nc) // until the client has gone, or time is up
		}
	}()
}

// forget takes a connection off the books.
func (l *listener) forget(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
	l.open.Add(-1)
	l.tell()
}

// each calls f for every connection.
func (l *listener) each(f func(*conn)) {
	l.mu.Lock()
	list := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		list = append(list, c)
	}
	l.mu.Unlock()
	for _, c := range list {
		f(c)
	}
}

// empty reports whether no connection is left.
func (l *listener) empty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns) == 0
}
