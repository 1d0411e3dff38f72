package policy

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

func retrySettings() Retry {
	return Retry{Attempts: 3, Backoff: 100 * time.Millisecond, MaxBackoff: 2 * time.Second}
}

// longest draws the longest wait.
func longest(n int64) int64 { return n - 1 }

func newTestRetry(t testing.TB, r Retry, env plugins.Env) plugins.Policy {
	t.Helper()
	p, err := newRetry(r, env, longest)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRetryRepeatsWhatIsSafe(t *testing.T) {
	on := func(names ...RetryOn) Retry { r := retrySettings(); r.On = names; return r }
	status := func(n int) *plugins.Error { return &plugins.Error{Kind: plugins.KindStatus, Status: n} }
	for name, c := range map[string]struct {
		settings   Retry
		repeatable bool
		err        *plugins.Error
		attempts   int
	}{
		"503 of a GET":              {retrySettings(), true, status(503), 3},
		"503 of a POST":             {retrySettings(), false, status(503), 1},
		"500 is not in the list":    {retrySettings(), true, status(500), 1},
		"429 if written":            {on("429"), true, status(429), 3},
		"connect of a POST":         {retrySettings(), false, &plugins.Error{Kind: plugins.KindConnect}, 3},
		"connect if not written":    {on("503"), true, &plugins.Error{Kind: plugins.KindConnect}, 1},
		"timeout is not by default": {retrySettings(), true, &plugins.Error{Kind: plugins.KindTimeout}, 1},
		"timeout of a GET":          {on("timeout"), true, &plugins.Error{Kind: plugins.KindTimeout}, 3},
		"timeout of a POST":         {on("timeout"), false, &plugins.Error{Kind: plugins.KindTimeout}, 1},
		"broken answer":             {retrySettings(), true, &plugins.Error{Kind: plugins.KindUpstream}, 1},
		"cancelled":                 {retrySettings(), true, &plugins.Error{Kind: plugins.KindCancelled}, 1},
		"invalid":                   {retrySettings(), true, &plugins.Error{Kind: plugins.KindInvalid}, 1},
		"breaker":                   {retrySettings(), true, &plugins.Error{Kind: plugins.KindBreakerOpen}, 1},
		"status zero":               {retrySettings(), true, status(0), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tl := tool(t)
				tl.Repeatable = c.repeatable
				env := envFor(tl)
				call := callOf(tl, "alice")
				_, err := newTestRetry(t, c.settings, env).Wrap(failing(c.err))(context.Background(), call)
				if !errors.Is(err, c.err) || call.Record.Attempts != c.attempts {
					t.Errorf("%d attempts, error %v; want %d", call.Record.Attempts, err, c.attempts)
				}
				if n := env.Observe.(*notes).retries.Load(); int(n) != c.attempts-1 {
					t.Errorf("%d retries were told of", n)
				}
			})
		})
	}
}

func TestRetryEndsWithSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		h := newTestRetry(t, retrySettings(), envFor(tl)).Wrap(func(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
			if call.Record.Attempts++; call.Record.Attempts < 3 {
				return nil, &plugins.Error{Kind: plugins.KindConnect}
			}
			return &mcp.Result{}, nil
		})
		start := time.Now()
		result, err := h(context.Background(), callOf(tl, "alice"))
		if err != nil || result == nil || time.Since(start) != 300*time.Millisecond {
			t.Errorf("%v, %v after %v; want a result after 100ms and 200ms", result, err, time.Since(start))
		}
	})
}

func TestRetryWaits(t *testing.T) {
	tl := tool(t)
	unavailable := func(after time.Duration) *plugins.Error {
		return &plugins.Error{Kind: plugins.KindStatus, Status: 503, RetryAfter: after}
	}
	for name, c := range map[string]struct {
		after, deadline, took time.Duration
		attempts              int
	}{
		"doubling":                               {0, time.Minute, 300 * time.Millisecond, 3},
		"Retry-After":                            {time.Second, time.Minute, 2300 * time.Millisecond, 3},
		"Retry-After is longer than max_backoff": {3 * time.Second, time.Minute, 0, 1},
		"no time for the first wait":             {0, 100 * time.Millisecond, 0, 1},
		"no time for the second wait":            {0, 300 * time.Millisecond, 100 * time.Millisecond, 2},
		"just time":                              {0, 301 * time.Millisecond, 300 * time.Millisecond, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), c.deadline)
				defer cancel()
				call := callOf(tl, "alice")
				start := time.Now()
				_, err := newTestRetry(t, retrySettings(), envFor(tl)).Wrap(failing(unavailable(c.after)))(ctx, call)
				wantKind(t, err, plugins.KindStatus)
				if took := time.Since(start); took != c.took || call.Record.Attempts != c.attempts {
					t.Errorf("%d attempts in %v, want %d in %v", call.Record.Attempts, took, c.attempts, c.took)
				}
			})
		})
	}
}

