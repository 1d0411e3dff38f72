package policy

import (
	"bytes"
	"container/list"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

const (
	// maxCacheBytes and maxCacheEntries bound what is kept; what was not asked
	// for longest goes first.
	maxCacheBytes   = 64 << 20
	maxCacheEntries = 100_000
	// maxCacheAnswer bounds a single answer, in bytes.
	maxCacheAnswer = maxCacheBytes / 16
	// cacheOverhead is about what an entry takes besides its answer, in bytes.
	cacheOverhead = 400
	// blockOverhead is at least what a block takes besides its texts, in bytes.
	blockOverhead = 200
)

// cacheStore keeps answers, and knows which are being asked for.
type cacheStore struct {
	retained
	mu      sync.Mutex
	entries map[cacheKey]*list.Element // of *cacheEntry
	recent  *list.List                 // the last used first
	bytes   int
	flights map[cacheKey]*flight
}

type cacheEntry struct {
	key    cacheKey
	answer *mcp.Result
	size   int
	stored time.Time
}

// flight is a call that asks for an answer, and those who wait for the same.
// But for done, it is read after done is closed.
type flight struct {
	done    chan struct{}
	outcome flightOutcome
	answer  *mcp.Result
	err     error
}

type flightOutcome uint8

const (
	// flightAbandoned: whoever asked gave up.
	flightAbandoned flightOutcome = iota
	// flightAnswered: the answer is for all who wait.
	flightAnswered
	// flightFailed: the failure is for all who wait.
	flightFailed
	// flightPrivate: what came is no answer yet, and for one call alone.
	flightPrivate
)

func newCacheStore() *cacheStore {
	return &cacheStore{
		entries: map[cacheKey]*list.Element{}, recent: list.New(), flights: map[cacheKey]*flight{},
	}
}

// enter returns the answer stored since then; or the flight that gets one, and
// whether the caller leads it.
func (s *cacheStore) enter(key cacheKey, since time.Time) (answer *mcp.Result, f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer = s.find(key, since); answer != nil {
		return answer, nil, false
	}
	if f = s.flights[key]; f != nil {
		return nil, f, false
	}
	f = &flight{done: make(chan struct{})}
	s.flights[key] = f
	return nil, f, true
}

// land ends a flight.
func (s *cacheStore) land(key cacheKey, f *flight, outcome flightOutcome, answer *mcp.Result, err error) {
	s.mu.Lock()
	delete(s.flights, key)
	s.mu.Unlock()
	f.outcome, f.answer, f.err = outcome, answer, err
	close(f.done)
}

// get returns the answer stored since then; nil if there is none.
func (s *cacheStore) get(key cacheKey, since time.Time) *mcp.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(key, since)
}

func (s *cacheStore) find(key cacheKey, since time.Time) *mcp.Result {
	e, entry := s.entry(key)
	if e == nil || entry.stored.Before(since) {
		return nil
	}
	s.recent.MoveToFront(e)
	return entry.answer
}

func (s *cacheStore) entry(key cacheKey) (*list.Element, *cacheEntry) {
	e := s.entries[key]
	if e == nil {
		return nil, nil
	}
	entry, _ := e.Value.(*cacheEntry)
	return e, entry
}

// put keeps an answer, unless it is very large.
func (s *cacheStore) put(key cacheKey, answer *mcp.Result, now time.Time) {
	size := cacheOverhead + sizeOf(answer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.entries[key])
	if size > maxCacheAnswer {
		return
	}
	s.bytes += size
	s.entries[key] = s.recent.PushFront(&cacheEntry{key: key, answer: answer, size: size, stored: now})
	for s.bytes > maxCacheBytes || s.recent.Len() > maxCacheEntries {
		s.drop(s.recent.Back())
	}
}

func (s *cacheStore) drop(e *list.Element) {
	if e == nil {
		return
	}
	if entry, ok := s.recent.Remove(e).(*cacheEntry); ok {
		s.bytes -= entry.size
		delete(s.entries, entry.key)
	}
}

// own copies a result: it points into buffers that are used again.
func own(r *mcp.Result) *mcp.Result {
	out := *r
	out.Release = nil
	out.Structured = bytes.Clone(r.Structured)
	out.Content = slices.Clone(r.Content)
	for i := range out.Content {
		ownBlock(&out.Content[i])
	}
	out.Messages = slices.Clone(r.Messages)
	for i := range out.Messages {
		out.Messages[i].Role = strings.Clone(out.Messages[i].Role)
		ownBlock(&out.Messages[i].Block)
	}
	// Who appends to them gets a copy.
	out.Content, out.Messages = slices.Clip(out.Content), slices.Clip(out.Messages)
	return &out
}

func ownBlock(b *mcp.Block) {
	b.Text, b.Data = bytes.Clone(b.Text), bytes.Clone(b.Data)
	b.MIMEType, b.URI = strings.Clone(b.MIMEType), strings.Clone(b.URI)
	b.Name, b.Title, b.Description = strings.Clone(b.Name), strings.Clone(b.Title), strings.Clone(b.Description)
	if b.Annotations != nil {
		a := *b.Annotations
		a.Audience = slices.Clone(a.Audience)
		b.Annotations = &a
	}
}

// sizeOf is about the memory that a result takes, in bytes.
func sizeOf(r *mcp.Result) int {
	size := len(r.Structured)
	for i := range r.Content {
		size += sizeOfBlock(&r.Content[i])
	}
	for i := range r.Messages {
		size += len(r.Messages[i].Role) + sizeOfBlock(&r.Messages[i].Block)
	}
	return size
}

func sizeOfBlock(b *mcp.Block) int {
	size := blockOverhead + len(b.Text) + len(b.Data) + len(b.MIMEType) +
		len(b.URI) + len(b.Name) + len(b.Title) + len(b.Description)
	if b.Annotations != nil {
		size += blockOverhead + len(b.Annotations.LastModified)
		for _, a := range b.Annotations.Audience {
			size += blockOverhead + len(a)
		}
	}
	return size
}
