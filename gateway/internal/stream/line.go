package stream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// attachment is a sink while messages go to it.
type attachment struct {
	sink  Sink
	since time.Time
	// done is closed once the sink takes nothing more.
	done chan struct{}
	left atomic.Bool
	open *atomic.Int64
	slot *slots // nil unless the stream waits for news
}

// attached counts a sink.
func (t *Table) attached(sink Sink) *attachment {
	t.open.Add(1)
	return &attachment{sink: sink, since: t.now(), done: make(chan struct{}), open: &t.open}
}

// waiter counts a sink that waits for news, if there is a slot.
func (t *Table) waiter(sink Sink) (*attachment, error) {
	limit := t.limits.Load().Streams
	if !t.waiting.take(limit) {
		return nil, fmt.Errorf("%w: %d streams are open", ErrLimit, limit)
	}
	a := t.attached(sink)
	a.slot = &t.waiting
	return a, nil
}

// leave notes that the sink takes nothing more.
func (a *attachment) leave() {
	if !a.left.CompareAndSwap(false, true) {
		return
	}
	a.open.Add(-1)
	if a.slot != nil {
		a.slot.release()
	}
	close(a.done)
}

// close ends the sink.
func (a *attachment) close() {
	a.leave()
	a.sink.End()
}

// send reports whether the sink took the bytes; one that didn't is ended.
func (a *attachment) send(p []byte) bool {
	if a.left.Load() {
		return false
	}
	if a.sink.Send(p) {
		return true
	}
	a.close()
	return false
}

// slots count streams that wait for news, over sessions and listeners.
type slots struct{ taken atomic.Int64 }

func (s *slots) take(limit int) bool {
	if s.taken.Add(1) > int64(limit) {
		s.taken.Add(-1)
		return false
	}
	return true
}

func (s *slots) release() { s.taken.Add(-1) }

// line is a stream as the protocol has it: it may outlive the connections that
// carry it one after the other. Its session's lock guards it.
type line struct {
	// name is unique, also among those of an earlier life of the session.
	name string
	// seq numbers the last message.
	seq uint64
	// at is where messages go; nil while the client is away.
	at *attachment
	// general says that the stream answers no request.
	general bool
	// ids says that events carry ids.
	ids bool
	// resumable says that the client knows how to come back: messages are kept
	// while it is away, and it may be sent away.
	resumable bool
	// finished says that nothing more will come.
	finished bool
	// lost says that the response can't be replayed.
	lost bool
	// kept counts messages in the log.
	kept int
}

// The first letters of names.
const (
	generalLine = 'g'
	channelLine = 'c'
)

// eventID is the id of the line's message with a number; zero is before the
// first one.
func (l *line) eventID(seq uint64) string {
	if !l.ids {
		return ""
	}
	return l.name + "-" + strconv.FormatUint(seq, 10)
}

// parseEventID splits an event id into the line's name and the number.
func parseEventID(id string) (name string, seq uint64, ok bool) {
	name, digits, ok := strings.Cut(id, "-")
	if !ok {
		return name, 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	return name, seq, err == nil
}

// addLine makes a line of the session.
func (s *Session) addLine(kind byte) *line {
	if s.lines == nil {
		s.lines = make(map[string]*line, 1)
		s.salt = newSalt()
	}
	s.made++
	l := &line{name: string(kind) + s.salt + strconv.FormatUint(s.made, 10), general: kind == generalLine}
	s.lines[l.name] = l
	return l
}

// attach has messages of a line go to a sink, in place of the one before.
func (s *Session) attach(l *line, a *attachment) {
	if l.at != nil {
		l.at.close()
	}
	l.at = a
	if l.general {
		s.removeGeneral(l)
		s.general = append(s.general, l)
		if before := s.latest; before != l {
			s.latest = l
			if before != nil {
				s.forget(before)
			}
		}
	}
}

// watch has the line forget a sink that ended by itself. A sink may say so
// while the session's lock is held, by its own caller even; then whoever uses
// the line next, or the sweep, does it.
func (s *Session) watch(l *line, a *attachment) {
	a.sink.OnEnd(func() {
		a.leave()
		if s.mu.TryLock() {
			if l.at == a {
				s.detach(l)
			}
			s.mu.Unlock()
		}
	})
}

// detach leaves a line without a sink.
func (s *Session) detach(l *line) {
	l.at = nil
	if l.general {
		s.removeGeneral(l)
	}
	s.forget(l)
}

func (s *Session) removeGeneral(l *line) {
	if i := slices.Index(s.general, l); i >= 0 {
		s.general = slices.Delete(s.general, i, i+1)
	}
}

// forget drops a line of which nothing can come any more. The general one
// opened last stays: its client is about to come back.
func (s *Session) forget(l *line) {
	if l.at == nil && l.kept == 0 && (l.general && l != s.latest || l.finished) {
		delete(s.lines, l.name)
	}
}

// write sends the line's event with a number to its client, if it is there.
func (s *Session) write(l *line, seq uint64, message []byte) bool {
	if l.at == nil {
		return false
	}
	frame := AppendEvent(make([]byte, 0, len(message)+80), l.eventID(seq), message)
	if l.at.send(frame) {
		return true
	}
	s.detach(l)
	return false
}

// prime sends the event that tells the client where to resume from, and when.
func (s *Session) prime(l *line, seq uint64) {
	if l.at != nil && !l.at.send(AppendPriming(nil, l.eventID(seq), s.table.limits.Load().Retry)) {
		s.detach(l)
	}
}

// sendAway ends the line's sink, so that its client comes back later.
func (s *Session) sendAway(l *line) {
	s.prime(l, l.seq)
	if l.at != nil {
		l.at.close()
		s.detach(l)
	}
}
