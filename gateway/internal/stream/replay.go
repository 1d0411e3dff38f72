package stream

import (
	"cmp"
	"slices"
)

// event is a message kept in a session's log, for a client that comes back.
type event struct {
	message []byte
	// line is nil while no general stream was there to carry the message.
	line *line
	seq  uint64
	// request is the id of a request of ours; empty for other messages.
	request string
	// final says that the message is a response.
	final bool
	// large says that it is larger than the log, and not counted in its bytes.
	large bool
}

// eventCost is what an event takes besides its message, in bytes.
const eventCost = 96

func (e *event) cost() int { return len(e.message) + eventCost }

// keep puts an event into the log; the least needed ones make room.
func (s *Session) keep(e event) {
	limits := s.table.limits.Load()
	if e.cost() > limits.ReplayBytes {
		if !e.final || len(e.message) > maxResponse || limits.Replay == 0 {
			e.lose()
			return
		}
		e.large = true
		if i := slices.IndexFunc(s.log, func(one event) bool { return one.large }); i >= 0 {
			s.drop(i)
		}
	} else {
		s.logBytes += e.cost()
	}
	s.log = append(s.log, e)
	s.table.held.Add(int64(e.cost()))
	if e.line != nil {
		e.line.kept++
	}
	for len(s.log) > limits.Replay || s.logBytes > limits.ReplayBytes {
		s.drop(s.leastNeeded())
	}
}

// lose notes that the event can't be replayed.
func (e *event) lose() {
	if e.final {
		e.line.lost = true
	}
}

// leastNeeded is the place of the oldest event that nobody waits for; if there
// is none, of the oldest one that is not large.
func (s *Session) leastNeeded() int {
	spare := 0
	for i := range s.log {
		e := &s.log[i]
		if !e.final && (e.request == "" || s.pending[e.request] == nil) {
			return i
		}
		if s.log[spare].large {
			spare = i
		}
	}
	return spare
}

// drop removes an event from the log.
func (s *Session) drop(i int) {
	e := s.log[i]
	s.log = slices.Delete(s.log, i, i+1)
	s.table.held.Add(-int64(e.cost()))
	if !e.large {
		s.logBytes -= e.cost()
	}
	if e.line != nil {
		e.lose()
		e.line.kept--
		s.forget(e.line)
	}
}

// confirm drops what a client has of a line.
func (s *Session) confirm(l *line, seq uint64) {
	for i := 0; i < len(s.log); {
		if s.log[i].line == l && s.log[i].seq <= seq {
			s.drop(i)
			continue
		}
		i++
	}
}

// replay sends what is kept of a line, and what waited for a general stream.
func (s *Session) replay(l *line) {
	for i := range s.log {
		e := &s.log[i]
		switch {
		case e.line == l:
			if !s.write(l, e.seq, e.message) {
				return
			}
		case e.line == nil && l.general:
			if !s.write(l, l.seq+1, e.message) {
				return
			}
			l.seq++
			e.line, e.seq = l, l.seq
			l.kept++
		}
	}
}

// clear empties the log.
func (s *Session) clear() {
	for i := len(s.log) - 1; i >= 0; i-- {
		s.drop(i)
	}
	s.log = nil
}

// reclaim empties the logs of the sessions longest unused, once all together
// hold too much. No lock may be held.
func (t *Table) reclaim() {
	limit := int64(t.limits.Load().TotalBytes)
	if t.held.Load() <= limit || !t.reclaiming.CompareAndSwap(false, true) {
		return
	}
	defer t.reclaiming.Store(false)
	all := t.snapshot()
	slices.SortFunc(all, func(a, b *Session) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	for _, s := range all {
		if t.held.Load() <= limit*3/4 {
			return
		}
		s.mu.Lock()
		s.clear()
		s.mu.Unlock()
	}
}
