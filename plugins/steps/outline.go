package steps

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Outlines implements plugins.Outliner.
func (p *program) Outlines() []plugins.StepOutline { return p.outlines }

// outlineSteps puts a list of steps on paper.
func outlineSteps(list []Step, path ...string) []plugins.StepOutline {
	out := make([]plugins.StepOutline, 0, len(list))
	for i := range list {
		out = append(out, outlineStep(&list[i], under(path, strconv.Itoa(i))))
	}
	return out
}

func outlineStep(s *Step, path []string) plugins.StepOutline {
	out := plugins.StepOutline{
		ID: s.ID, When: s.When, Otherwise: s.Otherwise, Optional: s.Optional, Detached: s.Detach,
		ForEach: s.ForEach, Text: s.Message,
	}
	switch {
	case s.Tool != "":
		out.Kind, out.Call = "tool", outlineCall(s.Tool, s.Args, path)
		if s.Parallel != nil {
			out.AtOnce = s.Parallel.Limit
		}
		if s.Undo != nil {
			out.Undo = outlineCall(s.Undo.Tool, s.Undo.Args, under(path, "undo"))
		}
	case s.Ask != nil:
		out.Kind, out.Text, out.Needs = "ask", s.Ask.Message, "elicitation"
		if s.Ask.URL != "" {
			out.Needs = "elicitation.url"
		}
	case s.Sample != nil:
		out.Kind, out.Needs = "sample", "sampling"
	case s.Roots != nil:
		out.Kind, out.Needs = "roots", "roots"
	case s.Require != "":
		out.Kind, out.Text = "require", s.Require
	case !absent(s.Progress):
		out.Kind = "progress"
	case s.Log != "":
		out.Kind = "log"
	case s.Parallel != nil:
		out.Kind, out.Steps = "parallel", outlineSteps(s.Parallel.Steps, under(path, "parallel")...)
	}
	return out
}

// outlineCall puts a call on paper.
func outlineCall(tool string, args json.RawMessage, path []string) *plugins.CallOutline {
	out := &plugins.CallOutline{Tool: tool, Path: path}
	if absent(args) {
		return out
	}
	members, err := strictjson.Members(args, nil)
	out.Any = err != nil
	for i := range members {
		out.Arguments = append(out.Arguments, members[i].Name)
	}
	return out
}

// outlineConfirm puts a confirmation on paper.
func outlineConfirm(text string) []plugins.StepOutline {
	return []plugins.StepOutline{{ID: confirmKey, Kind: "ask", Text: text, Needs: "elicitation"}}
}

// outlineLoad puts what is loaded on paper.
func outlineLoad(all map[string]Loading) []plugins.StepOutline {
	out := make([]plugins.StepOutline, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		one := all[name]
		out = append(out, plugins.StepOutline{
			ID: name, Kind: "tool", When: one.When, Optional: one.Optional,
			Call: outlineCall(one.Tool, one.Args, []string{name}),
		})
	}
	return out
}

var _ plugins.Outliner = (*program)(nil)
