// Package upstream holds the kinds of backends behind the gateway, one file (or
// one group of files with a common prefix) a kind.
//
// The HTTP kind keeps its own connections, because a gateway must know what
// net/http and fasthttp's clients don't tell: whether a request left at all,
// that it left once, and that it really stopped when its caller hung up. It
// follows RFC 9110 and RFC 9112, HTTP/1.1.
package upstream

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	defaultConnections = 128
	defaultMaxResponse = 4 << 20
	// maxResponseHeader bounds the head of an answer, interim ones included.
	maxResponseHeader = 64 << 10
	// connectTimeout bounds resolving, dialing and the TLS handshake.
	connectTimeout = 5 * time.Second
	// idleTimeout is how long a connection is kept without a request.
	idleTimeout = 60 * time.Second
	userAgent   = "sallyport"
)

// HTTP is the kind of upstream that has a `url`: an HTTP service.
func HTTP() plugins.UpstreamPart {
	return plugins.NewUpstreamPart[HTTPSettings, Request]("url", "An HTTP service.", newHTTP)
}

// HTTPSettings are the keys of an HTTP upstream.
type HTTPSettings struct {
	URL          string                    `manifest:"url" doc:"Base URL of the service, e.g. https://crm.internal/api."`
	Headers      map[string]plugins.Secret `manifest:"headers" doc:"Headers sent with every request. Values of 8 characters and more are treated as secrets and starred out of answers, unless the header only negotiates, such as Accept."`
	Auth         *HTTPAuth                 `manifest:"auth" doc:"How the gateway authenticates to the service; exactly one kind. A caller's token is never sent on."`
	TLS          *HTTPTLS                  `manifest:"tls" doc:"Certificates for https."`
	Connections  int                       `manifest:"connections" doc:"Most connections open at once." default:"128"`
	MaxResponse  int64                     `manifest:"max_response,size" doc:"Largest response body, before and after decompression." default:"4MiB"`
	AllowPrivate bool                      `manifest:"allow_private" doc:"Whether loopback and private networks may be reached. Link-local and metadata addresses never are." default:"true"`
}

// HTTPAuth is how the gateway authenticates to a service: one of its kinds.
type HTTPAuth struct {
	Bearer plugins.Secret  `manifest:"bearer" doc:"Token sent as Authorization: Bearer."`
	Basic  *HTTPBasic      `manifest:"basic" doc:"User and password (RFC 7617)."`
	Header *HTTPCredential `manifest:"header" doc:"A header with a key, e.g. X-Api-Key."`
	Query  *HTTPCredential `manifest:"query" doc:"A query parameter with a key."`
}

// HTTPBasic is a user with a password.
type HTTPBasic struct {
	User     string         `manifest:"user,required" doc:"User name; without a colon."`
	Password plugins.Secret `manifest:"password,required" doc:"Password."`
}

// HTTPCredential is a named key.
type HTTPCredential struct {
	Name  string         `manifest:"name,required" doc:"Name of the header or parameter."`
	Value plugins.Secret `manifest:"value,required" doc:"The key."`
}

// HTTPTLS is what TLS to the service needs beyond the system's roots.
type HTTPTLS struct {
	CA         string `manifest:"ca,path" doc:"CA certificates to trust instead of the system's, PEM."`
	Cert       string `manifest:"cert,path" doc:"Client certificate chain, PEM."`
	Key        string `manifest:"key,path" doc:"Private key of the client certificate, PEM."`
	ServerName string `manifest:"server_name" doc:"Name the service's certificate must bear, if not the URL's host."`
}

// Validate refuses settings that can't work. Errors are *plugins.FieldError.
func (s HTTPSettings) Validate() error {
	var errs plugins.FieldErrors
	if _, err := parseBase(s.URL); err != nil {
		errs = append(errs, err)
	}
	if s.Connections < 0 {
		errs = append(errs, &plugins.FieldError{Path: []string{"connections"}, Message: "must be at least 1"})
	}
	if s.MaxResponse < 0 {
		errs = append(errs, &plugins.FieldError{Path: []string{"max_response"}, Message: "must be more than 0"})
	}
	errs = append(errs, s.checkHeaders()...)
	errs = append(errs, s.Auth.check()...)
	errs = append(errs, s.TLS.check(s.URL)...)
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func (s HTTPSettings) checkHeaders() (errs plugins.FieldErrors) {
	names := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		path := []string{"headers", name}
		if err := checkHeaderName(name, false); err != nil {
			err.Path, err.Offset = path, -1 // it is the name that is wrong
			errs = append(errs, err)
		} else if !isHeaderValue(s.Headers[name].Reveal()) {
			errs = append(errs, &plugins.FieldError{Path: path, Message: "a header's value is visible ASCII characters, with blanks inside only"})
		}
		if other, twice := names[strings.ToLower(name)]; twice {
			errs = append(errs, &plugins.FieldError{Path: path, Message: fmt.Sprintf("the same header as %q", other), Hint: "case makes no difference", Offset: -1})
		}
		names[strings.ToLower(name)] = name
	}
	return errs
}

