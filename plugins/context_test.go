package plugins_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// soon is a deadline that a test never waits for.
func soon() time.Time { return time.Now().Add(time.Minute) }

func TestWithDeadlineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := plugins.WithDeadline(t.Context(), soon())
		defer cancel()
		if err := ctx.Err(); err != nil {
			t.Fatalf("before: %v", err)
		}
		begin := time.Now()
		<-ctx.Done()
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("ended after %v", took)
		}
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("ended with %v", ctx.Err())
		}
	})
}

func TestWithDeadlineErrNeedsNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := plugins.WithDeadline(t.Context(), soon())
		defer cancel()
		time.Sleep(time.Minute) // the fake clock of synctest
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("Err is %v", ctx.Err())
		}
		select {
		case <-ctx.Done():
		default:
			t.Error("Done is open")
		}
	})
}

func TestWithDeadlineTakesTheEarlier(t *testing.T) {
	early := soon()
	outer, cancelOuter := plugins.WithDeadline(t.Context(), early)
	defer cancelOuter()
	for _, deadline := range []time.Time{early.Add(time.Hour), {}} {
		inner, cancel := plugins.WithDeadline(outer, deadline)
		if got, ok := inner.Deadline(); !ok || !got.Equal(early) {
			t.Errorf("deadline %v, %v", got, ok)
		}
		cancel()
	}
	if _, ok := context.Background().Deadline(); ok {
		t.Fatal("background has a deadline")
	}
	none, cancel := plugins.WithDeadline(t.Context(), time.Time{})
	defer cancel()
	if _, ok := none.Deadline(); ok {
		t.Error("a zero deadline is one")
	}
}

// chains are contexts whose end must reach the innermost.
func TestCancelReachesTheInnermost(t *testing.T) {
	tests := map[string]func(root context.Context) (context.Context, func()){
		"own": func(root context.Context) (context.Context, func()) {
			c, cancel := plugins.WithDeadline(root, soon())
			return c, cancel
		},
		"parent": func(root context.Context) (context.Context, func()) {
			p, cancel := plugins.WithDeadline(root, soon())
			c, _ := plugins.WithDeadline(p, soon()) // ended by its parent
			return c, cancel
		},
		"grandparent": func(root context.Context) (context.Context, func()) {
			g, cancel := plugins.WithDeadline(root, soon())
			p, _ := plugins.WithDeadline(g, soon()) // ended by its parent
			c, _ := plugins.WithDeadline(p, soon()) // ended by its parent
			return c, cancel
		},
		"standard parent": func(root context.Context) (context.Context, func()) {
			p, cancel := context.WithCancel(root)
			c, _ := plugins.WithDeadline(p, soon()) // ended by its parent
			return c, cancel
		},
		"standard child": func(root context.Context) (context.Context, func()) {
			p, cancel := plugins.WithDeadline(root, soon())
			c, cancelChild := context.WithTimeout(p, time.Hour)
			t.Cleanup(cancelChild)
			return c, cancel
		},
	}
	for name, build := range tests {
		t.Run("Done/"+name, func(t *testing.T) {
			ctx, cancel := build(t.Context())
			done := ctx.Done()
			cancel()
			<-done
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("ended with %v", ctx.Err())
			}
		})
		t.Run("OnCancel/"+name, func(t *testing.T) {
			ctx, cancel := build(t.Context())
			called := make(chan struct{}, 4)
			stop := plugins.OnCancel(ctx, func() { called <- struct{}{} })
			cancel()
			<-called
			if stop.Stop() {
				t.Error("stop says that the function was not called")
			}
		})
		t.Run("OnCancel after/"+name, func(t *testing.T) {
			ctx, cancel := build(t.Context())
			cancel()
			called := make(chan struct{}, 4)
			plugins.OnCancel(ctx, func() { called <- struct{}{} })
			<-called
		})
		t.Run("stopped/"+name, func(t *testing.T) {
			ctx, cancel := build(t.Context())
			stop := plugins.OnCancel(ctx, func() { t.Error("called after stop") })
			if !stop.Stop() {
				t.Error("stop says that the function was called")
			}
			cancel()
		})
	}
}

// TestWithDeadlineAllocs holds the reason for this type: a context that nobody
// waits on is one object, and its cancel function another.
func TestWithDeadlineAllocs(t *testing.T) {
	deadline := soon()
	allocs := testing.AllocsPerRun(100, func() {
		_, cancel := plugins.WithDeadline(context.Background(), deadline)
		cancel()
	})
	if allocs > 2 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkWithDeadline(b *testing.B) {
	f := func() {}
	for b.Loop() {
		root, cancel := plugins.WithDeadline(context.Background(), time.Time{})
		inner, cancelInner := plugins.WithDeadline(root, soon())
		plugins.OnCancel(inner, f).Stop()
		cancelInner()
		cancel()
	}
}
