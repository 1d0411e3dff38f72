package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Explanation tells what a tool is and what a call of it would do.
type Explanation struct {
	Tool        string            `json:"tool"`
	DefinedAt   string            `json:"defined_at"`
	Upstream    string            `json:"upstream,omitempty"`
	Visible     bool              `json:"visible"`
	Policies    []PolicyNote      `json:"policies"`
	Places      map[string]string `json:"places,omitempty"`
	Request     *RequestNote      `json:"request,omitempty"`
	Problem     string            `json:"problem,omitempty"`
	Definition  json.RawMessage   `json:"definition"`
	TokenBudget int               `json:"definition_tokens"`
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

// Explain tells what a tool is, and, given arguments, the upstream request
// they would make. Nothing is sent.
func (g *Gateway) Explain(name string, arguments []byte, caller Caller) (*Explanation, error) {
	s := g.acquire()
	defer s.done()
	t, principal := s.tools[name], caller.principal()
	if t == nil {
		return nil, s.unknownTool(name, principal)
	}
	e := &Explanation{
		Tool: name, DefinedAt: t.source.String(), Upstream: t.upstream,
		Visible: t.admits(principal), Policies: g.policyNotes(s, t),
		Definition: t.modern, TokenBudget: estimateTokens(t.modern),
	}
	if t.operator == nil {
		return e, nil
	}
	outline, err := g.outline(t, arguments, principal)
	e.Places = outline.Places
	switch {
	case arguments == nil: // only the places are asked for
	case err != nil:
		e.Problem = err.Error()
	default:
		e.Request = &RequestNote{Method: outline.Method, URL: outline.URL, Headers: outline.Header, Body: string(outline.Body)}
	}
	return e, nil
}

// outline puts the request of a call on paper. With an error it says where
// arguments go.
func (g *Gateway) outline(t *tool, arguments []byte, p *plugins.Principal) (*plugins.Outline, error) {
	call := g.commandCall(t, arguments, p)
	// Unchecked arguments say where they go, which is all that is taken here.
	outline, _ := t.operator.Outline(call)
	if outline == nil {
		outline = &plugins.Outline{}
	}
	validated := g.validated(t, func(_ context.Context, checked *plugins.Call) (*mcp.Result, error) {
		request, err := t.operator.Outline(checked)
		if err == nil {
			outline = request
		}
		return nil, err
	})
	if _, err := validated(context.Background(), call); err != nil {
		return outline, failureOf(err)
	}
	return outline, nil
}

// validated wraps a handler with what checks arguments only: policies without
// a key.
func (g *Gateway) validated(t *tool, next plugins.Handler) plugins.Handler {
	for i := range g.parts.Policies {
		part := &g.parts.Policies[i]
		if part.Key != "" || part.Where&plugins.OnTool == 0 {
			continue
		}
		policy, err := part.New(nil, plugins.Env{Log: g.log, Name: t.spec.Name, Tool: t.spec})
		if err == nil && policy != nil {
			next = policy.Wrap(next)
		}
	}
	return next
}

// policyNotes lists the policies of a tool in the order in which a call meets
// them.
func (g *Gateway) policyNotes(s *snapshot, t *tool) []PolicyNote {
	var notes []PolicyNote
	upstream := s.manifest.Upstreams[t.upstream]
	for i := range g.parts.Policies {
		part := &g.parts.Policies[i]
		if setting, ok := t.parts[part.Key]; ok && part.Where&plugins.OnTool != 0 {
			notes = append(notes, PolicyNote{Key: part.Key, From: noteOff(setting.Off, setting.String()), On: "tool"})
			continue
		}
		if upstream != nil && part.Where&plugins.OnUpstream != 0 {
			if setting, ok := upstream.Parts[part.Key]; ok {
				notes = append(notes, PolicyNote{Key: part.Key, From: noteOff(setting.Off, setting.String()), On: "upstream"})
				continue
			}
		}
		if !part.Always || (part.Where&plugins.OnTool == 0 && upstream == nil) {
			continue
		}
		key := part.Key
		if key == "" {
			key = "arguments"
		}
		on := "upstream"
		if part.Where&plugins.OnTool != 0 {
			on = "tool"
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
func (g *Gateway) DryRun(name string, arguments []byte, caller Caller) (*RequestNote, error) {
	if arguments == nil {
		arguments = []byte("{}")
	}
	e, err := g.Explain(name, arguments, caller)
	switch {
	case err != nil:
		return nil, err
	case e.Problem != "":
		return nil, errors.New(e.Problem)
	case !e.Visible:
		return nil, fmt.Errorf("tool %q is hidden from this caller: pass one of its roles with --as", name)
	case e.Request == nil:
		return nil, fmt.Errorf("tool %q asks no upstream", name)
	}
	return e.Request, nil
}
