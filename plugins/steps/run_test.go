package steps

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestRunsToTheEnd(t *testing.T) {
	args := map[string]any{"list": []any{"a", "b", "c"}, "n": 1, "yes": true}
	for name, test := range map[string]struct {
		steps []Step
		want  string
		calls []string // sorted
	}{
		"arguments and results": {
			[]Step{{ID: "a", Tool: "echo", Args: raw(`{"x":"${{ args.n }}"}`)}, {ID: "b", Tool: "echo", Args: raw(`{"y":"${{ steps.a.x }}"}`)}},
			`{"a":{"x":1},"b":{"y":1}}`, []string{`echo{"x":1}`, `echo{"y":1}`},
		},
		"text": {[]Step{{ID: "a", Tool: "text"}}, `{"a":"two\nlines"}`, []string{"text{}"}},
		"when": {
			[]Step{{ID: "a", Tool: "echo", When: "args.yes"}, {ID: "b", Tool: "echo", When: "args.nope"}, {ID: "c", Tool: "echo", When: "steps.b == null"}},
			`{"a":{},"b":null,"c":{}}`, []string{"echo{}", "echo{}"},
		},
		"a failure of an optional step": {[]Step{{ID: "a", Tool: "bad", Optional: true}, {ID: "b", Tool: "worse", Optional: true}}, `{"a":null,"b":null}`, nil},
		"for each": {
			[]Step{{ID: "a", ForEach: "args.list", Tool: "echo", Args: raw(`{"x":"${{ item }}"}`)}},
			`{"a":[{"x":"a"},{"x":"b"},{"x":"c"}]}`, []string{`echo{"x":"a"}`, `echo{"x":"b"}`, `echo{"x":"c"}`},
		},
		"for each output, several at once": {
			[]Step{{ID: "a", ForEach: `args.list[] | select(. != "b")`, Parallel: &Parallel{Limit: 4}, Tool: "echo", Args: raw(`{"x":"${{ item }}"}`)}},
			`{"a":[{"x":"a"},{"x":"c"}]}`, []string{`echo{"x":"a"}`, `echo{"x":"c"}`},
		},
		"for each of nothing": {[]Step{{ID: "a", ForEach: "args.nope", Tool: "bad"}, {ID: "b", ForEach: "[]", Tool: "bad"}}, `{"a":[],"b":[]}`, nil},
		"optional items":      {[]Step{{ID: "a", ForEach: "[1,2]", Tool: "bad", Optional: true}}, `{"a":[null,null]}`, nil},
		"side by side": {
			[]Step{{Parallel: &Parallel{Steps: []Step{{ID: "a", Tool: "echo"}, {ID: "b", Tool: "text"}, {ID: "c", Tool: "bad", Optional: true}, {ID: "d", ForEach: "[1]", Tool: "echo"}}}}},
			`{"a":{},"b":"two\nlines","c":null,"d":[{}]}`, []string{"echo{}", "echo{}", "text{}"},
		},
		"parallel that is skipped": {
			[]Step{{When: "false", Parallel: &Parallel{Steps: []Step{{ID: "a", Tool: "bad"}}}}, {ID: "b", Tool: "echo"}},
			`{"a":null,"b":{}}`, []string{"echo{}"},
		},
		"guard that holds": {[]Step{{Require: "args.yes"}, {ID: "a", Tool: "echo"}}, `{"a":{}}`, []string{"echo{}"}},
		"guard that does not": {
			[]Step{{ID: "a", Tool: "echo", Undo: &Undo{Tool: "refund", Args: raw(`{"of":"${{ steps.a }}"}`)}}, {Require: "args.nope", Otherwise: "Out of ${{ args.list[0] }}."}},
			`! Out of a. Undone: a.`, []string{"echo{}", `refund{"of":{}}`},
		},
		"a failure, and its undos in reverse": {
			[]Step{
				{ID: "a", Tool: "echo", Undo: &Undo{Tool: "refund", Args: raw(`{"n":1}`)}},
				{ID: "b", ForEach: "[1,2]", Tool: "echo", Args: raw(`{"i":"${{ item }}"}`), Undo: &Undo{Tool: "refund", Args: raw(`{"of":"${{ steps.b.i }}","item":"${{ item }}"}`)}},
				{ID: "c", Tool: "echo", Undo: &Undo{Tool: "bad"}},
				{ID: "d", Tool: "bad", Undo: &Undo{Tool: "refund", Args: raw(`{"n":9}`)}},
			},
			`! It is bad. Undone: b (2 times), a. Could not be undone: c; check what became of it.`,
			[]string{"echo{}", "echo{}", `echo{"i":1}`, `echo{"i":2}`, `refund{"n":1}`, `refund{"of":1,"item":1}`, `refund{"of":2,"item":2}`},
		},
		"otherwise":                {[]Step{{ID: "a", Tool: "worse", Otherwise: "Sorry, ${{ caller.subject }}."}}, `! Sorry, ann.`, nil},
		"refusals are tool errors": {[]Step{{Tool: "worse"}}, `! Too often`, nil},
		"an expression that fails": {[]Step{{Tool: "echo", Args: raw(`{"x":"${{ args.n.y }}"}`)}}, `! An expression of the tool's definition does not fit these values.`, nil},
		"too many elements":        {[]Step{{Tool: "echo", ForEach: "[range(1001)]"}}, `! These are 1001 elements, more than the 1000 that one call can take. Ask for less.`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			run, pending, err := w.program(t, test.steps...).Run(context.Background(), newCall(args))
			if pending != nil {
				t.Fatal("pending")
			}
			if got := outcomeOf(run, err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			calls := w.done()
			slices.Sort(calls)
			slices.Sort(test.calls)
			if !slices.Equal(calls, test.calls) {
				t.Errorf("calls %q\nwant  %q", calls, test.calls)
			}
		})
	}
}

