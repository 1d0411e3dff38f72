package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
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
	// Generation is that of the configuration which this is about.
	Generation uint64 `json:"generation"`
	// Template is the one that answers a URI; empty if it is none of a template.
	Template  string     `json:"template,omitempty"`
	DefinedAt string     `json:"defined_at"`
	Upstream  string     `json:"upstream,omitempty"`
	Caller    CallerNote `json:"caller"`
	Visible   bool       `json:"visible"`
	// May says whether the caller may call it: allows, denies, or depends on
	// arguments that aren't known. Because names the rules that keep it from
	// allowing, each with its place.
	May     plugins.Verdict `json:"may"`
	Because []string        `json:"because,omitempty"`
	// Now is May, unless a limit or a breaker would refuse a call at this moment,
	// or the arguments given are no good; By says what refuses it.
	Now plugins.Verdict `json:"now"`
	By  []string        `json:"by,omitempty"`
	// Rules are those that are no policies; they come first.
	Rules    []PolicyNote `json:"rules"`
	Policies []PolicyNote `json:"policies"`
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
	// Written tells of each value where it is written.
	Written []WrittenNote `json:"written"`
	// Arguments are those that the request is made for: what was given, or what
	// a template takes from the URI.
	Arguments   json.RawMessage  `json:"arguments,omitempty"`
	Request     *RequestNote     `json:"request,omitempty"`
	Problem     string           `json:"problem,omitempty"`
	Answer      *AnswerNote      `json:"answer,omitempty"`
	Definition  json.RawMessage  `json:"definition"`
	TokenBudget int              `json:"definition_tokens"`
	Tokens      DefinitionTokens `json:"tokens"`
}

// CallerNote is the caller that an explanation is for.
type CallerNote struct {
	Subject string   `json:"subject"`
	Roles   []string `json:"roles"`
	Scopes  []string `json:"scopes"`
}

// DefinitionTokens is about what the parts of a definition cost a model. Rest
// is what is left of the whole: name, title, annotations, punctuation.
type DefinitionTokens struct {
	Description  int `json:"description"`
	InputSchema  int `json:"input_schema"`
	OutputSchema int `json:"output_schema"`
	Rest         int `json:"rest"`
}

// RequestNote is an upstream request on paper, secrets masked.
type RequestNote struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers,omitempty"`
	Body    string      `json:"body,omitempty"`
}

// Inquiry is what is to be explained.
type Inquiry struct {
	// Name is that of a tool or prompt, or the URI of a resource.
	Name string `json:"name"`
	// Kinds are those that it may be of, the first found is meant; any if empty.
	Kinds []Kind `json:"kinds,omitempty"`
	// Arguments are a JSON object, or nothing: then the places are explained,
	// and no request.
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Caller    Caller          `json:"caller"`
	// Answer is an answer of the upstream to be shaped; nil for none. Example
	// names one of the tool's examples instead, by its name or its number.
	Answer  *RecordedAnswer `json:"answer,omitempty"`
	Example string          `json:"example,omitempty"`
}

// Explain tells what a name stands for, and, given arguments, the upstream
// request they would make. Nothing is sent. Of several things with that name
// the first of kinds is meant; without kinds a tool, then a prompt, then the
// resource of that URI.
func (g *Gateway) Explain(name string, arguments []byte, caller Caller, kinds ...Kind) (*Explanation, error) {
	return g.Inquire(&Inquiry{Name: name, Arguments: arguments, Caller: caller, Kinds: kinds})
}

