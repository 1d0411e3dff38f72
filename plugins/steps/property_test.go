package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// pending adds a tool that takes as many rounds as its argument m says: waits,
// or questions; in a straight world it takes one.
func (w *world) pending(straight bool) {
	w.tool("pend", func(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
		var args struct {
			K, M int
			Q    bool
		}
		if err := json.Unmarshal(call.Arguments, &args); err != nil {
			return nil, err
		}
		n, answers := 0, map[string][]byte(nil)
		if resume := call.Resumed(); resume != nil {
			answers = resume.Answers
			if resume.State != nil {
				if err := json.Unmarshal(resume.State, &n); err != nil {
					return nil, err
				}
			}
		}
		key := fmt.Sprint("q", n)
		if answers[key] != nil || !args.Q && call.Resumed() != nil {
			n++
		}
		if straight || n >= args.M {
			return structured(fmt.Sprintf(`{"k": %d}`, args.K)), nil
		}
		p := &mcp.Pending{State: []byte(fmt.Sprint(n)), Wait: time.Second}
		if args.Q {
			p.Wait, p.Questions = 0, []mcp.Question{{Key: fmt.Sprint("q", n), Kind: mcp.AskRoots}}
		}
		return &mcp.Result{Pending: p}, nil
	})
}

// someWorld is a world with a tool of steps that asks and waits.
func someWorld(t testing.TB, straight bool) *world {
	w := newWorld()
	w.pending(straight)
	w.compose(t, "inner",
		Step{ID: "first", Tool: "echo", Args: raw(`{"inner":"${{ args.k }}"}`)},
		Step{Parallel: &Parallel{Steps: []Step{
			{ID: "sure", Ask: &Ask{Message: "?"}},
			{ID: "late", Tool: "pend", Args: raw(`{"k":"${{ args.k + 1000 }}","m":2,"q":true}`)},
		}}},
		Step{ID: "last", Tool: "pend", Args: raw(`{"k":"${{ args.k + 2000 }}","m":1,"q":false}`)})
	return w
}

// programs makes lists of steps in which every call is unlike all others.
type programs struct {
	t    *rapid.T
	next int
}

func (g *programs) id() string {
	g.next++
	return fmt.Sprint("s", g.next)
}

func (g *programs) single(side bool) Step {
	id := g.id()
	n := rapid.IntRange(0, 3).Draw(g.t, "rounds")
	ask := rapid.Bool().Draw(g.t, "ask")
	pend := fmt.Sprintf(`{"k":%d,"m":%d,"q":%t}`, g.next*100, n, ask)
	s := Step{ID: id}
	switch rapid.IntRange(0, 6).Draw(g.t, "kind") {
	case 0:
		s.Tool, s.Args = "pend", raw(pend)
	case 1:
		s.Tool, s.Args = "inner", raw(fmt.Sprintf(`{"k":%d}`, g.next*100))
	case 2:
		s.Ask = &Ask{Message: "?", Schema: raw(`{"x":{"type":"integer","default":3}}`)}
	case 3:
		s.ForEach, s.Tool = fmt.Sprintf("[range(%d)]", rapid.IntRange(0, 5).Draw(g.t, "items")), rapid.SampledFrom([]string{"pend", "inner"}).Draw(g.t, "tool")
		s.Args = raw(fmt.Sprintf(`{"k":"${{ %d + item }}","m":%d,"q":%t}`, g.next*100, n, ask))
		s.Parallel = &Parallel{Limit: rapid.IntRange(1, 3).Draw(g.t, "limit")}
	case 4:
		s.Tool, s.Optional = "bad", true
	case 5:
		s.Tool, s.Args = "echo", raw(fmt.Sprintf(`{"k":%d,"all":"${{ steps }}"}`, g.next))
	case 6:
		s.Tool, s.Args, s.When = "pend", raw(pend), rapid.SampledFrom([]string{"true", "false", "args.x == 1"}).Draw(g.t, "when")
	}
	if s.Tool != "" && s.Tool != "bad" && rapid.Bool().Draw(g.t, "undo") {
		s.Undo = &Undo{Tool: "refund", Args: raw(fmt.Sprintf(`{"k":%d,"result":"${{ steps.%s }}"}`, g.next, id))}
	}
	if !side && rapid.IntRange(0, 4).Draw(g.t, "named") == 0 && s.Ask == nil && s.Undo == nil {
		s.ID = ""
	}
	return s
}

func (g *programs) list() []Step {
	var list []Step
	for range rapid.IntRange(1, 4).Draw(g.t, "steps") {
		if rapid.IntRange(0, 2).Draw(g.t, "side by side") > 0 {
			list = append(list, g.single(false))
			continue
		}
		var side []Step
		for range rapid.IntRange(1, 3).Draw(g.t, "wide") {
			side = append(side, g.single(true))
		}
		list = append(list, Step{Parallel: &Parallel{Steps: side}})
	}
	if rapid.IntRange(0, 3).Draw(g.t, "fails") == 0 {
		list = append(list, Step{Tool: "bad"})
	}
	return list
}

