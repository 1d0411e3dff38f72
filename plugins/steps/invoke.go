package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// toolStep is a call of a tool.
type toolStep struct {
	name   string
	args   *expr.Template // nil without arguments
	each   *expr.Query    // for_each
	limit  int            // calls at once
	undo   *toolStep
	detach bool
}

// arguments renders the call's arguments.
func (t *toolStep) arguments(v *expr.Values) ([]byte, error) {
	if t.args == nil {
		return []byte("{}"), nil
	}
	raw, err := t.args.Append(nil, v)
	if err != nil {
		return nil, err
	}
	if raw[0] != '{' {
		return nil, errors.New("the arguments are no object")
	}
	return raw, nil
}

// invoke makes the call of a unit, or goes on with it.
func (r *run) invoke(ctx context.Context, j *job) outcome {
	if err := ended(ctx); err != nil {
		return outcome{err: err}
	}
	t, u := j.step.tool, j.unit
	if u.Args == nil {
		raw, err := t.arguments(j.values) //nolint:contextcheck // a text's expressions have a clock of their own
		if err != nil {
			return outcome{err: r.failure(j.step, j.values, messageOf(err), err)} //nolint:contextcheck // a text's expressions have a clock of their own
		}
		u.Args = raw
	}
	callee, failed := r.callee(t.name)
	if failed == nil && u.Nested == nil && r.nesting.Calls.Add(1) > maxCalls {
		failed = &plugins.Error{Kind: plugins.KindStatus, Message: fmt.Sprintf("The call would make more than %d others. Ask for less.", maxCalls)}
	}
	if failed != nil {
		return outcome{err: r.rephrase(j, failed)} //nolint:contextcheck // a text's expressions have a clock of their own
	}
	call := r.subcall(callee, u.Args)
	call.Run.Resume = r.resume(j)
	call.Run.Uncounted = r.state.Uncounted || u.Nested != nil
	if t.detach {
		return outcome{err: r.detached(ctx, callee, call)}
	}
	started := time.Now()
	result, err := callee.Call(ctx, call)
	r.merge(call.Record)
	if err != nil {
		if !unreached(err) {
			u.Nested = nil // it has undone its own steps
		}
		return outcome{err: r.rephrase(j, r.failureOf(ctx, err))} //nolint:contextcheck // a text's expressions have a clock of their own
	}
	defer result.Free()
	if result.Pending != nil {
		u.Tool, u.Nested, u.Spent = t.name, result.Pending.State, u.Spent+int64(time.Since(started))
		return outcome{wait: nested(j.key, result.Pending)}
	}
	u.Nested = nil
	return r.take(j, result) //nolint:contextcheck // a text's expressions have a clock of their own
}

// unreached reports whether a policy refused a call before it came to what it
// had to go on with: that is pending still.
func unreached(err error) bool {
	var refused *plugins.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Kind {
	case plugins.KindDenied, plugins.KindScope, plugins.KindLimited, plugins.KindOverload, plugins.KindInvalid, plugins.KindBreakerOpen:
		return true
	default:
		return false
	}
}

// callee finds a tool, for a caller who may call it.
func (r *run) callee(name string) (*plugins.Callee, *plugins.Error) {
	if r.nesting.Depth > maxDepth {
		return nil, &plugins.Error{Kind: plugins.KindInternal, Message: "Internal error", Cause: fmt.Errorf("steps are nested more than %d deep", maxDepth)}
	}
	var callee *plugins.Callee
	if r.p.env.Callee != nil {
		callee = r.p.env.Callee(name)
	}
	switch {
	case callee == nil:
		return nil, broken(fmt.Errorf("there is no tool %q", name))
	case !callee.Admits(r.call.Principal):
		return nil, &plugins.Error{
			Kind: plugins.KindDenied, Message: "A tool that is needed for this is not there.",
			Cause: fmt.Errorf("the caller may not call %q", name),
		}
	}
	for _, need := range callee.Tool.Requires {
		if !r.call.Capabilities.Has(need) {
			return nil, &plugins.Error{Kind: plugins.KindCapability, Message: lacking(need), Capabilities: callee.Tool.Requires}
		}
	}
	return callee, nil
}

// subcall is a call of a tool on behalf of the run's.
func (r *run) subcall(callee *plugins.Callee, args []byte) *plugins.Call {
	call := &plugins.Call{
		Tool: callee.Tool, Principal: r.call.Principal, Revision: r.call.Revision, Arguments: args,
		Capabilities: r.call.Capabilities, Endpoint: r.call.Endpoint, RequestID: r.call.RequestID, Trace: r.call.Trace,
		Record: &plugins.Record{}, Run: &plugins.Run{Nesting: r.nesting},
	}
	if r.call.Talk != nil {
		call.Talk = logOnly{r.call.Talk}
	}
	return call
}

