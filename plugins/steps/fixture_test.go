package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a manifest's tools, and what was done with them.
type world struct {
	mu    sync.Mutex
	tools map[string]plugins.Handler
	hide  map[string]bool // what the caller may not call
	needs map[string][]string
	calls []string // finished calls: tool and arguments
}

func newWorld() *world {
	w := &world{tools: map[string]plugins.Handler{}, hide: map[string]bool{}, needs: map[string][]string{}}
	// echo answers its arguments.
	echo := func(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
		return structured(string(call.Arguments)), nil
	}
	w.tool("echo", echo)
	w.tool("refund", echo)
	w.tool("text", func(context.Context, *plugins.Call) (*mcp.Result, error) {
		return &mcp.Result{Content: []mcp.Block{{Text: []byte("two")}, {Type: mcp.ImageBlock, Data: []byte("png"), MIMEType: "image/png"}, {Text: []byte("lines")}}}, nil
	})
	w.tool("bad", func(context.Context, *plugins.Call) (*mcp.Result, error) { return mcp.ErrorResult("It is bad."), nil })
	w.tool("worse", func(context.Context, *plugins.Call) (*mcp.Result, error) {
		return nil, &plugins.Error{Kind: plugins.KindLimited, Message: "Too often", Cause: errors.New("the bucket is empty")}
	})
	// job waits two rounds for an upstream.
	w.tool("job", func(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
		n := 0
		if resume := call.Resumed(); resume != nil && resume.State != nil {
			if err := json.Unmarshal(resume.State, &n); err != nil {
				return nil, err
			}
		}
		if n == 2 {
			return structured(`{"done":true}`), nil
		}
		return &mcp.Result{Pending: &mcp.Pending{Wait: time.Duration(n+1) * time.Second, Status: "working", State: []byte(fmt.Sprint(n + 1))}}, nil
	})
	return w
}

func structured(raw string) *mcp.Result {
	buffer := []byte(raw)
	return &mcp.Result{
		Content: []mcp.Block{{Text: buffer}}, Structured: buffer,
		Release: func() { // whoever still reads it reads this
			for i := range buffer {
				buffer[i] = '!'
			}
		},
	}
}

func (w *world) tool(name string, h plugins.Handler) {
	w.tools[name] = func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		result, err := h(ctx, call)
		if err == nil && result.Pending == nil && !result.IsError {
			w.mu.Lock()
			w.calls = append(w.calls, name+string(call.Arguments))
			w.mu.Unlock()
		}
		if call.Record != nil {
			call.Record.Attempts++
			call.Record.Upstream = "shop"
		}
		return result, err
	}
}

// compose makes a tool of steps.
func (w *world) compose(t testing.TB, name string, list ...Step) *program {
	t.Helper()
	w.tools[name] = nil // so that it may be named
	p := w.program(t, list...)
	w.tools[name] = func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		args, err := strictjson.Decode(call.Arguments, 0)
		if err != nil {
			return nil, err
		}
		object, _ := args.(map[string]any)
		run, pending, err := p.Run(ctx, call.WithArgs(object))
		switch {
		case err != nil:
			return nil, err
		case pending != nil:
			return &mcp.Result{Pending: pending}, nil
		}
		raw, err := strictjson.Append(nil, run.Steps)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		w.calls = append(w.calls, name+string(call.Arguments))
		w.mu.Unlock()
		return structured(string(raw)), nil
	}
	return p
}

func (w *world) env() plugins.Env {
	var names []string
	for name := range w.tools {
		names = append(names, name)
	}
	slices.Sort(names)
	return plugins.Env{
		Name: "outer", Tools: names,
		Tool: &plugins.Tool{Kind: "tool", Name: "outer", InputSchema: []byte(`{}`)},
		Callee: func(name string) *plugins.Callee {
			h := w.tools[name]
			if h == nil {
				return nil
			}
			return &plugins.Callee{
				Tool: &plugins.Tool{Name: name, Requires: w.needs[name]}, Call: h,
				Admits: func(*plugins.Principal) bool { return !w.hide[name] },
			}
		},
	}
}

func (w *world) program(t testing.TB, list ...Step) *program {
	t.Helper()
	built, err := newSteps(list, w.env())
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	p, ok := built.(*program)
	if !ok {
		t.Fatalf("built a %T", built)
	}
	return p
}

func (w *world) done() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// able is a client that can do everything.
var able = mcp.ClientCapabilities{Elicitation: true, ElicitationURL: true, Sampling: true, Roots: true}

func newCall(args map[string]any) *plugins.Call {
	return &plugins.Call{
		Tool: &plugins.Tool{Name: "outer"}, Principal: &plugins.Principal{Key: "a", Subject: "ann"},
		Revision: mcp.Newest, Args: args, Capabilities: able, Record: &plugins.Record{},
	}
}

// client answers questions by their keys.
type client map[string]string

// answer answers what it knows.
func (c client) answer(questions []mcp.Question) map[string][]byte {
	out := map[string][]byte{}
	for _, q := range questions {
		if a, ok := c[q.Key]; ok {
			out[q.Key] = []byte(a)
		}
	}
	return out
}

const accept = `{"action":"accept","content":{}}`

// drive runs a program to its end, and returns what it waited for each round.
func drive(t testing.TB, p plugins.Program, call *plugins.Call, c client) (*plugins.Run, []*mcp.Pending, error) {
	t.Helper()
	var rounds []*mcp.Pending
	for range 50 {
		run, pending, err := p.Run(context.Background(), call)
		if err != nil || pending == nil {
			if err == nil && run.Resume != nil {
				t.Error("the run that is left still resumes")
			}
			return run, rounds, err
		}
		if len(pending.Questions) == 0 && pending.Wait <= 0 {
			t.Fatal("pending without a question or a wait")
		}
		rounds = append(rounds, pending)
		call = call.WithRun(&plugins.Run{Uncounted: true, Resume: &plugins.Resume{State: slices.Clone(pending.State), Answers: c.answer(pending.Questions)}})
	}
	t.Fatal("the run doesn't end")
	return nil, nil, nil
}

func jsonOf(v any) string {
	raw, err := strictjson.Append(nil, v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// outcomeOf is what a run left, in one line.
func outcomeOf(run *plugins.Run, err error) string {
	if err != nil {
		var e *plugins.Error
		if !errors.As(err, &e) {
			return "?" + err.Error()
		}
		kind := map[plugins.Kind]string{plugins.KindCancelled: "cancelled", plugins.KindTimeout: "timeout", plugins.KindInternal: "internal", plugins.KindStatus: ""}[e.Kind]
		return "!" + kind + " " + e.Message
	}
	return jsonOf(run.Steps)
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func keys(p *mcp.Pending) string {
	var all []string
	for _, q := range p.Questions {
		all = append(all, q.Key)
	}
	return strings.Join(all, " ")
}

func withArguments(call *plugins.Call, arguments string) *plugins.Call {
	next := *call
	next.Arguments = []byte(arguments)
	return &next
}