func (a *HTTPAuth) check() (errs plugins.FieldErrors) {
	if a == nil {
		return nil
	}
	kinds := 0
	for _, given := range []bool{!a.Bearer.Empty(), a.Basic != nil, a.Header != nil, a.Query != nil} {
		if given {
			kinds++
		}
	}
	fail := func(message string, path ...string) {
		errs = append(errs, &plugins.FieldError{Path: append([]string{"auth"}, path...), Message: message})
	}
	if kinds != 1 {
		fail("exactly one of bearer, basic, header and query is wanted, and it must not be empty")
	}
	const badValue = "a key is visible ASCII characters, with blanks inside only"
	if !isHeaderValue(a.Bearer.Reveal()) {
		fail(badValue, "bearer")
	}
	if b := a.Basic; b != nil && strings.ContainsAny(b.User, ":\r\n\x00") {
		fail("a user name has no colon and no control characters", "basic", "user")
	}
	if h := a.Header; h != nil {
		if !isToken(h.Name) || isFraming(strings.ToLower(h.Name)) {
			fail(fmt.Sprintf("%q is no header that a key can be sent in", h.Name), "header", "name")
		}
		if h.Value.Empty() || !isHeaderValue(h.Value.Reveal()) {
			fail(badValue, "header", "value")
		}
	}
	if q := a.Query; q != nil && (q.Name == "" || q.Value.Empty()) {
		fail("a name and a value are wanted", "query")
	}
	return errs
}

// base is a parsed base URL.
type base struct {
	https  bool
	host   string // without port
	port   string
	header string // for Host
	path   string // encoded, without a slash at its end
	query  string // encoded
}

// parseBase reads the URL of an upstream.
func parseBase(text string) (*base, *plugins.FieldError) {
	fail := func(message, hint string) (*base, *plugins.FieldError) {
		return nil, &plugins.FieldError{Path: []string{"url"}, Message: message, Hint: hint}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil && !strings.Contains(text, "://"):
		return fail("the URL must start with http:// or https://", schemeHint(text))
	case err != nil:
		// The parser's error quotes the URL, which may hold a password.
		return fail("not a URL", "write https://host/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return fail("the URL must start with http:// or https://", schemeHint(text))
	case u.User != nil:
		return fail("credentials don't belong in the URL", "use `auth`")
	case u.Hostname() == "":
		return fail("the URL has no host", "write https://host/path")
	case !isPort(u.Port()):
		return fail("there is no port "+u.Port(), "write a port from 1 to 65535")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return fail("the URL has a fragment, which is never sent", "write %23 for the character")
	case !isHost(u.Host):
		return fail("the host has characters that no host name has", "write an international name in its xn-- form")
	case !isURLText(u.EscapedPath()) || !isURLText(u.RawQuery):
		return fail("the URL has characters that must be percent-encoded", "")
	}
	b := &base{https: u.Scheme == "https", host: u.Hostname(), port: u.Port(), header: u.Host}
	b.path, b.query = strings.TrimRight(u.EscapedPath(), "/"), u.RawQuery
	standard := "80"
	if b.https {
		standard = "443"
	}
	if b.port == "" || b.port == standard {
		b.port = standard
		b.header = strings.TrimSuffix(b.header, ":"+standard)
	}
	return b, nil
}

// schemeHint completes what lacks only its scheme.
func schemeHint(text string) string {
	u, err := url.Parse("http://" + text)
	switch {
	case err != nil || strings.Contains(text, "://") || u.User != nil || !isHost(u.Host) || u.RawQuery != "" || u.Fragment != "" || !isURLText(u.EscapedPath()):
		return "write https://host/path"
	case u.Port() == "" || u.Port() == "443":
		return "write https://" + text
	}
	return "write http://" + text
}

// isPort reports whether a port can be dialed; none stands for the scheme's.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}

func isHost(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isUnreserved(c) && strings.IndexByte(":[]", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isURLText(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`"<>\^`+"`", s[i]) >= 0 {
			return false
		}
	}
	return true
}

// httpUpstream is a service that operations are prepared for.
type httpUpstream struct {
	name        string
	base        *base
	settings    HTTPSettings
	pool        *pool
	maxResponse int
	observe     plugins.Observer
	// redactor hides the settings' secrets in answers.
	redactor  redactor
	exchanges exchanges
	// read reads resources of the gateway; nil if there are none.
	read plugins.ReadResource
}

func newHTTP(s HTTPSettings, env plugins.Env) (plugins.Upstream, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	b, fieldErr := parseBase(s.URL)
	if fieldErr != nil {
		return nil, fieldErr
	}
	if s.Connections == 0 {
		s.Connections = defaultConnections
	}
	if s.MaxResponse == 0 {
		s.MaxResponse = defaultMaxResponse
	}
	d, err := newDialer(b, s)
	if err != nil {
		return nil, err
	}
	p, err := keepPool(env, d, s.Connections)
	if err != nil {
		return nil, err
	}
	return &httpUpstream{
		name: env.Name, base: b, settings: s, pool: p,
		maxResponse: int(s.MaxResponse), observe: env.Observe, redactor: newRedactor(&s), read: env.Read,
	}, nil
}

// keepPool takes the pool of connections to the same place from the running
// configuration, or makes it.
func keepPool(env plugins.Env, d *dialer, connections int) (*pool, error) {
	if env.Keep == nil {
		return newPool(d.dial, connections), nil
	}
	key := fmt.Sprintf("upstream http %s connections %d", d.key, connections)
	kept, err := env.Keep(key, func() (io.Closer, error) { return newPool(d.dial, connections), nil })
	if err != nil {
		return nil, err
	}
	p, ok := kept.(*pool)
	if !ok {
		return nil, errors.New("kept connections are of another kind")
	}
	return p, nil
}
