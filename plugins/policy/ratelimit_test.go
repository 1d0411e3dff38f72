package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/store"
)

func rule(t testing.TB, text, per string) LimitRule {
	t.Helper()
	var r LimitRule
	if err := r.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if per != "" {
		r.Per = per
	}
	return r
}

// try calls once and reports whether the call passed.
func try(t testing.TB, p plugins.Policy, call *plugins.Call) bool {
	t.Helper()
	_, err := p.Wrap(fine)(context.Background(), call)
	if err != nil {
		wantKind(t, err, plugins.KindLimited)
	}
	return err == nil
}

func passes(t testing.TB, p plugins.Policy, call *plugins.Call, times int) int {
	t.Helper()
	n := 0
	for range times {
		if try(t, p, call) {
			n++
		}
	}
	return n
}

func TestRateLimitScopes(t *testing.T) {
	other := tool(t)
	other.Name = "list_orders"
	for _, c := range []struct {
		per                                 string
		otherClient, otherTool, otherServer int // calls that still pass of 5
	}{
		{perClient, 3, 3, 3}, {perTool, 0, 3, 3}, {perAll, 0, 0, 3},
	} {
		t.Run(c.per, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tl := tool(t)
				env := envFor(tl)
				limit := RateLimit{rule(t, "5/min burst 3", c.per)}
				p := build(t, RateLimitPart(), limit, env)
				call := callOf(tl, "alice")
				if n := passes(t, p, call, 5); n != 3 {
					t.Fatalf("%d of 5 passed, want the burst of 3", n)
				}
				if call.Record.LimitScope != c.per {
					t.Errorf("scope %q, want %q", call.Record.LimitScope, c.per)
				}
				again := build(t, RateLimitPart(), limit, env)
				if try(t, again, callOf(tl, "alice")) {
					t.Error("a reload with the same rule starts a fresh count")
				}
				if n := passes(t, p, callOf(tl, "bob"), 5); n != c.otherClient {
					t.Errorf("another client: %d passed, want %d", n, c.otherClient)
				}
				env.Name, env.Tool = other.Name, other
				sibling := build(t, RateLimitPart(), limit, env)
				if n := passes(t, sibling, callOf(other, "alice"), 5); n != c.otherTool {
					t.Errorf("another tool: %d passed, want %d", n, c.otherTool)
				}
				if c.per == perTool {
					return
				}
				env.Tool = nil
				server := build(t, RateLimitPart(), limit, env)
				if n := passes(t, server, callOf(nil, "alice"), 5); n != c.otherServer {
					t.Errorf("the server: %d passed, want %d", n, c.otherServer)
				}
			})
		})
	}
}

func TestRateLimitOfTheServerCountsAllRequestsOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, RateLimitPart(), RateLimit{rule(t, "60/min burst 3", "")}, plugins.Env{Store: store.NewMemory(10, nil)})
		n := passes(t, p, callOf(tool(t), "alice"), 2) + passes(t, p, callOf(nil, "alice"), 5)
		if n != 3 {
			t.Errorf("%d passed, want 3", n)
		}
		_, err := newRateLimit(RateLimit{rule(t, "60/min", perTool)}, plugins.Env{Store: store.NewMemory(10, nil)})
		wantMistake(t, err, "per", "no sense on the server")
	})
}

func TestRateLimitSaysWhenToTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		r := rule(t, "30/min burst 1", "")
		r.Answer = answerToolError
		p := build(t, RateLimitPart(), RateLimit{r}, envFor(tl))
		call := callOf(tl, "alice")
		try(t, p, call)
		_, err := p.Wrap(fine)(context.Background(), call)
		e := wantKind(t, err, plugins.KindLimited)
		want := "Rate limit reached: 30 calls of get_customer per minute for each client. Try again in 2 seconds."
		if e.Message != want || e.RetryAfter != 2*time.Second || !e.AsToolError {
			t.Errorf("%+v, want %q after 2s as a tool error", e, want)
		}
		time.Sleep(e.RetryAfter - 1)
		if try(t, p, call) {
			t.Error("a call passed before Retry-After was over")
		}
		time.Sleep(1)
		if !try(t, p, call) {
			t.Error("a call was refused after Retry-After")
		}
	})
}

func TestRateLimitListCountsAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		env := envFor(tl)
		narrow, wide := rule(t, "60/min burst 5", ""), rule(t, "600/h burst 2", perTool)
		p := build(t, RateLimitPart(), RateLimit{wide, narrow}, env)
		if n := passes(t, p, callOf(tl, "alice"), 20); n != 2 {
			t.Fatalf("%d passed, want the 2 of the tool", n)
		}
		// The 18 that the tool's rule refused took nothing of alice's own.
		alone := build(t, RateLimitPart(), RateLimit{narrow}, env)
		if n := passes(t, alone, callOf(tl, "alice"), 20); n != 3 {
			t.Errorf("%d of the client's 5 are left, want 3", n)
		}
		// What alice's own rule refuses takes nothing of the tool's.
		time.Sleep(6 * time.Second) // one more for the tool
		env.Store = store.NewMemory(10, nil)
		p = build(t, RateLimitPart(), RateLimit{rule(t, "60/min burst 2", perTool), rule(t, "60/min burst 1", "")}, env)
		passes(t, p, callOf(tl, "alice"), 20)
		if n := passes(t, p, callOf(tl, "bob"), 20); n != 1 {
			t.Errorf("%d passed for bob, want his 1", n)
		}
	})
}

func TestRateLimitCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		r := rule(t, "60/min burst 10", "")
		r.Cost = 4
		p := build(t, RateLimitPart(), RateLimit{r}, envFor(tl))
		if n := passes(t, p, callOf(tl, "alice"), 10); n != 2 {
			t.Errorf("%d calls at 4 of 10 passed, want 2", n)
		}
		dear := rule(t, "10/min", "")
		dear.Cost = 8 // more than the default burst of 5
		p = build(t, RateLimitPart(), RateLimit{dear}, envFor(tl))
		if n := passes(t, p, callOf(tl, "alice"), 10); n != 1 {
			t.Errorf("%d dear calls passed, want 1", n)
		}
	})
}

// Whatever the pauses: in every stretch of time no more than burst and rate.
func TestRateLimitHasNoWindowEdge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pauses := rapid.SliceOfN(rapid.Int64Range(0, int64(8*time.Second)), 30, 30).Draw(rt, "pauses")
		clock := time.Unix(0, 0)
		tl := tool(t)
		env := envFor(tl)
		env.Store = store.NewMemory(10, func() time.Time { return clock })
		p := build(t, RateLimitPart(), RateLimit{rule(t, "20/min burst 4", "")}, env)
		var at []time.Time
		for _, pause := range pauses {
			clock = clock.Add(time.Duration(pause))
			for range passes(t, p, callOf(tl, "alice"), 6) {
				at = append(at, clock)
			}
		}
		for i := range at {
			for j := i; j < len(at); j++ {
				most := 4 + int(at[j].Sub(at[i])/(3*time.Second))
				if j-i+1 > most {
					rt.Fatalf("%d calls in %v, at most %d may pass", j-i+1, at[j].Sub(at[i]), most)
				}
			}
		}
	})
}

func TestRateLimitIsExactUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands while calls run
		tl := tool(t)
		p := build(t, RateLimitPart(), RateLimit{rule(t, "6000/min burst 200", ""), rule(t, "6000/h burst 150", perTool)}, envFor(tl))
		var passed atomic.Int64
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() { passed.Add(int64(passes(t, p, callOf(tl, "alice"), 100))) })
		}
		clients.Wait()
		if passed.Load() != 150 {
			t.Errorf("%d of 800 passed, want 150", passed.Load())
		}
	})
}

