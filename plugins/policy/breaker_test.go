package policy

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

var (
	upstream500 = &plugins.Error{Kind: plugins.KindStatus, Status: 500}
	upstream404 = &plugins.Error{Kind: plugins.KindStatus, Status: 404}
)

// ask sends one request through the breaker and reports whether it reached
// the upstream, which answers err.
func ask(t testing.TB, p plugins.Policy, err error) bool {
	t.Helper()
	reached := false
	_, got := p.Wrap(func(context.Context, *plugins.Call) (*mcp.Result, error) {
		reached = true
		return nil, err
	})(context.Background(), callOf(tool(t), "alice"))
	if !reached {
		wantKind(t, got, plugins.KindBreakerOpen)
	} else if !errors.Is(got, err) {
		t.Fatalf("error %v became %v", err, got)
	}
	return reached
}

func TestBreakerOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := envFor(tool(t))
		p := build(t, BreakerPart(), Breaker{}, env)
		for i := range 10 {
			if !ask(t, p, upstream500) {
				t.Fatalf("opened after %d requests, before min_calls", i)
			}
		}
		if ask(t, p, nil) {
			t.Fatal("still closed after 10 failures of 10")
		}
		time.Sleep(10 * time.Second)
		_, err := p.Wrap(fine)(context.Background(), callOf(tool(t), "alice"))
		e := wantKind(t, err, plugins.KindBreakerOpen)
		if e.RetryAfter != 20*time.Second || !strings.HasSuffix(e.Message, "Try again in 20 seconds.") || strings.Contains(e.Message, "crm") {
			t.Errorf("%q after %v, want 20 s and no name of an upstream", e.Message, e.RetryAfter)
		}
		time.Sleep(20*time.Second + 1)
		if !ask(t, p, upstream500) || ask(t, p, nil) {
			t.Fatal("want one probe, and rest after it failed")
		}
		time.Sleep(30*time.Second + 1)
		if !ask(t, p, nil) || !ask(t, p, nil) {
			t.Fatal("want all to pass after a good probe")
		}
		if states := env.Observe.(*notes).states; !slices.Equal(states, []int{2, 1, 2, 1, 0}) {
			t.Errorf("states told: %v", states)
		}
	})
}

func TestBreakerCountsOnlyTheUpstreamsFaults(t *testing.T) {
	kind := func(k plugins.Kind) error { return &plugins.Error{Kind: k} }
	attempt := &plugins.Error{Kind: plugins.KindTimeout, Cause: errAttempt}
	for name, c := range map[string]struct {
		err        error
		repetition bool
		opens      bool
	}{
		"status 500":                    {upstream500, false, true},
		"connect":                       {kind(plugins.KindConnect), false, true},
		"broken answer":                 {kind(plugins.KindUpstream), false, true},
		"timeout":                       {kind(plugins.KindTimeout), false, true},
		"timeout of a repetition":       {kind(plugins.KindTimeout), true, false},
		"whole timeout of a repetition": {attempt, true, true},
		"status 404":                    {upstream404, false, false},
		"status 429":                    {&plugins.Error{Kind: plugins.KindStatus, Status: 429}, false, false},
		"cancelled":                     {kind(plugins.KindCancelled), false, false},
		"invalid":                       {kind(plugins.KindInvalid), false, false},
		"overload of our own":           {kind(plugins.KindOverload), false, false},
		"our own fault":                 {kind(plugins.KindInternal), false, false},
		"an unknown error":              {errors.New("x"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, BreakerPart(), Breaker{}, envFor(tool(t))).Wrap(func(context.Context, *plugins.Call) (*mcp.Result, error) { return nil, c.err })
				for range 50 {
					call := callOf(tool(t), "alice")
					if c.repetition {
						call.Record.Attempts = 1
					}
					_, _ = h(context.Background(), call)
				}
				_, err := h(context.Background(), callOf(tool(t), "alice"))
				if opened := unasked(err); opened != c.opens {
					t.Errorf("opened %v, want %v", opened, c.opens)
				}
			})
		})
	}
}

// The access line of a refused call names the upstream that rests.
func TestBreakerNamesTheUpstreamInTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, BreakerPart(), Breaker{}, envFor(tool(t)))
		for range 10 {
			ask(t, p, upstream500)
		}
		call := callOf(tool(t), "alice")
		_, err := p.Wrap(fine)(context.Background(), call)
		wantKind(t, err, plugins.KindBreakerOpen)
		if call.Record.Upstream != "crm" {
			t.Errorf("upstream %q in the record", call.Record.Upstream)
		}
	})
}

