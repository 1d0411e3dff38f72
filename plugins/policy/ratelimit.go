package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// The scopes of a rate limit.
const (
	perClient = "client"
	perTool   = "tool"
	perAll    = "all"
)

// The answers of a rate limit.
const (
	answerHTTP      = "http"
	answerToolError = "tool_error"
)

// RateLimit are the limits of a tool, or of the server. A call must pass all
// of them, and is counted by all or by none.
type RateLimit []LimitRule

// LimitRule is one limit. Its short form is the rate.
type LimitRule struct {
	Rate   Rate   `manifest:"rate,required" doc:"How much passes: 60/min, also /s and /h; and how much of it at once after a pause: 60/min burst 10. The burst is a sixth of the rate unless written, with small rates up to 5 and at most half. Passing is smooth: no stretch of time lets more than rate and burst through."`
	Per    string `manifest:"per" doc:"What has a count of its own. client: each client with each tool, or on the server each client over all its requests; tool: the tool (or resource, or prompt), over all its clients; all: all tools (or resources, or prompts) under a rule of the same rate, over all clients. A client is the principal, or the remote address if anonymous." enum:"client,tool,all" default:"client"`
	Cost   Cost   `manifest:"cost" doc:"How much of the rate one call takes." default:"1"`
	Answer string `manifest:"answer" doc:"How a refusal is told: http, with status 429 and Retry-After; tool_error, in a result that the model reads." enum:"http,tool_error" default:"http"`
}

// Cost is how much of a rate one call takes.
type Cost int64

// Validate refuses a cost below 1. It is a method of the value, so that its
// mistake is found whatever else is wrong with the rule.
func (c Cost) Validate() error {
	if c < 1 {
		return &plugins.FieldError{Message: "want a cost of at least 1"}
	}
	return nil
}

// UnmarshalText reads the short form, a rate.
func (r *LimitRule) UnmarshalText(text []byte) error {
	*r = LimitRule{Per: perClient, Cost: 1, Answer: answerHTTP}
	return r.Rate.UnmarshalText(text)
}

// Validate refuses rules that can't be kept or say the same.
func (l RateLimit) Validate() error {
	if len(l) == 0 {
		return &plugins.FieldError{Message: "want at least one rate", Hint: "leave the key out, or write none to switch a default off"}
	}
	var mistakes []*plugins.FieldError
	seen := map[string]bool{}
	for i, rule := range l {
		for _, m := range rule.mistakes() {
			m.Path = l.path(i, m.Path...)
			mistakes = append(mistakes, m)
		}
		text := rule.Per + " " + rule.Rate.String()
		if seen[text] {
			mistakes = append(mistakes, &plugins.FieldError{Path: l.path(i), Message: "the same limit is already in the list"})
		}
		seen[text] = true
	}
	return all(mistakes...)
}

// path leads to a value of rule i: a lone rule may stand without a list.
func (l RateLimit) path(i int, below ...string) []string {
	if len(l) == 1 {
		return below
	}
	return append([]string{strconv.Itoa(i)}, below...)
}

func (r LimitRule) mistakes() []*plugins.FieldError {
	var found []*plugins.FieldError
	add := func(key, message, hint string) {
		found = append(found, &plugins.FieldError{Path: []string{key}, Message: message, Hint: hint})
	}
	if r.Rate.rate.Amount == 0 {
		add("rate", "want a rate", "write e.g. 60/min")
	}
	switch r.Per {
	case perClient, perTool, perAll:
	default:
		add("per", "want client, tool or all", "")
	}
	switch {
	case r.Cost.Validate() != nil:
		add("cost", r.Cost.Validate().Error(), "")
	case r.Rate.explicit && int64(r.Cost) > r.Rate.rate.Burst, r.Cost > maxBurst:
		add("cost", "a call would cost more than the burst and never pass", "raise the burst of the rate, or lower the cost")
	}
	switch r.Answer {
	case answerHTTP, answerToolError:
	default:
		add("answer", "want http or tool_error", "")
	}
	return found
}

// RateLimitPart declares the key `rate_limit`.
func RateLimitPart() plugins.PolicyPart {
	return plugins.NewPolicyPart("rate_limit",
		"How often calls may be made: a rate such as 30/min for each client, a rule with its own scope and cost, or a list of these. Refused arguments count as well.",
		plugins.OnTool|plugins.OnResource|plugins.OnPrompt|plugins.OnServer, newRateLimit)
}