// Inquire explains in full. Nothing is sent, and nothing is counted.
func (g *Gateway) Inquire(q *Inquiry) (*Explanation, error) {
	s := g.acquire()
	defer s.done()
	kinds := q.Kinds
	if len(kinds) == 0 {
		kinds = []Kind{KindTool, KindPrompt, KindResource}
	}
	principal := q.Caller.principal()
	for _, kind := range kinds {
		own, fromURI := s.find(kind, q.Name, principal)
		switch {
		case own == nil:
			continue
		case fromURI != nil && q.Arguments != nil:
			return nil, fmt.Errorf("%s takes its arguments from the URI: leave name=value out", own.spec.Name)
		}
		i := &inspection{g: g, s: s, t: own, principal: principal, arguments: q.Arguments, lease: g.kept.lease()}
		if fromURI != nil {
			i.arguments = fromURI
		}
		e, err := i.explain(q)
		return e, errors.Join(err, i.lease.release())
	}
	return nil, s.unknown(q.Name, principal, kinds)
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

// inspection looks at one target for one caller. Its parts are built once more,
// with what is kept of them: their state is the one in force.
type inspection struct {
	g         *Gateway
	s         *snapshot
	t         *target
	principal *plugins.Principal
	arguments []byte
	// checked are the arguments as parts see them; nil if they aren't known.
	checked map[string]any
	lease   *lease
}

// explain tells what the target is.
func (i *inspection) explain(q *Inquiry) (*Explanation, error) {
	t, s := i.t, i.s
	recorded, err := i.recorded(q)
	if err != nil {
		return nil, err
	}
	e := &Explanation{
		Kind: Kind(t.spec.Kind), Name: q.Name, Generation: s.generation, DefinedAt: t.place.String(), Upstream: t.upstream,
		Caller: CallerNote{q.Caller.Subject, append([]string{}, q.Caller.Roles...), append([]string{}, q.Caller.Scopes...)},
		rule:   t.parts[whenKey], Visible: t.admits(i.principal), Waits: s.waits(t),
		Steps: stepNotes(t), Arguments: i.arguments, Definition: t.modern,
		TokenBudget: estimateTokens(t.modern), Tokens: tokensOf(t), Written: i.written(),
	}
	e.Needs, e.Uses = s.clientNeeds(t)
	switch e.Kind {
	case KindPrompt:
		e.Completions = completionNotes(s.prompts[t.spec.Name].completers)
	case KindResource:
		s.explainResource(e, t)
	case KindTool:
	}
	i.explainRequest(e)
	e.Rules, e.Policies = i.rules(), i.policies()
	e.decide()
	e.Answer = i.shape(recorded)
	return e, nil
}

// explainRequest tells where arguments go, and the request that they make.
func (i *inspection) explainRequest(e *Explanation) {
	outline, err := i.outline()
	if i.t.operator != nil {
		e.Places = i.places(outline.Places)
	}
	switch {
	case i.arguments == nil: // only the places are asked for
	case err != nil:
		e.Problem = err.Error()
	case i.t.operator != nil:
		e.Request = &RequestNote{Method: outline.Method, URL: outline.URL, Headers: outline.Header, Body: string(outline.Body)}
	}
}

// places tells where arguments go, and what those hold that no client gives.
func (i *inspection) places(known map[string]string) map[string]string {
	places := maps.Clone(known)
	for n := range i.t.spec.Arguments {
		if a := &i.t.spec.Arguments[n]; a.Value != nil && places[a.Name] != "" {
			says := "always " + string(a.Value)
			if bytes.Contains(a.Value, []byte("${{")) {
				says = "from " + string(a.Value)
			}
			places[a.Name] += ", " + says + ", unseen by clients"
		}
	}
	return places
}

// tokensOf tells what the parts of a definition cost.
func tokensOf(t *target) DefinitionTokens {
	d := DefinitionTokens{Description: estimateTokens([]byte(t.spec.Description))}
	if t.spec.Kind == kindTool {
		d.InputSchema, d.OutputSchema = estimateTokens(t.spec.InputSchema), estimateTokens(t.spec.OutputSchema)
	}
	d.Rest = max(0, estimateTokens(t.modern)-d.Description-d.InputSchema-d.OutputSchema)
	return d
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
func (i *inspection) outline() (*plugins.Outline, error) {
	call := commandCall(i.t, i.arguments, i.principal)
	outline := &plugins.Outline{}
	operator := i.t.operator
	if operator != nil {
		// Unchecked arguments say where they go, which is all that is taken here.
		if unchecked, _ := operator.Outline(call); unchecked != nil {
			outline = unchecked
		}
	}
	permitted := i.wrap(whenKey, func(_ context.Context, checked *plugins.Call) (*mcp.Result, error) {
		if operator == nil {
			return &mcp.Result{}, nil
		}
		request, err := operator.Outline(checked)
		if err == nil {
			outline = request
		}
		return nil, err
	})
	validated := i.wrap("", func(ctx context.Context, checked *plugins.Call) (*mcp.Result, error) {
		if i.arguments != nil {
			i.checked = checked.Args
		}
		return permitted(ctx, checked)
	})
	if _, err := validated(context.Background(), call); err != nil {
		failure := failureOf(err)
		if rule := i.t.parts[whenKey]; failure.Kind == plugins.KindDenied {
			return outline, fmt.Errorf("denied: the rule `when` at %s does not hold for these arguments and this caller", rule.String())
		}
		return outline, failure
	}
	return outline, nil
}

// whenKey is the policy that looks at arguments, and so at each call.
const whenKey = "when"

// wrap wraps a handler with the target's own policy of a key, if it has one.
func (i *inspection) wrap(key string, next plugins.Handler) plugins.Handler {
	for n := range i.g.parts.Policies {
		part := &i.g.parts.Policies[n]
		setting, written := i.t.parts[key]
		if part.Key != key || part.Where&i.t.where() == 0 || setting.Off || (!written && !part.Always) {
			continue
		}
		if policy := i.build(part, setting, i.env(i.t.spec.Name, i.t.upstream, i.t.spec)); policy != nil {
			return policy.Wrap(next)
		}
	}
	return next
}

// estimateTokens estimates what a text costs a model.
func estimateTokens(text []byte) int { return tokens.Estimate(text) }

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
