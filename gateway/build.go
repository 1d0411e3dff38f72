package gateway

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// builder compiles one manifest. It collects problems and goes on, so that all
// of them are told at once.
type builder struct {
	g         *Gateway
	m         *config.Manifest
	s         *snapshot
	lease     *lease
	toolNames []string
	scopes    map[string]bool
	upstreams map[string]plugins.Upstream
	// scene is how examples are used; nil if they aren't.
	scene *scene
	// onUpstream holds the policies of each upstream, by their place in the
	// pipeline.
	onUpstream map[string]map[int]plugins.Policy
	// callers are what calls tools by name.
	callers  []toolCaller
	problems config.Problems
	warnings config.Problems
}

// build compiles a manifest into a snapshot. Everything that can fail happens
// here; the error is config.Problems.
func (g *Gateway) build(m *config.Manifest) (*snapshot, error) {
	b := &builder{
		g: g, m: m, lease: g.kept.lease(),
		upstreams:  make(map[string]plugins.Upstream),
		onUpstream: make(map[string]map[int]plugins.Policy),
		scopes:     make(map[string]bool),
	}
	s := &snapshot{
		manifest: m, loaded: time.Now(),
		tools: make(map[string]*tool), resources: make(map[string]*resource), prompts: make(map[string]*prompt),
	}
	b.s = s
	s.encoder = mcp.NewEncoder(s.info(g.version))
	b.toolNames = slices.Sorted(maps.Keys(m.Tools))
	b.buildUpstreams()
	b.buildTools()
	b.buildResources()
	b.buildPrompts()
	b.checkCircles()
	b.checkCalls()
	b.buildExamples()
	b.buildAuth(s)
	b.buildFront(s)
	if len(b.problems) == 0 { // tools in a circle have no end
		b.buildEndpoints()
	}
	b.checkTLS()
	b.warnOfNobody(s)
	b.warnOfReplica()
	if len(b.problems) > 0 {
		if err := b.lease.release(); err != nil {
			g.log.Error("free what a refused manifest kept", "error", err)
		}
		return nil, b.problems.Sorted()
	}
	s.warnings = append(b.warnings, m.Warnings...).Sorted()
	s.uses.Store(1)
	s.free = func() {
		if err := b.lease.release(); err != nil {
			g.log.Error("free what a manifest kept", "error", err)
		}
	}
	return s, nil
}

// info is what the gateway says of itself.
func (s *snapshot) info(version string) mcp.ServerInfo {
	server := &s.manifest.Server
	return mcp.ServerInfo{
		Name: server.Name, Version: version, Title: server.Title, Description: server.Description,
		WebsiteURL: server.Website, Icons: iconsOf(server.Icons),
	}
}

// fault notes what a part found wrong with its settings.
func (b *builder) fault(place config.Place, err error) {
	b.problems = append(b.problems, place.Problems(err)...)
}

// env lends a part what it needs.
func (b *builder) env(name, upstream string, spec *plugins.Tool) plugins.Env {
	return plugins.Env{
		Log: b.g.log, Name: name, Upstream: upstream, Tool: spec,
		Tools: b.toolNames, Callee: b.s.callee, Read: b.s.readFor,
		Offline: b.g.offline, Store: b.g.store, Observe: b.g.observe, Keep: b.lease.keep,
	}
}

// buildUpstreams builds the backends and the policies on them.
func (b *builder) buildUpstreams() {
	for _, name := range slices.Sorted(maps.Keys(b.m.Upstreams)) {
		u := b.m.Upstreams[name]
		if u.IsZero() {
			continue // Load has told of it
		}
		part := b.g.upstreamPart(u.Kind)
		if part == nil || u.Settings.Broken {
			continue // Load has told of it
		}
		built, err := part.New(u.Settings.Value, b.env(name, name, nil))
		if err != nil {
			b.fault(u.Settings.Place, err)
			continue
		}
		b.upstreams[name] = b.rehearse(name, built)
		b.onUpstream[name] = b.buildPolicies(plugins.OnUpstream, u.Parts, u.Place, b.env(name, name, nil))
	}
}

