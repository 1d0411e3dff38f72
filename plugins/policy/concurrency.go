package policy

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Concurrency is how many calls of a tool may be served at once.
type Concurrency int

// Validate refuses what lets nothing pass.
func (c Concurrency) Validate() error {
	if c >= 1 {
		return nil
	}
	return &plugins.FieldError{Message: "want at least 1 call at once", Hint: "write e.g. 20, or none to switch a default off"}
}

// ConcurrencyPart declares the key `concurrency`.
func ConcurrencyPart() plugins.PolicyPart {
	return plugins.NewPolicyPart("concurrency",
		"How many calls are served at once, over all clients; more are refused with HTTP 503 and never wait.",
		plugins.OnTool|plugins.OnResource, newConcurrency)
}

// concurrency refuses calls beyond a number at once. There is no queue: it
// would only hide an overload from those who could do something about it.
type concurrency struct {
	limit   int64
	running *running
}

// running counts the calls in flight, those of older snapshots included.
type running struct {
	retained
	calls atomic.Int64
}

func newConcurrency(limit Concurrency, env plugins.Env) (plugins.Policy, error) {
	if err := limit.Validate(); err != nil {
		return nil, err
	}
	key := "concurrency/" + noun(env.Tool) + "/" + env.Name + "/" + strconv.Itoa(int(limit))
	count, err := keep(env, key, func() *running { return &running{} })
	if err != nil {
		return nil, err
	}
	return &concurrency{limit: int64(limit), running: count}, nil
}

// Wrap implements plugins.Policy.
func (c *concurrency) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		if !c.enter() {
			return nil, &plugins.Error{
				Kind:       plugins.KindOverload,
				Message:    "Too many calls of " + subject(call) + " at once. Try again in 1 second.",
				RetryAfter: time.Second,
			}
		}
		defer c.running.calls.Add(-1)
		return next(ctx, call)
	}
}

// enter counts a call in. The count is never above the limit, not even for a
// moment, so that a refused call takes nobody's place.
func (c *concurrency) enter() bool {
	for {
		n := c.running.calls.Load()
		if n >= c.limit {
			return false
		}
		if c.running.calls.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
