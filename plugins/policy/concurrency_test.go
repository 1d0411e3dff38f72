package policy

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestConcurrencyBoundsCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		p := build(t, ConcurrencyPart(), Concurrency(5), envFor(tl))
		var now, most, served, refused atomic.Int64
		slow := p.Wrap(func(context.Context, *plugins.Call) (*mcp.Result, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			served.Add(1)
			return &mcp.Result{}, nil
		})
		for range 50 {
			go func() {
				if _, err := slow(context.Background(), callOf(tl, "alice")); err != nil {
					if e := wantKind(t, err, plugins.KindOverload); e.RetryAfter <= 0 {
						t.Error("no Retry-After")
					}
					refused.Add(1)
				}
			}()
		}
		synctest.Wait()
		if refused.Load() != 45 || now.Load() != 5 {
			t.Errorf("%d refused and %d running of 50, want 45 and 5", refused.Load(), now.Load())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if served.Load() != 5 || most.Load() != 5 {
			t.Errorf("%d served, %d at most at once; want 5", served.Load(), most.Load())
		}
	})
}

func TestConcurrencyGivesItsPlaceBack(t *testing.T) {
	tl := tool(t)
	p := build(t, ConcurrencyPart(), Concurrency(1), envFor(tl))
	panics := p.Wrap(func(context.Context, *plugins.Call) (*mcp.Result, error) { panic("no") })
	func() {
		defer func() { _ = recover() }()
		_, _ = panics(context.Background(), callOf(tl, "alice"))
	}()
	if _, err := p.Wrap(fine)(context.Background(), callOf(tl, "alice")); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestConcurrencyOutlivesReloads(t *testing.T) {
	tl := tool(t)
	env := envFor(tl)
	old := build(t, ConcurrencyPart(), Concurrency(1), env)
	next := build(t, ConcurrencyPart(), Concurrency(1), env).Wrap(fine)
	wider := build(t, ConcurrencyPart(), Concurrency(2), env).Wrap(fine)
	_, err := old.Wrap(func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		_, err := next(ctx, call)
		wantKind(t, err, plugins.KindOverload)
		return wider(ctx, call)
	})(context.Background(), callOf(tl, "alice"))
	if err != nil {
		t.Errorf("another limit doesn't start afresh: %v", err)
	}
}

func TestConcurrencySettings(t *testing.T) {
	for _, n := range []Concurrency{0, -1} {
		_, err := ConcurrencyPart().New(n, plugins.Env{})
		wantMistake(t, err, "", "at least 1")
	}
}
