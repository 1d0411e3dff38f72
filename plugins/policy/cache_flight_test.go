package policy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// kept is the store of the fixture's cache.
func (f *cacheFixture) kept(t testing.TB) *cacheStore {
	t.Helper()
	s, err := keep(f.env, "cache", newCacheStore)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A stampede sends one request; all get the same answer, each its own result.
func TestCacheAsksOnce(t *testing.T) {
	const calls = 50
	release, entered := make(chan struct{}), make(chan struct{}, calls)
	next := &counting{}
	f := cached(t, Cache{TTL: time.Minute, Scope: scopeShared}, func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		entered <- struct{}{}
		<-release
		return next.serve(ctx, call)
	})
	var all sync.WaitGroup
	texts := make([]string, calls)
	for i := range calls {
		all.Go(func() { texts[i], _ = f.ask(t, f.call(fmt.Sprint(i), "c1")) })
	}
	<-entered
	close(release)
	all.Wait()
	for _, text := range texts {
		if text != texts[0] {
			t.Fatalf("answers %q", texts)
		}
	}
	if n := next.calls.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if s := f.kept(t); len(s.flights) != 0 {
		t.Errorf("%d flights are left", len(s.flights))
	}
}

// leading answers when and as it is told, or when its call ends.
type leading struct {
	entered chan struct{}
	outcome chan func() (*mcp.Result, error)
}

func (l *leading) serve(ctx context.Context, _ *plugins.Call) (*mcp.Result, error) {
	l.entered <- struct{}{}
	select {
	case f := <-l.outcome:
		return f()
	case <-ctx.Done():
		return nil, &plugins.Error{Kind: plugins.KindCancelled, Cause: ctx.Err()}
	}
}

type outcome struct {
	result *mcp.Result
	err    error
}

func (f *cacheFixture) start(ctx context.Context, who string) <-chan outcome {
	out := make(chan outcome, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				out <- outcome{err: fmt.Errorf("panic: %v", p)}
			}
		}()
		r, err := f.handler(ctx, f.call(who, "c1"))
		out <- outcome{r, err}
	}()
	return out
}

func TestCacheOutcomesOfTheLeader(t *testing.T) {
	text := func(s string) func() (*mcp.Result, error) {
		return func() (*mcp.Result, error) { return &mcp.Result{Content: []mcp.Block{{Text: []byte(s)}}}, nil }
	}
	fails := func(err error) func() (*mcp.Result, error) { return func() (*mcp.Result, error) { return nil, err } }
	down := &plugins.Error{Kind: plugins.KindConnect, Message: "down"}
	for _, tt := range []struct {
		name   string
		leader func() (*mcp.Result, error) // nil: it is cancelled
		again  bool                        // the one who waits asks for itself
	}{
		{"an answer", text("a"), false},
		{"a failure of the upstream", fails(down), false},
		{"a refusal by the upstream", fails(&plugins.Error{Kind: plugins.KindStatus, Status: 404}), false},
		{"a failure of its own", fails(&plugins.Error{Kind: plugins.KindDenied}), true},
		{"questions", func() (*mcp.Result, error) { return &mcp.Result{Pending: &mcp.Pending{}}, nil }, true},
		{"a panic", func() (*mcp.Result, error) { panic("odd") }, true},
		{"cancelled", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &leading{entered: make(chan struct{}, 4), outcome: make(chan func() (*mcp.Result, error))}
			f := cached(t, Cache{TTL: time.Minute}, l.serve)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			f.notes.looked = make(chan struct{}, 4)
			first := f.start(ctx, "alice")
			<-l.entered
			<-f.notes.looked
			second := f.start(context.Background(), "alice")
			<-f.notes.looked
			if tt.leader == nil {
				cancel()
			} else {
				l.outcome <- tt.leader
			}
			led := <-first
			if tt.again {
				<-l.entered
				l.outcome <- text("b")
				if got := <-second; got.err != nil || string(got.result.Content[0].Text) != "b" {
					t.Errorf("who waits gets %v, %v", got.result, got.err)
				}
				return
			}
			got := <-second
			if !errors.Is(got.err, led.err) || (got.result == nil) != (led.result == nil) {
				t.Errorf("who waits gets %v, %v; the leader %v, %v", got.result, got.err, led.result, led.err)
			}
		})
	}
}

// Who waits still ends with its own call.
func TestCacheWaiterEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		ctx  func() (context.Context, context.CancelFunc)
		kind plugins.Kind
	}{
		"cancelled": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ctx, cancel
		}, plugins.KindCancelled},
		"late": {func() (context.Context, context.CancelFunc) {
			return plugins.WithDeadline(context.Background(), time.Now().Add(-time.Second))
		}, plugins.KindTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			l := &leading{entered: make(chan struct{}, 4), outcome: make(chan func() (*mcp.Result, error))}
			f := cached(t, Cache{TTL: time.Minute}, l.serve)
			first := f.start(context.Background(), "alice")
			<-l.entered
			ctx, cancel := tt.ctx()
			defer cancel()
			second := <-f.start(ctx, "alice")
			wantKind(t, second.err, tt.kind)
			l.outcome <- func() (*mcp.Result, error) { return &mcp.Result{}, nil }
			if got := <-first; got.err != nil {
				t.Errorf("the leader fails with another's end: %v", got.err)
			}
		})
	}
}