// TestInterruptedRunsEqualStraightOnes: however often a run is interrupted, and
// in whatever order questions are answered, it leaves what a run leaves that
// is never interrupted, and makes the same calls, each once.
func TestInterruptedRunsEqualStraightOnes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := &programs{t: rt}
		list := g.list()
		w := someWorld(t, false)
		answers := map[string][]byte{}
		got := interrupted(rt, t, w, list, answers)
		straight := someWorld(t, true)
		call := newCall(map[string]any{"x": 1}).WithRun(&plugins.Run{Resume: &plugins.Resume{Answers: answers}})
		run, pending, err := straight.program(t, list...).Run(context.Background(), call)
		if pending != nil {
			rt.Fatalf("the straight run asks %s", keys(pending))
		}
		if want := outcomeOf(run, err); got != want {
			rt.Fatalf("interrupted %s\nstraight    %s", got, want)
		}
		calls, want := w.done(), straight.done()
		slices.Sort(calls)
		slices.Sort(want)
		// pend takes part in the same calls, whatever it answers.
		if !slices.Equal(calls, want) {
			rt.Fatalf("interrupted calls %q\nstraight calls    %q", calls, want)
		}
		for i := 1; i < len(calls); i++ {
			if calls[i] == calls[i-1] && calls[i] != "bad{}" {
				rt.Fatalf("%s was called twice", calls[i])
			}
		}
	})
}

// interrupted runs a program to its end, each round by a replica of its own.
func interrupted(rt *rapid.T, t *testing.T, w *world, list []Step, given map[string][]byte) string {
	call := newCall(map[string]any{"x": 1})
	for round := range 200 {
		run, pending, err := w.program(t, list...).Run(context.Background(), call)
		if err != nil || pending == nil {
			return outcomeOf(run, err)
		}
		now := map[string][]byte{"stranger": []byte("1")}
		for _, q := range pending.Questions {
			if round > 30 || rapid.Bool().Draw(rt, "answers "+q.Key) {
				now[q.Key] = []byte(map[mcp.QuestionKind]string{mcp.AskRoots: `{"roots":[]}`, mcp.AskForm: accept}[q.Kind])
				given[q.Key] = now[q.Key]
			}
		}
		call = newCall(map[string]any{"x": 1}).WithRun(&plugins.Run{Uncounted: true, Resume: &plugins.Resume{State: pending.State, Answers: now}})
	}
	rt.Fatal("the run doesn't end")
	return ""
}

// FuzzState: no state makes a run panic, whatever it holds.
func FuzzState(f *testing.F) {
	w := someWorld(f, false)
	p := w.program(f,
		Step{ID: "a", Tool: "inner", Args: raw(`{"k":1}`), Undo: &Undo{Tool: "refund"}},
		Step{Parallel: &Parallel{Steps: []Step{{ID: "b", ForEach: "[1,2]", Tool: "inner", Args: raw(`{"k":"${{ item }}"}`)}, {ID: "c", Ask: &Ask{Message: "?"}}}}},
		Step{Require: "steps.c != null"},
		Step{ID: "d", Tool: "text"}, Step{ID: "e", Tool: "job"})
	call := newCall(nil)
	all := client{}
	for range 12 {
		_, pending, err := p.Run(context.Background(), call)
		if err != nil || pending == nil {
			break
		}
		f.Add(string(pending.State))
		for _, q := range pending.Questions {
			all[q.Key] = map[mcp.QuestionKind]string{mcp.AskRoots: `{"roots":[]}`, mcp.AskForm: accept}[q.Kind]
		}
		call = newCall(nil).WithRun(&plugins.Run{Resume: &plugins.Resume{State: pending.State, Answers: all.answer(pending.Questions)}})
	}
	f.Add(fmt.Sprintf(`{"v":1,"p":%q,"s":{"1.0":{"d":true,"k":-5},"x":{"x":[{"t":"refund","a":7}]},"0":{"w":{"v":1}},"3":{"d":true,"v":-9,"b":[{"k":77}]},"4":null}}`, p.print))
	f.Fuzz(func(t *testing.T, state string) {
		answers := map[string][]byte{"c": []byte(accept)}
		_, pending, err := p.Run(context.Background(), newCall(nil).WithRun(&plugins.Run{Resume: &plugins.Resume{State: []byte(state), Answers: answers}}))
		if err == nil && pending != nil && len(pending.State) > maxState {
			t.Errorf("a state of %d bytes", len(pending.State))
		}
	})
}
