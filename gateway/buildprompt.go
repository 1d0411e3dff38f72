package gateway

import (
	"context"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// prompt is a prompt made ready to be listed and rendered.
type prompt struct {
	target
	source     *config.Prompt
	completers map[string]*completer
}

// buildPrompts builds the prompts, in the order of their names.
func (b *builder) buildPrompts() {
	for _, name := range slices.Sorted(maps.Keys(b.m.Prompts)) {
		source := b.m.Prompts[name]
		if source.IsZero() {
			continue // Load has told of it
		}
		if p := b.buildPrompt(source); p != nil {
			b.s.prompts[name] = p
		}
	}
}

// buildPrompt builds one prompt; nil if it has problems.
func (b *builder) buildPrompt(source *config.Prompt) *prompt {
	before := len(b.problems)
	p := &prompt{source: source}
	p.place, p.parts, p.order = source.Place, source.Parts, source.Name
	p.spec = &plugins.Tool{
		Kind: kindPrompt, Name: source.Name, Title: source.Title, Description: source.Description, Requires: source.Requires,
	}
	definition := mcp.PromptDefinition{
		Name: source.Name, Title: source.Title, Description: source.Description,
		Icons: iconsOf(source.Icons), Meta: source.Meta,
	}
	complete := make(map[string]*config.Complete)
	for i := range source.Arguments {
		a := &source.Arguments[i]
		p.spec.Arguments = append(p.spec.Arguments, plugins.Argument{Name: a.Name, Optional: a.Optional, Schema: []byte(`{"type":"string"}`)})
		definition.Arguments = append(definition.Arguments, mcp.PromptArgument{
			Name: a.Name, Title: a.Title, Description: a.Description, Required: !a.Optional,
		})
		if a.Complete != nil {
			complete[a.Name] = a.Complete
		}
	}
	if !b.specifyTexts(p.spec) || source.Broken {
		return nil
	}
	b.buildPrograms(&p.target)
	if render := b.buildMessages(p); render != nil {
		b.pipeline(&p.target, b.staged(&p.target, render))
	}
	p.completers = b.buildCompleters(&p.target, complete)
	p.modern = mcp.AppendPrompt(nil, &definition)
	p.legacy = p.modern
	if len(b.problems) > before {
		return nil
	}
	return p
}

// buildMessages compiles a prompt's messages; nil if they have problems.
func (b *builder) buildMessages(p *prompt) plugins.Handler {
	setting, written := p.parts["messages"]
	if !written {
		return nil // Load has told of it
	}
	renderer, err := b.g.parts.Messages.New(setting.Value, b.envOf(&p.target))
	if err != nil {
		b.problems = append(b.problems, setting.Problems(err)...)
	}
	if err != nil || setting.Broken {
		return nil
	}
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		messages, err := renderer.Render(ctx, call)
		if err != nil {
			return nil, err
		}
		return &mcp.Result{Messages: messages}, nil
	}
}
