package importer

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// methodPattern is a method that tools may use.
var methodPattern = regexp.MustCompile(`^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$`)

// draft makes the manifest of the command.
func (c *curl) draft(o CurlOptions) (*Draft, error) {
	u, err := parseURL(c.url)
	if err != nil {
		return nil, err
	}
	name := cmp.Or(identifier(o.Upstream), serviceName(u.Hostname()))
	keys := &credentials{service: name}
	if u.User != nil {
		password, _ := u.User.Password()
		keys.halves(u.User.Username() + ":" + password)
	}
	s := &sent{method: c.verb(), name: o.Name, path: pathSegments(u.EscapedPath())}
	if last := len(s.path) - 1; c.put && s.path[last].text == "" && s.path[last].argument == "" {
		s.path[last] = segment{argument: "file_name", about: "Name of the file", value: c.file}
	}
	for _, p := range s.path {
		if p.argument == "" && (p.text == "." || p.text == "..") {
			return nil, errors.New("the command's URL has a path with dots in it: write where it leads to")
		}
	}
	if !methodPattern.MatchString(s.method) {
		return nil, fmt.Errorf("tools can't send %s requests", clean(s.method))
	}
	query := u.RawQuery
	if c.get {
		query = strings.Join(append(nonEmpty(query), c.data...), "&")
	}
	query = strings.Join(append(nonEmpty(query), c.query...), "&")
	s.query = keys.publicQuery(parsePairs(query))
	mediaType := c.takeHeaders(s, keys)
	c.takeCredentials(keys)
	if err = c.takeBody(s, mediaType); err != nil {
		return nil, err
	}
	d := &Draft{Comments: []string{"Made from a curl command by sallyport import curl."}}
	d.upstream = upstream{name: name, settings: pairs("url", u.Scheme+"://"+u.Host)}
	keys.apply(d)
	t := s.stanza(map[string]bool{})
	d.tools = []tool{t}
	d.Preview.add(Line{Operation: t.operation, Tool: t.name, Tokens: definitionTokens(t.name, t.operation, t.definition)})
	d.Preview.Notes = append(d.Preview.Notes, c.notes...)
	return d, nil
}

// nonEmpty is a list of a text, or an empty one.
func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// parseURL reads the URL of a command. Errors don't repeat it: it may hold
// credentials.
func parseURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(escapeBraces(text))
	switch {
	case err != nil:
		return nil, errors.New("the command's URL can't be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the command's URL must start with http:// or https://")
	case u.Hostname() == "" || !hostPattern.MatchString(u.Host):
		return nil, errors.New("the command's URL has no host, or one that is no host name")
	}
	return u, nil
}

var hostPattern = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$`)

// escapeBraces keeps what people write for placeholders in a path.
func escapeBraces(s string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D", "<", "%3C", ">", "%3E", " ", "%20", `"`, "%22").Replace(s)
}

// serviceName makes a name of a host: api.stripe.com is stripe.
func serviceName(host string) string {
	if strings.Trim(host, "0123456789.:[]abcdefABCDEF") == "" && strings.ContainsAny(host, ".:") || host == "localhost" {
		return "service"
	}
	labels := strings.Split(strings.ToLower(host), ".")
	for len(labels) > 1 {
		if first := labels[0]; first == "api" || first == "www" || first == "rest" || isVersion(first) {
			labels = labels[1:]
			continue
		}
		break
	}
	name := labels[0]
	if len(labels) > 2 {
		name = labels[len(labels)-2]
	}
	return cmp.Or(identifier(name), "service")
}

// parsePairs reads name=value&name=value, in order.
func parsePairs(text string) []field {
	var out []field
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		out = append(out, field{name: unescaped(name), value: unescaped(value)})
	}
	return out
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil && utf8.ValidString(plain) {
		return plain
	}
	return s
}

// takeHeaders sorts the headers: credentials, the body's type, and the rest.
func (c *curl) takeHeaders(s *sent, keys *credentials) (mediaType string) {
	for _, header := range c.headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			continue // "X-Name;" sends an empty header
		}
		if kind := takeHeader(s, keys, strings.TrimSpace(name), strings.TrimSpace(value)); kind != "" {
			mediaType = kind
		}
	}
	return mediaType
}

// takeHeader sorts one header; it returns the body's type if the header tells.
func takeHeader(s *sent, keys *credentials, name, value string) (mediaType string) {
	switch lower := strings.ToLower(name); {
	case lower == "content-type":
		return strings.ToLower(value)
	case lower == "accept" && asksForOther(value):
		s.headers = append(s.headers, field{name: "Accept", value: value})
	case name == "" || !tokenPattern.MatchString(name) || isReserved(lower):
	case lower == "authorization":
		keys.authorization(value)
	case lower == "cookie" || lower == "cookie2":
		keys.cookie("")
	case isSecretName(name) || !isSafe(name, value):
		keys.header(name)
	case value == "", !headerPattern.MatchString(value): // no manifest may have it
	default:
		s.headers = append(s.headers, field{name: name, value: value})
	}
	return ""
}