func TestRetryNeverPassesTheDeadline(t *testing.T) {
	tl := tool(t)
	rapid.Check(t, func(rt *rapid.T) {
		settings := Retry{
			Attempts:   Attempts(rapid.IntRange(2, maxAttempts).Draw(rt, "attempts")),
			Backoff:    time.Duration(rapid.Int64Range(1, int64(3*time.Second)).Draw(rt, "backoff")),
			MaxBackoff: 1 << 50, On: []RetryOn{"503"},
		}
		seed := rapid.Uint64().Draw(rt, "seed")
		deadline := time.Duration(rapid.Int64Range(1, int64(10*time.Second)).Draw(rt, "deadline"))
		after := time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(rt, "after"))
		var took time.Duration
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			defer cancel()
			p, err := newRetry(settings, envFor(tl), rand.New(rand.NewPCG(seed, 1)).Int64N)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, _ = p.Wrap(failing(&plugins.Error{Kind: plugins.KindStatus, Status: 503, RetryAfter: after}))(ctx, callOf(tl, "alice"))
			took = time.Since(start)
		})
		if took >= deadline {
			rt.Fatalf("took %v with a deadline of %v", took, deadline)
		}
	})
}

func TestRetryStopsWhenTheClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, cancel)
		call := callOf(tl, "alice")
		_, err := newTestRetry(t, retrySettings(), envFor(tl)).Wrap(failing(&plugins.Error{Kind: plugins.KindConnect}))(ctx, call)
		wantKind(t, err, plugins.KindCancelled)
		if call.Record.Attempts != 1 {
			t.Errorf("%d attempts", call.Record.Attempts)
		}
	})
}

func TestRetryKeepsTheUpstreamsLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		h := newTestRetry(t, retrySettings(), envFor(tl)).Wrap(func(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
			if call.Record.Attempts++; call.Record.Attempts == 1 {
				return nil, &plugins.Error{Kind: plugins.KindStatus, Status: 503}
			}
			return nil, &plugins.Error{Kind: plugins.KindBreakerOpen}
		})
		_, err := h(context.Background(), callOf(tl, "alice"))
		if e := wantKind(t, err, plugins.KindStatus); e.Status != 503 {
			t.Errorf("status %d", e.Status)
		}
	})
}

func TestRetryBudgetOfAnUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		env := envFor(tl)
		other := tool(t)
		other.Name = "list_orders"
		attempts := 0
		for i := range 500 {
			use, e := tl, env
			if i%2 == 1 { // both ask the same upstream, and every call finds a reloaded policy
				use, e.Tool, e.Name = other, other, other.Name
			}
			call := callOf(use, "alice")
			_, _ = newTestRetry(t, retrySettings(), e).Wrap(failing(&plugins.Error{Kind: plugins.KindConnect}))(context.Background(), call)
			attempts += call.Record.Attempts
		}
		if attempts > 550 || attempts < 540 {
			t.Errorf("%d requests of 500 calls, want about 1.1 a call and not more", attempts)
		}
		env.Upstream = "billing"
		call := callOf(tl, "alice")
		_, _ = newTestRetry(t, retrySettings(), env).Wrap(failing(&plugins.Error{Kind: plugins.KindConnect}))(context.Background(), call)
		if call.Record.Attempts != 3 {
			t.Errorf("%d attempts at another upstream, want 3", call.Record.Attempts)
		}
	})
}

func TestRetryBudgetRollsOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		b := newRetryBudget(func() time.Time { return now })
		type event struct {
			tick  int64
			retry bool
		}
		var log []event // what counts, by a slow model
		count := func(retry bool) int {
			n := 0
			for _, e := range log {
				if e.retry == retry && e.tick > now.Unix()-budgetTicks {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(0, 25).Draw(t, "seconds")) * time.Second)
			case 1, 2:
				want := count(true) < max(budgetFloor, count(false)/budgetShare)
				got := b.retry()
				if got != want {
					t.Fatalf("retry allowed %v, want %v: %d of %d", got, want, count(true), count(false))
				}
				if got {
					log = append(log, event{now.Unix(), true})
				}
			default:
				b.request()
				log = append(log, event{now.Unix(), false})
			}
		}
	})
}

