package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// errMockedRecord refuses what makes no sense together.
var errMockedRecord = errors.New("what is mocked can't be recorded: leave one of the two out")

// Rehearsal says which examples of a manifest are tried, and how.
type Rehearsal struct {
	// Tools are the names of tools whose examples are tried; all if empty.
	Tools []string
	// Match picks examples by NAME/INDEX or NAME/name of the example; nil picks
	// all.
	Match *regexp.Regexp
	// Live asks the services for what examples say they answer, and compares.
	// Otherwise nothing is sent.
	Live bool
	// Unsafe sends live also what may change something.
	Unsafe bool
}

// The outcomes of an example, and of a tool.
const (
	OutcomePass = "pass"
	OutcomeFail = "fail"
	OutcomeSkip = "skip"
	// OutcomeNone is a tool without examples.
	OutcomeNone = "none"
)

// RehearsalReport tells how examples fared.
type RehearsalReport struct {
	Tools []ToolRehearsal `json:"tools"`
	// Passed, Failed and Skipped count examples; Without counts tools that have
	// none.
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Without int `json:"without_examples"`
	// Milliseconds is how long it took.
	Milliseconds float64 `json:"ms"`
}

// ToolRehearsal tells how the examples of one tool fared.
type ToolRehearsal struct {
	Name         string             `json:"name"`
	File         string             `json:"file"`
	Line         int                `json:"line"`
	Outcome      string             `json:"outcome"`
	Examples     []ExampleRehearsal `json:"examples"`
	Milliseconds float64            `json:"ms"`
}

