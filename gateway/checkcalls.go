package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// toolCaller is what calls tools: steps, what is loaded, or suggestions. What it
// calls them with is checked once all tools are known.
type toolCaller struct {
	setting config.Setting
	calls   []*plugins.CallOutline
}

// callsOf are all calls on paper, those of undo and of parallel steps included.
func callsOf(steps []plugins.StepOutline) []*plugins.CallOutline {
	var all []*plugins.CallOutline
	for i := range steps {
		for _, call := range []*plugins.CallOutline{steps[i].Call, steps[i].Undo} {
			if call != nil {
				all = append(all, call)
			}
		}
		all = append(all, callsOf(steps[i].Steps)...)
	}
	return all
}

// noteCalls takes note of what a program calls.
func (b *builder) noteCalls(setting config.Setting, p plugins.Program) {
	if outliner, ok := p.(plugins.Outliner); ok {
		b.callers = append(b.callers, toolCaller{setting, callsOf(outliner.Outlines())})
	}
}

// noteCompletion takes note of what suggestions call.
func (b *builder) noteCompletion(source *config.Complete) {
	call := &plugins.CallOutline{Tool: source.Tool}
	members, err := strictjson.Members(source.Args, nil)
	call.Any = err != nil && source.Args != nil
	for i := range members {
		call.Arguments = append(call.Arguments, members[i].Name)
	}
	b.callers = append(b.callers, toolCaller{config.Setting{Place: source.Place}, []*plugins.CallOutline{call}})
}

// checkCalls compares what tools are called with to what they declare.
func (b *builder) checkCalls() {
	for i := range b.callers {
		var faults plugins.FieldErrors
		for _, call := range b.callers[i].calls {
			// Where something is misspelled, it may be the arguments as a whole.
			unread := b.callers[i].setting.Broken && len(call.Arguments) == 0
			if t := b.s.tools[call.Tool]; t != nil && !call.Any && !unread {
				faults = append(faults, misfits(t.spec, call)...)
			}
		}
		if len(faults) > 0 {
			b.problems = append(b.problems, b.callers[i].setting.Problems(faults)...)
		}
	}
}

// misfits are the arguments that a call gives and the tool doesn't know, and
// those that it leaves out.
func misfits(spec *plugins.Tool, call *plugins.CallOutline) plugins.FieldErrors {
	var faults plugins.FieldErrors
	names := make([]string, 0, len(spec.Arguments))
	for i := range spec.Arguments {
		if spec.Arguments[i].Value == nil {
			names = append(names, spec.Arguments[i].Name)
		}
	}
	misspelled := make(map[string]bool)
	for _, name := range call.Arguments {
		if slices.Contains(names, name) || !closed(spec) {
			continue
		}
		hint := "it takes no arguments"
		if len(names) > 0 {
			hint = "it takes " + strings.Join(names[:min(len(names), maxNamed)], ", ")
		}
		if near := config.Nearest(name, names); near != "" {
			hint, misspelled[near] = fmt.Sprintf("did you mean %q?", near), true
		}
		faults = append(faults, &plugins.FieldError{
			Path: slices.Concat(call.Path, []string{"args", name}), Offset: -1,
			Message: fmt.Sprintf("tool %q has no argument %q", spec.Name, name), Hint: hint,
		})
	}
	for i := range spec.Arguments {
		a := &spec.Arguments[i]
		if a.Optional || a.Value != nil || misspelled[a.Name] || slices.Contains(call.Arguments, a.Name) {
			continue
		}
		faults = append(faults, &plugins.FieldError{
			Path:    slices.Concat(call.Path, []string{"tool"}),
			Message: fmt.Sprintf("tool %q wants the argument %q", spec.Name, a.Name),
			Hint:    fmt.Sprintf("write args: {%s: …}", a.Name),
		})
	}
	return faults
}

// maxNamed bounds how many arguments a hint names.
const maxNamed = 8

// closed reports whether a tool refuses arguments that it doesn't declare.
func closed(spec *plugins.Tool) bool {
	var input struct {
		Additional json.RawMessage `json:"additionalProperties"`
	}
	err := json.Unmarshal(spec.InputSchema, &input)
	return err == nil && string(input.Additional) == "false"
}
