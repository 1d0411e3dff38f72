package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// run is one round of a program.
type run struct {
	p       *program
	call    *plugins.Call
	answers map[string][]byte
	nesting *plugins.Nesting
	// results and blocks are those of the steps before the present one. They
	// change only between steps.
	results map[string]any
	blocks  map[string][]mcp.Block

	// mu guards what follows, and the call's Record, while steps run side by
	// side. A unit itself belongs to the goroutine that runs it.
	mu    sync.Mutex
	state *state
}

// outcome is what became of a step, or of one item of it, in this round: it is
// finished, or it waits, or it failed.
type outcome struct {
	value  any
	blocks []mcp.Block
	wait   waiting
	err    *plugins.Error
}

// waiting is what a run can't go on without.
type waiting struct {
	any       bool
	questions []mcp.Question
	// least is the shortest wait for an upstream, and status what it is for.
	least  time.Duration
	status string
}

// add waits for something more.
func (w *waiting) add(more *waiting) {
	w.any = w.any || more.any
	w.questions = append(w.questions, more.questions...)
	if more.least > 0 && (w.least == 0 || more.least < w.least) {
		w.least = more.least
	}
	if w.status == "" {
		w.status = more.status
	}
}

// begin makes a run of a call. With an error the run is good for no more than
// to undo what was done.
func (p *program) begin(call *plugins.Call) (*run, *plugins.Error) {
	r := &run{
		p: p, call: call, results: make(map[string]any), blocks: make(map[string][]mcp.Block),
		state: &state{Version: stateVersion, Program: p.print, Units: make(map[string]*unit)},
	}
	resume := call.Resumed()
	if resume == nil || resume.State == nil {
		r.state.Uncounted = !call.Counted()
	}
	var failure *plugins.Error
	if resume != nil {
		r.answers = resume.Answers
		if resume.State != nil {
			failure = r.load(resume.State)
		}
	}
	r.nesting = &plugins.Nesting{Depth: 1, Calls: &atomic.Int64{}}
	if call.Run != nil && call.Run.Nesting != nil {
		r.nesting = &plugins.Nesting{Depth: call.Run.Nesting.Depth + 1, Calls: call.Run.Nesting.Calls}
	} else {
		r.nesting.Calls.Store(r.state.Calls)
	}
	return r, failure
}

// load reads the state of the round before.
func (r *run) load(raw []byte) *plugins.Error {
	s, err := decodeState(raw, r.p.print)
	if s != nil {
		r.state = s
	}
	if err == nil {
		return nil
	}
	message := "This call can't be gone on with: call the tool again."
	if errors.Is(err, errState) {
		message = "The tool was changed while the call was waiting, so that it can't be gone on with: call it again."
	}
	return &plugins.Error{Kind: plugins.KindStatus, Message: message, Cause: err}
}

// walk runs the steps from the first that isn't finished to one that waits.
func (r *run) walk(ctx context.Context, wait *waiting) *plugins.Error {
	for _, s := range r.p.list {
		out := r.step(ctx, s)
		if out.err != nil {
			return out.err
		}
		if out.wait.any {
			*wait = out.wait
			return nil
		}
	}
	return nil
}

// step runs a step of the list, and publishes what it left.
func (r *run) step(ctx context.Context, s *step) outcome {
	if s.side == nil {
		out := r.perform(ctx, s)
		if out.err == nil && !out.wait.any {
			r.publish(s, &out)
		}
		return out
	}
	u := r.unit(s.address)
	if !u.Done && !u.Begun {
		goes, err := r.goes(ctx, s)
		if err != nil {
			return outcome{err: err}
		}
		u.Begun, u.Done = goes, !goes
	}
	if !u.Begun {
		for _, one := range s.side {
			r.publish(one, &outcome{})
		}
		return outcome{}
	}
	outs := r.together(ctx, len(s.side), len(s.side), func(ctx context.Context, i int) outcome {
		return r.perform(ctx, s.side[i])
	})
	all := sum(outs)
	if all.err == nil && !all.wait.any {
		for i, one := range s.side {
			r.publish(one, &outs[i])
		}
	}
	return all
}

// sum is the outcome of several parts: the first failure that no other brought
// about, or else all that is waited for.
func sum(outs []outcome) outcome {
	var all outcome
	for i := range outs {
		out := &outs[i]
		switch {
		case out.err == nil:
			all.wait.add(&out.wait)
		case all.err == nil, all.err.Kind == plugins.KindCancelled && out.err.Kind != plugins.KindCancelled:
			all.err = out.err
		}
	}
	return all
}

// publish lets the steps that follow see what a step left.
func (r *run) publish(s *step, out *outcome) {
	if s.id != "" {
		r.results[s.id], r.blocks[s.id] = out.value, out.blocks
	}
}

// unit returns the state of a part of the program.
func (r *run) unit(address string) *unit {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.state.Units[address]
	if u == nil {
		u = &unit{}
		r.state.Units[address] = u
	}
	return u
}

// values are what expressions see at a step: a copy for each, since they are
// not for concurrent use.
func (r *run) values() *expr.Values {
	v := &expr.Values{
		Args: r.call.Args, Caller: r.call.Principal, Capabilities: r.call.Capabilities, Steps: r.results,
	}
	if r.call.Run != nil {
		v.Load, v.Value = r.call.Run.Load, r.call.Run.Value
	}
	return v
}