func TestRateLimitSettingsAreChecked(t *testing.T) {
	good := rule(t, "60/min burst 10", "")
	bad := func(change func(*LimitRule)) LimitRule { r := good; change(&r); return r }
	wantMistake(t, RateLimit{}.Validate(), "", "at least one rate")
	wantMistake(t, RateLimit{bad(func(r *LimitRule) { r.Per = "ip" })}.Validate(), "per", "client, tool or all")
	wantMistake(t, RateLimit{good, bad(func(r *LimitRule) { r.Cost = 0 })}.Validate(), "1.cost", "at least 1")
	wantMistake(t, RateLimit{bad(func(r *LimitRule) { r.Cost = 11 })}.Validate(), "cost", "never pass")
	wantMistake(t, RateLimit{bad(func(r *LimitRule) { r.Answer = "no" })}.Validate(), "answer", "http or tool_error")
	wantMistake(t, RateLimit{{Per: perClient, Cost: 1, Answer: answerHTTP}}.Validate(), "rate", "want a rate")
	wantMistake(t, RateLimit{good, good}.Validate(), "1", "already in the list")
	if _, err := newRateLimit(RateLimit{good}, plugins.Env{}); err == nil {
		t.Error("a limit without a store is built")
	}
}

// broken is a store that is out of order.
type broken struct{}

func (broken) Take(context.Context, string, plugins.Rate, int64) (bool, int64, int64, error) {
	return false, 0, 0, errors.New("connection refused: 10.0.0.1:6379")
}

func TestRateLimitWithoutItsStoreRefuses(t *testing.T) {
	tl := tool(t)
	env := envFor(tl)
	env.Store = broken{}
	p := build(t, RateLimitPart(), RateLimit{rule(t, "60/min", "")}, env)
	_, err := p.Wrap(fine)(context.Background(), callOf(tl, "alice"))
	e := wantKind(t, err, plugins.KindInternal)
	if e.Message != "The rate limit can't be checked right now. Try again later." {
		t.Errorf("message %q", e.Message)
	}
}

func TestLimiterInterface(t *testing.T) {
	rate := plugins.Rate{Amount: 60, Period: int64(time.Minute), Burst: 2}
	l := newLimiter(store.NewMemory(10, func() time.Time { return time.Unix(0, 0) }), rate)
	ctx := context.Background()
	say := func(step string, want string) {
		t.Helper()
		c, err := l.Peek(ctx, "k")
		if got := fmt.Sprint(c.Limit, c.Remaining, c.Reached, err); got != want {
			t.Errorf("%s: %s, want %s", step, got, want)
		}
	}
	say("fresh", "60 2 false <nil>")
	for range 3 {
		if _, err := l.Get(ctx, "k"); err != nil {
			t.Fatal(err)
		}
	}
	say("taken", "60 0 false <nil>")
	if c, _ := l.Get(ctx, "k"); !c.Reached || waitOf(c) != time.Second {
		t.Errorf("an empty bucket: %+v", c)
	}
	if _, err := l.Reset(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	say("reset", "60 2 false <nil>")
}

// touched is a store that remembers which keys were taken from.
type touched struct {
	plugins.Store
	keys []string
}

func (s *touched) Take(ctx context.Context, key string, rate plugins.Rate, cost int64) (bool, int64, int64, error) {
	s.keys = append(s.keys, key)
	return s.Store.Take(ctx, key, rate, cost)
}

func TestRateLimitRefusesBeforeSharedCountsAreTouched(t *testing.T) {
	tl := tool(t)
	env := envFor(tl)
	watch := &touched{Store: store.NewMemory(10, func() time.Time { return time.Unix(0, 0) })}
	env.Store = watch
	p := build(t, RateLimitPart(), RateLimit{rule(t, "60/min burst 9", perAll), rule(t, "60/min burst 9", perTool), rule(t, "60/min burst 1", "")}, env)
	try(t, p, callOf(tl, "alice"))
	watch.keys = nil
	if try(t, p, callOf(tl, "alice")) {
		t.Fatal("the second call passed")
	}
	if want := []string{"rate/client/tool/get_customer/60/min burst 1/alice"}; !slices.Equal(watch.keys, want) {
		t.Errorf("touched %q, want %q alone", watch.keys, want)
	}
}
