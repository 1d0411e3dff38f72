package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// finding makes a list of one finding.
func finding(verdict plugins.Verdict, says string, state map[string]any) []plugins.Finding {
	return []plugins.Finding{{Says: says, Verdict: verdict, State: state}}
}

// allowsIf is the verdict of a yes or no.
func allowsIf(passes bool) plugins.Verdict {
	if passes {
		return plugins.VerdictAllows
	}
	return plugins.VerdictDenies
}

// listed are names for people.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// short writes a duration without needless digits.
func short(d time.Duration) string { return d.Round(time.Millisecond).String() }

// Explain implements plugins.Explainer.
func (r *roles) Explain(_ context.Context, call *plugins.Call) []plugins.Finding {
	has := slices.Sorted(slices.Values(call.Principal.Roles))
	return finding(allowsIf(r.Admit(call.Principal) == nil),
		"wants one of "+listed(r.anyOf)+"; the caller has "+listed(has),
		map[string]any{"wants": r.anyOf, "has": append([]string{}, has...)})
}

// Explain implements plugins.Explainer.
func (s *scopes) Explain(_ context.Context, call *plugins.Call) []plugins.Finding {
	lacks := []string{}
	for _, scope := range s.allOf {
		if !call.Principal.HasScope(scope) {
			lacks = append(lacks, scope)
		}
	}
	has := slices.Sorted(slices.Values(call.Principal.Scopes))
	says := "wants " + listed(s.allOf) + "; the caller has " + listed(has)
	if len(lacks) > 0 {
		says += " and lacks " + listed(lacks)
	}
	return finding(allowsIf(len(lacks) == 0), says,
		map[string]any{"wants": s.allOf, "has": append([]string{}, has...), "lacks": lacks})
}

// Explain implements plugins.Explainer.
func (w *when) Explain(ctx context.Context, call *plugins.Call) []plugins.Finding {
	text := w.condition.Text()
	if call.Args == nil && w.condition.Uses(expr.NameArgs) {
		return finding(plugins.VerdictDepends, text+" is decided when the arguments are known", map[string]any{"expression": text})
	}
	holds := w.condition.Eval(ctx, &expr.Values{Args: call.Args, Caller: call.Principal, Capabilities: call.Capabilities})
	says := text + " holds"
	if !holds {
		says = text + " does not hold, or can't be decided"
	}
	return finding(allowsIf(holds), says, map[string]any{"expression": text, "value": holds})
}

// Explain implements plugins.Explainer.
func (p *rateLimit) Explain(ctx context.Context, call *plugins.Call) []plugins.Finding {
	found := make([]plugins.Finding, 0, len(p.rules))
	for _, rule := range p.rules {
		found = append(found, rule.explain(ctx, call))
	}
	return found
}

// explain looks at the bucket of the caller without taking from it.
func (r *boundRule) explain(ctx context.Context, call *plugins.Call) plugins.Finding {
	state := map[string]any{"rate": r.rate.String(), "per": r.scope, "cost": r.cost, "burst": r.rate.rate.Burst}
	look, err := r.limiter.Peek(ctx, r.key(call))
	if err != nil {
		return plugins.Finding{Says: r.limit + "; its state can't be read now", State: state}
	}
	left := look.Remaining
	state["remaining"] = left
	says := fmt.Sprintf("%s; %d of %d left now", r.limit, left, r.rate.rate.Burst)
	verdict := allowsIf(left >= r.cost)
	if verdict == plugins.VerdictDenies {
		// One unit comes back every period/amount.
		wait := time.Duration((r.cost - left) * (r.rate.rate.Period / r.rate.rate.Amount))
		state["wait"] = short(wait)
		says += ", the next call passes in " + short(max(wait, time.Millisecond)) + " at most"
	}
	return plugins.Finding{Says: says, Verdict: verdict, State: state}
}

// Compare implements plugins.Bound: of all rules of a scope the narrowest is
// what counts.
func (l RateLimit) Compare(old any) (looser, tighter bool) {
	before, _ := old.(RateLimit)
	for _, per := range []string{perClient, perTool, perAll} {
		was, had := before.narrowest(per)
		is, has := l.narrowest(per)
		switch {
		case had && !has:
			looser = true
		case has && !had:
			tighter = true
		case has:
			looser = looser || is.perSecond() > was.perSecond() || is.burst() > was.burst()
			tighter = tighter || is.perSecond() < was.perSecond() || is.burst() < was.burst()
		}
	}
	return looser, tighter
}

// perSecond is how many calls a rule lets pass in the long run.
func (r LimitRule) perSecond() float64 {
	return float64(r.Rate.rate.Amount) / float64(r.Rate.rate.Period) / float64(max(r.Cost, 1))
}

