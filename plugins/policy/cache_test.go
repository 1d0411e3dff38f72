package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// clock is a time that tests set.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// counting answers with its number, from a buffer that is spoilt when the
// result is freed.
type counting struct {
	calls atomic.Int64
	err   error
}

func (c *counting) serve(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
	n := c.calls.Add(1)
	if c.err != nil {
		return nil, c.err
	}
	buffer := []byte(fmt.Sprintf("%d %s %v", n, call.Principal.Key, call.Args["customer_id"]))
	return &mcp.Result{
		Content: []mcp.Block{{Text: buffer}}, Structured: buffer,
		Release: func() { copy(buffer, strings.Repeat("#", len(buffer))) },
	}, nil
}

type cacheFixture struct {
	clock
	notes   *notes
	env     plugins.Env
	tool    *plugins.Tool
	handler plugins.Handler
}

func cached(t testing.TB, s Cache, next plugins.Handler) *cacheFixture {
	t.Helper()
	f := &cacheFixture{tool: closed(t, kindTool), notes: &notes{}}
	f.env = envFor(f.tool)
	f.env.Observe = f.notes
	p, err := newCache(s, f.env, f.now)
	if err != nil {
		t.Fatal(err)
	}
	f.handler = p.Wrap(next)
	return f
}

func (f *cacheFixture) call(who, customer string) *plugins.Call {
	return callOf(f.tool, who).WithArgs(map[string]any{"customer_id": customer})
}

// ask returns the answer's text, after it is freed, and whether it was kept.
func (f *cacheFixture) ask(t testing.TB, call *plugins.Call) (string, bool) {
	t.Helper()
	r, err := f.handler(context.Background(), call)
	if err != nil {
		return err.Error(), false
	}
	text := string(r.Content[0].Text)
	if string(r.Structured) != text {
		t.Errorf("structured %q beside %q", r.Structured, text)
	}
	r.Free()
	return text, call.Record.Cached
}

func TestCacheKeepsForItsTime(t *testing.T) {
	next := &counting{}
	f := cached(t, Cache{TTL: time.Second}, next.serve)
	step := func(want string, kept bool) {
		t.Helper()
		if text, hit := f.ask(t, f.call("alice", "c1")); text != want || hit != kept {
			t.Errorf("%q, kept %v; want %q, %v", text, hit, want, kept)
		}
	}
	step("1 alice c1", false)
	step("1 alice c1", true)
	f.advance(time.Second)
	step("1 alice c1", true)
	f.advance(1)
	step("2 alice c1", false)
	step("2 alice c1", true)
	if want := []string{"tool false", "tool true", "tool true", "tool false", "tool true"}; !slices.Equal(f.notes.cache, want) {
		t.Errorf("counted %v", f.notes.cache)
	}
}

// Everything an answer may depend on tells calls apart.
func TestCacheTellsCallsApart(t *testing.T) {
	base := func(f *cacheFixture) *plugins.Call {
		c := f.call("alice", "c1")
		c.Principal.Roles, c.Principal.Claims = []string{"a", "b"}, map[string]any{"tenant": "t1", "exp": json.Number("1")}
		return c
	}
	for _, tt := range []struct {
		name          string
		change        func(*plugins.Call)
		caller, anyOf bool // whether it is another call for scope caller, for shared
	}{
		{"the same", func(*plugins.Call) {}, false, false},
		{"a renewed token", func(c *plugins.Call) { c.Principal.Claims["exp"] = json.Number("2") }, false, false},
		{"another request", func(c *plugins.Call) { c.RequestID = "x" }, false, false},
		{"another principal", func(c *plugins.Call) { c.Principal.Key = "bob" }, true, false},
		{"other roles", func(c *plugins.Call) { c.Principal.Roles = []string{"ab"} }, true, false},
		{"fewer scopes", func(c *plugins.Call) { c.Principal.Scopes = []string{"x"} }, true, false},
		{"another client", func(c *plugins.Call) { c.Principal.Client = "x" }, true, false},
		{"another tenant", func(c *plugins.Call) { c.Principal.Claims["tenant"] = "t2" }, true, false},
		{"a claim of a list", func(c *plugins.Call) { c.Principal.Claims["l"] = []string{"a"} }, true, false},
		{"other arguments", func(c *plugins.Call) { c.Args = map[string]any{"customer_id": "c2"} }, true, true},
		{"more arguments", func(c *plugins.Call) { c.Args["deep"] = true }, true, true},
		{"another client's abilities", func(c *plugins.Call) { c.Capabilities.Sampling = true }, true, true},
		{"another tool", func(c *plugins.Call) { tl := *c.Tool; tl.Name = "x"; c.Tool = &tl }, true, true},
		{"a resource", func(c *plugins.Call) { tl := *c.Tool; tl.Kind = kindResource; c.Tool = &tl }, true, true},
		{"another manifest", func(c *plugins.Call) { tl := *c.Tool; tl.Fingerprint = "x"; c.Tool = &tl }, true, true},
	} {
		for _, scope := range []string{"caller", scopeShared} {
			next := &counting{}
			f := cached(t, Cache{TTL: time.Second, Scope: scope}, next.serve)
			f.ask(t, base(f))
			changed := base(f)
			tt.change(changed)
			_, hit := f.ask(t, changed)
			other := tt.caller
			if scope == scopeShared {
				other = tt.anyOf
			}
			if hit == other {
				t.Errorf("%s, scope %s: kept %v", tt.name, scope, hit)
			}
		}
	}
}