func TestRetrySettingsAreChecked(t *testing.T) {
	bad := func(change func(*Retry)) error { r := retrySettings(); change(&r); return r.Validate() }
	wantMistake(t, bad(func(r *Retry) { r.Attempts = 0 }), "attempts", "1 to 10")
	wantMistake(t, bad(func(r *Retry) { r.Attempts = 11 }), "attempts", "1 to 10")
	wantMistake(t, bad(func(r *Retry) { r.Backoff = 0 }), "backoff", "above zero")
	wantMistake(t, bad(func(r *Retry) { r.MaxBackoff = 1 }), "max_backoff", "at least the backoff, 100ms")
	wantMistake(t, bad(func(r *Retry) { r.On = []RetryOn{} }), "on", "at least one")
	wantMistake(t, bad(func(r *Retry) { r.On = []RetryOn{"503", "5xx"} }), "on.1", "status from 400 to 599")
	for text, ok := range map[string]bool{"connect": true, "timeout": true, "400": true, "599": true, "399": false, "600": false, "0503": false, "+503": false, "": false, "Connect": false} {
		var on RetryOn
		if err := on.UnmarshalText([]byte(text)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRetryOfOneAttemptTakesThePlaceOfOthers(t *testing.T) {
	one := retrySettings()
	one.Attempts = 1
	tl := tool(t)
	p := newTestRetry(t, one, envFor(tl))
	if p == nil {
		t.Fatal("no policy: the upstream's own retry would stand")
	}
	call := callOf(tl, "alice")
	_, _ = p.Wrap(failing(&plugins.Error{Kind: plugins.KindConnect}))(context.Background(), call)
	if call.Record.Attempts != 1 {
		t.Errorf("%d attempts", call.Record.Attempts)
	}
}

func TestRetryJitterIsFull(t *testing.T) {
	tl := tool(t)
	var bounds []int64
	synctest.Test(t, func(t *testing.T) {
		r := Retry{Attempts: 8, Backoff: 100 * time.Millisecond, MaxBackoff: 500 * time.Millisecond}
		env := envFor(tl)
		p, err := newRetry(r, env, func(n int64) int64 { bounds = append(bounds, (n-1)/int64(time.Millisecond)); return 0 })
		if err != nil {
			t.Fatal(err)
		}
		for range 100 { // requests that make room in the budget
			p.(*retry).budget.request()
		}
		_, _ = p.Wrap(failing(&plugins.Error{Kind: plugins.KindConnect}))(context.Background(), callOf(tl, "alice"))
	})
	if want := []int64{100, 200, 400, 500, 500, 500, 500}; !slices.Equal(bounds, want) {
		t.Errorf("bounds of the random waits %v ms, want %v", bounds, want)
	}
}

// An upstream that fails altogether, with retries on: it is spared.
func TestRetryAndBreakerSpareAFailingUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		env := envFor(tl)
		h := failing(&plugins.Error{Kind: plugins.KindStatus, Status: 503})
		h = build(t, BreakerPart(), Breaker{}, env).Wrap(h)
		h = newTestRetry(t, retrySettings(), env).Wrap(h)
		requests, probes := 0, 0
		for second := range 300 {
			sent := 0
			for range 10 {
				call := callOf(tl, "alice")
				_, _ = h(context.Background(), call)
				sent += call.Record.Attempts
			}
			requests += sent
			if second > 0 && sent > 0 {
				probes++
			}
			time.Sleep(time.Second)
		}
		// Ten failures open the breaker, then there is a probe in 30 seconds.
		if requests > 10+probes || probes < 9 || probes > 10 {
			t.Errorf("%d requests of 3000 calls, %d probes", requests, probes)
		}
	})
}

// Each value checks itself, so that one mistake doesn't hide another.
func TestSettingsCheckThemselves(t *testing.T) {
	for _, a := range []Attempts{-1, 0, maxAttempts + 1} {
		wantMistake(t, a.Validate(), "", "want 1 to 10 attempts")
	}
	wantMistake(t, Cost(0).Validate(), "", "at least 1")
	for _, good := range []interface{ Validate() error }{Attempts(1), Attempts(maxAttempts), Cost(1)} {
		if err := good.Validate(); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
}

func TestRetryOnHints(t *testing.T) {
	for text, hint := range map[string]string{
		"conect": `did you mean "connect"?`, "time_out": `did you mean "timeout"?`, "5xx": "write e.g. connect, 503",
	} {
		err, _ := errors.AsType[*plugins.FieldError](RetryOn(text).Validate())
		if err == nil || err.Hint != hint {
			t.Errorf("%s: %+v, want hint %q", text, err, hint)
		}
	}
}
