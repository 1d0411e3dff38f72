// Package store holds the places where limits count: what replicas of a
// gateway share, or one process keeps for itself.
package store

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// DefaultBuckets is how many buckets a Memory holds if it isn't told.
const DefaultBuckets = 200_000

const (
	maxShards      = 64
	shardBuckets   = 1024    // fewer than this in a shard aren't worth a lock of their own
	longestFill    = 1 << 60 // nanoseconds from empty to full that can be counted with
	evictedPart    = 16      // a full shard is rid of one part in so many at once
	emptinessSteps = 64
)

// Memory is a plugins.Store inside this process. It is safe for concurrent
// use, and needs no closing: nothing runs in the background.
//
// Each bucket follows the generic cell rate algorithm (ITU-T I.371, annex A),
// so that in any span of time t no more than Burst + t*Amount/Period passes,
// wherever the span begins.
//
// The number of buckets is bounded. A bucket that is full again is the same
// as none, so these are dropped first. If all are in use, the ones that are
// nearest to full go, since their owners gain least by it: a flood of fresh
// keys displaces the flood's own buckets, each of which is nearly full, and
// not the exhausted bucket of somebody who wants to be rid of it.
type Memory struct {
	seeds  [2]maphash.Seed
	now    func() time.Time
	base   time.Time
	room   int // buckets in each shard
	shards []shard
}

// shard is a part of the buckets under one lock.
type shard struct {
	mu      sync.Mutex
	buckets map[fingerprint]bucket
	_       [40]byte // keeps the locks of two shards on different cache lines
}

// fingerprint stands for a key: 128 bits under seeds that nobody knows, so
// that two keys don't share a bucket, and long keys take no more memory.
type fingerprint [2]uint64

// bucket is the state of one key. Times are nanoseconds since Memory.base.
type bucket struct {
	full int64 // when it is full again if nothing is taken
	span int64 // how long it takes from empty to full
}

// NewMemory makes a store of at most that many buckets, DefaultBuckets if it
// is zero or less. The clock now is time.Now if nil.
func NewMemory(buckets int, now func() time.Time) *Memory {
	if buckets <= 0 {
		buckets = DefaultBuckets
	}
	if now == nil {
		now = time.Now
	}
	count := 1
	for count < maxShards && buckets/count > shardBuckets {
		count *= 2
	}
	m := &Memory{
		seeds:  [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		now:    now,
		base:   now(),
		room:   max(1, buckets/count),
		shards: make([]shard, count),
	}
	for i := range m.shards {
		m.shards[i].buckets = map[fingerprint]bucket{}
	}
	return m
}

// Take implements plugins.Store. It never waits; its errors are those of a
// rate that makes no sense.
func (m *Memory) Take(_ context.Context, key string, rate plugins.Rate, cost int64) (allowed bool, remaining, wait int64, err error) {
	gap, err := spacing(rate)
	if err != nil {
		return false, 0, 0, err
	}
	if cost > rate.Burst {
		return false, 0, math.MaxInt64, nil
	}
	cost = max(cost, -rate.Burst)
	id := fingerprint{maphash.String(m.seeds[0], key), maphash.String(m.seeds[1], key)}
	now := int64(m.now().Sub(m.base))
	s := &m.shards[id[0]%uint64(len(m.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	allowed, full := s.take(id, now, gap, gap*rate.Burst, cost, m.room)
	if !allowed {
		return false, (now + gap*rate.Burst - full) / gap, full + gap*cost - gap*rate.Burst - now, nil
	}
	return true, (now + gap*rate.Burst - full) / gap, 0, nil
}

// spacing returns the nanoseconds between two units of a rate, rounded up so
// that never more than the rate passes.
func spacing(rate plugins.Rate) (int64, error) {
	if rate.Amount < 1 || rate.Period < 1 || rate.Burst < 1 {
		return 0, errors.New("a rate needs an amount, a period and a burst above zero")
	}
	gap := (rate.Period-1)/rate.Amount + 1
	if gap > longestFill/rate.Burst {
		return 0, errors.New("the burst of a rate takes too long to fill: take a smaller burst or a shorter period")
	}
	return gap, nil
}

// take takes cost units and returns when the bucket will be full.
func (s *shard) take(id fingerprint, now, gap, span, cost int64, room int) (allowed bool, full int64) {
	b, known := s.buckets[id]
	// A bucket that was counted by a slower rate before doesn't lock its
	// owner out for longer than from empty to full.
	full = min(max(b.full, now), now+span)
	after := full + cost*gap
	if after > now+span {
		return false, full
	}
	if !known {
		if after <= now {
			return true, now
		}
		if len(s.buckets) >= room {
			s.evict(now, max(1, room/evictedPart))
		}
	}
	s.buckets[id] = bucket{full: after, span: span}
	return true, max(after, now)
}

// evict drops all buckets that are full, and of the others those nearest to
// full until at least want are gone. One pass in so many insertions keeps the
// cost of a flood small.
func (s *shard) evict(now int64, want int) {
	var count [emptinessSteps]int
	for id, b := range s.buckets {
		if b.full <= now {
			delete(s.buckets, id)
			want--
			continue
		}
		count[b.emptiness(now)]++
	}
	if want <= 0 {
		return
	}
	step := 0 // all below it go, and want of its own
	for want > count[step] && step < emptinessSteps-1 {
		want -= count[step]
		step++
	}
	for id, b := range s.buckets {
		switch e := b.emptiness(now); {
		case e < step:
			delete(s.buckets, id)
		case e == step && want > 0:
			delete(s.buckets, id)
			want--
		}
	}
}

// emptiness says how far the bucket is from full, in steps.
func (b bucket) emptiness(now int64) int {
	part := float64(b.full-now) / float64(b.span)
	return min(max(int(part*emptinessSteps), 0), emptinessSteps-1)
}

// Len returns how many buckets are held, full ones that were not yet dropped
// included.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += len(s.buckets)
		s.mu.Unlock()
	}
	return n
}
