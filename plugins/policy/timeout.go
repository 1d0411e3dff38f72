package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// deadlineSlack is how early an upstream's own clock may see a deadline that
// ours has not seen yet.
const deadlineSlack = 5 * time.Millisecond

// errAttempt is in the cause of a timeout that the time of one attempt, not
// of the whole call, brought about.
var errAttempt = errors.New("the attempt's timeout passed")

// TimeoutPart declares the key `timeout` of tools, resources and prompts.
func TimeoutPart() plugins.PolicyPart {
	return plugins.NewPolicyPart("timeout",
		"How long a call may take, retries included. The time that a question to the person stands open doesn't count.",
		plugins.OnTool|plugins.OnResource|plugins.OnPrompt, func(limit time.Duration, _ plugins.Env) (plugins.Policy, error) {
			return newTimeout(limit, false)
		})
}

// AttemptTimeoutPart declares the key `timeout` of upstreams.
func AttemptTimeoutPart() plugins.PolicyPart {
	return plugins.NewPolicyPart("timeout",
		"How long one request to the upstream may take; with retries each has this time.",
		plugins.OnUpstream, func(limit time.Duration, _ plugins.Env) (plugins.Policy, error) {
			return newTimeout(limit, true)
		})
}

// timeout ends what is within it after a time.
type timeout struct {
	limit   time.Duration
	attempt bool // it bounds one attempt
}

func newTimeout(limit time.Duration, attempt bool) (plugins.Policy, error) {
	if err := positive(limit); err != nil {
		return nil, err
	}
	return &timeout{limit: limit, attempt: attempt}, nil
}

// Wrap implements plugins.Policy.
func (t *timeout) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		left := t.limit
		if resumed := call.Resumed(); resumed != nil && !t.attempt {
			// The rounds before have taken their part.
			if left -= resumed.Spent; left <= 0 {
				return nil, t.refuse(call, context.DeadlineExceeded)
			}
		}
		deadline := time.Now().Add(left)
		if outer, ok := ctx.Deadline(); ok && !deadline.Before(outer) {
			return next(ctx, call) // ends earlier anyway
		}
		inner, cancel := plugins.WithDeadline(ctx, deadline)
		defer cancel()
		result, err := next(inner, call)
		if err == nil || !timedOut(err) || ctx.Err() != nil || time.Until(deadline) > deadlineSlack {
			return result, err
		}
		return nil, t.refuse(call, err)
	}
}

// timedOut reports whether a failure is the end of a context. An upstream may
// call it cancelled, for it can't tell who ended it.
func timedOut(err error) bool {
	if e := failure(err); e != nil {
		return e.Kind == plugins.KindTimeout || e.Kind == plugins.KindCancelled
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// undone is what a failure tells of what was taken back; empty if nothing was.
func undone(err error) string {
	if e := failure(err); e != nil {
		return e.Undone
	}
	return ""
}

// refuse tells a model what became of the call.
func (t *timeout) refuse(call *plugins.Call, cause error) error {
	if t.attempt {
		cause = fmt.Errorf("%w: %w", errAttempt, cause)
	}
	advice := "It may have taken effect nevertheless: check before you call it again."
	if call.Tool != nil && call.Tool.Repeatable {
		advice = "It is safe to call it again."
	}
	report := undone(cause)
	if report != "" {
		advice = report
	}
	return &plugins.Error{
		Kind:    plugins.KindTimeout,
		Message: "There was no answer to " + subject(call) + " within " + t.limit.String() + ", and it was stopped. " + advice,
		Undone:  report,
		Cause:   cause,
	}
}
