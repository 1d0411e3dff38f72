package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Kind is what a name of a manifest may stand for.
type Kind string

// The kinds, in the order in which a name is looked up.
const (
	KindTool     Kind = kindTool
	KindPrompt   Kind = kindPrompt
	KindResource Kind = kindResource // by URI, or by the template itself
)

// Explanation tells what a tool, prompt or resource is and what a call of it
// would do.
type Explanation struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// rule is the rule of `when`, if there is one.
	rule config.Setting
	// Template is the one that answers a URI; empty if it is none of a template.
	Template  string       `json:"template,omitempty"`
	DefinedAt string       `json:"defined_at"`
	Upstream  string       `json:"upstream,omitempty"`
	Visible   bool         `json:"visible"`
	Policies  []PolicyNote `json:"policies"`
	// Needs are the capabilities without which a client is refused, or that a
	// question on the way asks for; Uses are those that a client may lack.
	Needs []string `json:"needs,omitempty"`
	Uses  []string `json:"uses,omitempty"`
	// Waits says that a call may wait for a job of an upstream.
	Waits bool `json:"may_wait,omitempty"`
	// Watch is how often a resource is looked at for its subscribers, and
	// Lifetime how long a client may keep what it read; empty if not at all.
	Watch    string `json:"watch,omitempty"`
	Lifetime string `json:"lifetime,omitempty"`
	// Steps are what is done one after the other.
	Steps []StepNote `json:"steps,omitempty"`
	// Completions tell of arguments where suggestions come from.
	Completions map[string]string `json:"completions,omitempty"`
	Places      map[string]string `json:"places,omitempty"`
	// Arguments are those that the request is made for: what was given, or what
	// a template takes from the URI.
	Arguments   json.RawMessage `json:"arguments,omitempty"`
	Request     *RequestNote    `json:"request,omitempty"`
	Problem     string          `json:"problem,omitempty"`
	Definition  json.RawMessage `json:"definition"`
	TokenBudget int             `json:"definition_tokens"`
}

// PolicyNote tells of one policy on the way of a call.
type PolicyNote struct {
	Key string `json:"key"`
	// From is where it was written; "built in" for defaults of the gateway.
	From string `json:"from"`
	On   string `json:"on"`
}

// RequestNote is an upstream request on paper, secrets masked.
type RequestNote struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers,omitempty"`
	Body    string      `json:"body,omitempty"`
}

// Explain tells what a name stands for, and, given arguments, the upstream
// request they would make. Nothing is sent. Of several things with that name
// the first of kinds is meant; without kinds a tool, then a prompt, then the
// resource of that URI.
func (g *Gateway) Explain(name string, arguments []byte, caller Caller, kinds ...Kind) (*Explanation, error) {
	s := g.acquire()
	defer s.done()
	if len(kinds) == 0 {
		kinds = []Kind{KindTool, KindPrompt, KindResource}
	}
	principal := caller.principal()
	for _, kind := range kinds {
		switch own, fromURI := s.find(kind, name, principal); {
		case own == nil:
		case fromURI != nil && arguments != nil:
			return nil, fmt.Errorf("%s takes its arguments from the URI: leave name=value out", own.spec.Name)
		default:
			if fromURI != nil {
				arguments = fromURI
			}
			return g.explain(s, own, name, arguments, principal), nil
		}
	}
	return nil, s.unknown(name, principal, kinds)
}

// find finds what a name of a kind stands for, be it hidden from the principal.
// The arguments are those that a template takes from the URI.
func (s *snapshot) find(kind Kind, name string, p *plugins.Principal) (*target, []byte) {
	switch kind {
	case KindTool:
		if t := s.tools[name]; t != nil {
			return &t.target, nil
		}
	case KindPrompt:
		if own := s.prompts[name]; own != nil {
			return &own.target, nil
		}
	case KindResource:
		if own, arguments := s.findResource(name, p); own != nil {
			return &own.target, arguments
		}
	}
	return nil, nil
}

// findResource finds the resource or template of a URI, or a template by its
// own name.
func (s *snapshot) findResource(uri string, p *plugins.Principal) (*resource, []byte) {
	for _, own := range s.templates {
		if own.spec.Name == uri {
			return own, nil
		}
	}
	if own, arguments := s.resourceAt(uri, p); own != nil {
		return own, arguments
	}
	if own := s.resources[uri]; own != nil {
		return own, nil
	}
	for _, own := range s.templates {
		if values, ok := own.pattern.match(uri); ok {
			return own, argumentsOf(own.pattern.names, values)
		}
	}
	return nil, nil
}

// explain tells what a target is.
func (g *Gateway) explain(s *snapshot, t *target, name string, arguments []byte, p *plugins.Principal) *Explanation {
	e := &Explanation{
		Kind: Kind(t.spec.Kind), Name: name, DefinedAt: t.place.String(), Upstream: t.upstream,
		rule: t.parts[whenKey], Visible: t.admits(p), Policies: g.policyNotes(s, t), Waits: s.waits(t),
		Steps: stepNotes(t), Arguments: arguments, Definition: t.modern, TokenBudget: estimateTokens(t.modern),
	}
	e.Needs, e.Uses = s.clientNeeds(t)
	switch e.Kind {
	case KindPrompt:
		e.Completions = completionNotes(s.prompts[t.spec.Name].completers)
	case KindResource:
		s.explainResource(e, t)
	case KindTool:
	}
	outline, err := g.outline(t, arguments, p)
	if t.operator != nil {
		e.Places = outline.Places
	}
	switch {
	case arguments == nil: // only the places are asked for
	case err != nil:
		e.Problem = err.Error()
	case t.operator != nil:
		e.Request = &RequestNote{Method: outline.Method, URL: outline.URL, Headers: outline.Header, Body: string(outline.Body)}
	}
	return e
}

