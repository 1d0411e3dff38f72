package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// stages are the innermost handler of a target with programs: these run one
// after the other, and then the target answers. A call that comes back pending
// goes on at the stage that it had reached.
type stages struct {
	programs []program
	last     plugins.Handler
}

// confirmKey is the key of the question that `confirm` puts.
const confirmKey = "confirm"

// stageState is where a pending call stands.
type stageState struct {
	// Stage counts the programs; the last stage is the answer itself.
	Stage int `json:"n"`
	// State is that of the stage.
	State json.RawMessage `json:"s,omitempty"`
	// Run is what the stages before left.
	Run stageRun `json:"r"`
}

// stageRun is what programs leave.
type stageRun struct {
	Steps      map[string]any         `json:"s,omitempty"`
	Load       map[string]any         `json:"l,omitempty"`
	StepBlocks map[string][]mcp.Block `json:"sb,omitempty"`
	LoadBlocks map[string][]mcp.Block `json:"lb,omitempty"`
}

// staged wraps the target's answer with its programs.
func (b *builder) staged(t *target, last plugins.Handler) plugins.Handler {
	if len(t.programs) == 0 {
		return last
	}
	return (&stages{programs: slices.Clone(t.programs), last: last}).handle
}

func (s *stages) handle(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
	at, err := s.open(call)
	if err != nil {
		return nil, err
	}
	resume := call.Resumed()
	for ; at.Stage < len(s.programs); at.Stage++ {
		out, pending, err := s.programs[at.Stage].Run(ctx, at.call(call, resume))
		if err != nil {
			return nil, err
		}
		if pending != nil {
			return at.pend(&mcp.Result{Pending: pending})
		}
		at.Run.take(out)
		at.State = nil
	}
	result, err := s.last(ctx, at.call(call, resume))
	if err != nil || result.Pending == nil {
		return result, err
	}
	return at.pend(result)
}

// open finds out where the call stands.
func (s *stages) open(call *plugins.Call) (*stageState, error) {
	at := &stageState{}
	resume := call.Resumed()
	if resume == nil || resume.State == nil {
		return at, nil
	}
	if err := decodeState(resume.State, at); err != nil || at.Stage < 0 || at.Stage > len(s.programs) {
		return nil, &plugins.Error{Kind: plugins.KindInternal, Message: "The call can't go on. Call again.", Cause: fmt.Errorf("state of a call: %w", err)}
	}
	return at, nil
}

// call is the call as a stage sees it.
func (at *stageState) call(call *plugins.Call, resume *plugins.Resume) *plugins.Call {
	run := plugins.Run{}
	if call.Run != nil {
		run = *call.Run
	}
	run.Steps, run.Load, run.StepBlocks, run.LoadBlocks = at.Run.Steps, at.Run.Load, at.Run.StepBlocks, at.Run.LoadBlocks
	if resume != nil {
		own := *resume
		own.State = at.State
		if at.Stage > 0 && own.Answers[confirmKey] != nil { // taken by the stage that it was meant for
			own.Answers = maps.Clone(own.Answers)
			delete(own.Answers, confirmKey)
		}
		run.Resume = &own
	}
	return call.WithRun(&run)
}

// pend puts the stage around a pending result's state.
func (at *stageState) pend(result *mcp.Result) (*mcp.Result, error) {
	at.State = result.Pending.State
	state, err := json.Marshal(at)
	if err != nil {
		return nil, fmt.Errorf("state of a call: %w", err)
	}
	pending := *result.Pending
	pending.State = state
	return &mcp.Result{Pending: &pending}, nil
}

// take adds what a program left.
func (r *stageRun) take(run *plugins.Run) {
	if run == nil {
		return
	}
	r.Steps, r.Load = join(r.Steps, run.Steps), join(r.Load, run.Load)
	r.StepBlocks, r.LoadBlocks = join(r.StepBlocks, run.StepBlocks), join(r.LoadBlocks, run.LoadBlocks)
}

func join[V any](into, from map[string]V) map[string]V {
	if into == nil {
		return from
	}
	for key, value := range from {
		into[key] = value
	}
	return into
}

// decodeState decodes a state with the digits of its numbers kept.
func decodeState(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}