// rateLimit refuses calls that come too fast. Narrow rules stand first: who
// is refused by a limit of his own never touches, even for a moment, a count
// that others share.
type rateLimit struct{ rules []*boundRule }

// boundRule is a rule with its place and its counts.
type boundRule struct {
	limiter   *limiter.Limiter
	prefix    string // of the keys of its buckets
	scope     string
	cost      int64
	rate      Rate
	limit     string // the limit in words
	toolError bool
}

func newRateLimit(l RateLimit, env plugins.Env) (plugins.Policy, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	if env.Store == nil {
		return nil, errors.New("a rate limit needs a store to count in")
	}
	p := &rateLimit{}
	for i, rule := range l {
		if rule.Per == perTool && env.Tool == nil {
			return nil, &plugins.FieldError{Path: l.path(i, "per"), Message: "per: tool makes no sense on the server", Hint: "write client or all"}
		}
		p.rules = append(p.rules, bind(rule, env))
	}
	slices.SortStableFunc(p.rules, func(a, b *boundRule) int { return cmp.Compare(breadth(a.scope), breadth(b.scope)) })
	return p, nil
}

// breadth says how many share a scope's count.
func breadth(scope string) int {
	return slices.Index([]string{perClient, perTool, perAll}, scope)
}

// bind gives a rule its place. The names of buckets hold the rate, so that
// a changed one starts afresh, and what comes from a caller is at their end.
func bind(rule LimitRule, env plugins.Env) *boundRule {
	rate := rule.Rate
	rate.rate.Burst = max(rate.rate.Burst, int64(rule.Cost))
	place, one, many, whose := "server", "request", "requests", "for each client"
	if env.Tool != nil {
		place = noun(env.Tool) + "/" + env.Tool.Name
		one, many = "call of "+env.Tool.Name, "calls of "+env.Tool.Name
	}
	switch {
	case rule.Per == perAll && env.Tool != nil:
		place, one, many = noun(env.Tool)+"s", "call", "calls"
		whose = "for all clients and " + noun(env.Tool) + "s under this limit together"
	case rule.Per != perClient:
		whose = "for all clients together"
	}
	b := &boundRule{
		limiter:   newLimiter(env.Store, rate.rate),
		prefix:    "rate/" + rule.Per + "/" + place + "/" + rule.Rate.String() + "/",
		scope:     rule.Per,
		cost:      int64(rule.Cost),
		rate:      rate,
		limit:     rate.words(one, many) + " " + whose,
		toolError: rule.Answer == answerToolError,
	}
	if rule.Cost > 1 {
		b.limit += fmt.Sprintf(", of which this call takes %d", rule.Cost)
	}
	return b
}

// Wrap implements plugins.Policy.
func (p *rateLimit) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		if !call.Counted() {
			return next(ctx, call)
		}
		for i, rule := range p.rules {
			state, err := rule.limiter.Increment(ctx, rule.key(call), rule.cost)
			if err == nil && !state.Reached {
				continue
			}
			for _, passed := range p.rules[:i] {
				if back := passed.giveBack(ctx, call); back != nil {
					err = errors.Join(err, back)
				}
			}
			return nil, rule.refuse(call, state, err)
		}
		return next(ctx, call)
	}
}

// key names the bucket that counts the call.
func (r *boundRule) key(call *plugins.Call) string {
	if r.scope != perClient {
		return r.prefix
	}
	return r.prefix + call.Principal.Key
}

// giveBack undoes the counting of a call that a later rule refused.
func (r *boundRule) giveBack(ctx context.Context, call *plugins.Call) error {
	_, err := r.limiter.Increment(ctx, r.key(call), -r.cost)
	return err
}

// refuse makes the error of a call that doesn't pass.
func (r *boundRule) refuse(call *plugins.Call, state limiter.Context, err error) error {
	if !state.Reached {
		return &plugins.Error{Kind: plugins.KindInternal, Message: "The rate limit can't be checked right now. Try again later.", Cause: err}
	}
	if call.Record != nil {
		call.Record.LimitScope = r.scope
	}
	wait := waitOf(state)
	return &plugins.Error{
		Kind:        plugins.KindLimited,
		Message:     "Rate limit reached: " + r.limit + ". Try again in " + seconds(wait) + ".",
		Cause:       err,
		RetryAfter:  max(wait, time.Nanosecond),
		AsToolError: r.toolError,
	}
}
