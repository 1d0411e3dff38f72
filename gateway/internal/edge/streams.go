package edge

import (
	"sync"
	"sync/atomic"
	"time"
)

// streams are the open streams of a server. One goroutine looks after all of
// them, while there are any.
type streams struct {
	// every is how often they are looked over, silence when a keep-alive is
	// due.
	every, silence time.Duration
	// stop ends when the server has ended.
	stop <-chan struct{}
	// queued counts the bytes that wait to be written.
	queued  atomic.Int64
	buffers sync.Pool

	mu       sync.Mutex
	list     []*Stream
	sweeping bool
}

func newStreams(lim limits, stop <-chan struct{}) *streams {
	t := &streams{every: lim.sweepEvery, silence: lim.keepAlive, stop: stop}
	t.buffers.New = func() any { return new(buffer) }
	return t
}

// add puts a stream in the table.
func (t *streams) add(s *Stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.index = len(t.list)
	t.list = append(t.list, s)
	if !t.sweeping {
		t.sweeping = true
		go t.sweep()
	}
}

// remove takes a stream out of the table.
func (t *streams) remove(s *Stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.index < 0 {
		return
	}
	last := len(t.list) - 1
	t.list[s.index] = t.list[last]
	t.list[s.index].index = s.index
	t.list[last] = nil
	t.list = t.list[:last]
	s.index = -1
}

// sweep looks over all streams again and again: it finds clients that have
// gone and sends keep-alives. It ends with the last stream.
func (t *streams) sweep() {
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	var (
		list []*Stream
		look lookout
	)
	for {
		var now time.Time
		stopped := false
		select {
		case now = <-tick.C:
		case <-t.stop:
			stopped = true
		}
		if list = t.copyTo(list[:0], stopped); len(list) == 0 {
			return
		}
		look.hungUp(list, (*Stream).Cut)
		for _, s := range list {
			s.beat(now, t.silence)
		}
		clear(list)
	}
}

// copyTo appends the streams to list. If there are none, or the server has
// stopped, the sweeping is over.
func (t *streams) copyTo(list []*Stream, stopped bool) []*Stream {
	t.mu.Lock()
	defer t.mu.Unlock()
	if stopped || len(t.list) == 0 {
		t.sweeping = false
		return nil
	}
	return append(list, t.list...)
}
