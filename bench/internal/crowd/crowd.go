// Package crowd is many clients of an MCP server that do nothing but listen:
// streams of subscriptions/listen (2026-07-28) and streams of legacy sessions
// (2025-11-25, GET), on raw sockets, so that they cost little. It works on
// Linux only.
package crowd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Plan says who the crowd is.
type Plan struct {
	// Server is the address of the MCP server, whose path is /mcp.
	Server netip.AddrPort
	// Streams is how many there are: every second one is legacy.
	Streams int
	// DeafEvery makes each so-manyth client one that never reads after its
	// stream has begun; 0: none.
	DeafEvery int
	// URI is the resource that all of them subscribe to.
	URI string
	// Token is the bearer token of the n-th client.
	Token func(n int) (string, error)
}

// Kind is what the server can tell.
type Kind uint8

// The kinds of news.
const (
	ToolsChanged Kind = iota
	ResourceUpdated
	kinds
)

// method is the notification of a kind.
func (k Kind) method() string {
	if k == ToolsChanged {
		return "notifications/tools/list_changed"
	}
	return "notifications/resources/updated"
}

// Crowd is the open streams. Its methods are called by one goroutine.
type Crowd struct {
	plan    Plan
	clients []client
	poll    int
	reading sync.WaitGroup

	mu sync.Mutex
	// told counts the news of each kind so far.
	told    [kinds]int
	round   *round
	failure error
	leaving bool
}

// client is one stream.
type client struct {
	fd      int
	legacy  bool
	deaf    bool
	begun   bool
	wire    wire
	session string
	heard   [kinds]int
}

// round waits for one piece of news.
type round struct {
	kind     Kind
	arrivals []time.Time
	want     int
	done     chan struct{}
}

// Listeners counts the clients that read.
func (c *Crowd) Listeners() int { return c.plan.Streams - c.Deaf() }

// Deaf counts the clients that don't.
func (c *Crowd) Deaf() int {
	n := 0
	for i := range c.clients {
		if c.clients[i].deaf {
			n++
		}
	}
	return n
}

// Expect makes the crowd wait for one piece of news. What it returns waits
// until all who read have got it, and returns when each did, in order of time.
func (c *Crowd) Expect(kind Kind) (await func() ([]time.Time, error)) {
	r := &round{kind: kind, want: c.Listeners(), done: make(chan struct{})}
	c.mu.Lock()
	c.told[kind]++
	c.round = r
	c.mu.Unlock()
	return func() ([]time.Time, error) {
		timeout := time.NewTimer(patience)
		defer timeout.Stop()
		select {
		case <-r.done:
		case <-timeout.C:
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failure != nil {
			return nil, c.failure
		}
		if len(r.arrivals) < r.want {
			return nil, fmt.Errorf("%s reached %d of %d streams in %v", kind.method(), len(r.arrivals), r.want, patience)
		}
		return slices.Clone(r.arrivals), nil
	}
}

// Err is the first thing that was wrong: a stream that ended, or that was told
// what it should not have been, or once too often.
func (c *Crowd) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

func (c *Crowd) fail(err error) {
	if c.failure != nil || c.leaving {
		return
	}
	c.failure = err
	if c.round != nil && len(c.round.arrivals) < c.round.want {
		close(c.round.done)
	}
}

// read takes what the streams get, until the crowd leaves.
func (c *Crowd) read() {
	events, buf := make([]syscall.EpollEvent, 512), make([]byte, 64<<10)
	for {
		n, err := syscall.EpollWait(c.poll, events, 100)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			c.mu.Lock()
			c.fail(fmt.Errorf("wait for news: %w", err))
			c.mu.Unlock()
			return
		}
		now := time.Now()
		for _, e := range events[:max(n, 0)] {
			c.take(int(e.Fd), buf, now)
		}
		c.mu.Lock()
		leaving := c.leaving
		c.mu.Unlock()
		if leaving {
			return
		}
	}
}

// take reads from the n-th stream.
func (c *Crowd) take(n int, buf []byte, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := &c.clients[n]
	size, err := syscall.Read(one.fd, buf)
	switch {
	case c.leaving || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
		return
	case err == nil && size == 0:
		err = errors.New("the server closed it")
	case err == nil:
		err = one.wire.feed(buf[:size], func(data []byte) error { return c.hear(n, data, now) })
	}
	if err != nil {
		// A stream that is over would be reported again and again.
		_ = syscall.EpollCtl(c.poll, syscall.EPOLL_CTL_DEL, one.fd, nil)
		c.fail(fmt.Errorf("stream %d: %w", n, err))
	}
}

// notification is what the server tells.
type notification struct {
	Method string
	Params struct {
		URI  string
		Meta map[string]json.RawMessage `json:"_meta"`
	}
}

// hear takes a message on the n-th stream. It must be the news that all are
// waiting for, and meant for this stream.
func (c *Crowd) hear(n int, data []byte, now time.Time) error {
	one := &c.clients[n]
	if len(data) == 0 {
		return nil
	}
	var m notification
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("message %q: %w", data, err)
	}
	if !one.legacy && !bytes.Equal(m.Params.Meta["io.modelcontextprotocol/subscriptionId"], streamID(n)) {
		return fmt.Errorf("message of another subscription: %s", data)
	}
	r := c.round
	switch {
	case r == nil || m.Method != r.kind.method():
		return fmt.Errorf("unexpected message: %s", data)
	case r.kind == ResourceUpdated && m.Params.URI != c.plan.URI:
		return fmt.Errorf("update of another resource: %s", data)
	}
	if one.heard[r.kind]++; one.heard[r.kind] != c.told[r.kind] {
		return fmt.Errorf("told %d times of %d changes: %s", one.heard[r.kind], c.told[r.kind], data)
	}
	if r.arrivals = append(r.arrivals, now); len(r.arrivals) == r.want {
		close(r.done)
	}
	return nil
}

// Leave ends the sessions and hangs up.
func (c *Crowd) Leave() error {
	c.mu.Lock()
	c.leaving = true
	c.mu.Unlock()
	c.reading.Wait()
	err := c.endSessions()
	for i := range c.clients {
		if fd := c.clients[i].fd; fd >= 0 {
			err = errors.Join(err, syscall.Close(fd))
		}
	}
	return errors.Join(err, syscall.Close(c.poll))
}
