package policy

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const scopeShared = "shared"

// Cache says for how long answers are good.
type Cache struct {
	TTL          time.Duration `manifest:"ttl,required" doc:"How long an answer is given again."`
	Scope        string        `manifest:"scope" doc:"Whose answers are given again: caller, each caller's own; shared, those to anybody, which is only right where the service answers all callers alike." enum:"caller,shared" default:"caller"`
	StaleIfError time.Duration `manifest:"stale_if_error" doc:"How long after that an answer still serves where the service fails: it can't be reached, is too slow, answers 5xx or rests behind its breaker."`
}

// Lifetime is how long an answer is good.
func (c Cache) Lifetime() time.Duration { return c.TTL }

// Shared reports whether an answer to one caller is given to others.
func (c Cache) Shared() bool { return c.Scope == scopeShared }

// Validate refuses settings that can't be meant.
func (c Cache) Validate() error {
	mistakes := []*plugins.FieldError{positive(c.TTL, "ttl")}
	if c.StaleIfError < 0 {
		mistakes = append(mistakes, positive(c.StaleIfError, "stale_if_error"))
	}
	switch c.Scope {
	case "", "caller", scopeShared:
	default:
		mistakes = append(mistakes, &plugins.FieldError{Path: []string{"scope"}, Message: "want caller or shared"})
	}
	return all(mistakes...)
}

// CachePart declares the key `cache`.
func CachePart() plugins.PolicyPart {
	return plugins.NewPolicyPart("cache",
		"Gives an answer again for a while instead of asking for it anew; calls for the same at the same time are asked once. For what reads only. Failures are never kept.",
		plugins.OnTool|plugins.OnResource|plugins.OnPrompt, func(s Cache, env plugins.Env) (plugins.Policy, error) {
			return newCache(s, env, time.Now)
		})
}

// cache gives answers again.
type cache struct {
	Cache
	kind    string
	store   *cacheStore
	observe plugins.Observer
	now     func() time.Time
}

func newCache(settings Cache, env plugins.Env, now func() time.Time) (plugins.Policy, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	if env.Tool == nil {
		return nil, nil
	}
	if reads := env.Tool.Annotations.ReadOnly; noun(env.Tool) == kindTool && reads != nil && !*reads {
		if env.Inherited {
			return nil, nil
		}
		return nil, &plugins.FieldError{
			Message: "only what reads can be cached, and this tool may change something",
			Hint:    "write annotations: {read_only: true} if it only reads",
		}
	}
	// One store for all that is cached: what an answer depends on is in its key.
	store, err := keep(env, "cache", newCacheStore)
	if err != nil {
		return nil, err
	}
	return &cache{Cache: settings, kind: noun(env.Tool), store: store, observe: env.Observe, now: now}, nil
}

// Wrap implements plugins.Policy.
func (c *cache) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		if run := call.Run; run != nil && (run.Resume != nil || run.Value != nil) {
			return next(ctx, call) // a part of a call, whose rounds differ
		}
		key, ok := c.key(call)
		if !ok {
			return next(ctx, call)
		}
		if call.Run != nil && call.Run.Condition != nil {
			return c.look(ctx, call, key, next)
		}
		return c.serve(ctx, call, key, next)
	}
}

// look asks whatever is kept, for somebody who watches for changes; those who
// then come to read find what it found.
func (c *cache) look(ctx context.Context, call *plugins.Call, key cacheKey, next plugins.Handler) (*mcp.Result, error) {
	result, err := next(ctx, call)
	if err == nil && keeps(result) {
		c.store.put(key, own(result), c.now())
	}
	return result, err
}

// serve answers from what is kept, or from what another call is about to get,
// or asks.
func (c *cache) serve(ctx context.Context, call *plugins.Call, key cacheKey, next plugins.Handler) (*mcp.Result, error) {
	counted := false
	for {
		kept, f, leads := c.store.enter(key, c.now().Add(-c.TTL))
		if !counted {
			counted = true
			c.count(kept != nil || !leads)
		}
		switch {
		case kept != nil:
			return c.hit(call, kept), nil
		case leads:
			return c.lead(ctx, call, key, f, next)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ended(ctx, call)
		}
		switch f.outcome {
		case flightFailed:
			return nil, f.err
		case flightAnswered:
			return c.hit(call, f.answer), nil
		case flightPrivate:
			return next(ctx, call)
		case flightAbandoned: // whoever asked gave up: somebody else asks
		}
	}
}

func (c *cache) count(hit bool) {
	if c.observe != nil {
		c.observe.Cache(c.kind, hit)
	}
}

// hit is a kept answer for one call: what it points to is shared, and never
// changed.
func (c *cache) hit(call *plugins.Call, kept *mcp.Result) *mcp.Result {
	if call.Record != nil {
		call.Record.Cached = true
	}
	answer := *kept
	return &answer
}

// lead asks, and tells those who wait what came of it.
func (c *cache) lead(ctx context.Context, call *plugins.Call, key cacheKey, f *flight, next plugins.Handler) (result *mcp.Result, err error) {
	outcome, answer := flightAbandoned, (*mcp.Result)(nil)
	defer func() { c.store.land(key, f, outcome, answer, err) }() // also after a panic
	result, err = next(ctx, call)
	switch {
	case err != nil:
		if stale := c.stale(key, err); stale != nil {
			outcome, answer = flightAnswered, stale
			return c.hit(call, stale), nil
		}
		switch {
		case ctx.Err() != nil:
		case upstreamFailed(err), ofAll(err):
			outcome = flightFailed
		default:
			outcome = flightPrivate
		}
	case result == nil || result.Pending != nil:
		outcome = flightPrivate
	default:
		outcome, answer = flightAnswered, own(result)
		if keeps(result) {
			c.store.put(key, answer, c.now())
		}
	}
	return result, err
}

// keeps reports whether an answer is one to be given again.
func keeps(result *mcp.Result) bool {
	return result != nil && !result.IsError && result.Pending == nil
}

// stale is the answer that serves in place of a failure of the upstream; nil
// if there is none.
func (c *cache) stale(key cacheKey, err error) *mcp.Result {
	if c.StaleIfError <= 0 || !upstreamFailed(err) {
		return nil
	}
	return c.store.get(key, c.now().Add(-c.TTL-c.StaleIfError))
}

// upstreamFailed reports whether a failure is the upstream's.
func upstreamFailed(err error) bool {
	e := failure(err)
	if e == nil {
		return errors.Is(err, context.DeadlineExceeded)
	}
	switch e.Kind {
	case plugins.KindConnect, plugins.KindTimeout, plugins.KindUpstream, plugins.KindBreakerOpen:
		return true
	case plugins.KindStatus:
		return e.Status >= 500
	default:
		return false
	}
}

// ofAll reports whether another failure meets everybody who asks now, be it
// that the service refuses, or that there are too many calls.
func ofAll(err error) bool {
	e := failure(err)
	return e != nil && (e.Kind == plugins.KindStatus || e.Kind == plugins.KindOverload)
}

// ended is the failure of a call that ended while it waited.
func ended(ctx context.Context, call *plugins.Call) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &plugins.Error{Kind: plugins.KindCancelled, Message: "The call was cancelled.", Cause: ctx.Err()}
	}
	return &plugins.Error{
		Kind:    plugins.KindTimeout,
		Message: "There was no answer to " + subject(call) + " in time, and it was stopped. It is safe to call it again.",
		Cause:   ctx.Err(),
	}
}
