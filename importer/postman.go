package importer

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxFolders is how deep folders of a collection may be nested.
const maxFolders = 50

// Postman makes a manifest of a Postman collection, v2.0 or v2.1
// (https://schema.postman.com). Folders become tags, variables arguments. All
// requests that go to the service of the first one become tools.
func Postman(data []byte, upstreamName string) (*Draft, error) {
	v, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read collection: %w", err)
	}
	root, _ := v.(*object)
	if collection := root.object("collection"); collection != nil {
		root = collection // as the Postman API answers it
	}
	if root == nil || root.list("item") == nil {
		return nil, errors.New("read collection: it has no items: export it from Postman as Collection v2.1")
	}
	title := clean(root.object("info").text("name"))
	p := &postman{
		root: root, used: map[string]bool{},
		draft: &Draft{Comments: []string{"Made from the Postman collection " + cmp.Or(title, "without a name") + " by sallyport import postman."}},
	}
	p.draft.Preview.Document = cmp.Or(title, "a collection without a name") + ", Postman"
	p.keys = &credentials{service: cmp.Or(identifier(upstreamName), documentName(title, ""))}
	p.variables()
	if err = p.items(root.list("item"), nil, root.object("auth"), 0); err != nil {
		return nil, err
	}
	p.draft.upstream = upstream{name: p.keys.service, settings: pairs("url", cmp.Or(p.url, "http://127.0.0.1:9000"))}
	p.keys.apply(p.draft)
	if p.draft.Preview.Tools == 0 {
		return p.draft, errNothing
	}
	return p.draft, nil
}

// postman is a collection being read.
type postman struct {
	root  *object
	draft *Draft
	keys  *credentials
	vars  map[string]string
	used  map[string]bool
	// base is how the first request names the service, url what that stands for.
	base, url string
}

// variables reads the values of the collection's variables.
func (p *postman) variables() {
	p.vars = map[string]string{}
	for _, item := range p.root.list("variable") {
		o, _ := item.(*object)
		if name := cmp.Or(o.text("key"), o.text("id")); name != "" {
			p.vars[name] = o.text("value")
		}
	}
}

// items reads requests and folders.
func (p *postman) items(list []any, tags []string, auth *object, depth int) error {
	if depth > maxFolders {
		return fmt.Errorf("read collection: folders are nested deeper than %d", maxFolders)
	}
	for _, v := range list {
		item, ok := v.(*object)
		if !ok {
			continue
		}
		if item.has("item") {
			below := tags
			if name := identifier(item.text("name")); name != "" {
				below = append(slices.Clone(tags), name)
			}
			if err := p.items(item.list("item"), below, inherited(item, auth), depth+1); err != nil {
				return err
			}
			continue
		}
		p.item(item, tags, auth)
	}
	return nil
}

// inherited is the auth of an item: its own, or that of what it is in.
func inherited(o *object, auth *object) *object {
	if own := o.object("auth"); own != nil {
		return own
	}
	return auth
}

// item makes the tool of a request, or says why there is none.
func (p *postman) item(item *object, tags []string, auth *object) {
	request := item.object("request")
	if url := item.text("request"); url != "" {
		request = pairs("method", "GET", "url", url)
	}
	line := Line{Operation: clean(cmp.Or(item.text("name"), "a request without a name"))}
	s, err := p.request(request)
	if err != nil {
		line.Skip = err.Error()
		p.draft.Preview.add(line)
		return
	}
	line.Notes = p.auth(inherited(request, auth))
	s.name, s.title, s.tags = item.text("name"), clean(item.text("name")), tags
	if legalName(s.name) == "" || urlLike.MatchString(s.name) {
		s.name, s.title = "", ""
	}
	s.description = firstParagraph(request)
	if s.description == "" && s.title != "" {
		s.description, s.title = strings.TrimRight(s.title, ".")+".", ""
	}
	s.saved = item.list("response")
	t := s.stanza(p.used)
	line.Operation, line.Tool, line.Tokens = t.operation, t.name, definitionTokens(t.name, t.operation, t.definition)
	p.draft.tools = append(p.draft.tools, t)
	p.draft.Preview.add(line)
}

// urlLike is a name that Postman made of a URL.
var urlLike = regexp.MustCompile(`^(https?://|\{\{|/)`)

// firstParagraph is what a request's description begins with.
func firstParagraph(request *object) string {
	about := cmp.Or(request.text("description"), request.object("description").text("content"))
	about, _, _ = strings.Cut(strings.TrimSpace(strings.ReplaceAll(about, "\r\n", "\n")), "\n\n")
	about = strings.Join(strings.Fields(about), " ")
	if looksSecret(about) {
		return ""
	}
	if runes := []rune(about); len(runes) > maxAbout {
		about = strings.TrimSpace(string(runes[:maxAbout])) + "…"
	}
	return about
}

