package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// upstreamOf names the upstream of a target that asks one.
func (b *builder) upstreamOf(written string, parts map[string]config.Setting) string {
	if _, asks := parts["request"]; !asks {
		return ""
	}
	return b.onlyUpstream(written)
}

// onlyUpstream is the upstream written, or the only one there is.
func (b *builder) onlyUpstream(written string) string {
	if written == "" && len(b.m.Upstreams) == 1 {
		for name := range b.m.Upstreams {
			return name
		}
	}
	return written
}

// envOf lends a target's parts what they need.
func (b *builder) envOf(t *target) plugins.Env {
	t.spec.Fingerprint = b.m.Hash
	env := b.env(t.spec.Name, t.upstream, t.spec)
	for _, p := range t.programs {
		if p.kind == programLoad {
			env.Loads = append(env.Loads, p.Steps()...)
		} else {
			env.Steps = append(env.Steps, p.Steps()...)
		}
	}
	return env
}

// buildCall builds what a target does: its steps, its request, its answer. Nil
// says that the answer has problems.
func (b *builder) buildCall(t *target) plugins.Transform {
	b.buildPrograms(t)
	answer := b.buildTransform(t)
	b.prepareOperation(t)
	return answer
}

// program is one of a target's lists of steps.
type program struct {
	plugins.Program
	kind programKind
}

type programKind uint8

// The programs, in the order in which they run.
const (
	programConfirm programKind = iota
	programSteps
	programLoad
)

// buildPrograms compiles the steps of a target.
func (b *builder) buildPrograms(t *target) {
	for kind, part := range map[programKind]struct {
		key string
		plugins.ProgramPart
	}{
		programConfirm: {"confirm", b.g.parts.Confirm},
		programSteps:   {"steps", b.g.parts.Steps},
		programLoad:    {"load", b.g.parts.Load},
	} {
		setting, written := t.parts[part.key]
		if !written || setting.Off {
			continue
		}
		built, err := part.New(setting.Value, b.env(t.spec.Name, "", t.spec))
		if err != nil {
			b.problems = append(b.problems, setting.Problems(err)...)
		}
		if built != nil {
			b.noteCalls(setting, built)
			t.programs = append(t.programs, program{built, kind})
		}
	}
	slices.SortFunc(t.programs, func(x, y program) int { return int(x.kind) - int(y.kind) })
	if t.has(programSteps) && t.spec.Kind == kindTool {
		if setting, both := t.parts["request"]; both {
			b.problems = append(b.problems, setting.Problem("want either a request or steps", "make the request a tool of its own, and call it by a step"))
		}
	}
}

// has reports whether the target has a program of that kind.
func (t *target) has(kind programKind) bool {
	return slices.ContainsFunc(t.programs, func(p program) bool { return p.kind == kind })
}

// buildTransform builds the way from the upstream's answer to a result.
func (b *builder) buildTransform(t *target) plugins.Transform {
	setting, written := t.parts["response"]
	if !written || setting.IsZero() {
		setting.Place = t.place
	}
	answer, err := b.g.parts.Transform.New(setting.Value, b.envOf(t))
	if err != nil {
		b.problems = append(b.problems, setting.Problems(err)...)
	}
	if err != nil || setting.Broken {
		return nil
	}
	if _, asks := t.parts["request"]; !written && !asks && !t.has(programSteps) && t.spec.Kind == kindTool && !b.m.Tools[t.spec.Name].Misspelled {
		b.problems = append(b.problems, t.place.Problem(
			fmt.Sprintf("tool %q does nothing", t.spec.Name), "give it a request: GET /path, steps, or a response"))
	}
	return answer
}

