package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	cacheShards = 16
	// cacheEntries is how many verified tokens are remembered in all.
	cacheEntries = 10_000
	// cacheWeight bounds the bytes of all tokens remembered, whose claims are
	// kept: a few huge ones take the place of many.
	cacheWeight = 16 << 20
	// cacheTime is how long a verification holds at most.
	cacheTime = 5 * time.Minute
)

// digest names a token: finding another one of the same digest is as hard as
// breaking SHA-256, and the tokens themselves are not kept in memory.
type digest = [sha256.Size]byte

// verified is what is remembered of a token whose signature was checked.
type verified struct {
	principal *plugins.Principal
	issuer    int    // place of its issuer in the settings
	keys      digest // the key set it was verified under
	until     int64  // Unix nanoseconds
	weight    int
}

// cache remembers verified tokens, bounded in number and weight. What wasn't
// used since the hand of the clock last passed makes room first.
type cache struct {
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu     sync.Mutex
	index  map[digest]int32
	slots  []cacheSlot
	hand   int
	weight int
	max    int // slots
	heavy  int // weight
}

type cacheSlot struct {
	token digest
	verified
	used bool
}

// newCache makes a cache of so many entries and so much weight.
func newCache(entries, weight int) *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i] = cacheShard{
			index: map[digest]int32{},
			max:   max(1, entries/cacheShards),
			heavy: max(1, weight/cacheShards),
		}
	}
	return c
}

// Close lets the cache be kept over reloads; there is nothing to close.
func (*cache) Close() error { return nil }

func (c *cache) shard(token *digest) *cacheShard { return &c.shards[token[0]%cacheShards] }

// get returns what is remembered of a token, if that still holds.
func (c *cache) get(token *digest, now int64) (v verified, ok bool) {
	s := c.shard(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.index[*token]
	if !ok {
		return verified{}, false
	}
	slot := &s.slots[at]
	if now >= slot.until {
		return verified{}, false
	}
	slot.used = true
	return slot.verified, true
}

// put remembers a token.
func (c *cache) put(token *digest, v verified) {
	s := c.shard(token)
	if v.weight > s.heavy {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.index[*token]; ok {
		s.empty(int(at))
	}
	for s.weight+v.weight > s.heavy {
		s.empty(s.victim())
	}
	at := s.room()
	s.slots[at] = cacheSlot{token: *token, verified: v}
	s.index[*token] = int32(at)
	s.weight += v.weight
}

// room returns a slot to write to.
func (s *cacheShard) room() int {
	if len(s.slots) < s.max {
		s.slots = append(s.slots, cacheSlot{})
		return len(s.slots) - 1
	}
	at := s.victim()
	s.empty(at)
	return at
}

// victim turns the hand to the next slot that wasn't used lately.
func (s *cacheShard) victim() int {
	for {
		at := s.hand
		s.hand = (s.hand + 1) % len(s.slots)
		if !s.slots[at].used {
			return at
		}
		s.slots[at].used = false
	}
}

// empty forgets what a slot holds.
func (s *cacheShard) empty(at int) {
	slot := &s.slots[at]
	if slot.principal != nil {
		delete(s.index, slot.token)
		s.weight -= slot.weight
	}
	*slot = cacheSlot{}
}