func TestCacheLeavesAlone(t *testing.T) {
	typed := "a"
	for name, tt := range map[string]struct {
		run  *plugins.Run
		next plugins.Handler
	}{
		"a resumed call":      {&plugins.Run{Resume: &plugins.Resume{}}, nil},
		"a completion":        {&plugins.Run{Value: &typed}, nil},
		"a look for changes":  {&plugins.Run{Condition: &plugins.Condition{}}, nil},
		"a failure":           {nil, failing(&plugins.Error{Kind: plugins.KindInvalid})},
		"a tool error":        {nil, answering(&mcp.Result{IsError: true})},
		"questions":           {nil, answering(&mcp.Result{Pending: &mcp.Pending{}})},
		"something too large": {nil, answering(&mcp.Result{Structured: make([]byte, maxCacheAnswer+1)})},
	} {
		var asked int
		next := tt.next
		if next == nil {
			next = answering(&mcp.Result{})
		}
		f := cached(t, Cache{TTL: time.Second}, func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
			asked++
			return next(ctx, call)
		})
		for range 3 {
			call := f.call("alice", "c1").WithRun(tt.run)
			if _, err := f.handler(context.Background(), call); err != nil && tt.next == nil {
				t.Errorf("%s: %v", name, err)
			}
			if call.Record.Cached {
				t.Errorf("%s is kept", name)
			}
		}
		if asked != 3 {
			t.Errorf("%s: asked %d times for 3 calls", name, asked)
		}
	}
}

func answering(r *mcp.Result) plugins.Handler {
	return func(context.Context, *plugins.Call) (*mcp.Result, error) { one := *r; return &one, nil }
}

// Who is told of a change finds it when reading.
func TestCacheTakesWhatALookFinds(t *testing.T) {
	next := &counting{}
	f := cached(t, Cache{TTL: time.Second}, next.serve)
	f.ask(t, f.call("alice", "c1"))
	f.ask(t, f.call("alice", "c1").WithRun(&plugins.Run{Condition: &plugins.Condition{}}))
	if text, hit := f.ask(t, f.call("alice", "c1")); text != "2 alice c1" || !hit {
		t.Errorf("%q, kept %v after a look", text, hit)
	}
}

func TestCacheServesStaleAnswers(t *testing.T) {
	for _, tt := range []struct {
		err   error
		after time.Duration
		stale bool
	}{
		{&plugins.Error{Kind: plugins.KindConnect}, 2 * time.Second, true},
		{&plugins.Error{Kind: plugins.KindTimeout}, 2 * time.Second, true},
		{&plugins.Error{Kind: plugins.KindUpstream}, 2 * time.Second, true},
		{&plugins.Error{Kind: plugins.KindBreakerOpen}, 2 * time.Second, true},
		{&plugins.Error{Kind: plugins.KindStatus, Status: 503}, 11 * time.Second, true},
		{&plugins.Error{Kind: plugins.KindStatus, Status: 503}, 11*time.Second + 1, false},
		{&plugins.Error{Kind: plugins.KindStatus, Status: 404}, 2 * time.Second, false},
		{&plugins.Error{Kind: plugins.KindLimited}, 2 * time.Second, false},
		{&plugins.Error{Kind: plugins.KindDenied}, 2 * time.Second, false},
		{errors.New("odd"), 2 * time.Second, false},
	} {
		next := &counting{}
		f := cached(t, Cache{TTL: time.Second, StaleIfError: 10 * time.Second}, next.serve)
		f.ask(t, f.call("alice", "c1"))
		f.advance(tt.after)
		next.err = tt.err
		text, hit := f.ask(t, f.call("alice", "c1"))
		if hit != tt.stale || hit && text != "1 alice c1" {
			t.Errorf("%v after %s: %q, kept %v", tt.err, tt.after, text, hit)
		}
		next.err = nil
		if text, hit := f.ask(t, f.call("alice", "c1")); hit || !strings.HasPrefix(text, "3 ") {
			t.Errorf("%q, kept %v once the upstream is well", text, hit)
		}
	}
}

func TestCacheSettings(t *testing.T) {
	tl := closed(t, kindTool)
	_, err := CachePart().New(Cache{}, envFor(tl))
	wantMistake(t, err, "ttl", "above zero")
	_, err = CachePart().New(Cache{TTL: 1, Scope: "all"}, envFor(tl))
	wantMistake(t, err, "scope", "caller or shared")
	_, err = CachePart().New(Cache{TTL: 1, StaleIfError: -1}, envFor(tl))
	wantMistake(t, err, "stale_if_error", "above zero")
	no := false
	tl.Annotations.ReadOnly = &no
	_, err = CachePart().New(Cache{TTL: 1}, envFor(tl))
	wantMistake(t, err, "", "only what reads")
	env := envFor(tl)
	env.Inherited = true
	if p, err := CachePart().New(Cache{TTL: 1}, env); p != nil || err != nil {
		t.Errorf("an inherited cache of a tool that writes: %v, %v", p, err)
	}
	tl.Kind = kindResource
	if p, err := CachePart().New(Cache{TTL: 1}, envFor(tl)); p == nil || err != nil {
		t.Errorf("a resource is not cached: %v", err)
	}
	if c := (Cache{TTL: time.Second, Scope: scopeShared}); c.Lifetime() != time.Second || !c.Shared() {
		t.Error("the settings don't tell themselves")
	}
}

func BenchmarkCacheHit(b *testing.B) {
	next := &counting{}
	f := cached(b, Cache{TTL: time.Minute}, next.serve)
	call := f.call("alice", "c1")
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.handler(ctx, call); err != nil {
			b.Fatal(err)
		}
	}
}
