package store

import (
	"context"
	"math/big"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// clock is a time that tests move.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_000_000, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func take(t interface{ Fatalf(string, ...any) }, m *Memory, key string, rate plugins.Rate, cost int64) (bool, int64, time.Duration) {
	allowed, remaining, wait, err := m.Take(context.Background(), key, rate, cost)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return allowed, remaining, time.Duration(wait)
}

// tokens is the reference model: a token bucket in exact arithmetic.
type tokens struct {
	rate plugins.Rate
	have *big.Rat
	at   int64
}

func (b *tokens) take(now, cost int64) bool {
	refill := new(big.Rat).Mul(big.NewRat(now-b.at, b.rate.Period), big.NewRat(b.rate.Amount, 1))
	b.have.Add(b.have, refill)
	b.at = now
	if limit := big.NewRat(b.rate.Burst, 1); b.have.Cmp(limit) > 0 {
		b.have.Set(limit)
	}
	if price := big.NewRat(cost, 1); b.have.Cmp(price) >= 0 {
		b.have.Sub(b.have, price)
		return true
	}
	return false
}

func TestMemoryIsATokenBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gap := rapid.Int64Range(1, 5_000).Draw(t, "gap")
		amount := rapid.Int64Range(1, 1_000).Draw(t, "amount")
		rate := plugins.Rate{Amount: amount, Period: gap * amount, Burst: rapid.Int64Range(1, 20).Draw(t, "burst")}
		c := &clock{}
		m := NewMemory(100, c.now)
		model := &tokens{rate: rate, have: big.NewRat(rate.Burst, 1)}
		for range rapid.IntRange(1, 80).Draw(t, "calls") {
			c.advance(time.Duration(rapid.Int64Range(0, 2*gap).Draw(t, "pause")))
			cost := rapid.Int64Range(1, rate.Burst).Draw(t, "cost")
			want := model.take(c.ns.Load(), cost)
			got, remaining, wait := take(t, m, "k", rate, cost)
			if got != want {
				t.Fatalf("allowed %v, want %v", got, want)
			}
			whole := new(big.Int).Quo(model.have.Num(), model.have.Denom()).Int64()
			if remaining != whole {
				t.Fatalf("remaining %d, want %d", remaining, whole)
			}
			if got {
				continue
			}
			if wait <= 0 {
				t.Fatalf("wait %d", wait)
			}
			c.advance(wait - 1)
			if early, _, _ := take(t, m, "k", rate, cost); early {
				t.Fatalf("passed before the wait was over")
			}
			c.advance(1)
			if model.take(c.ns.Load()-1, cost) || !model.take(c.ns.Load(), cost) {
				t.Fatalf("the wait of %d is not exact", wait)
			}
			if late, _, _ := take(t, m, "k", rate, cost); !late {
				t.Fatalf("refused after the wait")
			}
		}
	})
}

func TestMemoryNeverPassesMoreThanTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := plugins.Rate{
			Amount: rapid.Int64Range(1, 2_000_000).Draw(t, "amount"), // seldom divides the period
			Period: int64(time.Second), Burst: rapid.Int64Range(1, 50).Draw(t, "burst"),
		}
		c := &clock{}
		m := NewMemory(100, c.now)
		model := &tokens{rate: rate, have: big.NewRat(rate.Burst, 1)}
		for range 100 {
			c.advance(time.Duration(rapid.Int64Range(0, 2*rate.Period/rate.Amount).Draw(t, "pause")))
			if got, _, _ := take(t, m, "k", rate, 1); got && !model.take(c.ns.Load(), 1) {
				t.Fatalf("more than burst and rate passed")
			}
		}
	})
}

func TestMemoryGivesBack(t *testing.T) {
	c := &clock{}
	m := NewMemory(100, c.now)
	rate := plugins.Rate{Amount: 60, Period: int64(time.Minute), Burst: 3}
	take(t, m, "k", rate, 2)
	take(t, m, "k", rate, -2)
	if ok, remaining, _ := take(t, m, "k", rate, 3); !ok || remaining != 0 {
		t.Fatalf("after giving back: allowed %v, remaining %d", ok, remaining)
	}
	take(t, m, "k", rate, -10)
	if ok, _, _ := take(t, m, "k", rate, 3); !ok {
		t.Fatal("a bucket that was filled up refuses")
	}
	if ok, _, _ := take(t, m, "k", rate, 1); ok {
		t.Fatal("giving back too much makes room for more than the burst")
	}
}

