package policy

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

const maxAttempts = 10

// Retry says when and how upstream requests are repeated.
type Retry struct {
	Attempts   Attempts      `manifest:"attempts" doc:"Requests at most, the first included." default:"3"`
	Backoff    time.Duration `manifest:"backoff" doc:"Bound of the wait before the first repetition. It doubles each time; the wait itself is random, from nothing to the bound." default:"100ms"`
	MaxBackoff time.Duration `manifest:"max_backoff" doc:"Longest bound. Where an upstream's Retry-After asks for more, the request is not repeated." default:"2s"`
	On         []RetryOn     `manifest:"on" doc:"What is tried again: connect, timeout, or a status from 400 to 599. Default: connect, 502, 503, 504. But for connect, where nothing was sent, only requests that are safe to repeat."`
}

// Attempts is how often a request is sent at most.
type Attempts int

// Validate refuses what isn't 1 to 10. It is a method of the value, so that its
// mistake is found whatever else is wrong with the settings.
func (a Attempts) Validate() error {
	if a < 1 || a > maxAttempts {
		return &plugins.FieldError{Message: "want 1 to " + strconv.Itoa(maxAttempts) + " attempts"}
	}
	return nil
}

// RetryOn is a failure that is tried again: "connect", "timeout", or an HTTP
// status from 400 to 599.
type RetryOn string

// UnmarshalText reads and checks the name of a failure.
func (o *RetryOn) UnmarshalText(text []byte) error {
	*o = RetryOn(text)
	return o.Validate()
}

// Validate refuses what isn't such a failure.
func (o RetryOn) Validate() error {
	if o == "connect" || o == "timeout" || o.status() != 0 {
		return nil
	}
	return &plugins.FieldError{Message: "want connect, timeout, or a status from 400 to 599, found " + strconv.Quote(string(o)), Hint: o.hint()}
}

// hint proposes what was meant.
func (o RetryOn) hint() string {
	if near := expr.Suggest(string(o), []string{"connect", "timeout"}); near != "" {
		return `did you mean "` + near + `"?`
	}
	return "write e.g. connect, 503"
}

// status returns the status that is meant; 0 if it is none.
func (o RetryOn) status() int {
	n, err := strconv.Atoi(string(o))
	if err != nil || n < 400 || n > 599 || len(o) != 3 {
		return 0
	}
	return n
}

// JSONSchema describes how a failure is written.
func (RetryOn) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"enum": []any{"connect", "timeout"}},
		map[string]any{"type": "integer", "minimum": 400, "maximum": 599},
	}}
}

// Validate refuses settings that can't be meant.
func (r Retry) Validate() error {
	var mistakes []*plugins.FieldError
	refuse := func(message string, path ...string) {
		mistakes = append(mistakes, &plugins.FieldError{Path: path, Message: message})
	}
	if err := r.Attempts.Validate(); err != nil {
		refuse(err.Error(), "attempts")
	}
	mistakes = append(mistakes, positive(r.Backoff, "backoff"))
	if r.MaxBackoff < r.Backoff {
		refuse("want at least the backoff, "+r.Backoff.String(), "max_backoff")
	}
	if r.On != nil && len(r.On) == 0 {
		refuse("want at least one failure to try again", "on")
	}
	for i, on := range r.On {
		if err := on.Validate(); err != nil {
			refuse(err.Error(), "on", strconv.Itoa(i))
		}
	}
	return all(mistakes...)
}

// RetryPart declares the key `retry`. A tool's own takes the place of its
// upstream's.
func RetryPart() plugins.PolicyPart {
	return plugins.NewPolicyPart("retry",
		"Repeats failed upstream requests that are safe to repeat, within the timeout, and at most one in ten of an upstream's requests.",
		plugins.OnTool|plugins.OnResource|plugins.OnUpstream, func(r Retry, env plugins.Env) (plugins.Policy, error) {
			return newRetry(r, env, rand.Int64N)
		})
}

// retry repeats what failed for a passing reason.
type retry struct {
	Retry
	connect, timeout bool
	statuses         map[int]bool
	upstream         string
	budget           *retryBudget
	observe          plugins.Observer
	random           func(n int64) int64 // from 0 to n-1
}

func newRetry(settings Retry, env plugins.Env, random func(int64) int64) (plugins.Policy, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	r := &retry{
		Retry: settings, statuses: map[int]bool{},
		upstream: upstreamOf(env), observe: env.Observe, random: random,
	}
	if len(r.On) == 0 {
		r.On = []RetryOn{"connect", "502", "503", "504"}
	}
	for _, on := range r.On {
		r.connect = r.connect || on == "connect"
		r.timeout = r.timeout || on == "timeout"
		if status := on.status(); status != 0 {
			r.statuses[status] = true
		}
	}
	var err error
	r.budget, err = keep(env, "retry/"+r.upstream, func() *retryBudget { return newRetryBudget(time.Now) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Wrap implements plugins.Policy.
func (r *retry) Wrap(next plugins.Handler) plugins.Handler {
	if r.Attempts == 1 {
		return next // still here, so that an upstream's own retry isn't
	}
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		r.budget.request()
		result, err := next(ctx, call)
		for attempt := 1; err != nil && attempt < int(r.Attempts); attempt++ {
			wait, again := r.again(ctx, call, err, attempt)
			if !again || !r.budget.retry() {
				break
			}
			if !pause(ctx, wait) {
				return nil, interrupted(ctx, err)
			}
			if r.observe != nil {
				r.observe.Retry(r.upstream)
			}
			last := err
			if result, err = next(ctx, call); unasked(err) {
				return nil, last // the last thing the upstream did
			}
		}
		return result, err
	}
}

// again decides whether and after which wait a failed request is repeated.
func (r *retry) again(ctx context.Context, call *plugins.Call, err error, attempt int) (time.Duration, bool) {
	e := failure(err)
	if e == nil || ctx.Err() != nil || !r.repeats(e, call) || e.RetryAfter > r.MaxBackoff {
		return 0, false
	}
	bound := r.MaxBackoff
	if shift := attempt - 1; r.Backoff <= r.MaxBackoff>>shift {
		bound = r.Backoff << shift
	}
	wait := e.RetryAfter + time.Duration(r.random(int64(bound)+1))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, true
}

// repeats reports whether a failure may pass, and trying again can't do the
// work twice.
func (r *retry) repeats(e *plugins.Error, call *plugins.Call) bool {
	safe := call.Tool != nil && call.Tool.Repeatable
	switch e.Kind {
	case plugins.KindConnect:
		return r.connect // nothing was sent
	case plugins.KindTimeout:
		return r.timeout && safe
	case plugins.KindStatus:
		return safe && r.statuses[e.Status]
	default:
		return false
	}
}

// unasked reports whether the breaker kept a request from the upstream.
func unasked(err error) bool {
	e := failure(err)
	return e != nil && e.Kind == plugins.KindBreakerOpen
}

// pause waits; it reports false if the call ended before.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// interrupted is the error of a call that ended between two attempts.
func interrupted(ctx context.Context, last error) error {
	if !errors.Is(ctx.Err(), context.Canceled) {
		return last
	}
	return &plugins.Error{Kind: plugins.KindCancelled, Message: "The call was cancelled.", Cause: errors.Join(ctx.Err(), last)}
}
