package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// StepNote tells of one step, with its expressions as they are written.
type StepNote struct {
	// In is the key that the step stands in: confirm, steps or load.
	In string `json:"in,omitempty"`
	ID string `json:"id,omitempty"`
	// Kind is what it does: tool, ask, sample, roots, require, progress, log or
	// parallel.
	Kind string `json:"kind"`
	// Tool is the tool called, and Undo the one that takes it back.
	Tool string `json:"tool,omitempty"`
	Undo string `json:"undo,omitempty"`
	// Text is the question, the condition of require, or the message.
	Text    string `json:"text,omitempty"`
	When    string `json:"when,omitempty"`
	ForEach string `json:"for_each,omitempty"`
	AtOnce  int    `json:"at_once,omitempty"`
	// Needs is what a client has to be able to do.
	Needs    string     `json:"needs,omitempty"`
	Optional bool       `json:"optional,omitempty"`
	Detached bool       `json:"detached,omitempty"`
	Steps    []StepNote `json:"steps,omitempty"`
}

// stepNotes are the steps of all programs of a target.
func stepNotes(t *target) []StepNote {
	var notes []StepNote
	for _, p := range t.programs {
		for _, note := range noteSteps(outlinesOf(p)) {
			note.In = p.kind.key()
			notes = append(notes, note)
		}
	}
	return notes
}

// outlinesOf are the steps of a program, if it tells them.
func outlinesOf(p program) []plugins.StepOutline {
	if outliner, ok := p.Program.(plugins.Outliner); ok {
		return outliner.Outlines()
	}
	return nil
}

// key is the key of the manifest that a program stands in.
func (k programKind) key() string {
	switch k {
	case programConfirm:
		return "confirm"
	case programLoad:
		return "load"
	case programSteps:
	}
	return "steps"
}

func noteSteps(steps []plugins.StepOutline) []StepNote {
	notes := make([]StepNote, 0, len(steps))
	for i := range steps {
		s := &steps[i]
		note := StepNote{
			ID: s.ID, Kind: s.Kind, Text: s.Text, When: s.When, ForEach: s.ForEach, AtOnce: s.AtOnce,
			Needs: s.Needs, Optional: s.Optional, Detached: s.Detached,
		}
		if s.Call != nil {
			note.Tool = s.Call.Tool
		}
		if s.Undo != nil {
			note.Undo = s.Undo.Tool
		}
		if len(s.Steps) > 0 {
			note.Steps = noteSteps(s.Steps)
		}
		notes = append(notes, note)
	}
	return notes
}

// clientNeeds are what a client needs for a call of the target, and what it
// may lack: the questions of its steps, and of the tools that they call.
func (s *snapshot) clientNeeds(t *target) (needs, uses []string) {
	c := capabilityScan{s: s, seen: make(map[*target]bool)}
	c.target(t, false)
	slices.Sort(c.needs)
	slices.Sort(c.uses)
	needs = slices.Compact(c.needs)
	uses = slices.DeleteFunc(slices.Compact(c.uses), func(name string) bool { return slices.Contains(needs, name) })
	return needs, uses
}

// capabilityScan looks through steps and the tools they call.
type capabilityScan struct {
	s *snapshot
	// seen tells of targets whether they are needed, not only used.
	seen        map[*target]bool
	needs, uses []string
}

func (c *capabilityScan) target(t *target, optional bool) {
	if needed, seen := c.seen[t]; seen && (needed || optional) {
		return
	}
	c.seen[t] = !optional
	for _, name := range t.spec.Requires {
		c.note(name, optional)
	}
	for _, p := range t.programs {
		c.steps(outlinesOf(p), optional)
	}
}

func (c *capabilityScan) steps(steps []plugins.StepOutline, optional bool) {
	for i := range steps {
		s := &steps[i]
		// What a condition stands before is not always needed.
		lacking := optional || s.Optional || s.When != ""
		if s.Needs != "" {
			c.note(s.Needs, lacking)
		}
		if s.Call != nil {
			if called := c.s.tools[s.Call.Tool]; called != nil {
				c.target(&called.target, lacking)
			}
		}
		c.steps(s.Steps, lacking)
	}
}

func (c *capabilityScan) note(name string, optional bool) {
	if optional {
		c.uses = append(c.uses, name)
	} else {
		c.needs = append(c.needs, name)
	}
}

// completionNotes tell where the suggestions for each argument come from.
func completionNotes(completers map[string]*completer) map[string]string {
	if len(completers) == 0 {
		return nil
	}
	notes := make(map[string]string, len(completers))
	for name, c := range completers {
		notes[name] = c.note()
	}
	return notes
}

// maxNoted bounds how many suggestions of a list a note tells.
const maxNoted = 8

// note tells where suggestions come from.
func (c *completer) note() string {
	switch {
	case c.ask == nil && len(c.values) > maxNoted:
		return fmt.Sprintf("%s and %d more", strings.Join(c.values[:maxNoted], ", "), len(c.values)-maxNoted)
	case c.ask == nil:
		return strings.Join(c.values, ", ")
	case c.ask.upstream != "":
		return "a request to " + c.ask.upstream
	}
	return "tool " + c.tool
}
