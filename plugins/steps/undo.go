package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// undoTime bounds one call that takes a step back, and unwindTime all of
	// them.
	undoTime, unwindTime = 10 * time.Second, 20 * time.Second
)

// prepareUndo notes what takes a finished unit back. It is made ready now, while
// everything is known that its arguments are made of.
func (r *run) prepareUndo(j *job, value any) {
	t := j.step.tool.undo
	v := r.values()
	v.Item = j.values.Item
	if j.step.id != "" {
		v.Steps = maps.Clone(r.results)
		v.Steps[j.step.id] = value
	}
	undo := undoing{Label: j.step.label, Tool: t.name}
	raw, err := t.arguments(v)
	if err == nil {
		undo.Args = raw
	} else {
		r.p.log.Warn("the arguments of an undo can't be made", slog.String("tool", r.p.env.Name),
			slog.String("step", j.step.label), slog.Any("error", err))
	}
	j.unit.Undo = append(j.unit.Undo, undo)
}

// fail ends the call: what was done is undone, and the failure tells of it.
func (r *run) fail(ctx context.Context, failure *plugins.Error) error {
	if over := ended(ctx); over != nil {
		over.Cause = errors.Join(over.Cause, failure.Cause)
		failure = over
	}
	out := *failure
	if report := r.unwind(ctx); report != "" {
		out.Message, out.Undone = sentence(failure.Message)+" "+report, report
	}
	return &out
}

// sentence ends a text as a sentence does.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(text[len(text)-1:], ".!?:") || strings.HasSuffix(text, "…") {
		return text
	}
	return text + "."
}

// unwind gives up calls that are pending and undoes what is finished, the last
// first, and says what became of it. It goes on where the call was cancelled.
func (r *run) unwind(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unwindTime)
	defer cancel()
	var undone, left tally
	for _, address := range slices.Backward(r.state.addresses()) {
		u := r.state.Units[address]
		if u.Nested != nil {
			r.abandon(ctx, u)
		}
		for _, undo := range slices.Backward(u.Undo) {
			if err := r.undo(ctx, &undo); err != nil {
				left.add(undo.Label)
				r.p.log.Error("a step could not be undone", slog.String("tool", r.p.env.Name),
					slog.String("step", undo.Label), slog.Any("error", err))
				continue
			}
			undone.add(undo.Label)
		}
	}
	var report []string
	if undone.names != nil {
		report = append(report, "Undone: "+undone.String()+".")
	}
	if left.names != nil {
		report = append(report, "Could not be undone: "+left.String()+"; check what became of it.")
	}
	return strings.Join(report, " ")
}

// tally counts names, in the order of their coming.
type tally struct {
	names []string
	times map[string]int
}

func (t *tally) add(name string) {
	if t.times == nil {
		t.times = make(map[string]int)
	}
	if t.times[name] == 0 {
		t.names = append(t.names, name)
	}
	t.times[name]++
}

// String lists the names, with how often each came.
func (t *tally) String() string {
	all := make([]string, len(t.names))
	for i, name := range t.names {
		if all[i] = name; t.times[name] > 1 {
			all[i] += " (" + strconv.Itoa(t.times[name]) + " times)"
		}
	}
	return strings.Join(all, ", ")
}

// undo takes one unit back.
func (r *run) undo(ctx context.Context, undo *undoing) error {
	if undo.Args == nil {
		return errors.New("its arguments could not be made")
	}
	ctx, cancel := context.WithTimeout(ctx, undoTime)
	defer cancel()
	result, err := r.silently(ctx, undo.Tool, undo.Args, nil)
	if err != nil {
		return err
	}
	defer result.Free()
	switch {
	case result.IsError:
		return fmt.Errorf("%s failed: %s", undo.Tool, clip(textOf(result.Content)))
	case result.Pending != nil && len(result.Pending.Questions) > 0:
		return fmt.Errorf("%s has questions", undo.Tool)
	}
	return nil // or an upstream's job is on its way
}

// abandon tells a call that is pending that nobody goes on with it: its own
// finished steps are undone.
func (r *run) abandon(ctx context.Context, u *unit) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	result, err := r.silently(ctx, u.Tool, u.Args, &plugins.Resume{State: u.Nested})
	if err == nil {
		result.Free()
	}
}

// silently makes a call that no limit counts and that can ask nothing.
func (r *run) silently(ctx context.Context, tool string, args []byte, resume *plugins.Resume) (*mcp.Result, error) {
	callee, failed := r.callee(tool)
	if failed != nil {
		return nil, failed
	}
	call := r.subcall(callee, args)
	call.Capabilities = mcp.ClientCapabilities{}
	call.Run.Resume, call.Run.Uncounted = resume, true
	result, err := callee.Call(ctx, call)
	r.merge(call.Record)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", tool, err)
	}
	return result, nil
}
