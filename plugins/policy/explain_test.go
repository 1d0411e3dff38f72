package policy

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// explained is what a policy says of a call: verdict and words.
func explained(t testing.TB, p plugins.Policy, call *plugins.Call) (plugins.Verdict, string) {
	t.Helper()
	e, ok := p.(plugins.Explainer)
	if !ok {
		t.Fatalf("%T explains nothing", p)
	}
	found := e.Explain(context.Background(), call)
	if len(found) != 1 {
		t.Fatalf("%d findings: %v", len(found), found)
	}
	return found[0].Verdict, found[0].Says
}

// TestExplainAccess tells who may call, and why not.
func TestExplainAccess(t *testing.T) {
	tl := tool(t)
	env := envFor(tl)
	for _, tt := range []struct {
		name    string
		policy  plugins.Policy
		roles   []string
		scopes  []string
		args    map[string]any
		verdict plugins.Verdict
		says    string
	}{
		{"role held", build(t, RolesPart(), Roles{"b", "a"}, env), []string{"z", "a"}, nil, nil, plugins.VerdictAllows, "wants one of b, a; the caller has a, z"},
		{"role lacking", build(t, RolesPart(), Roles{"a"}, env), nil, nil, nil, plugins.VerdictDenies, "wants one of a; the caller has none"},
		{"scopes held", build(t, ScopesPart(), Scopes{"r"}, env), nil, []string{"r", "w"}, nil, plugins.VerdictAllows, "wants r; the caller has r, w"},
		{"scope lacking", build(t, ScopesPart(), Scopes{"r", "w"}, env), nil, []string{"r"}, nil, plugins.VerdictDenies, "wants r, w; the caller has r and lacks w"},
		{"rule unknown", build(t, WhenPart(), When("args.id == 'x'"), env), nil, nil, nil, plugins.VerdictDepends, "args.id == 'x' is decided when the arguments are known"},
		{"rule holds", build(t, WhenPart(), When("args.id == 'x'"), env), nil, nil, map[string]any{"id": "x"}, plugins.VerdictAllows, "args.id == 'x' holds"},
		{"rule fails", build(t, WhenPart(), When("args.id == 'x'"), env), nil, nil, map[string]any{"id": "y"}, plugins.VerdictDenies, "args.id == 'x' does not hold, or can't be decided"},
		{"rule on roles", build(t, WhenPart(), When("'a' in caller.roles"), env), []string{"a"}, nil, nil, plugins.VerdictAllows, "'a' in caller.roles holds"},
	} {
		call := callOf(tl, "ann")
		call.Principal = &plugins.Principal{Key: "ann", Roles: tt.roles, Scopes: tt.scopes}
		call.Args = tt.args
		if verdict, says := explained(t, tt.policy, call); verdict != tt.verdict || says != tt.says {
			t.Errorf("%s: %s %q", tt.name, verdict, says)
		}
	}
}

// TestExplainRateLimit looks at a limit without counting.
func TestExplainRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		p := build(t, RateLimitPart(), RateLimit{rule(t, "6/min burst 2", perClient)}, envFor(tl))
		call := callOf(tl, "ann")
		for range 3 {
			if verdict, says := explained(t, p, call); verdict != plugins.VerdictAllows || says != "6 calls of "+tl.Name+" per minute for each client; 2 of 2 left now" {
				t.Errorf("at the start: %s %q", verdict, says)
			}
		}
		if n := passes(t, p, call, 3); n != 2 {
			t.Fatalf("%d passed, want 2", n)
		}
		want := "6 calls of " + tl.Name + " per minute for each client; 0 of 2 left now, the next call passes in 10s at most"
		if verdict, says := explained(t, p, call); verdict != plugins.VerdictDenies || says != want {
			t.Errorf("used up: %s %q", verdict, says)
		}
		if verdict, _ := explained(t, p, callOf(tl, "bob")); verdict != plugins.VerdictAllows {
			t.Errorf("another client: %s", verdict)
		}
		time.Sleep(10 * time.Second)
		if verdict, _ := explained(t, p, call); verdict != plugins.VerdictAllows {
			t.Errorf("ten seconds later: %s", verdict)
		}
	})
}

