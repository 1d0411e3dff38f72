package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// buildTools builds the tools, in the order of their names.
func (b *builder) buildTools() {
	for _, name := range b.toolNames {
		source := b.m.Tools[name]
		if source.IsZero() || b.m.LiesOverUnknown(source) {
			continue // Load has told of it
		}
		if t := b.buildTool(source); t != nil {
			b.s.tools[name] = t
		}
	}
}

// buildTool builds one tool; nil if it has problems.
func (b *builder) buildTool(source *config.Tool) *tool {
	before := len(b.problems)
	t := &tool{source: source}
	t.order = source.Name
	t.place, t.parts, t.upstream = source.Place, source.Parts, b.upstreamOf(source.Upstream, source.Parts)
	t.spec = b.specify(source)
	if t.spec.Input == nil {
		b.checkRest(t)
		return nil
	}
	b.prepareHeaders(t)
	answer := b.buildCall(&t.target)
	if answer == nil || len(b.problems) > before {
		return nil
	}
	t.spec.OutputSchema = answer.OutputSchema()
	if t.spec.OutputSchema != nil {
		if _, err := schema.Compile(t.spec.OutputSchema); err != nil {
			b.problems = append(b.problems, source.ProblemAt([]string{"response", "schema"}, err.Error(), "", 0))
			return nil
		}
	}
	b.warnOfMisnamed(t)
	t.spec.Annotations = annotationsOf(source.Annotations, t.operator, len(t.programs) > 0)
	b.pipeline(&t.target, b.innermost(&t.target, answer))
	definition := mcp.ToolDefinition{
		Name: t.spec.Name, Title: t.spec.Title, Description: t.spec.Description,
		InputSchema: t.spec.InputSchema, OutputSchema: t.spec.OutputSchema, Annotations: t.spec.Annotations,
		Icons: iconsOf(source.Icons), Meta: source.Meta,
	}
	t.modern = mcp.AppendTool(nil, &definition, true)
	t.legacy = mcp.AppendTool(nil, &definition, false)
	if len(b.problems) > before {
		return nil
	}
	return t
}

// warnOfMisnamed tells of a tool that does nothing by itself, and was probably
// meant to lie over one that an upstream exposes. One that has nothing to say
// either is refused: its policies would guard nothing.
func (b *builder) warnOfMisnamed(t *tool) {
	var exposed []string
	for _, name := range slices.Sorted(maps.Keys(b.m.Upstreams)) {
		exposed = append(exposed, b.m.Upstreams[name].Exposes...)
	}
	if t.operator != nil || len(t.programs) > 0 || len(exposed) == 0 {
		return
	}
	name := t.spec.Name
	near := config.Nearest(name, exposed)
	for _, other := range exposed {
		if near == "" && (strings.HasSuffix(name, "_"+other) || strings.HasSuffix(other, "_"+name)) {
			near = other
		}
	}
	answer := t.parts["response"]
	speaks := answer.Written("text") || answer.Written("content")
	message := fmt.Sprintf("tool %q asks no upstream", name)
	hint := fmt.Sprintf("did you mean %q, which an upstream exposes?", near)
	switch {
	case speaks && near != "":
		b.warnings = append(b.warnings, t.place.Warning(message, hint).By(ruleMisnamed))
	case speaks:
	case near != "":
		b.problems = append(b.problems, t.place.Problem(message, hint))
	default:
		b.problems = append(b.problems, t.place.Problem(message, "upstreams expose "+someOf(exposed)))
	}
}

// someOf names the first of many.
func someOf(names []string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

// iconsOf are icons as the protocol has them.
func iconsOf(icons []config.Icon) []mcp.Icon {
	out := make([]mcp.Icon, len(icons))
	for i := range icons {
		out[i] = mcp.Icon{Src: icons[i].Src, MIMEType: icons[i].MIMEType, Sizes: icons[i].Sizes, Theme: icons[i].Theme}
	}
	return out
}

// checkRest looks for problems in what does not depend on the arguments of a
// tool, which could not be read.
func (b *builder) checkRest(t *tool) {
	anything, err := schema.Compile([]byte(`{"type":"object"}`))
	if err != nil {
		b.fault(t.place, err)
		return
	}
	t.spec.Input, t.spec.Arguments = anything, nil
	b.buildPrograms(&t.target)
	b.buildTransform(&t.target)
	b.buildPolicies(t.where(), t.parts, t.place, b.envOf(&t.target))
}

// prepareHeaders compiles the tool's x-mcp-header annotations.
func (b *builder) prepareHeaders(t *tool) {
	headers, err := schema.Headers(t.spec.InputSchema)
	if err != nil {
		b.faultInput(t.source, err)
	}
	t.headers = headers
}

// callee is a tool as the steps of another call it.
func (s *snapshot) callee(name string) *plugins.Callee {
	t := s.tools[name]
	if t == nil {
		return nil
	}
	return &plugins.Callee{Tool: t.spec, Call: t.handler, Admits: t.admits}
}