// buildPolicies builds the policies that may stand in one place, by their
// place in the pipeline.
func (b *builder) buildPolicies(where plugins.Where, settings map[string]config.Setting, place config.Place, env plugins.Env) map[int]plugins.Policy {
	built := make(map[int]plugins.Policy)
	for i := range b.g.parts.Policies {
		part := &b.g.parts.Policies[i]
		setting, written := settings[part.Key]
		if part.Where&where == 0 || setting.Off || setting.Broken || (!written && !part.Always) {
			continue
		}
		env.Inherited = strings.HasPrefix(setting.Path, "defaults.")
		policy, err := part.New(setting.Value, env)
		if err != nil {
			at := place
			if written {
				at = setting.Place
			}
			b.fault(at, err)
			continue
		}
		if policy != nil {
			built[i] = policy
		}
	}
	return built
}

// buildAuth builds the ways to know a caller, in the order of the build's list.
func (b *builder) buildAuth(s *snapshot) {
	var all []plugins.Authenticator
	for i := range b.g.parts.Auth {
		part := &b.g.parts.Auth[i]
		setting, written := b.m.Auth.Parts[part.Key]
		if !written || setting.Off || setting.Broken {
			continue
		}
		built, err := part.New(setting.Value, b.env(b.resource(), "", nil))
		if err != nil {
			b.fault(setting.Place, err)
			continue
		}
		all = append(all, built)
		if issuers, ok := built.(plugins.Issuers); ok {
			s.issuers = append(s.issuers, issuers)
		}
	}
	if len(all) > 0 {
		s.auth = b.g.parts.Chain(all)
	}
}

// resource is the URI of the protected resource: the audience that tokens name
// unless the manifest says another.
func (b *builder) resource() string {
	return publicURL(b.m).String() + endpointPath
}

// checkTLS refuses certificate files that can't be served, while they can still
// be refused.
func (b *builder) checkTLS() {
	files := b.m.Server.TLS
	if files == nil || files.Cert == "" || files.Key == "" {
		return
	}
	if err := edge.CheckTLS(tlsFiles(files)); err != nil {
		b.problems = append(b.problems, b.m.Server.ProblemAt([]string{"tls"}, err.Error(), "", 0))
	}
}

// tlsFiles names the files to the edge.
func tlsFiles(files *config.ServerTLS) edge.TLS {
	return edge.TLS{Cert: files.Cert, Key: files.Key, ClientCA: files.ClientCA}
}

// warnOfNobody warns of tools that are there for nobody, and of an auth that
// knows nobody.
func (b *builder) warnOfNobody(s *snapshot) {
	if s.auth != nil || len(b.problems) > 0 {
		return
	}
	if !b.m.Auth.IsZero() {
		b.warnings = append(b.warnings, b.m.Auth.Warning("auth names no way to know a caller: whoever reaches the listener may call",
			"add jwt, api_keys or anonymous").By("auth-empty"))
	}
	for t := range s.all.targets() {
		for _, key := range []string{"roles", "scopes"} {
			if setting, written := t.parts[key]; written && !setting.Off {
				b.warnings = append(b.warnings, setting.Warning(
					fmt.Sprintf("%s %q is there for nobody: without auth no caller has %s", t.spec.Kind, t.spec.Name, key), "add auth").By("unreachable"))
			}
		}
	}
}

// warnOfReplica warns of keys that are there for other replicas, which don't
// know where to find this one.
func (b *builder) warnOfReplica() {
	server := &b.m.Server
	host, _, err := net.SplitHostPort(server.Listen)
	addr, parseErr := netip.ParseAddr(host)
	everywhere := err == nil && (host == "" || parseErr == nil && addr.IsUnspecified())
	if len(server.Keys) > 0 && server.Replica == "" && everywhere {
		b.warnings = append(b.warnings, server.Warning("other replicas can't find this one: it listens on all addresses",
			`write replica: "http://${POD_IP}:8080"`).By("replica-unnamed"))
	}
}

// buildFront compiles what is checked before anything is decoded, and the
// policies on all requests of a caller.
func (b *builder) buildFront(s *snapshot) {
	s.front = newFront(b.m)
	server := &b.m.Server
	policies := b.buildPolicies(plugins.OnServer, server.Parts, server.Place, b.env("server", "", nil))
	for _, i := range slices.Backward(slices.Sorted(maps.Keys(policies))) {
		if s.admission == nil {
			s.admission = admitted
		}
		s.admission = policies[i].Wrap(s.admission)
	}
}
