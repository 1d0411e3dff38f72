package gateway

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// builder compiles one manifest. It collects problems and goes on, so that all
// of them are told at once.
type builder struct {
	g         *Gateway
	m         *config.Manifest
	lease     *lease
	upstreams map[string]plugins.Upstream
	// onUpstream holds the policies of each upstream, by their place in the
	// pipeline.
	onUpstream map[string]map[int]plugins.Policy
	problems   config.Problems
	warnings   config.Problems
}

// build compiles a manifest into a snapshot. Everything that can fail happens
// here; the error is config.Problems.
func (g *Gateway) build(m *config.Manifest) (*snapshot, error) {
	b := &builder{
		g: g, m: m, lease: g.kept.lease(),
		upstreams:  make(map[string]plugins.Upstream),
		onUpstream: make(map[string]map[int]plugins.Policy),
	}
	s := &snapshot{manifest: m, loaded: time.Now(), tools: make(map[string]*tool)}
	s.encoder = mcp.NewEncoder(s.info(g.version))
	s.discover = s.encoder.DiscoverResult(m.Server.Instructions)
	b.buildUpstreams()
	b.buildTools(s)
	b.buildAuth(s)
	b.buildFront(s)
	b.checkTLS()
	b.warnOfNobody(s)
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
	return mcp.ServerInfo{Name: s.manifest.Server.Name, Version: version}
}

// fault notes what a part found wrong with its settings.
func (b *builder) fault(place config.Place, err error) {
	b.problems = append(b.problems, place.Problems(err)...)
}