// prepareOperation compiles the target's upstream request.
func (b *builder) prepareOperation(t *target) {
	if t.upstream == "" {
		if t.spec.IdempotencyHeader != "" {
			b.problems = append(b.problems, t.place.ProblemAt([]string{"idempotency_key"}, "the tool makes no request that could carry the key",
				"write it at the tools that its steps call", -1))
		}
		return
	}
	request := t.parts["request"]
	if request.Broken {
		return // told already
	}
	operator, err := b.prepare(t.upstream, plugins.Operation{Tool: t.spec, Request: request.Value})
	if err != nil {
		b.fault(t.place, err)
		return
	}
	if operator == nil {
		return
	}
	t.operator = operator
	t.spec.Repeatable = operator.Repeatable()
}

// prepare compiles an operation; nil and no error if the upstream has problems
// of its own.
func (b *builder) prepare(name string, op plugins.Operation) (plugins.Operator, error) {
	upstream := b.upstreams[name]
	if upstream == nil {
		return nil, nil //nolint:nilnil // told already
	}
	return upstream.Prepare(op)
}

// pipeline wraps the target's innermost handler with its policies and its
// upstream's, in the order of the build's list.
func (b *builder) pipeline(t *target, handler plugins.Handler) {
	own := b.buildPolicies(t.where(), t.parts, t.place, b.envOf(t))
	onUpstream := b.onUpstream[t.upstream]
	t.permits = admitted
	for i := len(b.g.parts.Policies) - 1; i >= 0; i-- {
		policy := own[i]
		if policy == nil && !t.parts[b.g.parts.Policies[i].Key].Off {
			policy = onUpstream[i]
		}
		if policy == nil {
			continue
		}
		handler = policy.Wrap(handler)
		if decides(b.g.parts.Policies[i].Key) {
			t.permits = policy.Wrap(t.permits)
		}
		if a, ok := policy.(plugins.Admitter); ok {
			t.admitters = append(t.admitters, a)
		}
	}
	b.checkSharing(t)
	t.handler = handler
	t.limit(b.m.Server.CallTimeout)
	for _, scope := range t.scopes() {
		b.scopes[scope] = true
	}
	b.s.logs = b.s.logs || slices.ContainsFunc(t.programs, func(p program) bool { return p.Logs() })
}

// decides reports whether a policy says who may call, and nothing else.
func decides(key string) bool {
	return key == "" || key == "roles" || key == "scopes" || key == whenKey
}

// checkSharing refuses to show one caller what was made for another.
func (b *builder) checkSharing(t *target) {
	setting := t.parts["cache"]
	kept, ok := setting.Value.(interface{ Shared() bool })
	if ok && kept.Shared() && (len(t.programs) > 0 || t.operator != nil && t.operator.UsesCaller()) {
		b.problems = append(b.problems, setting.Problem("the answer depends on who calls, so it can't be shared", "write scope: caller"))
	}
}

// scopes are the scopes a target asks for.
func (t *target) scopes() []string {
	if lister, ok := t.parts["scopes"].Value.(interface{ List() []string }); ok {
		return lister.List()
	}
	return nil
}

// limit settles how long a call may take. One that takes 80 % of that is
// logged as slow.
func (t *target) limit(ceiling time.Duration) {
	limit := ceiling
	if own, ok := t.parts["timeout"].Value.(time.Duration); ok && own <= ceiling {
		limit, t.bounded = own, true
	}
	t.warn = limit * 8 / 10
}

// checkCircles refuses tools that call themselves, be it through others.
func (b *builder) checkCircles() {
	const entered, left = 1, 2
	state := make(map[string]int)
	var path []string
	var visit func(name string)
	visit = func(name string) {
		t := b.s.tools[name]
		if t == nil || state[name] == left {
			return
		}
		path = append(path, name)
		defer func() { path = path[:len(path)-1] }()
		if state[name] == entered {
			circle := path[slices.Index(path, name):]
			b.problems = append(b.problems, t.place.Problem(
				fmt.Sprintf("the steps of tool %q call it again: %s", name, strings.Join(circle, " -> ")), "break the circle"))
			return
		}
		state[name] = entered
		for _, p := range t.programs {
			for _, next := range p.Tools() {
				visit(next)
			}
		}
		state[name] = left
	}
	for _, name := range slices.Sorted(maps.Keys(b.s.tools)) {
		visit(name)
	}
}
