package gateway

import (
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxSuggestions bounds the values of one completion
// (https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion).
const maxSuggestions = 100

// complete serves completion/complete.
func (r *request) complete() *mcp.Error {
	params, err := mcp.DecodeCompleteParams(r.message.Params)
	if err != nil {
		return err
	}
	of, completers := r.e.completable(&params, r.principal)
	if of == nil {
		r.entry.outcome, r.entry.errorType = "invalid", "unknown_reference"
		return mcp.UnknownReference()
	}
	r.entry.target = of
	known := false
	for i := range of.spec.Arguments {
		known = known || of.spec.Arguments[i].Name == params.Argument
	}
	if !known {
		return mcp.Rejected(mcp.CodeInvalidParams, "Invalid params: there is no argument of that name")
	}
	source := completers[params.Argument]
	switch {
	case source == nil:
		r.answerCompletion(nil)
	case source.ask == nil:
		r.answerCompletion(startingWith(source.values, params.Value))
	default:
		return r.askCompletion(source.ask, &params)
	}
	return nil
}

// completable finds what a reference names, if the principal may see it.
func (e *endpoint) completable(params *mcp.CompleteParams, p *plugins.Principal) (*target, map[string]*completer) {
	if params.Kind == mcp.PromptReference {
		if own := e.promptFor(params.Of, p); own != nil {
			return &own.target, own.completers
		}
		return nil, nil
	}
	if own := e.resources[params.Of]; own != nil && e.shows(&own.target) && own.admits(p) {
		return &own.target, nil
	}
	for _, own := range e.templates {
		if own.source.URI == params.Of && e.shows(&own.target) && own.admits(p) {
			return &own.target, own.completers
		}
	}
	return nil, nil
}

// askCompletion lets an upstream or a tool suggest. What has been given so far
// are the arguments; what is none is left out.
func (r *request) askCompletion(t *target, params *mcp.CompleteParams) *mcp.Error {
	arguments := argumentsGiven(t, params.Arguments)
	release, busy := r.g.begin(r.s.manifest.Server.MaxConcurrentCalls)
	if busy != nil {
		r.fail(r.message.ID, busy)
		return nil
	}
	defer release()
	ctx, end := r.callContext(t, 0)
	defer end()
	c := callRun{r: r, t: t, name: params.Of, arguments: arguments}
	call := c.call(nil)
	call.Run = &plugins.Run{Value: &params.Value}
	result, err := t.handler(ctx, call)
	if err != nil {
		return c.failed(ctx, err)
	}
	defer result.Free()
	values := make([]string, len(result.Content))
	for i := range result.Content {
		values[i] = string(result.Content[i].Text)
	}
	r.answerCompletion(values)
	return nil
}

// argumentsGiven are those of the arguments given so far that the target has.
func argumentsGiven(t *target, raw []byte) []byte {
	dst := []byte{'{'}
	members, err := strictjson.Members(raw, nil)
	if raw == nil || err != nil {
		return append(dst, '}')
	}
	for i := range members {
		known := slices.ContainsFunc(t.spec.Arguments, func(a plugins.Argument) bool { return a.Name == members[i].Name })
		if !known {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(strictjson.AppendString(dst, members[i].Name), ':')
		dst = append(dst, members[i].Value...)
	}
	return append(dst, '}')
}

// answerCompletion answers completion/complete with values, of which the first
// ones are sent.
func (r *request) answerCompletion(values []string) {
	total := len(values)
	r.resp.ContentType = jsonType
	r.resp.Body = r.s.encoder.AppendCompletion(r.resp.Body, r.revision, r.message.ID,
		values[:min(total, maxSuggestions)], total, total > maxSuggestions)
}

// startingWith are the values that begin with what was typed, whatever the case
// of its letters.
func startingWith(values []string, typed string) []string {
	var out []string
	for _, v := range values {
		if len(v) >= len(typed) && strings.EqualFold(v[:len(typed)], typed) {
			out = append(out, v)
		}
	}
	return out
}