// env lends a part what it needs.
func (b *builder) env(name, upstream string, spec *plugins.Tool) plugins.Env {
	return plugins.Env{
		Log: b.g.log, Name: name, Upstream: upstream, Tool: spec,
		Store: b.g.store, Observe: b.g.observe, Keep: b.lease.keep,
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
		b.upstreams[name] = built
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

// buildTools builds the tools, in the order of their names.
func (b *builder) buildTools(s *snapshot) {
	scopes := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(b.m.Tools)) {
		source := b.m.Tools[name]
		if source.IsZero() {
			continue // Load has told of it
		}
		t := b.buildTool(source)
		if t == nil {
			continue
		}
		s.tools[name] = t
		s.order = append(s.order, t)
		for _, scope := range scopesOf(t.source) {
			scopes[scope] = true
		}
	}
	s.scopes = slices.Sorted(maps.Keys(scopes))
}

// scopesOf are the scopes a tool asks for.
func scopesOf(t *config.Tool) []string {
	if lister, ok := t.Parts["scopes"].Value.(interface{ List() []string }); ok {
		return lister.List()
	}
	return nil
}

// buildTool builds one tool; nil if it has problems.
func (b *builder) buildTool(source *config.Tool) *tool {
	before := len(b.problems)
	t := &tool{source: source, upstream: b.upstreamOf(source)}
	t.spec = b.specify(source)
	if t.spec.Input == nil {
		b.checkRest(t)
		return nil
	}
	b.prepareHeaders(t)
	answer := b.buildTransform(t)
	b.prepareOperation(t)
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
	t.spec.Annotations = annotationsOf(source.Annotations, t.operator)
	t.handler = b.pipeline(t, answer)
	t.limit(b.m.Server.CallTimeout)
	definition := mcp.ToolDefinition{
		Name: t.spec.Name, Title: t.spec.Title, Description: t.spec.Description,
		InputSchema: t.spec.InputSchema, OutputSchema: t.spec.OutputSchema, Annotations: t.spec.Annotations,
	}
	t.modern = mcp.AppendTool(nil, &definition, true)
	t.legacy = mcp.AppendTool(nil, &definition, false)
	if len(b.problems) > before {
		return nil
	}
	return t
}

// checkRest looks for problems in what does not depend on the arguments of a
// tool, which could not be read.
func (b *builder) checkRest(t *tool) {
	anything, err := schema.Compile([]byte(`{"type":"object"}`))
	if err != nil {
		b.fault(t.source.Place, err)
		return
	}
	t.spec.Input, t.spec.Arguments = anything, nil
	b.buildTransform(t)
	b.buildPolicies(plugins.OnTool, t.source.Parts, t.source.Place, b.env(t.spec.Name, t.upstream, t.spec))
}

// upstreamOf names the upstream of a tool that asks one.
func (b *builder) upstreamOf(source *config.Tool) string {
	if _, asks := source.Parts["request"]; !asks {
		return ""
	}
	if source.Upstream == "" && len(b.m.Upstreams) == 1 {
		for name := range b.m.Upstreams {
			return name
		}
	}
	return source.Upstream
}

// limit settles how long a call may take. One that takes 80 % of that is
// logged as slow.
func (t *tool) limit(ceiling time.Duration) {
	limit := ceiling
	if own, ok := t.source.Parts["timeout"].Value.(time.Duration); ok && own <= ceiling {
		limit, t.bounded = own, true
	}
	t.warn = limit * 8 / 10
}

// prepareHeaders compiles the tool's x-mcp-header annotations.
func (b *builder) prepareHeaders(t *tool) {
	headers, err := schema.Headers(t.spec.InputSchema)
	if err != nil {
		b.faultInput(t.source, err)
	}
	t.headers = headers
}

// buildTransform builds the way from the upstream's answer to a result.
func (b *builder) buildTransform(t *tool) plugins.Transform {
	setting, written := t.source.Parts["response"]
	if setting.Broken {
		return nil
	}
	if !written || setting.IsZero() {
		setting.Place = t.source.Place
	}
	answer, err := b.g.parts.Transform.New(setting.Value, b.env(t.spec.Name, t.upstream, t.spec))
	if err != nil {
		b.fault(setting.Place, err)
		return nil
	}
	if _, asks := t.source.Parts["request"]; !written && !asks {
		b.problems = append(b.problems, t.source.Problem(
			fmt.Sprintf("tool %q does nothing", t.spec.Name), "give it a request: GET /path, or a response"))
	}
	return answer
}

// prepareOperation compiles the tool's upstream request.
func (b *builder) prepareOperation(t *tool) {
	if t.upstream == "" {
		return
	}
	upstream := b.upstreams[t.upstream]
	request := t.source.Parts["request"]
	if upstream == nil || request.Broken {
		return // told already
	}
	operator, err := upstream.Prepare(plugins.Operation{Tool: t.spec, Request: request.Value})
	if err != nil {
		b.fault(t.source.Place, err)
		return
	}
	t.operator = operator
	t.spec.Repeatable = operator.Repeatable()
}

// pipeline wraps the tool's innermost handler with its policies and its
// upstream's, in the order of the build's list.
func (b *builder) pipeline(t *tool, answer plugins.Transform) plugins.Handler {
	onTool := b.buildPolicies(plugins.OnTool, t.source.Parts, t.source.Place, b.env(t.spec.Name, t.upstream, t.spec))
	onUpstream := b.onUpstream[t.upstream]
	handler := innermost(t.operator, answer)
	for i := len(b.g.parts.Policies) - 1; i >= 0; i-- {
		policy := onTool[i]
		if policy == nil && !t.source.Parts[b.g.parts.Policies[i].Key].Off {
			policy = onUpstream[i]
		}
		if policy == nil {
			continue
		}
		handler = policy.Wrap(handler)
		if a, ok := policy.(plugins.Admitter); ok {
			t.admitters = append(t.admitters, a)
		}
	}
	return handler
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
			"add jwt, api_keys or anonymous"))
	}
	for _, t := range s.order {
		for _, key := range []string{"roles", "scopes"} {
			if setting, written := t.source.Parts[key]; written && !setting.Off {
				b.warnings = append(b.warnings, setting.Warning(
					fmt.Sprintf("tool %q is there for nobody: without auth no caller has %s", t.spec.Name, key), "add auth"))
			}
		}
	}
}

// buildFront compiles what is checked before anything is decoded, and the
// policies on all requests of a caller.
func (b *builder) buildFront(s *snapshot) {
	var issuers []string
	for _, i := range s.issuers {
		issuers = append(issuers, i.Issuers()...)
	}
	s.front = newFront(b.m, issuers, s.scopes)
	server := &b.m.Server
	policies := b.buildPolicies(plugins.OnServer, server.Parts, server.Place, b.env("server", "", nil))
	for _, i := range slices.Backward(slices.Sorted(maps.Keys(policies))) {
		if s.admission == nil {
			s.admission = admitted
		}
		s.admission = policies[i].Wrap(s.admission)
	}
}
