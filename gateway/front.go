package gateway

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// The paths the gateway serves.
const (
	// endpointPath is that of the endpoint of a manifest that names none.
	endpointPath = "/mcp"
	// metadataPath is that of protected resource metadata (RFC 9728, section 3):
	// alone, and with an endpoint's path behind it.
	metadataPath = "/.well-known/oauth-protected-resource"
)

// front holds what is checked of a request before anything is decoded.
type front struct {
	// origins are the web origins allowed, in lower case.
	origins map[string]bool
	// loopback says that the listener is a local one: then Host must be local
	// too, and pages of local origins may call.
	loopback bool
	// publicHost is the host by which clients reach the gateway.
	publicHost string
	proxies    []netip.Prefix
}

// newFront compiles the front of a manifest, whose origins, networks and URLs
// were checked when it was loaded.
func newFront(m *config.Manifest) front {
	f := front{
		origins:  make(map[string]bool),
		loopback: isLoopback(m.Server.Listen),
	}
	for _, origin := range m.Server.AllowedOrigins {
		if o, ok := originOf(origin); ok {
			f.origins[o] = true
		}
	}
	for _, text := range m.Server.TrustedProxies {
		if prefix, ok := parsePrefix(text); ok {
			f.proxies = append(f.proxies, prefix)
		}
	}
	public := publicURL(m)
	f.publicHost = strings.ToLower(public.Host)
	if m.Server.PublicURL != "" {
		f.origins[strings.ToLower(public.Scheme+"://"+public.Host)] = true
	}
	return f
}

// publicURL is the URL by which clients reach the gateway, without a path.
func publicURL(m *config.Manifest) *url.URL {
	u, err := url.Parse(m.Server.PublicURL)
	if err != nil || u.Host == "" {
		scheme := "http"
		if m.Server.TLS != nil {
			scheme = "https"
		}
		return &url.URL{Scheme: scheme, Host: m.Server.Listen}
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), endpointPath)
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: path}
}

// protectedResource encodes OAuth protected resource metadata (RFC 9728,
// section 2).
func protectedResource(resource string, issuers, scopes []string) []byte {
	dst := append([]byte(nil), `{"resource":`...)
	dst = strictjson.AppendString(dst, resource)
	dst = append(dst, `,"authorization_servers":`...)
	dst = appendStrings(dst, issuers)
	if len(scopes) > 0 {
		dst = append(dst, `,"scopes_supported":`...)
		dst = appendStrings(dst, scopes)
	}
	return append(dst, `,"bearer_methods_supported":["header"]}`...)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strictjson.AppendString(dst, s)
	}
	return append(dst, ']')
}

// admitsOrigin reports whether a page of that origin may call.
func (f *front) admitsOrigin(origin string) bool {
	o, ok := originOf(origin)
	if !ok {
		return false
	}
	if f.origins[o] {
		return true
	}
	_, host, _ := strings.Cut(o, "://")
	return f.loopback && isLoopback(host)
}

// admitsHost reports whether a Host header is one of ours. On a local listener
// a foreign one is a sign of DNS rebinding.
func (f *front) admitsHost(host string) bool {
	return !f.loopback || isLoopback(host) || strings.EqualFold(host, f.publicHost)
}

// remote is the client's address: that of the connection, or the last one of
// X-Forwarded-For that is no trusted proxy's.
func (f *front) remote(peer netip.Addr, forwarded string) netip.Addr {
	addr := peer.Unmap()
	for forwarded != "" && f.trusts(addr) {
		var last string
		if i := strings.LastIndexByte(forwarded, ','); i >= 0 {
			forwarded, last = forwarded[:i], forwarded[i+1:]
		} else {
			forwarded, last = "", forwarded
		}
		next, err := netip.ParseAddr(strings.TrimSpace(last))
		if err != nil {
			break
		}
		addr = next.Unmap().WithZone("")
	}
	return addr
}

func (f *front) trusts(addr netip.Addr) bool {
	for _, p := range f.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// originOf normalizes a web origin: scheme://host[:port], nothing else.
func originOf(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", false
	}
	return strings.ToLower(u.Scheme + "://" + u.Host), true
}

// isLoopback reports whether host[:port] is a local name or address.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// parsePrefix reads a network in CIDR notation, or a single address.
func parsePrefix(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}
