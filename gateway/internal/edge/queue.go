package edge

import "strconv"

// keptBuffer is the largest buffer that is kept for other streams.
const keptBuffer = 64 << 10

// buffer is a part of a stream's queue, in the form it has on the wire.
type buffer struct{ b []byte }

// fits reports whether a piece may be queued. A client that is not behind gets
// any piece.
func (s *Stream) fits(n int) bool {
	return s.queued == 0 || s.queued+n <= maxQueued && s.table.queued.Load() <= maxQueuedTotal
}

// enqueue queues a piece, as a chunk where there are chunks. Whoever holds the
// lock calls it.
func (s *Stream) enqueue(p string) {
	if !s.chunked {
		s.enqueueRaw(p)
		return
	}
	before := s.room()
	b := strconv.AppendUint(s.pending.b, uint64(len(p)), 16)
	b = append(b, "\r\n"...)
	b = append(b, p...)
	s.pending.b = append(b, "\r\n"...)
	s.owe(len(s.pending.b) - before)
}

// enqueueRaw queues bytes as they are.
func (s *Stream) enqueueRaw(p string) {
	s.room()
	s.pending.b = append(s.pending.b, p...)
	s.owe(len(p))
}

// room sees to it that there is a buffer, and returns how much is in it.
func (s *Stream) room() int {
	if s.pending == nil {
		s.pending = s.table.buffers.Get().(*buffer) //nolint:forcetypeassert // nothing else is in the pool
	}
	return len(s.pending.b)
}

// owe counts bytes that are queued, or, below zero, no longer are.
func (s *Stream) owe(n int) {
	s.queued += n
	s.table.queued.Add(int64(n))
}

// settle counts a buffer as done with and gives it back.
func (s *Stream) settle(b *buffer) {
	s.owe(-len(b.b))
	if cap(b.b) > keptBuffer {
		return
	}
	b.b = b.b[:0]
	s.table.buffers.Put(b)
}

// take takes what is queued, to write it.
func (s *Stream) take() *buffer {
	b := s.pending
	s.pending = nil
	return b
}

// flush sees to it that what is queued gets written, and reports whether the
// client is still there. It is called with the lock and gives it back. What the
// socket takes at once is written here and now; a goroutine writes the rest.
func (s *Stream) flush() bool {
	if s.writing {
		s.mu.Unlock()
		return true
	}
	if s.pending == nil { // the end of a body without chunks
		s.mu.Unlock()
		s.finish(true)
		return true
	}
	s.writing = true
	b := s.take()
	s.mu.Unlock()
	if s.raw == nil {
		go s.drain(b, 0)
		return true
	}
	n, err := s.conn.writeNow(s.raw, b.b)
	switch {
	case err != nil:
		s.broken(b)
		return false
	case n < len(b.b):
		go s.drain(b, n)
	default:
		if more := s.written(b); more != nil {
			go s.drain(more, 0)
		}
	}
	return true
}

// drain writes the queue, from a place in its first buffer on, until it is
// empty.
func (s *Stream) drain(b *buffer, from int) {
	for b != nil {
		if _, err := s.conn.write(b.b[from:]); err != nil {
			s.broken(b)
			return
		}
		b, from = s.written(b), 0
	}
}

// written notes that a buffer is written, and returns what comes next. If that
// is nothing, whoever queues the next piece writes it.
func (s *Stream) written(b *buffer) *buffer {
	s.mu.Lock()
	s.settle(b)
	s.progress.Broadcast()
	next := s.take()
	s.writing = next != nil
	over := next == nil && s.state == streamEnding
	s.mu.Unlock()
	if over {
		s.finish(true)
	}
	return next
}

// broken notes that a buffer could not be written.
func (s *Stream) broken(b *buffer) {
	s.mu.Lock()
	s.settle(b)
	s.mu.Unlock()
	s.finish(false)
}
