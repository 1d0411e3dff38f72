package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// performance is an example being tried: what it answers, and what it saw.
type performance struct {
	tool    string
	answers []rehearse.Answer
	others  map[string][]rehearse.Answer

	mu       sync.Mutex
	asked    map[string]int
	requests []sentRequest
	heards   []heardAnswer
	// lacking are the tools that no answer was found for.
	lacking []string
}

// sentRequest is a request that would have been sent.
type sentRequest struct {
	tool    string
	outline *plugins.Outline
}

// heardAnswer is what a service has answered.
type heardAnswer struct {
	tool   string
	status int
	body   []byte
}

func (p *performance) note(tool string, outline *plugins.Outline) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, sentRequest{tool, outline})
}

func (p *performance) heard(tool string, r *plugins.Response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heards = append(p.heards, heardAnswer{tool, r.Status, bytes.Clone(r.Body)})
}

// answer is the next answer to a request of a tool; nil if there is none.
func (p *performance) answer(s *scene, kind, tool string, args map[string]any) *rehearse.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	index := p.asked[tool]
	p.asked[tool]++
	answers, given := p.others[tool]
	switch {
	case tool == p.tool:
		answers = p.answers
		if len(answers) == 0 { // what is expected is the request
			return &rehearse.Answer{Status: 204}
		}
	case !given:
		known := s.cases[caseKey(kind, tool)]
		if known == nil {
			break
		}
		if c := rehearse.Match(known.list, args, known.required, false); c != nil {
			answers = c.Answers
		}
	}
	picked := rehearse.Pick(answers, args, index)
	if picked == nil {
		p.lacking = append(p.lacking, tool)
	}
	return picked
}

// ending is how an example's call ended.
type ending struct {
	result *mcp.Result
	// failure is why there is no result; nil if there is one.
	failure *plugins.Error
	// hidden says that the caller doesn't see the tool.
	hidden bool
	// unanswered is a question that the example doesn't answer.
	unanswered string
}

// maxRounds bounds the rounds of an example's call: what would wait for a job of
// a service goes on at once.
const maxRounds = 1000

// play makes the call of an example.
func (g *Gateway) play(ctx context.Context, s *snapshot, t *tool, e *config.Example, p *performance) (ending, error) {
	principal, err := s.exampleCaller(t, &e.As)
	if err != nil {
		return ending{}, err
	}
	if !t.admits(principal) {
		return ending{hidden: true}, nil
	}
	call := commandCall(&t.target, e.Args, principal)
	call.Capabilities = mcp.ClientCapabilities{Elicitation: true, ElicitationURL: true, Sampling: true, Roots: true, Tasks: true}
	g.rehearsal.performances.Store(call.RequestID, p)
	defer g.rehearsal.performances.Delete(call.RequestID)
	limit := s.manifest.Server.CallTimeout
	for range maxRounds {
		result, err := round(ctx, &t.target, call, limit)
		if err != nil {
			return ending{failure: failureOf(err)}, nil
		}
		if result.Pending == nil {
			return ending{result: result}, nil
		}
		next := &plugins.Run{Uncounted: true, Resume: &plugins.Resume{State: result.Pending.State}}
		if questions := result.Pending.Questions; len(questions) > 0 {
			answers, open, err := exampleAnswers(e, questions)
			if err != nil || open != "" {
				giveUp(&t.target, call.WithRun(next)) //nolint:contextcheck // it makes a context that has ended
				return ending{unanswered: open}, err
			}
			next.Resume.Answers = answers
		} else if g.rehearsal.mode == live {
			if err := pause(ctx, min(result.Pending.Wait, limit)); err != nil {
				return ending{}, err
			}
		}
		call = call.WithRun(next)
	}
	return ending{}, fmt.Errorf("the call did not end after %d rounds: the last answer of the example says that the work goes on", maxRounds)
}

