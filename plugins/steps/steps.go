// Package steps runs calls of several steps: the keys `steps`, `confirm` and
// `load`.
//
// A program is a list of steps that is compiled when a manifest is loaded. A
// run of it may stop at questions to the client or at an upstream's job, and
// is gone on with later, perhaps by another replica: all that it needs is in
// its state. A finished step never runs twice. When a step fails, what the
// finished ones did is undone in reverse order.
package steps

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

const (
	// maxItems bounds the elements of a for_each.
	maxItems = 1000
	// maxCalls bounds the calls of one run, those of nested ones included.
	maxCalls = 1000
	// maxDepth bounds how deep steps call tools that are made of steps.
	maxDepth = 8
	// maxState bounds a run's state, in bytes.
	maxState = 256 << 10
)

// confirmKey is the key of the question that `confirm` asks.
const confirmKey = "confirm"

// Steps declares the key `steps`.
func Steps() plugins.ProgramPart { return plugins.NewProgramPart(newSteps) }

// Confirm declares the key `confirm`: one question, which must be accepted.
func Confirm() plugins.ProgramPart { return plugins.NewProgramPart(newConfirm) }

// Load declares the key `load` of prompts: tools that are called side by side.
// Its Steps are the names of what is loaded.
func Load() plugins.ProgramPart { return plugins.NewProgramPart(newLoad) }

// program is a compiled list of steps. It is never changed after it is made.
type program struct {
	kind programKind
	env  plugins.Env
	log  *slog.Logger
	list []*step
	// ids are those of the steps that have one; tools what they call, sorted.
	ids, tools []string
	logs       bool
	outlines   []plugins.StepOutline
	// print tells states of this program from others'.
	print string
	// background runs detached calls; nil if there are none.
	background *background
}

type programKind uint8

const (
	kindSteps programKind = iota
	kindConfirm
	kindLoad
)

// step is a compiled step: one of its actions is not nil.
type step struct {
	// address is the place in the program: "3", or "3.1" within parallel.
	address string
	id      string
	// label names the step in reports.
	label     string
	when      *expr.Condition
	optional  bool
	otherwise *expr.Text

	tool     *toolStep
	question *question
	require  *expr.Condition
	progress *progressStep
	log      *logStep
	side     []*step
}

// key is what the keys of the step's questions begin with.
func (s *step) key() string {
	if s.id != "" {
		return s.id
	}
	return s.address
}

// below is the address, or the key, of a part of something.
func below(of string, i int) string { return of + "." + strconv.Itoa(i) }

// Steps implements plugins.Program.
func (p *program) Steps() []string {
	if p.kind == kindConfirm {
		return nil
	}
	return p.ids
}

// Tools implements plugins.Program.
func (p *program) Tools() []string { return p.tools }

// Logs implements plugins.Program.
func (p *program) Logs() bool { return p.logs }

// Run implements plugins.Program. A run whose context has ended does nothing
// but undo what was done: this is the way to give up one that is pending.
func (p *program) Run(ctx context.Context, call *plugins.Call) (*plugins.Run, *mcp.Pending, error) {
	r, err := p.begin(call)
	if err == nil {
		err = ended(ctx)
	}
	if err != nil {
		return nil, nil, r.fail(ctx, err)
	}
	var wait waiting
	if err := r.walk(ctx, &wait); err != nil {
		return nil, nil, r.fail(ctx, err)
	}
	if wait.any {
		pending, err := r.suspend(&wait)
		if err != nil {
			return nil, nil, r.fail(ctx, err)
		}
		return nil, pending, nil
	}
	return r.finish(), nil, nil
}
