package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// toolName is what clients accept as a tool's name.
var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// manifestVersion is the version of the language.
const manifestVersion = 1

// checkVersion checks the version of a further file.
func (l *loader) checkVersion(m *member) {
	if n, err := parseInt(m.value.text, 64); err != nil || n != manifestVersion || m.value.style != plain {
		l.report(place(m.value, m.key, "version").Problem(fmt.Sprintf("version %s is not known", clip(m.value.raw)), "write version: 1"))
	}
}

// check finds what is wrong with values that are right by themselves.
func (l *loader) check(m *Manifest) {
	if m.Version != 0 && m.Version != manifestVersion {
		l.reportAt(m.Place, []string{"version"}, fmt.Sprintf("version %d is not known", m.Version), "write version: 1")
	}
	if len(m.Tools) == 0 && l.errors() == 0 {
		l.report(m.ProblemAt([]string{"tools"}, "the manifest has no tools", "the smallest manifest is\n"+smallest, 0))
	}
	l.checkServer(m)
	names := slices.Sorted(maps.Keys(m.Upstreams))
	for _, name := range slices.Sorted(maps.Keys(m.Tools)) {
		if tool := m.Tools[name]; !tool.IsZero() {
			l.checkTool(name, tool, names)
		}
	}
	l.advise(m)
}

// checkTool checks a tool's name, its upstream, and how its arguments are declared.
func (l *loader) checkTool(name string, t *Tool, upstreams []string) {
	if !toolName.MatchString(name) {
		at := place(t.key, nil, t.Path)
		l.report(at.Problem(fmt.Sprintf("%q can't be a tool's name", clip(name)), "names are 1 to 64 letters, digits, _ and -"))
	}
	switch {
	case t.Upstream != "" && !slices.Contains(upstreams, t.Upstream):
		l.reportAt(t.Place, []string{"upstream"}, fmt.Sprintf("unknown upstream %q in tool %q", clip(t.Upstream), clip(name)), suggest(t.Upstream, upstreams))
	case len(upstreams) == 0 && t.node.get("request") != nil && l.errors() == 0:
		l.reportAt(t.Place, []string{"request"}, fmt.Sprintf("there is no upstream that tool %q could ask", clip(name)), `write upstreams: {crm: {url: "https://…"}}`)
	case t.Upstream == "" && len(upstreams) > 1 && t.node.get("request") != nil && t.node.get("upstream") == nil:
		l.report(t.Problem(fmt.Sprintf("tool %q doesn't say which upstream it asks", clip(name)), "write upstream: "+strings.Join(upstreams[:min(len(upstreams), maxListed)], " | ")))
	}
	if t.Input != nil && t.InputSchema != nil {
		l.reportAt(t.Place, []string{"input_schema"}, fmt.Sprintf("tool %q has both input and input_schema", clip(name)), "keep one of them")
	}
	places := []string{"path", "query", "header", "cookie", "body", "form"}
	if t.In != nil && t.InputSchema == nil {
		l.reportAt(t.Place, []string{"in"}, fmt.Sprintf("in goes with input_schema, which tool %q doesn't have", clip(name)), "write in: beside the argument's type, e.g. {type: string, in: query}")
	}
	for arg, in := range t.In {
		if !slices.Contains(places, in) {
			l.reportAt(t.Place, []string{"in", arg}, fmt.Sprintf("want one of %s for %q, found %q", strings.Join(places, ", "), clip(arg), clip(in)), suggest(in, places))
		}
	}
}

// reportAt adds a problem with a value below a place, unless there is one
// already: what follows from it would only confuse.
func (l *loader) reportAt(p Place, path []string, message, hint string) {
	at := joinPath(p.Path, path)
	if slices.ContainsFunc(l.problems, func(known Problem) bool { return known.Path == at && known.Severity == SeverityError }) {
		return
	}
	if below, _ := p.walk(path); below.node == nil || !below.node.broken {
		l.report(p.ProblemAt(path, message, hint, 0))
	}
}

// checkServer checks addresses and networks.
func (l *loader) checkServer(m *Manifest) {
	s := &m.Server
	if s.IsZero() {
		return
	}
	at := func(problem, hint string, path ...string) { l.reportAt(s.Place, path, problem, hint) }
	if problem := addressProblem(s.Listen); problem != "" {
		at(problem, "write 127.0.0.1:8080", "listen")
	} else if !loopback(s.Listen) && len(m.Auth.Parts) == 0 {
		at("a listener that others can reach needs auth", "add auth, or listen on 127.0.0.1; auth: {anonymous: {}} lets everybody in", "listen")
	}
	if s.Admin != "off" {
		if problem := addressProblem(s.Admin); problem != "" {
			at(problem, "write 127.0.0.1:9090, or off", "admin")
		} else if s.Admin == s.Listen && !strings.HasSuffix(s.Admin, ":0") {
			at("admin and listen can't share an address", "write 127.0.0.1:9090, or off", "admin")
		}
	}
	if s.PublicURL != "" && !isOrigin(s.PublicURL, true) {
		at("want a URL with scheme and host, without query", "write https://mcp.acme.example", "public_url")
	}
	for i, origin := range s.AllowedOrigins {
		if !isOrigin(origin, false) {
			at("want an origin: scheme, host and perhaps a port", "write https://claude.ai", "allowed_origins", strconv.Itoa(i))
		}
	}
	for i, network := range s.TrustedProxies {
		_, prefixErr := netip.ParsePrefix(network)
		_, addrErr := netip.ParseAddr(network)
		if prefixErr != nil && addrErr != nil {
			at("want a network or an address", "write 10.0.0.0/8", "trusted_proxies", strconv.Itoa(i))
		}
	}
}

// addressProblem says what is wrong with a listen address; empty if nothing is.
func addressProblem(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "want an address with a port"
	}
	if n, portErr := strconv.ParseUint(port, 10, 16); portErr != nil || n > 65535 {
		return "want a port from 0 to 65535"
	}
	if host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return "want an IP address or localhost to listen on"
		}
	}
	return ""
}

// loopback reports whether only this machine can reach the address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.Unmap().IsLoopback())
}

// isOrigin reports whether s is an http or https URL of scheme and host alone,
// or, if paths are allowed, with a path.
func isOrigin(s string, paths bool) bool {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return false
	}
	return u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && (paths || u.Path == "")
}

// elsewhere tells where a key that isn't known at the path belongs.
func (d *decoder) elsewhere(key string, path []string) string {
	is := func(parts []Part) bool { return slices.ContainsFunc(parts, func(p Part) bool { return p.Key == key }) }
	atTop := len(path) == 0
	switch {
	case atTop && is(d.parts.Tool):
		return "it belongs in a tool, or in defaults for all"
	case !atTop && path[0] != "tools" && path[0] != "defaults" && len(path) == 1 && is(d.parts.Tool):
		return "it belongs in a tool, or in defaults for all"
	case (atTop || path[0] == "tools") && is(d.parts.Upstream):
		return "it belongs in an upstream"
	default:
		return ""
	}
}
