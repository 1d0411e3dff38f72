package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// innermost is the end of a target's pipeline: its programs run, the upstream
// is asked, and what it answers becomes a result.
func (b *builder) innermost(t *target, answer plugins.Transform) plugins.Handler {
	last := asking(t.operator, answer)
	if poller, ok := answer.(plugins.Poller); ok && t.operator != nil {
		last = b.polling(t, poller, last)
	}
	if pager, ok := answer.(plugins.Pager); ok && t.operator != nil {
		last = b.paging(t, pager, last)
	}
	return b.staged(t, b.rehearsed(t, answer, last))
}

// asking asks the upstream, if there is one, and transforms what it answers.
func asking(operator plugins.Operator, answer plugins.Transform) plugins.Handler {
	if operator == nil {
		return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
			return answer.Transform(ctx, call, nil)
		}
	}
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		response, err := operator.Do(ctx, call)
		if err != nil {
			return nil, err
		}
		return answer.Transform(ctx, call, response)
	}
}

// polling looks after the job that an upstream has accepted, in the rounds
// after the one that began it.
func (b *builder) polling(t *target, poller plugins.Poller, first plugins.Handler) plugins.Handler {
	requests := poller.PollRequests()
	if len(requests) == 0 {
		return first
	}
	t.polls = true
	operators := make([]plugins.Operator, len(requests))
	specs := make([]*plugins.Tool, len(requests))
	for i := range requests {
		specs[i], operators[i] = b.preparePoll(t, &requests[i])
		if operators[i] == nil {
			return first // told already
		}
	}
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		if resume := call.Resumed(); resume == nil || resume.State == nil {
			return first(ctx, call)
		}
		return poller.Poll(ctx, call, func(ctx context.Context, request int, args map[string]any) (*plugins.Response, error) {
			inner := *call
			if inner.Tool = specs[request]; requests[request].Request == "" {
				inner.Location, _ = args["location"].(string)
			} else {
				inner.Args = args
			}
			return operators[request].Do(ctx, &inner)
		})
	}
}

// paging puts the pages of an upstream's answer together.
func (b *builder) paging(t *target, pager plugins.Pager, whole plugins.Handler) plugins.Handler {
	request, ok := pager.PageRequest()
	if !ok {
		return whole
	}
	ask := b.preparePage(t, &request)
	if ask == nil {
		return whole // told already
	}
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		if resume := call.Resumed(); resume != nil && resume.State != nil {
			return whole(ctx, call)
		}
		first, err := t.operator.Do(ctx, call)
		if err != nil {
			return nil, err
		}
		return pager.Collect(ctx, call, first, func(ctx context.Context, page plugins.Page) (*plugins.Response, error) {
			return ask(ctx, call, page)
		})
	}
}

// preparePage prepares how a further page is asked for; nil says that it has
// problems.
func (b *builder) preparePage(t *target, request *plugins.PageRequest) func(context.Context, *plugins.Call, plugins.Page) (*plugins.Response, error) {
	place := t.parts["response"].Place
	upstream := b.upstreams[t.upstream]
	if upstream == nil {
		return nil
	}
	if request.Link {
		follower, ok := upstream.(plugins.Follower)
		if !ok {
			b.problems = append(b.problems, place.ProblemAt(request.Path, "this kind of upstream can't follow links", "", 0))
			return nil
		}
		operator, err := follower.Follow(plugins.Operation{Tool: t.spec, Request: t.parts["request"].Value})
		if err != nil {
			b.faultAt(place, request.Path, err)
			return nil
		}
		return func(ctx context.Context, call *plugins.Call, page plugins.Page) (*plugins.Response, error) {
			next := *call
			next.Location = page.URL
			return operator.Do(ctx, &next)
		}
	}
	if !t.operator.Safe() {
		b.problems = append(b.problems, place.ProblemAt(request.Path, "paging would repeat a request that may change something", "page only what reads: GET, or a GraphQL query", 0))
		return nil
	}
	operator := t.operator
	if !slices.ContainsFunc(t.spec.Arguments, func(a plugins.Argument) bool { return a.Name == request.PassAs && a.Value == nil }) {
		own := *t.spec
		own.Arguments = append(slices.Clip(own.Arguments), plugins.Argument{Name: request.PassAs, In: "query", Optional: true})
		var err error
		if operator, err = upstream.Prepare(plugins.Operation{Tool: &own, Request: t.parts["request"].Value}); err != nil {
			b.faultAt(place, request.Path, err)
			return nil
		}
	}
	return func(ctx context.Context, call *plugins.Call, page plugins.Page) (*plugins.Response, error) {
		args := maps.Clone(call.Args)
		if args == nil {
			args = make(map[string]any, 1)
		}
		args[request.PassAs] = page.Value
		return operator.Do(ctx, call.WithArgs(args))
	}
}

// preparePoll prepares one of a poller's requests; a nil operator says that it
// has problems.
func (b *builder) preparePoll(t *target, request *plugins.PollRequest) (*plugins.Tool, plugins.Operator) {
	spec := &plugins.Tool{Kind: t.spec.Kind, Name: t.spec.Name}
	for _, name := range request.Names {
		spec.Arguments = append(spec.Arguments, plugins.Argument{Name: name, Schema: []byte(`{"type":"string"}`)})
	}
	b.specifyTexts(spec)
	place := t.parts["response"].Place
	upstream := b.upstreams[t.upstream]
	if upstream == nil {
		return spec, nil
	}
	op := plugins.Operation{Tool: spec}
	var operator plugins.Operator
	var err error
	if request.Request == "" {
		follower, ok := upstream.(plugins.Follower)
		if !ok {
			b.problems = append(b.problems, place.ProblemAt(request.Path, "this kind of upstream can't follow a Location", "write status: GET /jobs/{id}", 0))
			return spec, nil
		}
		spec = t.spec
		operator, err = follower.Follow(plugins.Operation{Tool: spec, Request: t.parts["request"].Value})
	} else if op.Request, err = b.shortRequest(t.upstream, request.Request); err == nil {
		operator, err = upstream.Prepare(op)
	}
	if err != nil {
		b.faultAt(place, request.Path, err)
		return spec, nil
	}
	return spec, operator
}

// shortRequest decodes a request in its short form as the upstream's kind does.
func (b *builder) shortRequest(upstream, text string) (any, error) {
	part := b.g.upstreamPart(b.m.Upstreams[upstream].Kind)
	request, err := config.DecodeText(part.Request, text)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	return request, nil
}

// faultAt places mistakes below a path.
func (b *builder) faultAt(place config.Place, path []string, err error) {
	for _, p := range place.Problems(err) {
		b.problems = append(b.problems, place.ProblemAt(path, p.Message, p.Hint, 0))
	}
}
