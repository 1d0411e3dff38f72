package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// checkServer checks addresses and networks.
func (l *loader) checkServer(m *Manifest) {
	s := &m.Server
	if s.IsZero() {
		return
	}
	l.checkTalk(s)
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

// leastKey is how many bytes a key of the server has at least.
const leastKey = 32

// checkTalk checks what the server says of itself, and how replicas share
// calls.
func (l *loader) checkTalk(s *Server) {
	l.checkIcons(s.Icons)
	at := func(problem, hint string, path ...string) { l.reportAt(s.Place, path, problem, hint) }
	if u, err := url.Parse(s.Website); s.Website != "" && (err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil) {
		at("want the URL of a page", "write https://acme.example", "website")
	}
	for i, key := range s.Keys {
		unread := l.problemBelow(joinPath(s.Path, []string{"keys", strconv.Itoa(i)})) || (len(s.Keys) == 1 && l.problemBelow(joinPath(s.Path, []string{"keys"})))
		if len(key.Reveal()) < leastKey && !unread {
			at(fmt.Sprintf("a key has at least %d bytes", leastKey), "make one: openssl rand -base64 32", "keys", strconv.Itoa(i))
		}
	}
	if s.Replica == "" {
		return
	}
	u, err := url.Parse(s.Replica)
	if err != nil || !isOrigin(s.Replica, false) {
		at("want a URL of scheme, host and perhaps a port", "write http://10.0.0.5:8080", "replica")
		return
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsUnspecified() {
		at("other replicas can't reach this address", "write this replica's own: http://10.0.0.5:8080", "replica")
	}
}
