package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// PolicyNote tells of one policy or rule on the way of a call.
type PolicyNote struct {
	Key string `json:"key"`
	// From is where it was written; "built in" for defaults of the gateway.
	From string `json:"from"`
	// On is what it is on: tool, resource, prompt or upstream.
	On string `json:"on"`
	// Default says that it is inherited from defaults.
	Default bool `json:"default,omitempty"`
	// Value is its setting as it is written, secrets masked.
	Value json.RawMessage `json:"value,omitempty"`
	// Findings are what it makes of this caller, and the state it is in.
	Findings []FindingNote `json:"findings,omitempty"`
}

// FindingNote is what a policy has to say.
type FindingNote struct {
	// Verdict is allows, denies, or depends (on arguments that aren't known);
	// empty for what decides nothing.
	Verdict plugins.Verdict `json:"verdict,omitempty"`
	Says    string          `json:"says"`
	State   map[string]any  `json:"state,omitempty"`
}

// env lends a part what it needs to be looked at.
func (i *inspection) env(name, upstream string, spec *plugins.Tool) plugins.Env {
	b := builder{g: i.g, m: i.s.manifest, s: i.s, lease: i.lease, toolNames: slices.Sorted(maps.Keys(i.s.manifest.Tools))}
	env := b.env(name, upstream, spec)
	for _, p := range i.t.programs {
		if p.kind == programLoad {
			env.Loads = append(env.Loads, p.Steps()...)
		} else {
			env.Steps = append(env.Steps, p.Steps()...)
		}
	}
	return env
}

// build builds a policy of the snapshot once more; nil if there is nothing to
// do. What the snapshot was built of can't fail.
func (i *inspection) build(part *plugins.PolicyPart, setting config.Setting, env plugins.Env) plugins.Policy {
	env.Inherited = inheritedSetting(setting)
	policy, err := part.New(setting.Value, env)
	if err != nil {
		i.g.log.Error("a policy can't be looked at", "policy", part.Key, "error", err)
		return nil
	}
	return policy
}

// inheritedSetting reports whether a setting comes from defaults.
func inheritedSetting(setting config.Setting) bool {
	return strings.HasPrefix(setting.Path, "defaults.")
}

// policies lists the policies of the target in the order in which a call meets
// them.
func (i *inspection) policies() []PolicyNote {
	notes := i.serverNotes()
	upstream := i.s.manifest.Upstreams[i.t.upstream]
	for n := range i.g.parts.Policies {
		part := &i.g.parts.Policies[n]
		own := part.Where&i.t.where() != 0
		if setting, ok := i.t.parts[part.Key]; ok && own {
			notes = append(notes, i.note(part, setting, i.t.spec.Kind))
			continue
		}
		if upstream != nil && part.Where&plugins.OnUpstream != 0 {
			if setting, ok := upstream.Parts[part.Key]; ok {
				notes = append(notes, i.note(part, setting, onUpstream))
				continue
			}
		}
		if !part.Always || (!own && (upstream == nil || part.Where&plugins.OnUpstream == 0)) {
			continue
		}
		on := onUpstream
		if own {
			on = i.t.spec.Kind
		}
		notes = append(notes, i.note(part, config.Setting{}, on))
	}
	return notes
}

// onServer is said of what is on all calls.
const onServer = "server"

// serverNotes tell of what the manifest writes for all calls.
func (i *inspection) serverNotes() []PolicyNote {
	notes := []PolicyNote{}
	server := &i.s.manifest.Server
	for n := range i.g.parts.Policies {
		part := &i.g.parts.Policies[n]
		if setting, ok := server.Parts[part.Key]; ok && part.Where&plugins.OnServer != 0 {
			notes = append(notes, i.note(part, setting, onServer))
		}
	}
	for _, bound := range []struct{ key, says string }{
		{"max_concurrent_calls", fmt.Sprintf("%d calls at once, of all tools and clients", server.MaxConcurrentCalls)},
		{"call_timeout", "no call takes longer than " + server.CallTimeout.String() + ", whatever its own timeout is"},
	} {
		if at, written := server.At(bound.key); written {
			notes = append(notes, PolicyNote{Key: bound.key, From: at.String(), On: onServer, Value: at.JSON(), Findings: []FindingNote{{Says: bound.says}}})
		}
	}
	return notes
}

// onUpstream is said of policies of the upstream.
const onUpstream = "upstream"

