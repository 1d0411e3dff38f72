// Package watch looks at things again and again as long as somebody wants to
// know when they change: the resources that clients have subscribed to.
package watch

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Errors of Subscribe.
var (
	ErrTooMany = errors.New("too many things are watched")
	ErrClosed  = errors.New("nothing is watched any more")
)

// State is what a look has seen.
type State struct {
	// ETag and LastModified are the validators of what was seen, to ask for it
	// only if it has changed (RFC 9110, section 13); may be empty.
	ETag, LastModified string
	// Hash is that of the content: another hash is a change.
	Hash [32]byte
	// Seen is false before the first look that did not fail.
	Seen bool
}

// Look looks at a thing and returns what it has seen, or before if it has not
// changed. It has to end when ctx is done, and must not panic.
type Look func(ctx context.Context, before State) (State, error)

// Source is how a key is watched.
type Source struct {
	// Every is the time between looks, a second or more.
	Every time.Duration
	Look  Look
	// Version stands for what the configuration says of the thing: with another
	// version the same thing may have another content.
	Version [32]byte
}

// Limits bound what a Hub does.
type Limits struct {
	// Keys is how many keys are watched at most, Subscribers how many
	// subscribers they have together.
	Keys, Subscribers int
	// Looks is how many looks may run at once.
	Looks int
	// Timeout bounds a look, which never takes longer than the time between
	// two of them.
	Timeout time.Duration
}

// DefaultLimits are what a gateway needs.
func DefaultLimits() Limits {
	return Limits{Keys: 10_000, Subscribers: 100_000, Looks: 16, Timeout: 30 * time.Second}
}

const (
	shortest   = time.Second
	maxBackoff = 10
)

// Hub watches keys while they have subscribers. However many a key has, it is
// looked at once in its interval, give or take a tenth. While nothing is
// watched, no goroutine runs.
type Hub struct {
	limits  Limits
	looking sync.WaitGroup

	mu          sync.Mutex
	keys        map[string]*watched
	due         queue
	timer       *time.Timer // set for the first of due; nil before the first key
	running     int         // looks
	subscribers int
	closed      bool
	stats       Stats
}

// Stats are counters since the start, and what there is now.
type Stats struct {
	Looks, Failures, Changes uint64
	Keys, Subscribers        int
}

// watched is a key and what is known of it. It is in one place at a time: in
// the queue, busy, or neither while its key is not defined.
type watched struct {
	source      Source
	subscribers map[*subscriber]struct{}
	state       State
	failures    int
	next        time.Time
	index       int // in the queue; -1 outside
	// busy lasts from the start of a look until its news are told. stop ends
	// the look.
	busy bool
	stop context.CancelFunc
	// stale says that the look under way is of an old version.
	stale bool
	// undefined says that the configuration does not know the key now.
	undefined bool
	// looked is closed when the first look has ended, however it did.
	looked chan struct{}
}

type subscriber struct{ changed func() }

// New makes a Hub that watches nothing yet.
func New(limits Limits) *Hub {
	return &Hub{limits: limits, keys: map[string]*watched{}}
}

// Subscribe calls changed after each change of the key's content from now on,
// until cancel is called. The first look only finds out what there is. If the
// key is watched already, its source stays as it is. changed must be quick and
// not call Close; it may still be running when cancel returns. cancel may be
// called more than once.
func (h *Hub) Subscribe(key string, source Source, changed func()) (cancel func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.keys[key]
	switch {
	case h.closed:
		return nil, ErrClosed
	case h.subscribers >= h.limits.Subscribers || w == nil && len(h.keys) >= h.limits.Keys:
		return nil, ErrTooMany
	case w == nil:
		w = &watched{source: source, subscribers: map[*subscriber]struct{}{}, index: -1, looked: make(chan struct{})}
		h.keys[key] = w
		h.lookSoon(w)
	case w.undefined:
		h.define(w, source)
	}
	s := &subscriber{changed: changed}
	w.subscribers[s] = struct{}{}
	h.subscribers++
	h.pump()
	return func() { h.unsubscribe(key, w, s) }, nil
}

