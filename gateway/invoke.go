package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Caller is who a call from the command line is made for.
type Caller struct {
	Subject string   `json:"subject"`
	Roles   []string `json:"roles,omitempty"`
	Scopes  []string `json:"scopes,omitempty"`
	// Key is what limits know it by; cli:SUBJECT if empty.
	Key string `json:"key,omitempty"`
	// Endpoint is the path of the endpoint that it talks to; empty stands for
	// /mcp, or else the first.
	Endpoint string `json:"endpoint,omitempty"`
}

// principal makes the caller a principal, as an authenticator would.
func (c Caller) principal() *plugins.Principal {
	key := c.Key
	if key == "" {
		key = "cli:" + c.Subject
	}
	return &plugins.Principal{
		Key: key, Subject: c.Subject, Roles: c.Roles, Scopes: c.Scopes,
		Claims: map[string]any{"sub": c.Subject},
	}
}

// Invocation is a call without HTTP.
type Invocation struct {
	// Kind is that of what is called: a tool by default.
	Kind Kind
	// Name is that of a tool or prompt, or the URI of a resource.
	Name string
	// Arguments are a JSON object, or nil. A resource takes none.
	Arguments []byte
	Caller    Caller
	// Ask puts a question to the person (AskForm, AskURL) and returns an
	// elicitation result; nil if nobody can be asked.
	Ask func(ctx context.Context, q *mcp.Question) ([]byte, error)
	// Talk hears of progress and logs; nil if nobody listens.
	Talk plugins.Talk
	// Waiting is told before a wait for an upstream's job; may be nil.
	Waiting func(wait time.Duration, status string)
}

// Invoke calls a tool without HTTP, through all policies, and returns the
// JSON-RPC response. arguments is a JSON object, or nil.
func (g *Gateway) Invoke(ctx context.Context, name string, arguments []byte, caller Caller) ([]byte, error) {
	return g.Perform(ctx, &Invocation{Kind: KindTool, Name: name, Arguments: arguments, Caller: caller})
}

// Perform calls a tool, renders a prompt or reads a resource without HTTP,
// through all policies, and returns the JSON-RPC response.
func (g *Gateway) Perform(ctx context.Context, i *Invocation) ([]byte, error) {
	s := g.acquire()
	defer s.done()
	kind, principal := i.Kind, i.Caller.principal()
	if kind == "" {
		kind = KindTool
	}
	t, fromURI := s.find(kind, i.Name, principal)
	if t == nil || !t.admits(principal) {
		return nil, s.unknown(i.Name, principal, []Kind{kind})
	}
	arguments := i.Arguments
	if kind == KindResource {
		if arguments = fromURI; arguments == nil && len(t.spec.Arguments) > 0 {
			return nil, fmt.Errorf("%s is a template: put values in place of its placeholders", i.Name)
		}
	}
	call := commandCall(t, arguments, principal)
	call.Talk = i.Talk
	call.Capabilities = mcp.ClientCapabilities{Elicitation: i.Ask != nil, ElicitationURL: i.Ask != nil}
	for _, need := range t.spec.Requires {
		if !call.Capabilities.Has(need) {
			return nil, cannot(t, need, fmt.Sprintf("%s %q needs a client with the capability %s", kind, i.Name, need))
		}
	}
	result, err := i.run(ctx, t, call, s.manifest.Server.CallTimeout)
	if err != nil {
		failure := failureOf(err)
		if failure.Cause != nil && failure.Kind != plugins.KindStatus { // the message of a status tells what there is
			g.log.WarnContext(ctx, "why it failed, which clients are not told", "cause", failure.Cause)
		}
		if failure.Kind == plugins.KindCapability && len(failure.Capabilities) > 0 {
			return nil, cannot(t, failure.Capabilities[0], failure.Message)
		}
		if rule := t.parts[whenKey]; failure.Kind == plugins.KindDenied && !rule.IsZero() {
			return nil, fmt.Errorf("denied: see the rule `when` at %s", rule.String())
		}
		if v := verdictOf(failure); kind != KindTool || v.code != 0 {
			return nil, failure
		}
		result = mcp.ErrorResult(failure.Message)
	}
	defer result.Free()
	return s.respond(t, i.Name, result), nil
}

// cannot says what the command line can't do as a client.
func cannot(t *target, capability, message string) error {
	message = strings.TrimSuffix(message, ".")
	if !strings.HasPrefix(capability, "elicitation") {
		return fmt.Errorf("%s; the command line has neither a model nor roots: use a client that has", message)
	}
	answer := "ID=JSON"
	for _, step := range stepNotes(t) {
		if step.Kind == "ask" {
			answer = step.ID + "=JSON"
			break
		}
	}
	return fmt.Errorf("%s; run it on a terminal, or answer with --answer %s", message, answer)
}