func TestUndoIsInReverseOrder(t *testing.T) {
	w := newWorld()
	undo := func(n string) *Undo { return &Undo{Tool: "refund", Args: raw(`{"n":` + n + `}`)} }
	p := w.program(t,
		Step{Tool: "echo", Undo: undo("1")},
		Step{Parallel: &Parallel{Steps: []Step{{Tool: "echo", Undo: undo("2")}, {Tool: "echo", Undo: undo("3")}}}},
		Step{Tool: "bad"})
	_, _, err := p.Run(context.Background(), newCall(nil))
	if got, want := outcomeOf(nil, err), "! It is bad. Undone: echo (3 times)."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	calls := w.done()
	if got, want := strings.Join(calls[3:], " "), `refund{"n":3} refund{"n":2} refund{"n":1}`; got != want {
		t.Errorf("undone %s, want %s", got, want)
	}
}

func TestBlocksAndRecordAreMerged(t *testing.T) {
	w := newWorld()
	p := w.program(t, Step{ID: "picture", Tool: "text"}, Step{ID: "each", ForEach: "[1,2,3,4]", Parallel: &Parallel{Limit: 4}, Tool: "text"}, Step{Tool: "echo"})
	call := newCall(nil)
	run, _, err := p.Run(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	if got := run.StepBlocks["picture"]; len(got) != 3 || got[1].Type != mcp.ImageBlock || string(got[1].Data) != "png" {
		t.Errorf("blocks %+v", got)
	}
	if got := len(run.StepBlocks["each"]); got != 12 {
		t.Errorf("%d blocks of all items, want 12", got)
	}
	if call.Record.Attempts != 6 || call.Record.Upstream != "shop" {
		t.Errorf("record %+v, want 6 attempts at shop", call.Record)
	}
}

func TestCalleesSeeTheCallersRights(t *testing.T) {
	w := newWorld()
	var seen *plugins.Call
	w.tool("look", func(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
		seen = call
		return structured("{}"), nil
	})
	p := w.program(t, Step{Tool: "look"})
	call := newCall(nil)
	call.RequestID, call.Talk = "r1", &talk{}
	if _, _, err := p.Run(context.Background(), call); err != nil {
		t.Fatal(err)
	}
	if seen.Principal != call.Principal || seen.RequestID != "r1" || !seen.Counted() || seen.Record == call.Record || seen.Revision != mcp.Newest {
		t.Errorf("the callee saw %+v", seen)
	}
	seen.Talk.Progress(mcp.Progress{Progress: 1})
	seen.Talk.Log(mcp.LogMessage{Level: mcp.LevelInfo})
	if got := call.Talk.(*talk); len(got.progress) != 0 || len(got.logs) != 1 {
		t.Errorf("told %+v, want one log message and no progress", got)
	}
	w.hide["look"] = true
	_, _, err := p.Run(context.Background(), newCall(nil))
	if got := outcomeOf(nil, err); got != "! A tool that is needed for this is not there." {
		t.Errorf("a tool that the caller may not call gave %q", got)
	}
	w.hide["look"], w.needs["look"] = false, []string{"sampling"}
	call = newCall(nil)
	call.Capabilities = mcp.ClientCapabilities{}
	_, _, err = p.Run(context.Background(), call)
	if got := outcomeOf(nil, err); !strings.Contains(got, "did not declare sampling") {
		t.Errorf("a tool that needs what the client can't do gave %q", got)
	}
	watched := newCall(nil).WithRun(&plugins.Run{Uncounted: true})
	watched.Capabilities = able
	if _, _, err = p.Run(context.Background(), watched); err != nil || seen.Counted() {
		t.Errorf("a step of a call that isn't counted was counted (%v)", err)
	}
}

func TestFailureCancelsTheOthers(t *testing.T) {
	w := newWorld()
	started := make(chan struct{})
	w.tool("slow", func(ctx context.Context, _ *plugins.Call) (*mcp.Result, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	w.tool("fails", func(context.Context, *plugins.Call) (*mcp.Result, error) {
		<-started
		return mcp.ErrorResult("No."), nil
	})
	p := w.program(t,
		Step{ID: "a", Tool: "echo", Undo: &Undo{Tool: "refund"}},
		Step{Parallel: &Parallel{Steps: []Step{{Tool: "slow", Optional: true}, {Tool: "fails"}}}})
	_, _, err := p.Run(context.Background(), newCall(nil))
	if got := outcomeOf(nil, err); got != "! No. Undone: a." {
		t.Errorf("got %q", got)
	}
}

func TestCancelledCallIsUndone(t *testing.T) {
	for name, test := range map[string]struct {
		context func() (context.Context, context.CancelFunc)
		want    string
	}{
		"cancelled": {func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) }, "!cancelled The call was cancelled. Undone: a."},
		"deadline": {func() (context.Context, context.CancelFunc) {
			return plugins.WithDeadline(context.Background(), time.Now().Add(20*time.Millisecond))
		}, "!timeout The call took longer than it may. Try again later, or ask for less. Undone: a."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			ctx, cancel := test.context()
			defer cancel()
			w.tool("slow", func(inner context.Context, _ *plugins.Call) (*mcp.Result, error) {
				if name == "cancelled" {
					cancel()
				}
				<-inner.Done()
				return nil, inner.Err()
			})
			w.tool("undo", func(ctx context.Context, _ *plugins.Call) (*mcp.Result, error) {
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("an undo has no deadline")
				}
				return structured("{}"), ctx.Err()
			})
			p := w.program(t, Step{ID: "a", Tool: "echo", Undo: &Undo{Tool: "undo"}}, Step{Tool: "slow", Optional: true})
			_, _, err := p.Run(ctx, newCall(nil))
			if got := outcomeOf(nil, err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFailuresOfCallees(t *testing.T) {
	for name, test := range map[string]struct {
		tool plugins.Handler
		want string
	}{
		"without words": {func(context.Context, *plugins.Call) (*mcp.Result, error) { return &mcp.Result{IsError: true}, nil }, "! The step s failed."},
		"its own time":  {func(context.Context, *plugins.Call) (*mcp.Result, error) { return nil, context.DeadlineExceeded }, "! A step took longer than it may."},
		"cancelled by itself": {func(context.Context, *plugins.Call) (*mcp.Result, error) {
			return nil, &plugins.Error{Kind: plugins.KindCancelled, Message: "The call was cancelled."}
		}, "! A step was cancelled."},
		"a secret cause": {func(context.Context, *plugins.Call) (*mcp.Result, error) { return nil, errors.New("secret") }, "! Internal error"},
		"answers that are no JSON": {func(context.Context, *plugins.Call) (*mcp.Result, error) {
			return &mcp.Result{Structured: []byte(`{"a":1,"a":2}`)}, nil
		}, "! The answer of a step can't be read."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.tool("fails", test.tool)
			p := w.program(t, Step{ID: "s", Tool: "fails"})
			_, _, err := p.Run(context.Background(), newCall(nil))
			if got := outcomeOf(nil, err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	w := newWorld()
	p := w.program(t, Step{Tool: "echo"})
	delete(w.tools, "echo")
	_, _, err := p.Run(context.Background(), newCall(nil))
	if got := outcomeOf(nil, err); got != "! Internal error" {
		t.Errorf("a tool that is gone gave %q", got)
	}
}

func TestCallsAreBounded(t *testing.T) {
	w := newWorld()
	w.compose(t, "inner", Step{ForEach: "[range(400)]", Tool: "echo"})
	p := w.program(t, Step{ForEach: "[1,2,3]", Tool: "inner"})
	_, _, err := p.Run(context.Background(), newCall(nil))
	if got := outcomeOf(nil, err); got != "! The call would make more than 1000 others. Ask for less." {
		t.Errorf("got %q", got)
	}
	if n := len(w.done()); n > maxCalls {
		t.Errorf("%d calls were made", n)
	}
}

func TestNestingIsBounded(t *testing.T) {
	w := newWorld()
	deepest := 0
	w.tool("deep", func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		deepest = call.Run.Nesting.Depth
		return w.tools["again"](ctx, call)
	})
	w.compose(t, "again", Step{Tool: "deep"})
	_, err := w.tools["again"](context.Background(), withArguments(newCall(nil), `{}`))
	if err == nil || deepest != maxDepth {
		t.Errorf("%v at depth %d, want an error at %d", err, deepest, maxDepth)
	}
}

func TestPanicInParallelIsAnError(t *testing.T) {
	w := newWorld()
	w.tool("panics", func(context.Context, *plugins.Call) (*mcp.Result, error) { panic("no") })
	p := w.program(t, Step{ForEach: "[1,2,3]", Parallel: &Parallel{Limit: 3}, Tool: "panics"})
	_, _, err := p.Run(context.Background(), newCall(nil))
	if got := outcomeOf(nil, err); got != "!internal Internal error" {
		t.Errorf("got %q", got)
	}
}

func TestParallelIsBounded(t *testing.T) {
	w := newWorld()
	var mu sync.Mutex
	now, most := 0, 0
	both := make(chan struct{}, 2)
	w.tool("busy", func(context.Context, *plugins.Call) (*mcp.Result, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		both <- struct{}{} // the third would have to wait for the others
		<-both
		mu.Lock()
		now--
		mu.Unlock()
		return structured("{}"), nil
	})
	p := w.program(t, Step{ForEach: "[range(40)]", Parallel: &Parallel{Limit: 2}, Tool: "busy"})
	if _, _, err := p.Run(context.Background(), newCall(nil)); err != nil {
		t.Fatal(err)
	}
	if most > 2 {
		t.Errorf("%d calls at once, want at most 2", most)
	}
}