// ExampleRehearsal tells how an example fared.
type ExampleRehearsal struct {
	// Name is the example's own, or its number from 1.
	Name    string `json:"name"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Outcome string `json:"outcome"`
	// Reason says why it was skipped.
	Reason string `json:"reason,omitempty"`
	// Findings are what was not as expected.
	Findings []Finding `json:"findings,omitempty"`
	// Notes are what differs from the example and harms nobody.
	Notes        []string `json:"notes,omitempty"`
	Milliseconds float64  `json:"ms"`
}

// Finding is one thing that was not as an example expects.
type Finding struct {
	// What was looked at, e.g. request, structured or shape.
	What string `json:"what"`
	File string `json:"file"`
	Line int    `json:"line"`
	// Message may have several lines.
	Message string `json:"message"`
}

// Rehearse tries the examples of a manifest: each goes through the whole
// pipeline, with all policies but limits, caches and breakers. The error is
// config.Problems if the manifest is at fault.
func Rehearse(ctx context.Context, o Options, r *Rehearsal) (*RehearsalReport, error) {
	o.rehearse, o.Offline = playing, true
	if r.Live {
		o.rehearse, o.Offline = live, false
	}
	o.Parts = rehearsedParts(o.Parts)
	g, err := New(o) //nolint:contextcheck // what it starts has a life of its own
	if err != nil {
		return nil, err
	}
	report, err := g.rehearse(ctx, r)
	return report, errors.Join(err, g.Close()) //nolint:contextcheck // what it starts has a life of its own
}

// rehearse tries examples, tool by tool.
func (g *Gateway) rehearse(ctx context.Context, r *Rehearsal) (*RehearsalReport, error) {
	s := g.acquire()
	defer s.done()
	names := slices.Sorted(maps.Keys(s.tools))
	for _, name := range r.Tools {
		if s.tools[name] == nil {
			return nil, unknownTool(name, names)
		}
	}
	report, started := &RehearsalReport{Tools: []ToolRehearsal{}}, time.Now()
	for _, name := range names {
		if len(r.Tools) > 0 && !slices.Contains(r.Tools, name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("cancelled: %w", err)
		}
		if one, chosen := g.rehearseTool(ctx, s, s.tools[name], r); chosen {
			report.add(one)
		}
	}
	report.Milliseconds = elapsed(started)
	return report, nil
}

// unknownTool says which tool was probably meant.
func unknownTool(name string, known []string) error {
	switch meant := config.Nearest(name, known); {
	case meant != "":
		return fmt.Errorf("unknown tool %q: did you mean %q?", name, meant)
	case len(known) > maxKnown:
		return fmt.Errorf("unknown tool %q; there are: %v and %d more", name, known[:maxKnown], len(known)-maxKnown)
	}
	return fmt.Errorf("unknown tool %q; there are: %v", name, known)
}

// add counts a tool.
func (r *RehearsalReport) add(one ToolRehearsal) {
	r.Tools = append(r.Tools, one)
	if one.Outcome == OutcomeNone {
		r.Without++
	}
	for i := range one.Examples {
		switch one.Examples[i].Outcome {
		case OutcomePass:
			r.Passed++
		case OutcomeFail:
			r.Failed++
		default:
			r.Skipped++
		}
	}
}

// rehearseTool tries the examples of a tool; chosen is false if none was meant.
func (g *Gateway) rehearseTool(ctx context.Context, s *snapshot, t *tool, r *Rehearsal) (out ToolRehearsal, chosen bool) {
	out = ToolRehearsal{Name: t.spec.Name, File: t.place.File, Line: t.place.Line, Outcome: OutcomeNone, Examples: []ExampleRehearsal{}}
	started := time.Now()
	for i := range t.source.Examples {
		e := &t.source.Examples[i]
		number := strconv.Itoa(i + 1)
		if r.Match != nil && !r.Match.MatchString(t.spec.Name+"/"+number) && !r.Match.MatchString(t.spec.Name+"/"+e.Name) {
			continue
		}
		one := ExampleRehearsal{Name: e.Name, File: e.File, Line: e.Line}
		if one.Name == "" {
			one.Name = number
		}
		begun := time.Now()
		g.rehearseExample(ctx, s, t, e, r, &one)
		one.Milliseconds = elapsed(begun)
		out.Examples = append(out.Examples, one)
		switch {
		case one.Outcome == OutcomeFail:
			out.Outcome = OutcomeFail
		case one.Outcome == OutcomePass && out.Outcome != OutcomeFail:
			out.Outcome = OutcomePass
		case out.Outcome == OutcomeNone:
			out.Outcome = OutcomeSkip
		}
	}
	out.Milliseconds = elapsed(started)
	return out, len(out.Examples) > 0 || r.Match == nil
}

// rehearseExample tries one example.
func (g *Gateway) rehearseExample(ctx context.Context, s *snapshot, t *tool, e *config.Example, r *Rehearsal, one *ExampleRehearsal) {
	if r.Live {
		if one.Reason = s.reasonNotLive(t, e, r.Unsafe); one.Reason != "" {
			one.Outcome = OutcomeSkip
			return
		}
	}
	one.Outcome = OutcomePass
	trial := &trial{t: t, e: e, s: s, one: one, live: r.Live}
	p, err := newPerformance(t, e)
	if err == nil {
		trial.p = p
		trial.end, err = g.play(ctx, s, t, e, p)
	}
	if err != nil {
		trial.find("example", e.Place, err.Error())
		return
	}
	defer trial.end.result.Free()
	trial.judge()
	if r.Live {
		trial.compareLive()
	}
}

// newPerformance makes the answers of an example.
func newPerformance(t *tool, e *config.Example) (*performance, error) {
	p := &performance{tool: t.spec.Name, others: make(map[string][]rehearse.Answer), asked: make(map[string]int)}
	var err error
	if p.answers, err = answersOf(e.Upstream); err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	for name, answers := range e.Upstreams {
		if p.others[name], err = answersOf(answers); err != nil {
			return nil, fmt.Errorf("upstreams.%s: %w", name, err)
		}
	}
	return p, nil
}

func answersOf(written []config.ExampleAnswer) ([]rehearse.Answer, error) {
	all := make([]rehearse.Answer, len(written))
	for i := range written {
		var err error
		if all[i], err = answerOf(&written[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// reasonNotLive says why an example can't be compared with the service; empty if
// it can.
func (s *snapshot) reasonNotLive(t *tool, e *config.Example, unsafe bool) string {
	if len(e.Upstream) > 0 {
		if first := &e.Upstream[0]; first.Error != "" || first.Status >= 500 || first.Delay > 0 {
			return "the service can't be asked to fail"
		}
	}
	if t.operator == nil && len(t.calls()) == 0 {
		return "the tool asks no service"
	}
	if unsafe {
		return ""
	}
	if found := s.unsafeCalls(t, make(map[string]bool)); found != "" {
		return found + "; --unsafe sends it nevertheless"
	}
	return ""
}

// trial is an example that was tried, and what is found about it.
type trial struct {
	t   *tool
	e   *config.Example
	s   *snapshot
	p   *performance
	end ending
	one *ExampleRehearsal
	// live says that the service has answered: its values are its own.
	live bool
}

// find notes something that is not as expected.
func (t *trial) find(what string, at config.Place, message string) {
	if at.IsZero() {
		at = t.e.Place
	}
	t.one.Outcome = OutcomeFail
	t.one.Findings = append(t.one.Findings, Finding{What: what, File: at.File, Line: at.Line, Message: message})
}

// basePath is the path of the URL of the tool's upstream.
func (t *trial) basePath() string {
	upstream := t.s.manifest.Upstreams[t.t.upstream]
	if upstream == nil {
		return ""
	}
	settings := reflect.ValueOf(upstream.Settings.Value)
	if settings.Kind() != reflect.Struct {
		return ""
	}
	if written := settings.FieldByName("URL"); written.IsValid() && written.Kind() == reflect.String {
		return pathOf(written.String())
	}
	return ""
}

// refusalOf is the word of the manifest for a failure that refuses a call;
// empty if it is none.
func refusalOf(f *plugins.Error) string {
	switch f.Kind {
	case plugins.KindDenied:
		return "denied"
	case plugins.KindScope:
		return "scope"
	case plugins.KindCapability:
		return "capability"
	case plugins.KindInvalid:
		return "invalid"
	default:
		return ""
	}
}