// exampleAnswers answers questions as the example says; open tells of one that
// it doesn't answer.
func exampleAnswers(e *config.Example, questions []mcp.Question) (answers map[string][]byte, open string, err error) {
	answers = make(map[string][]byte, len(questions))
	for i := range questions {
		q := &questions[i]
		given, ok := e.Answers[q.Key]
		if !ok {
			what := q.Message
			if what == "" {
				what = q.Method()
			}
			return nil, fmt.Sprintf("it asks %q (%s): add answers: {%s: …}", q.Key, what, q.Key), nil
		}
		if answers[q.Key], err = answerTo(q, given); err != nil {
			return nil, "", fmt.Errorf("answers.%s: %w", q.Key, err)
		}
	}
	return answers, "", nil
}

// answerTo makes the result that a client would send of what an example says.
func answerTo(q *mcp.Question, given json.RawMessage) ([]byte, error) {
	var value any
	if err := json.Unmarshal(given, &value); err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	var answer any
	switch v := value.(type) {
	case bool:
		answer = map[string]any{"action": "decline"}
		if v {
			answer = map[string]any{"action": "accept"}
		}
	case string:
		answer = map[string]any{"role": "assistant", "model": "example", "content": map[string]any{"type": "text", "text": v}}
	case []any:
		answer = map[string]any{"roots": v}
	case map[string]any:
		answer = map[string]any{"action": "accept", "content": v}
		if q.Kind == mcp.AskModel || q.Kind == mcp.AskRoots {
			answer = v
		}
	default:
		return nil, errors.New("want an object, a list, a text, true or false")
	}
	out, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return out, nil
}

// exampleCaller is who makes an example's call: whom it names, or somebody who
// may call the tool and those that its steps call.
func (s *snapshot) exampleCaller(t *tool, as *config.ExampleCaller) (*plugins.Principal, error) {
	p := &plugins.Principal{Subject: as.Subject, Client: as.Client, Roles: as.Roles, Scopes: as.Scopes, Claims: map[string]any{}}
	for name, raw := range as.Claims {
		value, err := strictjson.Decode(raw, 0)
		if err != nil {
			return nil, fmt.Errorf("as.claims.%s can't be read: %w", name, err)
		}
		p.Claims[name] = value
	}
	if as.Subject == "" && as.Client == "" && as.Roles == nil && as.Scopes == nil && as.Claims == nil {
		p.Subject = "example"
		s.privileges(t, p, make(map[string]bool))
	}
	p.Key = "example:" + p.Subject
	if _, own := p.Claims["sub"]; !own {
		p.Claims["sub"] = p.Subject
	}
	return p, nil
}

// privileges adds the roles and scopes that a tool asks for, and those that it
// calls.
func (s *snapshot) privileges(t *tool, p *plugins.Principal, seen map[string]bool) {
	if t == nil || seen[t.spec.Name] {
		return
	}
	seen[t.spec.Name] = true
	p.Roles = append(p.Roles, t.roles()...)
	p.Scopes = append(p.Scopes, t.scopes()...)
	for _, name := range t.calls() {
		s.privileges(s.tools[name], p, seen)
	}
}

// calls are the tools that a target's steps call.
func (t *target) calls() []string {
	var names []string
	for _, p := range t.programs {
		names = append(names, p.Tools()...)
	}
	return names
}

// roles are those that a target asks for, of which one will do.
func (t *target) roles() []string {
	setting := t.parts["roles"]
	value := reflect.ValueOf(setting.Value)
	if setting.Off || !value.IsValid() || !value.CanConvert(reflect.TypeFor[[]string]()) {
		return nil
	}
	names, _ := value.Convert(reflect.TypeFor[[]string]()).Interface().([]string)
	return names
}

// unsafeCalls names a request that the tool, or one that it calls, would make
// and that may change something; empty if there is none.
func (s *snapshot) unsafeCalls(t *tool, seen map[string]bool) string {
	if t == nil || seen[t.spec.Name] {
		return ""
	}
	seen[t.spec.Name] = true
	if t.operator != nil && !t.operator.Safe() {
		return fmt.Sprintf("%s of %s may change something", t.operator.Method(), t.spec.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(toSet(t.calls()))) {
		if found := s.unsafeCalls(s.tools[name], seen); found != "" {
			return found
		}
	}
	return ""
}

func toSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// elapsed is a time in milliseconds, as reports tell it.
func elapsed(since time.Time) float64 {
	return float64(time.Since(since).Microseconds()) / 1000
}