// explainResource tells what only resources have.
func (s *snapshot) explainResource(e *Explanation, t *target) {
	own := s.resources[t.spec.Name]
	if own == nil {
		at := slices.IndexFunc(s.templates, func(r *resource) bool { return &r.target == t })
		own = s.templates[at]
		e.Template = t.spec.Name
	}
	if own.source.Watch > 0 {
		e.Watch = own.source.Watch.String()
	}
	if own.lifetime > 0 {
		e.Lifetime = own.lifetime.String()
	}
	e.Completions = completionNotes(own.completers)
}

// outline puts the request of a call on paper, if it makes one. With an error
// it says where arguments go.
func (g *Gateway) outline(t *target, arguments []byte, p *plugins.Principal) (*plugins.Outline, error) {
	call := commandCall(t, arguments, p)
	outline := &plugins.Outline{}
	if t.operator != nil {
		// Unchecked arguments say where they go, which is all that is taken here.
		if unchecked, _ := t.operator.Outline(call); unchecked != nil {
			outline = unchecked
		}
	}
	validated := g.validated(t, func(_ context.Context, checked *plugins.Call) (*mcp.Result, error) {
		if t.operator == nil {
			return &mcp.Result{}, nil
		}
		request, err := t.operator.Outline(checked)
		if err == nil {
			outline = request
		}
		return nil, err
	})
	if _, err := validated(context.Background(), call); err != nil {
		failure := failureOf(err)
		if rule := t.parts[whenKey]; failure.Kind == plugins.KindDenied {
			return outline, fmt.Errorf("denied: the rule `when` at %s does not hold for these arguments and this caller", rule.String())
		}
		return outline, failure
	}
	return outline, nil
}

// whenKey is the policy that looks at arguments, and so at each call.
const whenKey = "when"

// validated wraps a handler with what decides by the arguments alone: policies
// without a key, and rules.
func (g *Gateway) validated(t *target, next plugins.Handler) plugins.Handler {
	for i := range slices.Backward(g.parts.Policies) {
		part := &g.parts.Policies[i]
		setting, rule := t.parts[part.Key]
		rule = rule && part.Key == whenKey && !setting.Off
		if part.Key != "" && !rule || part.Where&t.where() == 0 {
			continue
		}
		policy, err := part.New(setting.Value, plugins.Env{Log: g.log, Name: t.spec.Name, Tool: t.spec})
		if err == nil && policy != nil {
			next = policy.Wrap(next)
		}
	}
	return next
}

// policyNotes lists the policies of a target in the order in which a call meets
// them.
func (g *Gateway) policyNotes(s *snapshot, t *target) []PolicyNote {
	notes := []PolicyNote{}
	upstream := s.manifest.Upstreams[t.upstream]
	for i := range g.parts.Policies {
		part := &g.parts.Policies[i]
		own := part.Where&t.where() != 0
		if setting, ok := t.parts[part.Key]; ok && own {
			notes = append(notes, PolicyNote{Key: part.Key, From: noteOff(setting.Off, setting.String()), On: t.spec.Kind})
			continue
		}
		if upstream != nil && part.Where&plugins.OnUpstream != 0 {
			if setting, ok := upstream.Parts[part.Key]; ok {
				notes = append(notes, PolicyNote{Key: part.Key, From: noteOff(setting.Off, setting.String()), On: "upstream"})
				continue
			}
		}
		if !part.Always || (!own && (upstream == nil || part.Where&plugins.OnUpstream == 0)) {
			continue
		}
		key, on := part.Key, "upstream"
		if key == "" {
			key = "arguments"
		}
		if own {
			on = t.spec.Kind
		}
		notes = append(notes, PolicyNote{Key: key, From: "built in", On: on})
	}
	return notes
}

func noteOff(off bool, place string) string {
	if off {
		return "switched off at " + place
	}
	return place
}

// bytesPerToken is what a token of JSON and English takes on average.
const bytesPerToken = 4

// estimateTokens estimates what a text costs a model.
func estimateTokens(text []byte) int { return (len(text) + bytesPerToken - 1) / bytesPerToken }

// DryRun puts the upstream request of a call on paper, or says why there would
// be none.
func (g *Gateway) DryRun(name string, arguments []byte, caller Caller, kinds ...Kind) (*RequestNote, error) {
	if len(kinds) == 0 {
		kinds = []Kind{KindTool}
	}
	if arguments == nil && kinds[0] != KindResource {
		arguments = []byte("{}")
	}
	e, err := g.Explain(name, arguments, caller, kinds...)
	switch {
	case err != nil:
		return nil, err
	case e.Problem != "":
		return nil, errors.New(e.Problem)
	case !e.Visible:
		return nil, hidden(e.Kind, name, e.rule)
	case e.Request == nil && len(e.Steps) > 0:
		return nil, fmt.Errorf("%s %q is made of steps, which are not known before they run: see sallyport explain", e.Kind, name)
	case e.Request == nil:
		return nil, fmt.Errorf("%s %q asks no upstream", e.Kind, name)
	}
	return e.Request, nil
}
