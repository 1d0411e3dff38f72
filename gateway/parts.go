package gateway

import (
	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Keys tells the manifest's loader of the keys that the parts of a build add.
func Keys(parts plugins.Parts) config.Parts {
	var keys config.Parts
	for i := range parts.Policies {
		p := &parts.Policies[i]
		if p.Key == "" {
			continue
		}
		part := config.Part{Key: p.Key, Doc: p.Doc, Settings: p.Settings}
		if p.Where&plugins.OnTool != 0 {
			keys.Tool = append(keys.Tool, part)
		}
		if p.Where&plugins.OnUpstream != 0 {
			keys.Upstream = append(keys.Upstream, part)
		}
		if p.Where&plugins.OnServer != 0 {
			keys.Server = append(keys.Server, part)
		}
	}
	for i := range parts.Upstreams {
		u := &parts.Upstreams[i]
		keys.Kinds = append(keys.Kinds, config.Part{Key: u.Key, Doc: u.Doc, Settings: u.Settings})
		keys.Tool = append(keys.Tool, config.Part{
			Key: "request", Settings: u.Request, ToolOnly: true,
			Doc: "The upstream request: METHOD /path/{argument}, or the long form.",
		})
	}
	keys.Tool = append(keys.Tool, config.Part{
		Key: "response", Settings: parts.Transform.Settings, Merge: true,
		Doc: "How the upstream's answer becomes the tool's.",
	})
	for i := range parts.Auth {
		a := &parts.Auth[i]
		keys.Auth = append(keys.Auth, config.Part{Key: a.Key, Doc: a.Doc, Settings: a.Settings})
	}
	return keys
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