// run makes the call with all its rounds. Only the time between questions
// counts.
func (i *Invocation) run(ctx context.Context, t *target, call *plugins.Call, limit time.Duration) (*mcp.Result, error) {
	spent := time.Duration(0)
	for {
		started := time.Now()
		result, err := round(ctx, t, call, limit-spent)
		if err != nil || result.Pending == nil {
			return result, err
		}
		pending := result.Pending
		next := &plugins.Run{Uncounted: true, Resume: &plugins.Resume{State: pending.State}}
		if len(pending.Questions) == 0 {
			err = i.wait(ctx, pending, limit-spent-time.Since(started))
			spent += time.Since(started)
		} else {
			spent += time.Since(started)
			next.Resume.Answers, err = i.answers(ctx, pending.Questions)
		}
		next.Resume.Spent = spent
		call = call.WithRun(next)
		if err != nil {
			giveUp(t, call) //nolint:contextcheck // it makes a context that has ended
			return nil, err
		}
	}
}

// round runs the handler once, within what is left of the call's time.
func round(ctx context.Context, t *target, call *plugins.Call, left time.Duration) (*mcp.Result, error) {
	ctx, cancel := plugins.WithDeadline(ctx, time.Now().Add(left))
	defer cancel()
	return t.handler(ctx, call)
}

// wait waits for a job of the upstream.
func (i *Invocation) wait(ctx context.Context, p *mcp.Pending, left time.Duration) error {
	if p.Wait > left {
		return &plugins.Error{Kind: plugins.KindTimeout, Message: "The service was still working on it when the time of the call was over."}
	}
	if i.Waiting != nil {
		i.Waiting(p.Wait, p.Status)
	}
	return pause(ctx, p.Wait)
}

// answers puts questions to the person, one after the other.
func (i *Invocation) answers(ctx context.Context, questions []mcp.Question) (map[string][]byte, error) {
	questions = slices.Clone(questions)
	slices.SortStableFunc(questions, func(x, y mcp.Question) int { return strings.Compare(x.Key, y.Key) })
	answers := make(map[string][]byte, len(questions))
	for n := range questions {
		asking, cancel := context.WithTimeout(ctx, questions[n].Timeout)
		answer, err := i.Ask(asking, &questions[n])
		cancel()
		if err != nil {
			return nil, &plugins.Error{Kind: plugins.KindCancelled, Message: err.Error(), Cause: err}
		}
		answers[questions[n].Key] = answer
	}
	return answers, nil
}

// respond makes the response of what was called.
func (s *snapshot) respond(t *target, name string, result *mcp.Result) []byte {
	id := mcp.ID("1")
	switch Kind(t.spec.Kind) {
	case KindPrompt:
		return s.encoder.AppendGetPromptResult(nil, mcp.Newest, id, t.spec.Description, result.Messages)
	case KindResource:
		own := s.resources[t.spec.Name]
		if own == nil {
			own = s.templates[slices.IndexFunc(s.templates, func(r *resource) bool { return &r.target == t })]
		}
		return s.encoder.AppendReadResult(nil, mcp.Newest, id, own.contents(name, result), own.lifetime, s.cacheScope())
	case KindTool:
	}
	return s.encoder.AppendCallResult(nil, mcp.Newest, id, result)
}

// pause waits for a job of an upstream.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // failureOf knows it
	}
}

// hidden says that a caller may not see something.
func hidden(kind Kind, name string, rule config.Setting) error {
	if !rule.IsZero() {
		return fmt.Errorf("%s %q is hidden from this caller: see the rule `when` at %s", kind, name, rule.String())
	}
	return fmt.Errorf("%s %q is hidden from this caller: pass one of its roles with --as", kind, name)
}

// unknown says what is known instead of a name.
func (s *snapshot) unknown(name string, p *plugins.Principal, kinds []Kind) error {
	var known, all []string
	for _, kind := range kinds {
		if t, _ := s.find(kind, name, p); t != nil {
			return hidden(kind, name, t.parts[whenKey])
		}
		for _, t := range s.ofKind(kind) {
			all = append(all, t.spec.Name)
			if t.admits(p) {
				known = append(known, t.spec.Name)
			}
		}
	}
	what := fmt.Sprintf("unknown %s %q", kinds[0], name)
	if len(kinds) > 1 {
		what = fmt.Sprintf("nothing is called %q", name)
	}
	meant := config.Nearest(name, all)
	switch {
	case meant != "" && slices.Contains(known, meant):
		return fmt.Errorf("%s: did you mean %q?", what, meant)
	case meant != "":
		return fmt.Errorf("%s: did you mean %q? This caller doesn't see it: --as SUBJECT:ROLE says who calls", what, meant)
	case len(known) > maxKnown:
		return fmt.Errorf("%s; this caller sees: %v and %d more", what, known[:maxKnown], len(known)-maxKnown)
	}
	return fmt.Errorf("%s; this caller sees: %v", what, known)
}

// maxKnown is how many names an error lists.
const maxKnown = 10

// ofKind are all targets of a kind, sorted.
func (s *snapshot) ofKind(kind Kind) []*target {
	switch kind {
	case KindPrompt:
		return s.all.listed[promptList]
	case KindResource:
		return slices.Concat(s.all.listed[resourceList], s.all.listed[templateList])
	case KindTool:
	}
	return s.all.listed[toolList]
}

// commandCall makes a call that comes from the command line.
func commandCall(t *target, arguments []byte, p *plugins.Principal) *plugins.Call {
	return &plugins.Call{
		Tool: t.spec, Principal: p, Revision: mcp.Newest, Arguments: arguments,
		RequestID: rand.Text(), Record: &plugins.Record{},
	}
}