// goes decides whether a step runs.
func (r *run) goes(ctx context.Context, s *step) (bool, *plugins.Error) {
	if err := ended(ctx); err != nil {
		return false, err
	}
	if s.when == nil || s.when.Eval(ctx, r.values()) {
		return true, nil
	}
	return false, ended(ctx) // an evaluation that was broken off is no decision
}

// perform runs a single step.
func (r *run) perform(ctx context.Context, s *step) outcome {
	u := r.unit(s.address)
	if u.Done {
		return r.restore(s, u)
	}
	if !u.Begun {
		goes, err := r.goes(ctx, s)
		if err != nil {
			return outcome{err: err}
		}
		if !goes {
			u.Done = true
			return outcome{}
		}
		u.Begun = true
	}
	var out outcome
	switch {
	case s.tool != nil && s.tool.each != nil:
		out = r.each(ctx, s, u)
	case s.tool != nil:
		j := job{step: s, unit: u, values: r.values(), key: s.key()}
		out = r.settle(ctx, &j, r.invoke(ctx, &j))
	case s.question != nil:
		j := job{step: s, unit: u, values: r.values(), key: s.key()}
		out = r.settle(ctx, &j, r.ask(&j)) //nolint:contextcheck // a text's expressions have a clock of their own
	default:
		out = r.remark(ctx, s, u)
	}
	return out
}

// remark runs a step that has no result.
func (r *run) remark(ctx context.Context, s *step, u *unit) outcome {
	if err := ended(ctx); err != nil {
		return outcome{err: err}
	}
	v := r.values()
	switch {
	case s.require != nil:
		if !s.require.Eval(ctx, v) {
			if err := ended(ctx); err != nil {
				return outcome{err: err}
			}
			message := "The call was ended: a condition of the tool does not hold."
			return outcome{err: r.failure(s, v, message, nil)} //nolint:contextcheck // a text's expressions have a clock of their own
		}
	case s.progress != nil:
		r.tell(s.progress, v) //nolint:contextcheck // a text's expressions have a clock of their own
	case s.log != nil:
		r.say(s.log, v) //nolint:contextcheck // a text's expressions have a clock of their own
	}
	u.Done = true
	return outcome{}
}

// job is the work on one unit.
type job struct {
	step   *step
	unit   *unit
	values *expr.Values
	// key is what the keys of its questions begin with.
	key string
}

// settle makes a failure of an optional step null, and keeps what is finished.
func (r *run) settle(ctx context.Context, j *job, out outcome) outcome {
	switch {
	case out.wait.any:
		return out
	case out.err != nil && (!j.step.optional || ctx.Err() != nil || out.err.Kind == plugins.KindCancelled):
		return out
	case out.err != nil:
		r.p.log.LogAttrs(ctx, slog.LevelInfo, "an optional step failed", slog.String("tool", r.p.env.Name),
			slog.String("step", j.step.label), slog.String("reason", out.err.Message), slog.Any("error", out.err.Cause))
		if j.unit.Nested != nil {
			r.abandon(context.WithoutCancel(ctx), j.unit)
		}
		out = outcome{}
	}
	u := j.unit
	u.Done, u.Tool, u.Args, u.Nested, u.Spent, u.Asked = true, "", nil, nil, 0, 0
	return out
}

// restore returns what a finished step left.
func (r *run) restore(s *step, u *unit) outcome {
	if s.id == "" {
		return outcome{}
	}
	if u.Count == 0 {
		value, blocks, err := u.restore()
		if err != nil {
			return outcome{err: broken(err)}
		}
		return outcome{value: value, blocks: blocks}
	}
	if u.Count < 0 || u.Count > maxItems {
		return outcome{err: broken(fmt.Errorf("state: %d items", u.Count))}
	}
	outs := make([]outcome, u.Count)
	for i := range outs {
		value, blocks, err := r.unit(below(s.address, i)).restore()
		if err != nil {
			return outcome{err: broken(err)}
		}
		outs[i] = outcome{value: value, blocks: blocks}
	}
	return listOf(outs)
}

// listOf is the result of all items.
func listOf(outs []outcome) outcome {
	values := make([]any, len(outs))
	var blocks []mcp.Block
	for i := range outs {
		values[i] = outs[i].value
		blocks = append(blocks, outs[i].blocks...)
	}
	return outcome{value: values, blocks: blocks}
}

// suspend says what the run waits for.
func (r *run) suspend(wait *waiting) (*mcp.Pending, *plugins.Error) {
	r.state.Calls = r.nesting.Calls.Load()
	raw, err := r.state.encode()
	if err != nil {
		return nil, broken(err)
	}
	if len(raw) > maxState {
		return nil, &plugins.Error{
			Kind:    plugins.KindStatus,
			Message: "The results so far are too large to be kept while the call waits. Ask for less.",
			Cause:   fmt.Errorf("the state has %d bytes, more than %d", len(raw), maxState),
		}
	}
	pending := &mcp.Pending{Questions: wait.questions, Status: wait.status, State: raw, Undoable: r.state.undoable()}
	if len(wait.questions) == 0 {
		pending.Wait = max(wait.least, time.Millisecond)
	}
	return pending, nil
}

// finish returns what the steps left, beside what the call carried already.
func (r *run) finish() *plugins.Run {
	var out plugins.Run
	if r.call.Run != nil {
		out = *r.call.Run
	}
	out.Resume = nil
	switch r.p.kind {
	case kindSteps:
		out.Steps, out.StepBlocks = r.results, r.blocks
	case kindLoad:
		out.Load, out.LoadBlocks = r.results, r.blocks
	case kindConfirm:
	}
	return &out
}
