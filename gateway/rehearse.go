package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// rehearsalMode is what happens instead of asking a service, or besides.
type rehearsalMode uint8

// The modes.
const (
	// playing answers with the example that is being tried.
	playing rehearsalMode = iota + 1
	// live asks the service, and notes what it answers.
	live
	// mocking answers with the example that fits the call.
	mocking
	// recording asks the service, and makes examples of calls.
	recording
)

// rehearsal is the use that a gateway makes of examples. It outlives reloads.
type rehearsal struct {
	mode rehearsalMode
	log  *slog.Logger
	// performances are the examples being tried, by request id.
	performances sync.Map
	recorder     *rehearse.Recorder
	// tapes are the calls being recorded or mocked, by their *plugins.Record.
	tapes sync.Map
}

// newRehearsal makes what the options ask for; nil if that is nothing.
func newRehearsal(o *Options) (*rehearsal, error) {
	r := &rehearsal{mode: o.rehearse, log: o.Log}
	switch {
	case o.Mock && o.Record != "":
		return nil, errMockedRecord
	case o.Mock:
		r.mode = mocking
		r.log.Warn("mock mode: calls are answered from examples, and no service is asked")
	case o.Record != "":
		recorder, err := rehearse.NewRecorder(o.Record, o.Log)
		if err != nil {
			return nil, fmt.Errorf("record examples: %w", err)
		}
		r.mode, r.recorder = recording, recorder
		r.log.Warn("calls are recorded as examples; secrets are removed where they can be told", "folder", o.Record)
	case r.mode == 0:
		return nil, nil //nolint:nilnil // nothing is asked for
	}
	return r, nil
}

// close ends recording.
func (r *rehearsal) close() {
	if r != nil && r.recorder != nil {
		r.recorder.Close()
	}
}

// performance returns the example being tried that a request belongs to.
func (r *rehearsal) performance(id string) *performance {
	found, _ := r.performances.Load(id)
	p, _ := found.(*performance)
	return p
}

// scene is a rehearsal of one manifest.
type scene struct {
	*rehearsal
	// cases are the examples of what can be called, by kind and name.
	cases map[string]*cases
	mask  *rehearse.Mask
}

// cases are the examples of one target, as answers.
type cases struct {
	list     []rehearse.Case
	required []string
	// borrowed are answers that examples of other tools have for this one.
	borrowed []rehearse.Answer
}

// caseKey names a target among the cases.
func caseKey(kind, name string) string { return kind + " " + name }

// rehearse wraps an upstream as the gateway's mode asks for.
func (b *builder) rehearse(name string, u plugins.Upstream) plugins.Upstream {
	if b.g.rehearsal == nil {
		return u
	}
	if b.scene == nil {
		b.scene = &scene{rehearsal: b.g.rehearsal, cases: make(map[string]*cases)}
		if b.scene.mode == recording {
			b.scene.mask = rehearse.NewMask(secretsOf(b.m))
		}
	}
	wrapped := &rehearsedUpstream{Upstream: u, name: name, scene: b.scene, seen: make(map[string]bool)}
	if follower, ok := u.(plugins.Follower); ok {
		return &rehearsedFollower{wrapped, follower}
	}
	return wrapped
}

// rehearsedUpstream is an upstream whose operations are rehearsed.
type rehearsedUpstream struct {
	plugins.Upstream
	name  string
	scene *scene
	// seen are the targets whose own request was prepared: what is prepared
	// later looks after a job.
	seen map[string]bool
}

// Prepare implements plugins.Upstream.
func (u *rehearsedUpstream) Prepare(op plugins.Operation) (plugins.Operator, error) {
	operator, err := u.Upstream.Prepare(op)
	if err != nil || operator == nil {
		return operator, err //nolint:wrapcheck // it is the upstream's own
	}
	key := caseKey(op.Tool.Kind, op.Tool.Name)
	later := u.seen[key]
	u.seen[key] = u.seen[key] || !op.Value
	return u.operator(operator, op.Tool, later), nil
}

func (u *rehearsedUpstream) operator(operator plugins.Operator, tool *plugins.Tool, later bool) plugins.Operator {
	return &rehearsedOperator{Operator: operator, scene: u.scene, upstream: u.name, kind: tool.Kind, name: tool.Name, later: later}
}

// rehearsedFollower is one that can be asked for URLs of its own.
type rehearsedFollower struct {
	*rehearsedUpstream
	follower plugins.Follower
}

// Follow implements plugins.Follower.
func (u *rehearsedFollower) Follow(op plugins.Operation) (plugins.Operator, error) {
	operator, err := u.follower.Follow(op)
	if err != nil || operator == nil {
		return operator, err //nolint:wrapcheck // it is the upstream's own
	}
	return u.operator(operator, op.Tool, true), nil
}

// rehearsedOperator is an operation that is rehearsed.
type rehearsedOperator struct {
	plugins.Operator
	scene                *scene
	upstream, kind, name string
	// later says that it looks after what an earlier request has begun.
	later bool
}

// Do implements plugins.Operator.
func (o *rehearsedOperator) Do(ctx context.Context, call *plugins.Call) (*plugins.Response, error) {
	switch o.scene.mode {
	case mocking:
		return o.mock(ctx, call)
	case recording:
		return o.record(ctx, call)
	}
	p := o.scene.performance(call.RequestID)
	if p == nil { // what was detached may come late
		return nil, &plugins.Error{Kind: plugins.KindCancelled, Message: "The example is over."}
	}
	outline, err := o.Outline(call)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is what Do would say
	}
	p.note(o.name, outline)
	if o.scene.mode == live {
		response, err := o.Operator.Do(ctx, call)
		if err == nil {
			p.heard(o.name, response)
		}
		return response, err //nolint:wrapcheck // it is the operator's own
	}
	answer := p.answer(o.scene, o.kind, o.name, call.Args)
	if answer == nil {
		return nil, &plugins.Error{
			Kind: plugins.KindStatus, Status: 400,
			Message: fmt.Sprintf("No example says what tool %q is answered for these arguments.", o.name),
		}
	}
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) < answer.Delay {
		late := *answer
		late.Fault = rehearse.Timeout
		answer = &late
	}
	return o.respond(call, answer, outline.Form)
}