// maxAbout is how much of a description a model needs.
const maxAbout = 400

// request reads what is sent.
func (p *postman) request(request *object) (*sent, error) {
	if request == nil {
		return nil, errors.New("it has no request")
	}
	s := &sent{method: strings.ToUpper(cmp.Or(request.text("method"), "GET"))}
	if !methodPattern.MatchString(s.method) {
		return nil, errors.New("tools can't send its method")
	}
	if err := p.location(s, request); err != nil {
		return nil, err
	}
	return s, p.body(s, request.object("body"), p.headers(s, request))
}

// location reads the URL.
func (p *postman) location(s *sent, request *object) error {
	u := request.object("url")
	raw := cmp.Or(request.text("url"), u.text("raw"))
	if raw == "" {
		raw = strings.Join(texts(u.list("host")), ".") + "/" + strings.Join(texts(u.list("path")), "/")
	}
	raw, _, _ = strings.Cut(raw, "#")
	address, query, _ := strings.Cut(raw, "?")
	base, path := splitBase(address)
	if err := p.takeBase(base); err != nil {
		return err
	}
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		s.path = append(s.path, p.segment(s.path, part, u))
	}
	s.path = uniqueSegments(s.path)
	fields := parsePairs(query)
	if u.list("query") != nil {
		fields = p.fields(u.list("query"))
	}
	fields = slices.DeleteFunc(fields, func(f field) bool { return isDynamic(f.value) })
	for i := range fields {
		fields[i].argument = variableIn(fields[i].value)
	}
	s.query = p.keys.publicQuery(fields)
	return nil
}

// splitBase takes the service's part off a URL.
func splitBase(address string) (base, path string) {
	start := 0
	if i := strings.Index(address, "://"); i >= 0 {
		start = i + 3
	}
	if i := strings.IndexByte(address[start:], '/'); i >= 0 {
		return address[:start+i], address[start+i:]
	}
	return address, ""
}

// takeBase says where the service is: what the first request names. The others
// must name the same.
func (p *postman) takeBase(base string) error {
	if p.base == "" {
		resolved := p.resolve(base)
		if !strings.Contains(resolved, "://") && resolved != "" && !strings.Contains(resolved, "{{") {
			resolved = "https://" + resolved
		}
		u, err := parseURL(resolved)
		switch {
		case resolved == "" || strings.Contains(resolved, "{{"):
			p.url = "${" + environmentName(p.keys.service, "url") + ":-http://127.0.0.1:9000}"
			p.draft.Preview.Notes = append(p.draft.Preview.Notes, "the collection doesn't say where the service is: set "+environmentName(p.keys.service, "url"))
		case err != nil:
			return errors.New("its URL can't be read")
		case looksSecret(resolved):
			p.url = variable(environmentName(p.keys.service, "url"), "the URL of the service")
			p.draft.Preview.Notes = append(p.draft.Preview.Notes, "the service's URL seems to hold a secret: set "+environmentName(p.keys.service, "url"))
		default:
			if u.User != nil {
				p.keys.basic()
			}
			p.url = variableText(strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"))
		}
		p.base = base
		return nil
	}
	if base != p.base && p.resolve(base) != p.resolve(p.base) {
		return errors.New("it goes to another service: import that one apart")
	}
	return nil
}

// resolve puts the values of the collection's variables into a text.
func (p *postman) resolve(text string) string {
	for range 5 {
		next := anyVariable.ReplaceAllStringFunc(text, func(found string) string {
			name := strings.TrimSpace(strings.Trim(found, "{}"))
			if value, ok := p.vars[name]; ok && value != "" {
				return value
			}
			return found
		})
		if next == text {
			break
		}
		text = next
	}
	return text
}

// anyVariable is a variable in a text.
var anyVariable = regexp.MustCompile(`\{\{[^{}]+\}\}`)

// variableIn is the name of the first variable in a text; empty if it has none.
func variableIn(text string) string {
	found := anyVariable.FindString(text)
	return strings.TrimSpace(strings.TrimPrefix(strings.Trim(found, "{}"), "$"))
}

// segment reads a part of a path.
func (p *postman) segment(before []segment, part string, u *object) segment {
	if name, ok := strings.CutPrefix(part, ":"); ok && name != "" {
		for _, v := range u.list("variable") {
			if o, _ := v.(*object); cmp.Or(o.text("key"), o.text("id")) == name {
				return segment{argument: cmp.Or(argumentName(name), "id"), about: firstParagraph(o), value: o.text("value")}
			}
		}
		return segment{argument: cmp.Or(argumentName(name), "id")}
	}
	if name := variableIn(part); name != "" {
		argument := cmp.Or(argumentName(name), "value")
		return segment{argument: argument, about: aboutID(argument)}
	}
	return pathSegment(before, part)
}

// fields reads a list of names with values.
func (p *postman) fields(list []any) []field {
	var out []field
	for _, v := range list {
		o, ok := v.(*object)
		if !ok || o.text("key") == "" {
			continue
		}
		disabled, _ := o.get("disabled")
		out = append(out, field{
			name: o.text("key"), value: o.text("value"), argument: variableIn(o.text("value")), about: firstParagraph(o),
			file: o.text("type") == "file", disabled: disabled == true, mediaType: o.text("contentType"),
		})
	}
	return out
}

// headers sorts the headers; it returns the body's type if they tell.
func (p *postman) headers(s *sent, request *object) (mediaType string) {
	all := p.fields(request.list("header"))
	for line := range strings.Lines(request.text("header")) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			value = strings.TrimSpace(value)
			all = append(all, field{name: strings.TrimSpace(name), value: value, argument: variableIn(value)})
		}
	}
	for _, f := range all {
		switch lower := strings.ToLower(f.name); {
		case f.disabled, isDynamic(f.value):
		case f.argument != "" && !isSecretName(f.name) && !isReserved(lower) && lower != "content-type" && lower != "authorization" && lower != "cookie" && tokenPattern.MatchString(f.name):
			s.headers = append(s.headers, f)
		default:
			mediaType = cmp.Or(takeHeader(s, p.keys, f.name, f.value), mediaType)
		}
	}
	return mediaType
}