// burst is how many calls a rule lets pass at once.
func (r LimitRule) burst() float64 {
	return float64(max(r.Rate.rate.Burst, int64(r.Cost))) / float64(max(r.Cost, 1))
}

// narrowest is the rule of a scope that lets least pass in the long run.
func (l RateLimit) narrowest(per string) (LimitRule, bool) {
	var own []LimitRule
	for _, rule := range l {
		if rule.Per == per {
			own = append(own, rule)
		}
	}
	if len(own) == 0 {
		return LimitRule{}, false
	}
	return slices.MinFunc(own, func(a, b LimitRule) int {
		return cmp.Or(cmp.Compare(a.perSecond(), b.perSecond()), cmp.Compare(a.burst(), b.burst()))
	}), true
}

// Explain implements plugins.Explainer.
func (c *concurrency) Explain(context.Context, *plugins.Call) []plugins.Finding {
	running := c.running.calls.Load()
	return finding(allowsIf(running < c.limit),
		fmt.Sprintf("%d at once over all clients; %d running now", c.limit, running),
		map[string]any{"limit": c.limit, "running": running})
}

// Compare implements plugins.Bound.
func (c Concurrency) Compare(old any) (looser, tighter bool) {
	before, bounded := old.(Concurrency)
	if !bounded {
		return false, true
	}
	return c > before, c < before
}

// Explain implements plugins.Explainer.
func (t *timeout) Explain(context.Context, *plugins.Call) []plugins.Finding {
	says := "the call may take " + short(t.limit) + ", retries included"
	if t.attempt {
		says = "one request may take " + short(t.limit)
	}
	return finding("", says, map[string]any{"limit": short(t.limit)})
}

// Explain implements plugins.Explainer.
func (r *retry) Explain(_ context.Context, call *plugins.Call) []plugins.Finding {
	safe := call.Tool != nil && call.Tool.Repeatable
	on := make([]string, 0, len(r.On))
	for _, failed := range r.On {
		if safe || failed == "connect" {
			on = append(on, string(failed))
		}
	}
	state := map[string]any{
		"attempts": int(r.Attempts), "backoff": short(r.Backoff), "max_backoff": short(r.MaxBackoff), "on": on, "repeatable": safe,
	}
	var says string
	switch {
	case r.Attempts == 1:
		says = "the request is never repeated"
	case len(on) == 0:
		says = "the request is not safe to repeat, so it never is"
	default:
		says = fmt.Sprintf("up to %d requests, %s to %s apart, on %s", r.Attempts, short(r.Backoff), short(r.MaxBackoff), listed(on))
		if !safe {
			says += " only: the request is not safe to repeat"
		}
	}
	return finding("", says, state)
}

// Explain implements plugins.Explainer.
func (b *breaker) Explain(context.Context, *plugins.Call) []plugins.Finding {
	c := b.circuit
	gate := c.gate.State()
	counts := c.gate.Counts()
	ended := counts.TotalFailures + counts.TotalSuccesses
	state := map[string]any{"state": gate.String(), "failures": counts.TotalFailures, "requests": ended, "open_for": short(c.open)}
	says := gate.String() + "; no requests lately"
	if ended > 0 {
		says = fmt.Sprintf("%s; %d of the last %d requests failed", gate, counts.TotalFailures, ended)
	}
	open := gate.String() == "open"
	if opened := c.opened.Load(); open && opened != nil {
		since := time.Since(opened.at)
		rest := max(0, c.open-since)
		state["wait"] = short(rest)
		why := "a probe failed"
		if !opened.probe {
			why = fmt.Sprintf("%d of %d requests failed", opened.failures, opened.requests)
			state["failures"], state["requests"] = opened.failures, opened.requests
		}
		says = "open for " + short(since) + ": " + why + "; it is probed in " + short(rest)
	}
	return finding(allowsIf(!open), says, state)
}

// Explain implements plugins.Explainer.
func (c *cache) Explain(context.Context, *plugins.Call) []plugins.Finding {
	whose := "each caller's own"
	if c.Shared() {
		whose = "shared by all callers"
	}
	state := map[string]any{"ttl": short(c.TTL), "scope": cmp.Or(c.Scope, "caller")}
	says := "an answer is given again for " + short(c.TTL) + ", " + whose
	if c.StaleIfError > 0 {
		state["stale_if_error"] = short(c.StaleIfError)
		says += "; for " + short(c.StaleIfError) + " more if the service fails"
	}
	return finding("", says, state)
}

// Explain implements plugins.Explainer.
func (a *arguments) Explain(_ context.Context, call *plugins.Call) []plugins.Finding {
	if call.Arguments == nil {
		return nil
	}
	if _, err := a.read(call); err != nil {
		return finding(plugins.VerdictDenies, "these arguments are refused", nil)
	}
	return finding(plugins.VerdictAllows, "these arguments are accepted", nil)
}