// asksForOther reports whether an Accept asks for something else than what
// services answer anyway.
func asksForOther(value string) bool {
	lower := strings.ToLower(value)
	return value != "" && acceptPattern.MatchString(value) && !strings.Contains(lower, "*/*") && !strings.Contains(lower, "application/json")
}

// acceptPattern is a list of media types (RFC 9110, section 12.5.1).
var acceptPattern = regexp.MustCompile(`^[A-Za-z0-9!#&^_.+*/;=, -]{3,120}$`)

// headerPattern is the value of a header (RFC 9110, section 5.5).
var headerPattern = regexp.MustCompile(`^[\t -~]+$`)

// tokenPattern is the name of a header.
var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)

// isOwnHeader reports whether a header is the gateway's own business, or that
// of browsers only.
func isOwnHeader(lower string) bool {
	switch lower {
	case "host", "content-length", "connection", "accept", "accept-encoding", "accept-language", "user-agent", "transfer-encoding", "te",
		"upgrade", "expect", "keep-alive", "proxy-connection", "trailer", "origin", "referer", "dnt", "pragma", "cache-control", "priority",
		"upgrade-insecure-requests", "traceparent", "tracestate":
		return true
	}
	return strings.HasPrefix(lower, "sec-") || strings.HasPrefix(lower, "proxy-") || strings.HasPrefix(lower, "if-")
}

func (c *curl) takeCredentials(keys *credentials) {
	if c.hasUser {
		keys.halves(c.user)
	}
	if c.bearer {
		keys.bearer()
	}
	if c.cookie {
		keys.cookie("")
	}
}

// takeBody reads the body by its type.
func (c *curl) takeBody(s *sent, mediaType string) error {
	if len(c.form) > 0 {
		s.form, s.multipart = c.form, true
		return nil
	}
	if c.upload {
		s.upload, s.mediaType = true, mediaType
		return nil
	}
	if c.get || len(c.data) == 0 {
		return nil
	}
	text := strings.Join(c.data, "&")
	if c.json {
		text = strings.Join(c.data, "")
	}
	return s.setBody(text, mediaType, c.json)
}

// setBody reads a body: JSON if it is declared or looks so, else a form or a
// text.
func (s *sent) setBody(text, mediaType string, isJSON bool) error {
	kind, _, _ := strings.Cut(mediaType, ";")
	kind = strings.TrimSpace(kind)
	declared := isJSON || kind == "application/json" || strings.HasSuffix(kind, "+json")
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
	case declared || ((kind == "" || kind == "application/x-www-form-urlencoded") && (trimmed[0] == '{' || trimmed[0] == '[')):
		v, err := decode([]byte(trimmed))
		if err != nil && declared {
			return fmt.Errorf("the body is %w", err)
		}
		if err == nil {
			return s.setJSON(v)
		}
		s.text = text
	case kind == "" || kind == "application/x-www-form-urlencoded":
		s.form = parsePairs(text)
	default:
		s.text, s.mediaType = text, kind
	}
	return nil
}

// setJSON takes a JSON body, or the GraphQL document in it.
func (s *sent) setJSON(v any) error {
	s.body, s.hasBody = v, true
	o, ok := v.(*object)
	if !ok || !graphqlPattern.MatchString(o.text("query")) {
		return nil
	}
	for _, m := range o.members {
		if m.key != "query" && m.key != "variables" && m.key != "operationName" {
			return nil
		}
	}
	s.graphql = o.text("query")
	s.body, _ = o.get("variables")
	if s.name == "" {
		s.name = o.text("operationName")
	}
	if found := graphqlPattern.FindStringSubmatch(s.graphql); s.name == "" && found[2] != "" {
		s.name = found[2]
	} else if found = firstField.FindStringSubmatch(s.graphql); s.name == "" && found != nil {
		s.name = found[1]
	}
	return checkGraphQL(s.graphql)
}

// firstField is the first field that a GraphQL document asks for.
var firstField = regexp.MustCompile(`^[^{]*\{\s*(?:[A-Za-z_][A-Za-z0-9_]*\s*:\s*)?([A-Za-z_][A-Za-z0-9_]*)`)

// graphqlPattern is how a GraphQL document begins (September 2025, section
// 2.2).
var graphqlPattern = regexp.MustCompile(`^\s*(query|mutation|\{)\s*([A-Za-z_][A-Za-z0-9_]*)?`)