func TestMemoryLooks(t *testing.T) {
	m := NewMemory(100, (&clock{}).now)
	rate := plugins.Rate{Amount: 1, Period: int64(time.Minute), Burst: 1}
	for range 3 {
		if ok, remaining, _ := take(t, m, "k", rate, 0); !ok || remaining != 1 {
			t.Fatalf("allowed %v, remaining %d", ok, remaining)
		}
	}
	if m.Len() != 0 {
		t.Fatal("looking makes a bucket")
	}
}

func TestMemoryRefusesNonsense(t *testing.T) {
	m := NewMemory(100, nil)
	for _, rate := range []plugins.Rate{
		{}, {Amount: 1, Period: 1}, {Amount: 1, Burst: 1}, {Period: 1, Burst: 1},
		{Amount: 1, Period: 1 << 62, Burst: 1 << 62}, {Amount: -1, Period: 1, Burst: 1},
	} {
		if _, _, _, err := m.Take(context.Background(), "k", rate, 1); err == nil {
			t.Errorf("%+v is accepted", rate)
		}
	}
	rate := plugins.Rate{Amount: 1, Period: 1, Burst: 5}
	if ok, _, _, err := m.Take(context.Background(), "k", rate, 6); ok || err != nil {
		t.Errorf("a cost above the burst: allowed %v, error %v", ok, err)
	}
}

func TestMemoryIsExactUnderConcurrency(t *testing.T) {
	m := NewMemory(100, (&clock{}).now) // time stands
	rate := plugins.Rate{Amount: 60, Period: int64(time.Minute), Burst: 500}
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 100 {
				if ok, _, _ := take(t, m, "k", rate, 1); ok {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if passed.Load() != 500 {
		t.Fatalf("%d of 1600 passed, want the burst of 500", passed.Load())
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c := &clock{}
	for _, room := range []int{1, 10, 1000, 5000} {
		m := NewMemory(room, c.now)
		rate := plugins.Rate{Amount: 1, Period: int64(time.Hour), Burst: 2}
		for i := range 20_000 {
			if ok, _, _ := take(t, m, strconv.Itoa(i), rate, 1); !ok {
				t.Fatalf("fresh key %d is refused", i)
			}
			if n := m.Len(); n > room {
				t.Fatalf("%d buckets with room for %d", n, room)
			}
		}
	}
}

func TestMemoryKeepsExhaustedBucketsInAFlood(t *testing.T) {
	c := &clock{}
	m := NewMemory(512, c.now)
	rate := plugins.Rate{Amount: 60, Period: int64(time.Minute), Burst: 10}
	slow := plugins.Rate{Amount: 60, Period: int64(time.Hour), Burst: 10}
	for range 10 {
		take(t, m, "abuser", rate, 1)
	}
	for i := range 50_000 {
		take(t, m, "fresh"+strconv.Itoa(i), slow, 1)
	}
	if ok, _, _ := take(t, m, "abuser", rate, 1); ok {
		t.Fatal("a flood of other keys has filled the exhausted bucket")
	}
}

func TestMemoryDropsFullBucketsFirst(t *testing.T) {
	c := &clock{}
	m := NewMemory(100, c.now)
	rate := plugins.Rate{Amount: 60, Period: int64(time.Minute), Burst: 10}
	for i := range 90 {
		take(t, m, "idle"+strconv.Itoa(i), rate, 10)
	}
	c.advance(10 * time.Second) // these are full again
	for i := range 10 {
		take(t, m, "used"+strconv.Itoa(i), rate, 1)
	}
	take(t, m, "one more", rate, 1)
	if n := m.Len(); n != 11 {
		t.Fatalf("%d buckets are left, want the 11 in use", n)
	}
}

func TestMemoryFollowsAFasterRate(t *testing.T) {
	c := &clock{}
	m := NewMemory(100, c.now)
	take(t, m, "k", plugins.Rate{Amount: 1, Period: int64(time.Hour), Burst: 5}, 5)
	fast := plugins.Rate{Amount: 1, Period: int64(time.Second), Burst: 2}
	if ok, _, wait := take(t, m, "k", fast, 1); ok || wait != time.Second {
		t.Fatalf("allowed %v, wait %v; want a wait of one second at most", ok, wait)
	}
}

func BenchmarkMemoryTake(b *testing.B) {
	m := NewMemory(0, nil)
	rate := plugins.Rate{Amount: 1_000_000, Period: int64(time.Second), Burst: 100_000}
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			take(b, m, "tool/get_customer/https://id.example/alice", rate, 1)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				take(b, m, "tool/get_customer/https://id.example/alice", rate, 1)
			}
		})
	})
	b.Run("flood", func(b *testing.B) {
		slow := plugins.Rate{Amount: 1, Period: int64(time.Hour), Burst: 10}
		n := 0
		for b.Loop() {
			n++
			take(b, m, strconv.Itoa(n), slow, 1)
		}
	})
}
