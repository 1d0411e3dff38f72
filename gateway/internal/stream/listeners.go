package stream

import "sync"

// Listeners are the listen streams of modern clients (subscriptions/listen,
// 2026-07-28), each with what the gateway wants to know of it. They share the
// bound on streams with a table's sessions.
type Listeners[M any] struct {
	table *Table

	mu     sync.RWMutex
	all    map[*Listener[M]]struct{}
	closed bool
}

// Listener is one listen stream. It is safe for concurrent use.
type Listener[M any] struct {
	// Meta is what Add was given.
	Meta M

	attachment *attachment
	frame      Framing
	mu         sync.Mutex // keeps messages in order, the first one first
	remove     func()
}

// NewListeners makes an empty list; what it holds counts for the table's limit.
func NewListeners[M any](t *Table) *Listeners[M] {
	return &Listeners[M]{table: t, all: make(map[*Listener[M]]struct{})}
}

// Add lists a stream and sends its first message, the acknowledgement. Messages
// are framed as AppendEvent or AppendLine do. open makes the sink; it isn't called if there is an error: ErrLimit, ErrEnded
// after EndAll, ErrGone if open returns nil.
func (l *Listeners[M]) Add(open func() Sink, frame Framing, meta M, first []byte) (*Listener[M], error) {
	a, err := l.table.waiter(nil)
	if err != nil {
		return nil, err
	}
	one := &Listener[M]{Meta: meta, attachment: a, frame: frame}
	one.remove = func() {
		l.mu.Lock()
		delete(l.all, one)
		l.mu.Unlock()
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if !l.list(one) {
		a.leave()
		return nil, ErrEnded
	}
	if a.sink = open(); a.sink == nil {
		a.leave()
		one.remove()
		return nil, ErrGone
	}
	a.sink.OnEnd(func() {
		a.leave()
		one.remove()
	})
	one.send(first)
	return one, nil
}

func (l *Listeners[M]) list(one *Listener[M]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.all[one] = struct{}{}
	return true
}

// Each calls f for every stream there is at the moment. No lock is held
// meanwhile.
func (l *Listeners[M]) Each(f func(*Listener[M])) {
	for _, one := range l.snapshot(false) {
		f(one)
	}
}

// EndAll ends all streams, each with the last message that final makes of it;
// nil means none. Later ones are refused.
func (l *Listeners[M]) EndAll(final func(meta M) []byte) {
	for _, one := range l.snapshot(true) {
		one.End(final(one.Meta))
	}
}

func (l *Listeners[M]) snapshot(closing bool) []*Listener[M] {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = l.closed || closing
	all := make([]*Listener[M], 0, len(l.all))
	for one := range l.all {
		all = append(all, one)
	}
	return all
}

// Len counts the streams.
func (l *Listeners[M]) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.all)
}

// Send sends a message; false means that the stream is over.
func (one *Listener[M]) Send(message []byte) bool {
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.send(message)
}

func (one *Listener[M]) send(message []byte) bool {
	if one.attachment.send(one.frame(make([]byte, 0, len(message)+32), "", message)) {
		return true
	}
	one.remove()
	return false
}

// End sends a last message, if it isn't nil, and ends the stream.
func (one *Listener[M]) End(message []byte) {
	one.mu.Lock()
	defer one.mu.Unlock()
	if message != nil {
		one.send(message)
	}
	if !one.attachment.left.Load() {
		one.attachment.close()
	}
	one.remove()
}

// Done is closed once the stream is over.
func (one *Listener[M]) Done() <-chan struct{} { return one.attachment.done }
