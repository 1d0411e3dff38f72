package policy

import (
	"context"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// newLimiter makes a limiter that counts one rate in a plugins.Store.
func newLimiter(store plugins.Store, rate plugins.Rate) *limiter.Limiter {
	return limiter.New(buckets{store: store, rate: rate}, limiter.Rate{
		Period: time.Duration(rate.Period),
		Limit:  rate.Amount,
	})
}

// buckets is a limiter.Store in front of ours. limiter.Rate knows no burst, so
// each limiter has buckets of one rate; and Context.Reset, with others a Unix
// time in seconds, is here the time until the same would pass, in nanoseconds.
type buckets struct {
	store plugins.Store
	rate  plugins.Rate
}

// waitOf returns how long to wait until the same would pass.
func waitOf(c limiter.Context) time.Duration { return time.Duration(c.Reset) }

// Increment takes count, or gives back what is negative.
func (b buckets) Increment(ctx context.Context, key string, count int64, _ limiter.Rate) (limiter.Context, error) {
	allowed, remaining, wait, err := b.store.Take(ctx, key, b.rate, count)
	if err != nil {
		return limiter.Context{}, err
	}
	return limiter.Context{Limit: b.rate.Amount, Remaining: remaining, Reset: wait, Reached: !allowed}, nil
}

// Get takes one.
func (b buckets) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return b.Increment(ctx, key, 1, rate)
}

// Peek looks without taking.
func (b buckets) Peek(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return b.Increment(ctx, key, 0, rate)
}

// Reset fills the bucket.
func (b buckets) Reset(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return b.Increment(ctx, key, -b.rate.Burst, rate)
}
