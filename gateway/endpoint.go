package gateway

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// endpoint is a virtual server: what one path shows of a snapshot. Like that, it
// never changes after build.
type endpoint struct {
	*snapshot
	path string
	// source is nil for the endpoint of a manifest that names none.
	source *config.Endpoint
	// shown are the targets that it shows; nil stands for all.
	shown map[*target]bool
	// listed holds what each list shows, sorted by name.
	listed [listKinds][]*target
	lists  listCache
	// byRole says that nothing but a caller's roles decides what it sees.
	byRole bool
	// search finds tools, where they are not listed themselves; else nil.
	search *search

	discover []byte
	offers   mcp.Capabilities
	// scopes are all scopes that anything of it asks for, sorted.
	scopes []string
	// metadata is the protected resource metadata; nil if no issuer is trusted.
	metadata []byte
	// challenge is the value of WWW-Authenticate, without error.
	challenge string
}

// shows reports whether the endpoint shows a target.
func (e *endpoint) shows(t *target) bool { return e.shown == nil || e.shown[t] }

// toolFor is the tool of that name that a caller may call; nil if there is none.
func (e *endpoint) toolFor(name string, p *plugins.Principal) *tool {
	t := e.tools[name]
	if t == nil || t.source.Internal || !e.shows(&t.target) || !t.admits(p) {
		return nil
	}
	return t
}

// promptFor is the prompt of that name that a caller may get; nil if there is
// none.
func (e *endpoint) promptFor(name string, p *plugins.Principal) *prompt {
	own := e.prompts[name]
	if own == nil || !e.shows(&own.target) || !own.admits(p) {
		return nil
	}
	return own
}

// resourceAt finds the resource of a URI that the principal may see, and the
// arguments that its template takes from the URI.
func (e *endpoint) resourceAt(uri string, p *plugins.Principal) (*resource, []byte) {
	return e.resourceAmong(uri, p, e.shown)
}

// instructions are what models are told.
func (e *endpoint) instructions() string {
	if e.source != nil && e.source.Instructions != "" {
		return e.source.Instructions
	}
	return e.manifest.Server.Instructions
}

// admits reports whether a caller may use the endpoint at all.
func (e *endpoint) admits(p *plugins.Principal) bool {
	return e.source == nil || len(e.source.Roles) == 0 || slices.ContainsFunc(e.source.Roles, p.HasRole)
}

// lacks are the scopes of the endpoint if a caller does not have all of them.
func (e *endpoint) lacks(p *plugins.Principal) []string {
	if e.source == nil || !slices.ContainsFunc(e.source.Scopes, func(scope string) bool { return !p.HasScope(scope) }) {
		return nil
	}
	return e.source.Scopes
}

// buildEndpoints makes the endpoints: those of the manifest, or the one that
// shows everything.
func (b *builder) buildEndpoints() {
	s := b.s
	s.endpoints = make(map[string]*endpoint)
	s.all = b.newEndpoint(endpointPath, nil)
	if len(b.m.Endpoints) == 0 {
		s.endpoints[endpointPath], s.primary = s.all, s.all
		return
	}
	for path, source := range b.m.Endpoints {
		s.endpoints[path] = b.newEndpoint(path, source)
	}
	if s.primary = s.endpoints[endpointPath]; s.primary == nil {
		s.primary = s.endpoints[slices.Min(slices.Collect(maps.Keys(s.endpoints)))]
	}
}

// newEndpoint makes one endpoint ready.
func (b *builder) newEndpoint(path string, source *config.Endpoint) *endpoint {
	e := &endpoint{snapshot: b.s, path: path, source: source}
	if source != nil {
		e.shown = make(map[*target]bool)
		b.show(e, source)
	}
	e.list()
	if source != nil && source.Discovery == "search" {
		e.search = b.newSearch(e)
	}
	e.offers = e.capabilities()
	e.discover = e.encoder.DiscoverResult(e.offers, e.instructions())
	b.challengeOf(e)
	return e
}

// show chooses what an endpoint shows.
func (b *builder) show(e *endpoint, source *config.Endpoint) {
	pick := func(t *target, name string, tags []string) {
		if config.Picks(source.Include, name, tags) && !config.Picks(source.Exclude, name, tags) {
			e.shown[t] = true
		}
	}
	for name, t := range b.s.tools {
		pick(&t.target, name, t.source.Tags)
	}
	for uri, r := range b.s.resources {
		pick(&r.target, uri, r.source.Tags)
	}
	for _, r := range b.s.templates {
		pick(&r.target, r.source.URI, r.source.Tags)
	}
	for name, p := range b.s.prompts {
		pick(&p.target, name, p.source.Tags)
	}
}

// challengeOf makes ready how an endpoint tells where to log in (RFC 9728).
func (b *builder) challengeOf(e *endpoint) {
	needed := make(map[string]bool)
	if e.source == nil {
		maps.Copy(needed, b.scopes)
	} else {
		for _, scope := range e.source.Scopes {
			needed[scope] = true
		}
		for t := range e.shown {
			for _, scope := range t.scopes() {
				needed[scope] = true
			}
		}
	}
	e.scopes = slices.Sorted(maps.Keys(needed))
	var issuers []string
	for _, i := range b.s.issuers {
		issuers = append(issuers, i.Issuers()...)
	}
	e.challenge = "Bearer"
	if len(issuers) == 0 {
		return
	}
	public := publicURL(b.m)
	e.metadata = protectedResource(public.String()+e.path, issuers, e.scopes)
	e.challenge = `Bearer resource_metadata="` + public.String() + metadataPath + e.path + `"`
	if len(e.scopes) > 0 {
		e.challenge += `, scope="` + strings.Join(e.scopes, " ") + `"`
	}
}

// holder names whoever holds what was sealed for a caller at an endpoint: at
// another it is good for nothing. The path is first: it has no zero byte, and a
// caller's name may have one.
func (x *exchange) holder() string {
	if x.e.path == endpointPath {
		return x.principal.Key
	}
	return x.e.path + "\x00" + x.principal.Key
}

// owner is whose a session is, and where.
type owner struct {
	principal *plugins.Principal
	path      string
}

func (x *exchange) owner() *owner { return &owner{x.principal, x.e.path} }

// enters reports whether the caller may use the endpoint; it answers those who
// may not. For those without its roles it doesn't exist.
func (x *exchange) enters() bool {
	if !x.e.admits(x.principal) {
		x.entry.outcome = "denied"
		x.noEndpoint()
		return false
	}
	if scopes := x.e.lacks(x.principal); scopes != nil {
		x.fail(x.bodyID(), &plugins.Error{Kind: plugins.KindScope, Scopes: scopes, Message: "insufficient scope: this endpoint needs " + strings.Join(scopes, " ")})
		return false
	}
	return true
}

// noEndpoint answers a request for a path that isn't served.
func (x *exchange) noEndpoint() {
	if x.s.endpoints[endpointPath] != nil {
		x.refuse(404, "not found: the MCP endpoint is "+endpointPath)
		return
	}
	x.refuse(404, "not found: there is no MCP endpoint at this path")
}
