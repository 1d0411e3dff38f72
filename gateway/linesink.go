package gateway

import (
	"fmt"
	"io"
	"sync"

	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
)

// lineSink writes to a stream that may block, from a goroutine of its own.
type lineSink struct {
	out     io.Writer
	mu      sync.Mutex
	pending [][]byte
	size    int
	wake    chan struct{}
	ended   bool
	err     error
	done    chan struct{}
	onEnd   []func()
}

// sharedLine is a line that others write to as well: it outlives what ends on
// it.
type sharedLine struct{ stream.Sink }

// End implements stream.Sink.
func (sharedLine) End() {}

// maxPendingLines bounds what waits to be written to standard output, in bytes.
const maxPendingLines = 64 << 20

func newLineSink(out io.Writer) *lineSink {
	s := &lineSink{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.write()
	return s
}

// Send implements stream.Sink.
func (s *lineSink) Send(p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.err != nil || s.size > maxPendingLines {
		return false
	}
	s.pending = append(s.pending, p)
	s.size += len(p)
	s.notify()
	return true
}

func (s *lineSink) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// End implements stream.Sink.
func (s *lineSink) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.notify()
}

// OnEnd implements stream.Sink.
func (s *lineSink) OnEnd(f func()) {
	s.mu.Lock()
	over := s.isOver()
	if !over {
		s.onEnd = append(s.onEnd, f)
	}
	s.mu.Unlock()
	if over {
		f()
	}
}

func (s *lineSink) isOver() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// wait returns when everything is written.
func (s *lineSink) wait() error {
	<-s.done
	return s.err
}

func (s *lineSink) write() {
	for {
		<-s.wake
		s.mu.Lock()
		batch, ended := s.pending, s.ended
		s.pending, s.size = nil, 0
		s.mu.Unlock()
		for _, p := range batch {
			if _, err := s.out.Write(p); err != nil {
				s.over(fmt.Errorf("write standard output: %w", err))
				return
			}
		}
		if ended {
			s.over(nil)
			return
		}
	}
}

func (s *lineSink) over(err error) {
	s.mu.Lock()
	s.err = err
	s.ended = true
	calls := s.onEnd
	s.onEnd = nil
	close(s.done)
	s.mu.Unlock()
	for _, f := range calls {
		f()
	}
}
