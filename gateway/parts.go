package gateway

import (
	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Keys tells the manifest's loader of the keys that the parts of a build add.
func Keys(parts plugins.Parts) config.Parts {
	var keys config.Parts
	for i := range parts.Policies {
		addPolicy(&keys, &parts.Policies[i])
	}
	request := make([]config.Part, 0, len(parts.Upstreams))
	for i := range parts.Upstreams {
		u := &parts.Upstreams[i]
		keys.Kinds = append(keys.Kinds, config.Part{Key: u.Key, Doc: u.Doc, Settings: u.Settings, Expose: exposing(u)})
		if i > 0 && u.Request == parts.Upstreams[0].Request {
			continue
		}
		request = append(request, config.Part{
			Key: "request", Settings: u.Request, ToolOnly: true,
			Doc: "The upstream request: METHOD /path/{argument}, or the long form.",
		})
	}
	keys.Complete = request
	steps := config.Part{
		Key: "steps", Settings: parts.Steps.Settings, ToolOnly: true,
		Doc: "Steps that run one after the other: calls of tools of this manifest, questions, conditions, messages.",
	}
	response := config.Part{
		Key: "response", Settings: parts.Transform.Settings, Merge: true,
		Doc: "How the upstream's answer becomes the tool's.",
	}
	confirm := config.Part{
		Key: "confirm", Settings: parts.Confirm.Settings, ToolOnly: true,
		Doc: "What the person is asked before the tool does anything; may have holes.",
	}
	keys.Tool = append(append(keys.Tool, request...), response, steps, confirm)
	keys.Resource = append(append(keys.Resource, request...), response, steps)
	keys.Prompt = append(keys.Prompt, steps,
		config.Part{
			Key: "load", Settings: parts.Load.Settings,
			Doc: "Tools called before the messages are made, side by side and with the caller's rights, by the name that messages give their results.",
		},
		config.Part{
			Key: "messages", Settings: parts.Messages.Settings,
			Doc: "The messages: blocks with a role.",
		})
	for i := range parts.Auth {
		a := &parts.Auth[i]
		keys.Auth = append(keys.Auth, config.Part{Key: a.Key, Doc: a.Doc, Settings: a.Settings})
	}
	return keys
}

// exposing is what finds the tools that upstreams of a kind describe.
func exposing(u *plugins.UpstreamPart) func(any, func(string) ([]byte, error)) (config.Exposure, error) {
	if u.Expose == nil {
		return nil
	}
	return func(settings any, read func(string) ([]byte, error)) (config.Exposure, error) {
		found, err := u.Expose(settings, read)
		out := config.Exposure{Settings: found.Settings, Warnings: found.Warnings}
		for _, t := range found.Tools {
			out.Tools = append(out.Tools, config.ExposedTool{Name: t.Name, Definition: t.Definition, File: t.File, Line: t.Line})
		}
		return out, err
	}
}

// addPolicy adds a policy's key to the places where it may stand.
func addPolicy(keys *config.Parts, p *plugins.PolicyPart) {
	if p.Key == "" {
		return
	}
	part := config.Part{Key: p.Key, Doc: p.Doc, Settings: p.Settings}
	for where, group := range map[plugins.Where]*[]config.Part{
		plugins.OnTool: &keys.Tool, plugins.OnUpstream: &keys.Upstream, plugins.OnServer: &keys.Server,
		plugins.OnResource: &keys.Resource, plugins.OnPrompt: &keys.Prompt,
	} {
		if p.Where&where != 0 {
			*group = append(*group, part)
		}
	}
}

// upstreamPart finds the kind of upstream of that key.
func (g *Gateway) upstreamPart(key string) *plugins.UpstreamPart {
	for i := range g.parts.Upstreams {
		if g.parts.Upstreams[i].Key == key {
			return &g.parts.Upstreams[i]
		}
	}
	return nil
}