// mock answers with an example, after the time that it takes.
func (o *rehearsedOperator) mock(ctx context.Context, call *plugins.Call) (*plugins.Response, error) {
	outline, err := o.Outline(call)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is what Do would say
	}
	found, _ := o.scene.tapes.Load(call.Record)
	t, _ := found.(*tape)
	answer := o.scene.mocked(o.kind, o.name, call.Args, t, o.later)
	if answer == nil {
		return nil, &plugins.Error{
			Kind: plugins.KindStatus, Status: 400, Written: true,
			Message: fmt.Sprintf("This gateway answers from examples, and no example matches: add `examples:` to %s %q in the manifest.", o.kind, o.name),
		}
	}
	wait := answer.Delay
	if deadline, bounded := ctx.Deadline(); bounded && answer.Fault == rehearse.Timeout {
		wait = time.Until(deadline) + time.Second
	}
	if wait > 0 && pause(ctx, wait) != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, &plugins.Error{Kind: plugins.KindCancelled, Message: "The call was cancelled.", Cause: ctx.Err()}
		}
		return nil, rehearse.Unreached(rehearse.Timeout, o.Repeatable())
	}
	return o.respond(call, answer, outline.Form)
}

// respond gives a canned answer, as if it had come from the service.
func (o *rehearsedOperator) respond(call *plugins.Call, answer *rehearse.Answer, form string) (*plugins.Response, error) {
	if r := call.Record; r != nil {
		r.Upstream = o.upstream
		r.Attempts++
		r.UpstreamDuration += answer.Delay
		if answer.Fault == "" {
			r.UpstreamStatus = answer.Status
		}
	}
	if answer.Fault != "" {
		return nil, rehearse.Unreached(answer.Fault, o.Repeatable())
	}
	response := answer.Response()
	response.Form = form
	return response, nil
}

// mocked is the answer of mock mode to a request. The requests of one call get
// the answers of one example, in their order.
func (s *scene) mocked(kind, name string, args map[string]any, t *tape, later bool) *rehearse.Answer {
	known := s.cases[caseKey(kind, name)]
	if known == nil {
		return nil
	}
	if t == nil {
		t = &tape{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answers == nil {
		t.answers = known.borrowed
		if c := rehearse.Match(known.list, args, known.required, true); c != nil {
			t.answers = c.Answers
		}
		if later { // another request of the client's has begun the work
			t.next = len(t.answers)
		}
	}
	t.next++
	return rehearse.Pick(t.answers, args, t.next-1)
}

// rehearsed wraps the innermost handler of a target as the gateway's mode asks
// for.
func (b *builder) rehearsed(t *target, answer plugins.Transform, last plugins.Handler) plugins.Handler {
	if b.scene == nil || t.operator == nil || t.spec.Kind != kindTool {
		return last
	}
	switch b.scene.mode {
	case mocking:
		return b.scene.mocking(t, answer.OutputSchema(), last)
	case recording:
		return b.scene.taped(t, last)
	}
	return last
}

// mocking wraps the innermost handler of a tool that is mocked. One without
// examples answers what its output schema allows, if it has one.
func (s *scene) mocking(t *target, output []byte, last plugins.Handler) plugins.Handler {
	var made []byte
	if output != nil {
		if value, ok := rehearse.Synthesize(output); ok {
			made = rehearse.Encode(value)
		}
	}
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		known := s.cases[caseKey(t.spec.Kind, t.spec.Name)]
		if made != nil && (known == nil || len(known.list) == 0 && len(known.borrowed) == 0) {
			return &mcp.Result{Content: []mcp.Block{{Type: mcp.TextBlock, Text: slices.Clone(made)}}, Structured: slices.Clone(made)}, nil
		}
		if call.Record != nil {
			s.tapes.Store(call.Record, &tape{})
			defer s.tapes.Delete(call.Record)
		}
		return last(ctx, call)
	}
}

// rehearsedParts are the parts of a build without what would let one example
// disturb another: limits, breakers and caches. Their settings are still
// checked.
func rehearsedParts(parts plugins.Parts) plugins.Parts {
	disturbing := map[string]bool{"rate_limit": true, "cache": true, "breaker": true, "concurrency": true}
	parts.Policies = slices.Clone(parts.Policies)
	for i := range parts.Policies {
		if !disturbing[parts.Policies[i].Key] {
			continue
		}
		build := parts.Policies[i].New
		parts.Policies[i].New = func(settings any, env plugins.Env) (plugins.Policy, error) {
			_, err := build(settings, env)
			return nil, err
		}
	}
	return parts
}

// requiredOf are the names of the arguments that a call must have.
func requiredOf(spec *plugins.Tool) []string {
	defaults := rehearse.Defaults(spec.Arguments)
	var names []string
	for i := range spec.Arguments {
		a := &spec.Arguments[i]
		if _, has := defaults[a.Name]; !a.Optional && !has && a.Value == nil {
			names = append(names, a.Name)
		}
	}
	return names
}

// sortedTools are the names of the tools that were built.
func (b *builder) sortedTools() []string { return slices.Sorted(maps.Keys(b.s.tools)) }