// TestExplainState tells of what is running, and of breakers.
func TestExplainState(t *testing.T) {
	tl := tool(t)
	env := envFor(tl)
	limit := build(t, ConcurrencyPart(), Concurrency(1), env)
	if verdict, says := explained(t, limit, callOf(tl, "ann")); verdict != plugins.VerdictAllows || says != "1 at once over all clients; 0 running now" {
		t.Errorf("idle: %s %q", verdict, says)
	}
	limit.(*concurrency).running.calls.Add(1)
	if verdict, says := explained(t, limit, callOf(tl, "ann")); verdict != plugins.VerdictDenies || says != "1 at once over all clients; 1 running now" {
		t.Errorf("full: %s %q", verdict, says)
	}
	synctest.Test(t, func(t *testing.T) {
		open := build(t, BreakerPart(), Breaker{FailureRatio: 0.5, MinCalls: 2, Window: time.Second, Open: time.Minute, Probes: 1}, env)
		if verdict, says := explained(t, open, callOf(tl, "ann")); verdict != plugins.VerdictAllows || says != "closed; no requests lately" {
			t.Errorf("at the start: %s %q", verdict, says)
		}
		failed := open.Wrap(failing(&plugins.Error{Kind: plugins.KindConnect, Cause: errors.New("down")}))
		for range 2 {
			if _, err := failed(t.Context(), callOf(tl, "ann")); err == nil {
				t.Fatal("no error")
			}
		}
		time.Sleep(20 * time.Second)
		if verdict, says := explained(t, open, callOf(tl, "ann")); verdict != plugins.VerdictDenies || says != "open for 20s: 2 of 2 requests failed; it is probed in 40s" {
			t.Errorf("open: %s %q", verdict, says)
		}
	})
}

// TestExplainSettings tells settings in words.
func TestExplainSettings(t *testing.T) {
	tl := tool(t)
	env := envFor(tl)
	unsafe, safe := callOf(tl, "ann"), callOf(tl, "ann")
	repeatable, once := *tl, *tl
	repeatable.Repeatable, once.Repeatable = true, false
	safe.Tool, unsafe.Tool = &repeatable, &once
	retry := build(t, RetryPart(), Retry{Attempts: 3, Backoff: time.Second, MaxBackoff: 2 * time.Second}, env)
	for _, tt := range []struct {
		policy plugins.Policy
		call   *plugins.Call
		says   string
	}{
		{retry, safe, "up to 3 requests, 1s to 2s apart, on connect, 502, 503, 504"},
		{retry, unsafe, "up to 3 requests, 1s to 2s apart, on connect only: the request is not safe to repeat"},
		{build(t, RetryPart(), Retry{Attempts: 3, Backoff: 1, MaxBackoff: 1, On: []RetryOn{"503"}}, env), unsafe, "the request is not safe to repeat, so it never is"},
		{build(t, RetryPart(), Retry{Attempts: 1, Backoff: 1, MaxBackoff: 1}, env), safe, "the request is never repeated"},
		{build(t, TimeoutPart(), 5*time.Second, env), safe, "the call may take 5s, retries included"},
		{build(t, AttemptTimeoutPart(), 5*time.Second, env), safe, "one request may take 5s"},
		{build(t, CachePart(), Cache{TTL: time.Minute, Scope: scopeShared, StaleIfError: time.Hour}, env), safe, "an answer is given again for 1m0s, shared by all callers; for 1h0m0s more if the service fails"},
	} {
		if verdict, says := explained(t, tt.policy, tt.call); verdict != "" || says != tt.says {
			t.Errorf("%T: %s %q, want %q", tt.policy, verdict, says, tt.says)
		}
	}
}

// TestCompareLimits judges changes of limits.
func TestCompareLimits(t *testing.T) {
	one := func(text string) RateLimit { return RateLimit{rule(t, text, perClient)} }
	costly := one("60/min")
	costly[0].Cost = 2
	for _, tt := range []struct {
		name            string
		old, next       RateLimit
		looser, tighter bool
	}{
		{"the same", one("60/min"), one("60/min"), false, false},
		{"another unit", one("60/min burst 5"), one("1/s burst 5"), false, false},
		{"more", one("60/min burst 5"), one("61/min burst 5"), true, false},
		{"a larger burst", one("60/min burst 5"), one("60/min burst 6"), true, false},
		{"more, but fewer at once", one("60/min burst 5"), one("61/min burst 4"), true, true},
		{"a cost", one("60/min"), costly, false, true},
		{"a further rule", one("60/min"), append(one("60/min"), rule(t, "5/s", perAll)), false, true},
		{"another scope", one("60/min"), RateLimit{rule(t, "60/min", perTool)}, true, true},
	} {
		looser, tighter := tt.next.Compare(tt.old)
		if looser != tt.looser || tighter != tt.tighter {
			t.Errorf("%s: looser %v, tighter %v", tt.name, looser, tighter)
		}
		if back, forth := tt.old.Compare(tt.next); back != tighter || forth != looser {
			t.Errorf("%s, back: looser %v, tighter %v", tt.name, back, forth)
		}
	}
	if looser, tighter := Concurrency(3).Compare(nil); looser || !tighter {
		t.Error("a first limit tightens")
	}
	if looser, tighter := one("60/min").Compare(nil); looser || !tighter {
		t.Error("a first rate tightens")
	}
}