// body reads what a request sends.
func (p *postman) body(s *sent, body *object, mediaType string) error {
	disabled, _ := body.get("disabled")
	if body == nil || disabled == true {
		return nil
	}
	switch body.text("mode") {
	case "raw":
		text := body.text("raw")
		language := body.object("options").object("raw").text("language")
		if language == "json" || strings.Contains(mediaType, "json") || mediaType == "" {
			text = bareVariable.ReplaceAllString(text, "${1}null")
		}
		if mediaType == "" && language != "json" && language != "" && language != "text" {
			mediaType = "application/" + language
		}
		return s.setBody(text, mediaType, language == "json")
	case "urlencoded":
		s.form = p.fields(body.list("urlencoded"))
	case "formdata":
		s.form, s.multipart = p.fields(body.list("formdata")), true
	case "graphql":
		s.graphql = body.object("graphql").text("query")
		if v, err := decode([]byte(body.object("graphql").text("variables"))); err == nil {
			s.body = v
		}
		return checkGraphQL(s.graphql)
	case "file":
		return errors.New("its body is a file")
	}
	return nil
}

// isDynamic reports whether a value is one that Postman makes up each time:
// nobody else knows it.
func isDynamic(value string) bool { return dynamicVariable.MatchString(value) }

var dynamicVariable = regexp.MustCompile(`^\s*\{\{\s*\$[^{}]*\}\}\s*$`)

// bareVariable is a variable that stands for a whole value in JSON.
var bareVariable = regexp.MustCompile(`([:\[,]\s*)\{\{[^{}"]+\}\}`)

// auth takes how a request proves who sends it.
func (p *postman) auth(auth *object) (notes []string) {
	switch kind := auth.text("type"); kind {
	case "", "noauth":
	case "bearer", "oauth2", "jwt":
		p.keys.bearer()
	case "basic":
		p.keys.basic()
	case "apikey":
		name := cmp.Or(authField(auth, "apikey", "key"), "X-Api-Key")
		switch {
		case !tokenPattern.MatchString(name) || looksRandom(name):
			notes = append(notes, "its API key is left out: no header bears such a name")
		case authField(auth, "apikey", "in") == "query":
			p.keys.query(name)
		default:
			p.keys.header(name)
		}
	default:
		notes = append(notes, "its authentication is left out: upstreams have no "+clean(kind))
	}
	return notes
}

// authField is a field of an auth: a list of keys in v2.1, an object in v2.0.
func authField(auth *object, kind, key string) string {
	if o := auth.object(kind); o != nil {
		return o.text(key)
	}
	for _, v := range auth.list(kind) {
		if o, _ := v.(*object); o.text("key") == key {
			return o.text("value")
		}
	}
	return ""
}
