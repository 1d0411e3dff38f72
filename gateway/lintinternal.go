package gateway

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// internal warns of tools that no client can call, and that nothing in the
// manifest calls either.
func (l *linter) internal() {
	called := l.called()
	for _, name := range slices.Sorted(maps.Keys(l.s.tools)) {
		if t := l.s.tools[name]; t.source.Internal && !called[name] {
			l.tool(ruleInternalUnused, t, t.source.ProblemAt([]string{"internal"},
				fmt.Sprintf("the internal tool %q is called by nothing", name), "call it in steps, load, undo or complete, or take internal away", -1))
		}
	}
}

// called are the tools that steps and suggestions of others call.
func (l *linter) called() map[string]bool {
	called := make(map[string]bool)
	steps := func(t *target) {
		for _, p := range t.programs {
			noteCalled(called, t.spec.Name, outlinesOf(p))
		}
	}
	suggestions := func(all map[string]*completer) {
		for _, c := range all {
			called[c.tool] = true
		}
	}
	for _, t := range l.s.tools {
		steps(&t.target)
	}
	for _, p := range l.s.prompts {
		steps(&p.target)
		suggestions(p.completers)
	}
	for _, r := range slices.Concat(slices.Collect(maps.Values(l.s.resources)), l.s.templates) {
		steps(&r.target)
		suggestions(r.completers)
	}
	return called
}

// noteCalled notes the tools that steps call; a tool that calls itself is not
// called by that.
func noteCalled(called map[string]bool, by string, steps []plugins.StepOutline) {
	for i := range steps {
		for _, call := range []*plugins.CallOutline{steps[i].Call, steps[i].Undo} {
			if call != nil && call.Tool != by {
				called[call.Tool] = true
			}
		}
		noteCalled(called, by, steps[i].Steps)
	}
}