// Looked returns a channel that is closed when the first look at a key has
// ended, however it did: what changes from then on is told. Of a key that is
// not watched it is closed.
func (h *Hub) Looked(key string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.keys[key]; w != nil {
		return w.looked
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

func (h *Hub) unsubscribe(key string, w *watched, s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := w.subscribers[s]; !ok {
		return
	}
	delete(w.subscribers, s)
	h.subscribers--
	if len(w.subscribers) > 0 {
		return
	}
	delete(h.keys, key)
	h.rest(w)
	h.pump()
}

// Rebind is called when the configuration has changed. resolve tells how a key
// is watched from now on, given how it was; or that it is not defined any more:
// then its subscribers hear nothing until it is. A key whose version differs is
// looked at soon, without its validators. resolve must be quick, and not call
// the Hub.
func (h *Hub) Rebind(resolve func(key string, now Source) (Source, bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, w := range h.keys {
		source, ok := resolve(key, w.source)
		if !ok {
			w.undefined = true
			h.rest(w)
			continue
		}
		h.define(w, source)
	}
	h.pump()
}

// define gives a key its source.
func (h *Hub) define(w *watched, source Source) {
	before, wasUndefined := w.source, w.undefined
	w.source, w.undefined = source, false
	if before.Version != source.Version {
		w.state.ETag, w.state.LastModified = "", ""
	}
	switch {
	case wasUndefined || before.Version != source.Version:
		w.failures = 0
		h.lookSoon(w)
	case before.Every != source.Every && w.index >= 0 && w.state.Seen:
		w.next = time.Now().Add(w.pause())
		heap.Fix(&h.due, w.index)
	}
}

// lookSoon puts a key first, or has it looked at again after the look under
// way, whose result is dropped.
func (h *Hub) lookSoon(w *watched) {
	if w.busy {
		w.stale = true
		return
	}
	w.next = time.Now()
	h.enqueue(w)
}

func (h *Hub) enqueue(w *watched) {
	if w.index >= 0 {
		heap.Fix(&h.due, w.index)
		return
	}
	heap.Push(&h.due, w)
}

// rest ends looking at a key.
func (h *Hub) rest(w *watched) {
	if w.index >= 0 {
		heap.Remove(&h.due, w.index)
	}
	if w.busy {
		w.stop()
	}
}

// pump starts the looks that are due, as many as may run, and sets the timer
// for the next one.
func (h *Hub) pump() {
	if h.closed {
		return
	}
	now := time.Now()
	for len(h.due) > 0 && h.running < h.limits.Looks && !h.due[0].next.After(now) {
		w := h.due[0]
		heap.Pop(&h.due)
		h.start(w)
	}
	switch {
	case len(h.due) == 0 || h.running >= h.limits.Looks:
		if h.timer != nil {
			h.timer.Stop()
		}
	case h.timer == nil:
		h.timer = time.AfterFunc(h.due[0].next.Sub(now), h.wake)
	default:
		h.timer.Reset(h.due[0].next.Sub(now))
	}
}

func (h *Hub) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pump()
}

func (h *Hub) start(w *watched) {
	h.running++
	h.stats.Looks++
	look := w.look(min(w.every(), h.limits.Timeout))
	h.looking.Go(func() { h.take(w, look) })
}

// look makes a key busy with a look at it as it is now.
func (w *watched) look(timeout time.Duration) func() (State, error) {
	ctx, stop := context.WithTimeout(context.Background(), timeout)
	w.busy, w.stop, w.stale = true, stop, false
	source, before := w.source, w.state
	return func() (State, error) {
		defer stop()
		return source.Look(ctx, before)
	}
}

// take looks at a key, and tells its subscribers if it has changed.
func (h *Hub) take(w *watched, look func() (State, error)) {
	state, err := look()
	for _, s := range h.finish(w, state, err) {
		s.changed()
	}
	h.again(w)
}

// finish takes over what a look has seen, and returns whom to tell. It gives
// the look's place to another one before anybody is told.
func (h *Hub) finish(w *watched, state State, err error) []*subscriber {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running--
	defer h.pump()
	if !h.wanted(w) || w.stale {
		return nil
	}
	if err != nil {
		w.failures++
		h.stats.Failures++
		return nil
	}
	w.failures = 0
	before := w.state
	state.Seen = true
	w.state = state
	if !before.Seen || before.Hash == state.Hash {
		return nil
	}
	h.stats.Changes++
	tell := make([]*subscriber, 0, len(w.subscribers))
	for s := range w.subscribers {
		tell = append(tell, s)
	}
	return tell
}

// again has a key looked at when its time has come.
func (h *Hub) again(w *watched) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.busy = false
	select {
	case <-w.looked:
	default:
		close(w.looked)
	}
	if !h.wanted(w) {
		return
	}
	w.next = time.Now()
	if !w.stale {
		w.next = w.next.Add(w.pause())
	}
	h.enqueue(w)
	h.pump()
}

func (h *Hub) wanted(w *watched) bool {
	return !h.closed && !w.undefined && len(w.subscribers) > 0
}

func (w *watched) every() time.Duration { return max(w.source.Every, shortest) }

// pause is the time until the next look: longer after failures, and never quite
// the same, so that looks don't fall together.
func (w *watched) pause() time.Duration {
	every := w.every()
	pause := every
	for range min(w.failures, 4) {
		pause = min(2*pause, maxBackoff*every)
	}
	return pause - pause/10 + rand.N(pause/5) //nolint:gosec // G404: nobody gains from guessing it
}

// Stats tells what the Hub has done and watches now.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	stats := h.stats
	stats.Keys, stats.Subscribers = len(h.keys), h.subscribers
	return stats
}

// Close ends all looks and waits for them. Nobody is told anything afterwards.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for _, w := range h.keys {
		h.rest(w)
	}
	if h.timer != nil {
		h.timer.Stop()
	}
	h.mu.Unlock()
	h.looking.Wait()
}