// logOnly passes on log messages. How far a step has come says nothing of how
// far the call has.
type logOnly struct{ talk plugins.Talk }

// Progress implements plugins.Talk.
func (logOnly) Progress(mcp.Progress) {}

// Log implements plugins.Talk.
func (l logOnly) Log(m mcp.LogMessage) { l.talk.Log(m) }

// resume is what the call of a unit goes on with; nil if there is nothing.
func (r *run) resume(j *job) *plugins.Resume {
	answers := make(map[string][]byte)
	for key, answer := range r.answers {
		if rest, ok := strings.CutPrefix(key, j.key+"."); ok {
			answers[rest] = answer
		}
	}
	if j.unit.Nested == nil && len(answers) == 0 {
		return nil
	}
	return &plugins.Resume{State: j.unit.Nested, Answers: answers, Spent: time.Duration(j.unit.Spent)}
}

// nested is what a call waits for, as its caller tells it.
func nested(key string, p *mcp.Pending) waiting {
	w := waiting{any: true, least: p.Wait, status: p.Status}
	for _, q := range p.Questions {
		q.Key = key + "." + q.Key
		w.questions = append(w.questions, q)
	}
	return w
}

// merge adds what a call did to the record of the run's.
func (r *run) merge(record *plugins.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.call.Record
	if own == nil {
		return
	}
	own.Attempts += record.Attempts
	own.UpstreamDuration += record.UpstreamDuration
	if record.Upstream != "" {
		own.Upstream, own.UpstreamStatus = record.Upstream, record.UpstreamStatus
	}
}

// take keeps the result of a unit's call.
func (r *run) take(j *job, result *mcp.Result) outcome {
	if result.IsError {
		return outcome{err: r.failure(j.step, j.values, clip(textOf(result.Content)), nil)}
	}
	out := outcome{value: textOf(result.Content), blocks: cloneBlocks(result.Content)}
	if result.Structured != nil {
		value, err := strictjson.Decode(result.Structured, stateDepth)
		if err != nil {
			return outcome{err: r.failure(j.step, j.values, "The answer of a step can't be read.", err)}
		}
		out.value = value
	}
	if j.step.id != "" {
		if err := j.unit.save(out.value, result.Structured, out.blocks); err != nil {
			return outcome{err: broken(err)}
		}
	}
	if j.step.tool.undo != nil {
		r.prepareUndo(j, out.value)
	}
	return out
}

// textOf joins the text blocks.
func textOf(blocks []mcp.Block) string {
	var all []string
	for i := range blocks {
		if blocks[i].Type == mcp.TextBlock {
			all = append(all, string(blocks[i].Text))
		}
	}
	return strings.Join(all, "\n")
}

// cloneBlocks copies blocks out of the buffers they point into.
func cloneBlocks(blocks []mcp.Block) []mcp.Block {
	out := make([]mcp.Block, len(blocks))
	for i := range blocks {
		out[i] = blocks[i]
		out[i].Text, out[i].Data = clone(blocks[i].Text), clone(blocks[i].Data)
	}
	return out
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

// failureOf makes an *plugins.Error of any error of a call. A step's time may
// be up before that of the run.
func (r *run) failureOf(ctx context.Context, err error) *plugins.Error {
	if over := ended(ctx); over != nil {
		over.Cause = errors.Join(over.Cause, err)
		return over
	}
	var failed *plugins.Error
	switch {
	case errors.As(err, &failed) && failed.Kind != plugins.KindCancelled:
		return failed
	case failed != nil:
		return &plugins.Error{Kind: plugins.KindUpstream, Message: "A step was cancelled.", Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &plugins.Error{Kind: plugins.KindTimeout, Message: "A step took longer than it may.", Cause: err}
	}
	return broken(err)
}

// rephrase makes a failure of a step's call one of the step: whatever went
// wrong there, here it is a tool error. The end of the run itself stays what
// it is.
func (r *run) rephrase(j *job, failed *plugins.Error) *plugins.Error {
	if failed.Kind == plugins.KindCancelled {
		return failed
	}
	if failed.Kind == plugins.KindInternal {
		r.p.log.Error("a step failed", slog.String("tool", r.p.env.Name), slog.String("step", j.step.label), slog.Any("error", failed.Cause))
	}
	cause := failed.Cause
	if cause == nil {
		cause = failed
	}
	out := r.failure(j.step, j.values, failed.Message, fmt.Errorf("step %s: %w", j.step.label, cause))
	out.RetryAfter = failed.RetryAfter
	return out
}
