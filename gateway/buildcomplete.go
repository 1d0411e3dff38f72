package gateway

import (
	"context"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// completer suggests values for one argument.
type completer struct {
	// values are a list of the manifest's; the rest is for those that ask.
	values []string
	ask    *target
	// tool is the one that is asked; empty if an upstream is.
	tool string
}

// buildCompleters compiles where suggestions come from, by argument.
func (b *builder) buildCompleters(of *target, all map[string]*config.Complete) map[string]*completer {
	out := make(map[string]*completer)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if c := b.buildCompleter(of, all[name]); c != nil {
			out[name] = c
		}
	}
	return out
}

// buildCompleter compiles one source of suggestions; nil if it has problems.
func (b *builder) buildCompleter(of *target, source *config.Complete) *completer {
	if source.Broken {
		return nil
	}
	if source.Values != nil {
		return &completer{values: source.Values}
	}
	t := b.completion(of, source)
	settings := plugins.CompletionSettings{Select: source.Select}
	if source.Tool != "" {
		b.noteCompletion(source)
		settings.Args = append([]byte(nil), source.Args...)
		if settings.Args == nil {
			settings.Args = []byte("{}")
		}
	}
	found, err := b.g.parts.Completion.New(settings, b.env(t.spec.Name, "", t.spec))
	if err != nil {
		b.fault(source.Place, err)
		return nil
	}
	ask := b.asking(t, source, found)
	if ask == nil {
		return nil
	}
	b.pipeline(t, func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		answer, free, err := ask(ctx, call)
		if err != nil {
			return nil, err
		}
		defer free()
		values, err := found.Values(ctx, call, answer)
		if err != nil {
			return nil, err
		}
		return &mcp.Result{Content: blocksOf(values)}, nil
	})
	return &completer{ask: t, tool: source.Tool}
}

// blocksOf are texts as content blocks.
func blocksOf(texts []string) []mcp.Block {
	blocks := make([]mcp.Block, len(texts))
	for i, text := range texts {
		blocks[i].Text = []byte(text)
	}
	return blocks
}

// completion is what stands for the asking: a target of its own, with the
// access rules and limits of the one whose argument it is.
func (b *builder) completion(of *target, source *config.Complete) *target {
	t := &target{place: source.Place, parts: make(map[string]config.Setting)}
	for _, key := range []string{"roles", "scopes", "rate_limit", "timeout"} {
		if setting, ok := of.parts[key]; ok {
			t.parts[key] = setting
		}
	}
	t.spec = &plugins.Tool{Kind: of.spec.Kind, Name: of.spec.Name + " (completion)"}
	for _, a := range of.spec.Arguments {
		a.Optional = true
		t.spec.Arguments = append(t.spec.Arguments, a)
	}
	b.specifyTexts(t.spec)
	return t
}

// answering asks somebody for suggestions. The answer is JSON, which is good
// until free is called.
type answering func(ctx context.Context, call *plugins.Call) (answer []byte, free func(), err error)

// asking is how a completion asks an upstream or a tool; nil if that has
// problems.
func (b *builder) asking(t *target, source *config.Complete, found plugins.Completion) answering {
	if source.Tool != "" {
		return b.askingTool(source, found)
	}
	t.upstream = b.onlyUpstream(source.Upstream)
	if source.Request.Broken || t.upstream == "" {
		return nil
	}
	operator, err := b.prepare(t.upstream, plugins.Operation{Tool: t.spec, Request: source.Request.Value, Value: true})
	if err != nil {
		b.fault(source.Place, err)
	}
	if err != nil || operator == nil {
		return nil
	}
	t.spec.Repeatable = operator.Repeatable()
	return func(ctx context.Context, call *plugins.Call) ([]byte, func(), error) {
		response, err := operator.Do(ctx, call)
		if err != nil {
			return nil, nil, err
		}
		if response.Status >= 300 {
			response.Free()
			return nil, nil, &plugins.Error{Kind: plugins.KindStatus, Status: response.Status, Message: "The service has no suggestions."}
		}
		return response.Body, response.Free, nil
	}
}

// askingTool is how a completion calls a tool, which config knows to be there.
func (b *builder) askingTool(source *config.Complete, found plugins.Completion) answering {
	s := b.s
	return func(ctx context.Context, call *plugins.Call) ([]byte, func(), error) {
		callee := s.callee(source.Tool)
		if callee == nil || !callee.Admits(call.Principal) {
			return nil, nil, &plugins.Error{Kind: plugins.KindDenied, Message: "Unknown tool: " + source.Tool}
		}
		arguments, err := found.Arguments(call)
		if err != nil {
			return nil, nil, err
		}
		inner := *call
		inner.Tool, inner.Arguments, inner.Args, inner.Run = callee.Tool, arguments, nil, nil
		result, err := callee.Call(ctx, &inner)
		if err != nil {
			return nil, nil, err
		}
		if result.IsError || result.Pending != nil {
			result.Free()
			return nil, nil, &plugins.Error{Kind: plugins.KindUpstream, Message: "The tool has no suggestions."}
		}
		if result.Structured != nil {
			return result.Structured, result.Free, nil
		}
		return []byte(textOf(result)), result.Free, nil
	}
}
