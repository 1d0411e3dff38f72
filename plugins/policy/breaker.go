package policy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// breakerSlots is into how many steps the rolling window is divided.
const breakerSlots = 10

// Breaker says when an upstream is left alone.
type Breaker struct {
	FailureRatio float64       `manifest:"failure_ratio" doc:"Part of the requests of a window that must fail to open the breaker." default:"0.5"`
	MinCalls     int           `manifest:"min_calls" doc:"Requests of a window below which it never opens." default:"10"`
	Window       time.Duration `manifest:"window" doc:"The rolling window in which requests count." default:"10s"`
	Open         time.Duration `manifest:"open" doc:"How long the upstream then rests before it is probed." default:"30s"`
	Probes       int           `manifest:"probes" doc:"Requests that must succeed after the rest, before all pass again." default:"1"`
}

// defaultBreaker is what an upstream has that says nothing of a breaker.
func defaultBreaker() Breaker {
	return Breaker{FailureRatio: 0.5, MinCalls: 10, Window: 10 * time.Second, Open: 30 * time.Second, Probes: 1}
}

// Validate refuses settings that can't be meant.
func (b Breaker) Validate() error {
	var mistakes []*plugins.FieldError
	refuse := func(key, message string) {
		mistakes = append(mistakes, &plugins.FieldError{Path: []string{key}, Message: message})
	}
	if !(b.FailureRatio > 0 && b.FailureRatio <= 1) { // this way it refuses NaN, too
		refuse("failure_ratio", "want a ratio above 0 and at most 1")
	}
	if b.MinCalls < 1 || b.MinCalls > math.MaxInt32 {
		refuse("min_calls", "want at least 1 request")
	}
	if b.Window < breakerSlots*time.Millisecond {
		refuse("window", "want at least 10ms")
	}
	mistakes = append(mistakes, positive(b.Open, "open"))
	if b.Probes < 1 || b.Probes > math.MaxInt32 {
		refuse("probes", "want at least 1 probe")
	}
	return all(mistakes...)
}

// BreakerPart declares the key `breaker`, which every upstream has unless it
// says none.
func BreakerPart() plugins.PolicyPart {
	part := plugins.NewPolicyPart("breaker",
		"Leaves an upstream alone for a while when too many requests to it fail. Only its own faults count: statuses of 500 and above, timeouts, broken answers, and connections that fail.",
		plugins.OnUpstream, newBreaker)
	part.Always = true
	return part
}

// The verdicts on a request. No error means that the upstream did well.
var (
	errFault      = errors.New("the upstream failed")
	errNotCounted = errors.New("not the upstream's doing")
)

// breaker keeps requests from an upstream that fails.
type breaker struct{ circuit *circuit }

// circuit is a breaker's state, kept over reloads.
type circuit struct {
	gate     *gobreaker.TwoStepCircuitBreaker[any]
	opened   atomic.Pointer[opening] // when it opened last, and why
	open     time.Duration
	upstream string
	journal  *journal
	release  func() // ends that the state is published
}

// opening is when a breaker opened, and why: of so many requests so many failed,
// or a probe did.
type opening struct {
	at                 time.Time
	failures, requests uint32
	probe              bool
}

// Close gives the breaker up.
func (c *circuit) Close() error {
	c.release()
	return nil
}

// state is published when metrics are read.
func (c *circuit) state() int {
	state := int(c.gate.State())
	c.journal.write()
	return state
}

func newBreaker(settings Breaker, env plugins.Env) (plugins.Policy, error) {
	if settings == (Breaker{}) {
		settings = defaultBreaker()
	}
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	upstream := upstreamOf(env)
	c, err := keep(env, fmt.Sprintf("breaker/%s/%+v", upstream, settings), func() *circuit {
		return newCircuit(settings, upstream, env)
	})
	if err != nil {
		return nil, err
	}
	return &breaker{circuit: c}, nil
}

func newCircuit(b Breaker, upstream string, env plugins.Env) *circuit {
	c := &circuit{open: b.Open, upstream: upstream, journal: newJournal(env.Log, upstream, b.Open), release: func() {}}
	var tripped gobreaker.Counts // with what it opened; under the gate's lock
	c.gate = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name:         upstream,
		MaxRequests:  uint32(b.Probes), // Validate bounds it
		Interval:     b.Window,
		BucketPeriod: b.Window / breakerSlots,
		Timeout:      b.Open,
		// Requests in flight are in Counts.Requests, but have no outcome yet.
		ReadyToTrip: func(n gobreaker.Counts) bool {
			ended := n.TotalFailures + n.TotalSuccesses
			tripped = n
			return int(ended) >= b.MinCalls && float64(n.TotalFailures) >= b.FailureRatio*float64(ended)
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errNotCounted) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				c.opened.Store(&opening{
					at: time.Now(), failures: tripped.TotalFailures, requests: tripped.TotalFailures + tripped.TotalSuccesses,
					probe: from == gobreaker.StateHalfOpen,
				})
			}
			c.journal.note(change{from: from, to: to, failures: tripped.TotalFailures, requests: tripped.TotalFailures + tripped.TotalSuccesses})
			if env.Observe != nil {
				env.Observe.BreakerState(upstream, int(to))
			}
		},
	})
	if env.Observe != nil {
		c.release = env.Observe.Breaker(upstream, c.state)
	}
	return c
}

// Wrap implements plugins.Policy.
func (b *breaker) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		defer b.circuit.journal.write()
		done, err := b.circuit.gate.Allow()
		if err != nil {
			if call.Record != nil {
				call.Record.Upstream = b.circuit.upstream
			}
			return nil, b.refuse(call, err)
		}
		first := call.Record == nil || call.Record.Attempts == 0
		verdict := errNotCounted // stays if next panics, which is our own fault
		defer func() { done(verdict) }()
		result, err := next(ctx, call)
		verdict = judge(err, first)
		return result, err
	}
}

// judge says whether a failure is the upstream's. A repetition may have had
// only what time its forerunners left over, so its timeout counts only if it
// had the time of an attempt to itself.
func judge(err error, first bool) error {
	if err == nil {
		return nil
	}
	e := failure(err)
	if e == nil {
		return errNotCounted
	}
	switch e.Kind {
	case plugins.KindConnect, plugins.KindUpstream:
		return errFault
	case plugins.KindStatus:
		if e.Status >= 500 {
			return errFault
		}
		return nil // it works, and the caller erred
	case plugins.KindTimeout:
		if first || errors.Is(err, errAttempt) {
			return errFault
		}
	}
	return errNotCounted
}

// refuse tells a model that the upstream rests, and how long.
func (b *breaker) refuse(call *plugins.Call, cause error) error {
	rest := time.Second // until the probes under way have ended
	if opened := b.circuit.opened.Load(); opened != nil {
		rest = max(rest, b.circuit.open-time.Since(opened.at))
	}
	return &plugins.Error{
		Kind:       plugins.KindBreakerOpen,
		Message:    "The service behind " + subject(call) + " is failing and is left alone for a while; nothing was sent to it. Try again in " + seconds(rest) + ".",
		Cause:      cause,
		RetryAfter: rest,
	}
}