func TestBreakerTellsItsPresentState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, k := envFor(tool(t)), &kept{}
		env.Keep = k.keep
		told := env.Observe.(*notes)
		p := build(t, BreakerPart(), Breaker{}, env)
		if told.state() != 0 || len(told.states) != 0 {
			t.Errorf("state %d, changes %v before anything happened", told.state(), told.states)
		}
		for range 10 {
			ask(t, p, upstream500)
		}
		if told.state() != 2 {
			t.Errorf("state %d of an open breaker", told.state())
		}
		time.Sleep(30*time.Second + 1) // and nobody calls
		if told.state() != 1 {
			t.Errorf("state %d after the rest", told.state())
		}
		for _, v := range k.values {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		}
		if told.state != nil {
			t.Error("a breaker that is given up tells its state")
		}
	})
}

func TestBreakerLogsItsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		env := envFor(tool(t))
		env.Log = slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		settings := defaultBreaker()
		settings.MinCalls, settings.Open = 4, 3*time.Second
		p := build(t, BreakerPart(), settings, env)
		want := func(what, lines string) {
			t.Helper()
			if text.String() != lines {
				t.Errorf("%s: logged %q, want %q", what, text.String(), lines)
			}
			text.Reset()
		}
		for _, err := range []error{upstream500, nil, upstream500} {
			ask(t, p, err)
		}
		want("closed", "")
		ask(t, p, upstream500)
		want("opened", `level=WARN msg="upstream crm rests for 3s: 3 of 4 requests failed" upstream=crm rest=3s failures=3 requests=4`+"\n")
		ask(t, p, nil)
		want("refused", "")
		time.Sleep(3*time.Second + 1)
		ask(t, p, upstream500)
		want("bad probe", `level=INFO msg="upstream crm has rested: the next request probes it" upstream=crm`+"\n"+
			`level=WARN msg="upstream crm rests for 3s: the probe failed" upstream=crm rest=3s`+"\n")
		time.Sleep(3*time.Second + 1)
		ask(t, p, nil)
		want("good probe", `level=INFO msg="upstream crm has rested: the next request probes it" upstream=crm`+"\n"+
			`level=INFO msg="upstream crm answers again: all requests pass" upstream=crm`+"\n")
	})
}

// stuck is a log that blocks until it is let go.
type stuck struct {
	slog.Handler
	inside, leave chan struct{}
}

func (stuck) Enabled(context.Context, slog.Level) bool { return true }

func (s stuck) Handle(context.Context, slog.Record) error {
	s.inside <- struct{}{}
	<-s.leave
	return nil
}

// A log that blocks holds up who writes it, and no other call.
func TestBreakerDoesNotLogUnderItsLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := envFor(tool(t))
		log := stuck{slog.DiscardHandler, make(chan struct{}), make(chan struct{})}
		env.Log = slog.New(log)
		settings := defaultBreaker()
		settings.MinCalls = 1
		p := build(t, BreakerPart(), settings, env)
		go func() {
			_, _ = p.Wrap(failing(upstream500))(context.Background(), callOf(tool(t), "alice"))
		}()
		<-log.inside
		if ask(t, p, nil) {
			t.Error("want the breaker open")
		}
		close(log.leave)
		synctest.Wait()
	})
}

func TestBreakerSurvivesPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, BreakerPart(), Breaker{}, envFor(tool(t)))
		panics := func() {
			defer func() { _ = recover() }()
			_, _ = p.Wrap(func(context.Context, *plugins.Call) (*mcp.Result, error) { panic("ours") })(context.Background(), callOf(tool(t), "alice"))
		}
		for range 50 {
			panics()
		}
		if !ask(t, p, nil) {
			t.Fatal("our own panics opened the breaker")
		}
		for range 50 {
			ask(t, p, upstream500)
		}
		time.Sleep(31 * time.Second)
		panics() // the probe
		if !ask(t, p, nil) || !ask(t, p, nil) {
			t.Fatal("a probe that panicked blocks the others")
		}
	})
}

func TestBreakerSendsOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		p := build(t, BreakerPart(), Breaker{}, envFor(tl))
		for range 10 {
			ask(t, p, upstream500)
		}
		time.Sleep(31 * time.Second)
		go func() {
			_, _ = p.Wrap(func(context.Context, *plugins.Call) (*mcp.Result, error) {
				time.Sleep(5 * time.Second)
				return &mcp.Result{}, nil
			})(context.Background(), callOf(tl, "alice"))
		}()
		synctest.Wait()
		_, err := p.Wrap(fine)(context.Background(), callOf(tl, "alice"))
		if e := wantKind(t, err, plugins.KindBreakerOpen); e.RetryAfter != time.Second {
			t.Errorf("wait %v while a probe is under way", e.RetryAfter)
		}
		time.Sleep(6 * time.Second)
		if !ask(t, p, nil) {
			t.Error("closed after the probe")
		}
	})
}

func TestBreakerOutlivesReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := envFor(tool(t))
		for range 10 { // one failure through each of ten reloads
			ask(t, build(t, BreakerPart(), Breaker{}, env), upstream500)
		}
		if ask(t, build(t, BreakerPart(), Breaker{}, env), nil) {
			t.Error("a reload closes the breaker")
		}
		changed := defaultBreaker()
		changed.Open = time.Second
		if !ask(t, build(t, BreakerPart(), changed, env), nil) {
			t.Error("other settings don't start afresh")
		}
		env.Upstream = "billing"
		if !ask(t, build(t, BreakerPart(), Breaker{}, env), nil) {
			t.Error("another upstream shares the state")
		}
	})
}

// Requests one after the other against a model that remembers every outcome
// by its slot of the window.
func TestBreakerFollowsTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		settings := Breaker{
			FailureRatio: rapid.Float64Range(0.1, 1).Draw(rt, "ratio"), MinCalls: rapid.IntRange(1, 8).Draw(rt, "min"),
			Window: 10 * time.Second, Open: 5 * time.Second, Probes: 1,
		}
		type step struct {
			pause int // tenths of a second, plus a nanosecond
			err   error
		}
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.IntRange(0, 60).Draw(t, "pause"), rapid.SampledFrom([]error{nil, upstream500, upstream404}).Draw(t, "answer")}
		}), 1, 60).Draw(rt, "steps")
		problem := ""
		synctest.Test(t, func(t *testing.T) {
			p := build(t, BreakerPart(), settings, envFor(tool(t)))
			closed, since := true, time.Now() // when it closed or opened
			type outcome struct {
				slot int64
				fail bool
			}
			var log []outcome
			for i, s := range steps {
				time.Sleep(time.Duration(s.pause)*100*time.Millisecond + 1)
				want := closed || time.Since(since) > settings.Open
				if got := ask(t, p, s.err); got != want {
					problem = "step " + string(rune('0'+i%10)) + ": wrong decision"
					return
				}
				if !want {
					continue
				}
				failed := errors.Is(s.err, upstream500)
				if !closed { // that was the probe
					closed, since, log = !failed, time.Now(), nil
					continue
				}
				slot := int64(time.Since(since) / time.Second)
				log = append(log, outcome{slot, failed})
				calls, failures := 0, 0
				for _, o := range log {
					if o.slot > slot-10 {
						calls++
						if o.fail {
							failures++
						}
					}
				}
				if failed && calls >= settings.MinCalls && float64(failures) >= settings.FailureRatio*float64(calls) {
					closed, since = false, time.Now()
				}
			}
		})
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

func TestBreakerSettingsAreChecked(t *testing.T) {
	bad := func(change func(*Breaker)) error { b := defaultBreaker(); change(&b); return b.Validate() }
	wantMistake(t, bad(func(b *Breaker) { b.FailureRatio = 0 }), "failure_ratio", "above 0")
	wantMistake(t, bad(func(b *Breaker) { b.FailureRatio = 50 }), "failure_ratio", "at most 1")
	wantMistake(t, bad(func(b *Breaker) { b.MinCalls = 0 }), "min_calls", "at least 1")
	wantMistake(t, bad(func(b *Breaker) { b.Window = 0 }), "window", "at least 10ms")
	wantMistake(t, bad(func(b *Breaker) { b.Open = 0 }), "open", "above zero")
	wantMistake(t, bad(func(b *Breaker) { b.Probes = -1 }), "probes", "at least 1")
	if part := BreakerPart(); !part.Always {
		t.Error("an upstream may have no breaker")
	}
	if err := defaultBreaker().Validate(); err != nil {
		t.Error(err)
	}
}