// note tells of one policy.
func (i *inspection) note(part *plugins.PolicyPart, setting config.Setting, on string) PolicyNote {
	note := PolicyNote{Key: part.Key, From: "built in", On: on}
	if part.Key == "" {
		note.Key = "arguments"
	}
	if !setting.IsZero() {
		note.From, note.Value, note.Default = setting.String(), setting.JSON(), inheritedSetting(setting)
	}
	if setting.Off {
		note.From = "switched off at " + note.From
		return note
	}
	env := i.env(i.t.spec.Name, i.t.upstream, i.t.spec)
	switch on {
	case onServer:
		env = i.env(onServer, "", nil)
	case onUpstream:
		env = i.env(i.t.upstream, i.t.upstream, nil)
	}
	policy := i.build(part, setting, env)
	if policy == nil && note.Default {
		note.Findings = []FindingNote{{Says: "left out: this default makes no sense here"}}
	}
	explainer, ok := policy.(plugins.Explainer)
	if !ok {
		return note
	}
	call := commandCall(i.t, i.arguments, i.principal).WithArgs(i.checked)
	for _, f := range explainer.Explain(context.Background(), call) {
		note.Findings = append(note.Findings, FindingNote{f.Verdict, f.Says, f.State})
	}
	return note
}

// rules are what decides besides the policies: whether the target is internal,
// and which endpoints show it.
func (i *inspection) rules() []PolicyNote {
	notes := []PolicyNote{}
	if t := i.s.tools[i.t.spec.Name]; t != nil && &t.target == i.t && t.source.Internal {
		at, _ := i.t.place.At("internal")
		notes = append(notes, PolicyNote{Key: "internal", From: at.String(), On: kindTool, Findings: []FindingNote{{
			Verdict: plugins.VerdictDenies, Says: "for steps, load and complete only: no client can call it",
		}}})
		return notes
	}
	if len(i.s.manifest.Endpoints) == 0 {
		return notes
	}
	for _, path := range slices.Sorted(maps.Keys(i.s.endpoints)) {
		notes = append(notes, i.endpointRule(i.s.endpoints[path]))
	}
	return notes
}

// endpointRule tells what one endpoint makes of the target and the caller.
func (i *inspection) endpointRule(e *endpoint) PolicyNote {
	f := FindingNote{Verdict: plugins.VerdictAllows, Says: e.path + " shows it"}
	state := map[string]any{"path": e.path, "shows": e.shows(i.t), "admits": e.admits(i.principal)}
	lacks := e.lacks(i.principal)
	switch {
	case !e.shows(i.t):
		f.Verdict, f.Says = plugins.VerdictDenies, e.path+" does not show it"
	case !e.admits(i.principal):
		f.Verdict, f.Says = plugins.VerdictDenies, e.path+" shows it to callers with one of the roles "+strings.Join(e.source.Roles, ", ")
	case lacks != nil:
		f.Verdict, f.Says = plugins.VerdictDenies, e.path+" shows it to callers with the scopes "+strings.Join(lacks, ", ")
	case e.search != nil:
		f.Says = e.path + " shows it to those who search for it"
	}
	f.State = state
	return PolicyNote{Key: "endpoint", From: e.source.String(), On: e.path, Findings: []FindingNote{f}}
}

// decide joins the verdicts of all rules on who may call; limits don't decide
// that. One endpoint that allows it is enough.
func (e *Explanation) decide() {
	e.May = plugins.VerdictAllows
	reached, endpoints := false, 0
	for i := range e.Rules {
		rule := &e.Rules[i]
		if rule.Key == "endpoint" {
			endpoints++
			reached = reached || rule.Findings[0].Verdict == plugins.VerdictAllows
			continue
		}
		e.blame(rule)
	}
	if endpoints > 0 && !reached {
		e.May = plugins.VerdictDenies
		e.Because = append(e.Because, "no endpoint shows it to this caller")
	}
	for i := range e.Policies {
		if note := &e.Policies[i]; note.Key == "roles" || note.Key == "scopes" || note.Key == whenKey {
			e.blame(note)
		}
	}
	e.decideNow()
}

// decideNow tells whether a call would be let through at this moment.
func (e *Explanation) decideNow() {
	if e.Now = e.May; e.May == plugins.VerdictDenies {
		return
	}
	for i := range e.Policies {
		note := &e.Policies[i]
		if note.Key == "roles" || note.Key == "scopes" || note.Key == whenKey {
			continue
		}
		for _, f := range note.Findings {
			if f.Verdict == plugins.VerdictDenies {
				e.By = append(e.By, note.Key+" at "+note.From+" ("+f.Says+")")
			}
		}
	}
	if e.Problem != "" {
		e.By = append(e.By, "the arguments given")
	}
	if len(e.By) > 0 {
		e.Now = plugins.VerdictDenies
	}
}

// blame takes a rule's verdict into account.
func (e *Explanation) blame(note *PolicyNote) {
	for _, f := range note.Findings {
		switch {
		case f.Verdict == plugins.VerdictDenies && e.May != plugins.VerdictDenies:
			e.May, e.Because = f.Verdict, nil // whatever the arguments are
		case f.Verdict == plugins.VerdictDepends && e.May == plugins.VerdictAllows:
			e.May = f.Verdict
		}
		if f.Verdict == e.May && e.May != plugins.VerdictAllows {
			e.Because = append(e.Because, note.Key+" at "+note.From)
		}
	}
}
