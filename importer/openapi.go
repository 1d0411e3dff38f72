package importer

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

// OpenAPIOptions say how a document becomes a manifest.
type OpenAPIOptions struct {
	// Expose chooses the operations.
	Expose openapi.Expose
	// Upstream is the service's name; made of the document's title if empty.
	Upstream string
	// Variables is the name that environment variables begin with; the service's if
	// empty.
	Variables string
	// URL is that of the service; the document's first server if empty.
	URL string
	// Source is where the document is, for the comment at the top: a path or a
	// URL without credentials.
	Source string
	// Live writes an upstream that reads the document at every start, rather than
	// stanzas. Source is then its path as the manifest shall have it.
	Live bool
}

// OpenAPI makes a manifest of a document. It fails if there is nothing to
// write: no operation that is asked for becomes a tool.
func OpenAPI(doc *openapi.Document, o OpenAPIOptions) (*Draft, error) {
	title := clean(strings.TrimSpace(doc.Title()))
	name := cmp.Or(identifier(o.Upstream), documentName(title, o.Source))
	o.Expose.AnyServer = o.URL != ""
	d := &Draft{Comments: openapiComments(o)}
	kind := "OpenAPI "
	if strings.HasPrefix(doc.Version(), "2.") {
		kind = "Swagger "
	}
	d.Preview.Document = cmp.Or(title, o.Source) + ", " + kind + doc.Version()
	d.upstream = upstream{name: name, settings: &object{}}
	d.variables = cmp.Or(o.Variables, name)
	if o.Live {
		d.upstream.settings.set("openapi", o.Source)
	}
	if err := d.takeURL(doc, o); err != nil {
		return nil, err
	}
	d.takeSecurity(doc.Security())
	if o.Live {
		if expose := exposeValue(o.Expose); len(expose.members) > 0 {
			d.upstream.settings.set("expose", expose)
		}
	}
	operations := doc.Tools(o.Expose)
	if err := o.Expose.Check(operations); err != nil {
		return nil, fmt.Errorf("choose operations: %w", err)
	}
	for i := range operations {
		if err := d.takeOperation(&operations[i], o.Live); err != nil {
			return nil, err
		}
	}
	if d.Preview.Tools == 0 {
		return d, errNothing
	}
	return d, nil
}

// takeOperation adds the tool of an operation, or says why there is none.
func (d *Draft) takeOperation(op *openapi.Operation, live bool) error {
	line := Line{Operation: op.Method + " " + op.Path, ID: op.ID, Line: op.Line, Tool: op.Name, Skip: op.Skip, Notes: op.Notes}
	if op.Skip == openapi.SkipExcluded || strings.HasPrefix(op.Skip, openapi.SkipExcluded+":") {
		line.Skip = notAsked
	}
	if op.Name == "" {
		d.Preview.add(line)
		return nil
	}
	v, err := decode(op.Definition)
	if err != nil {
		return fmt.Errorf("definition of %s: %w", op.Name, err)
	}
	definition, ok := v.(*object)
	if !ok {
		return fmt.Errorf("definition of %s: not an object", op.Name)
	}
	line.Tokens = definitionTokens(op.Name, line.Operation, definition)
	d.Preview.add(line)
	if escapedDefinition, isObject := escaped(ordered(definition)).(*object); isObject && !live {
		d.tools = append(d.tools, tool{name: op.Name, operation: line.Operation, id: op.ID, definition: escapedDefinition})
	}
	return nil
}

// openapiComments are the lines at the top of the file.
func openapiComments(o OpenAPIOptions) []string {
	if o.Live {
		return []string{"The operations of " + filepath.Base(o.Source) + " as tools. A tool of `tools:` with the name of one of them", "changes what it names."}
	}
	if o.Source == "" {
		return []string{"Made from an OpenAPI document by sallyport import openapi."}
	}
	return []string{
		"Made from " + filepath.Base(o.Source) + " by sallyport import openapi. Edit what you like: --update merges a newer",
		"document and keeps your edits.",
	}
}

// documentName makes the name of a service of the document's title: of its first
// clause, without what all titles say.
func documentName(title, source string) string {
	title, _, _ = strings.Cut(title, ":")
	title, _, _ = strings.Cut(title, " - ")
	var words []string
	for word := range strings.FieldsSeq(strings.NewReplacer("\u2019", "'", "_", " ").Replace(title)) {
		owner, rest, _ := strings.Cut(word, "'")
		if rest == "s" { // GitHub's
			word = owner
		}
		if name := brandName(word); !saysNothing(name) {
			words = append(words, strings.Split(name, "_")...)
		}
		if rest == "s" && len(words) > 0 {
			break
		}
	}
	if len(words) > 3 {
		words = words[:3]
	}
	base := filepath.Base(source)
	for _, ending := range []string{".json", ".yaml", ".yml", ".openapi", ".swagger"} {
		base = strings.TrimSuffix(base, ending)
	}
	if base == "-" || base == "openapi" || base == "swagger" {
		base = ""
	}
	return cmp.Or(strings.Join(words, "_"), identifier(base), "service")
}

// brandName is a word as an identifier; of two halves it is one name, as in
// GitHub and YouTube.
func brandName(word string) string {
	name := identifier(word)
	if strings.Count(name, "_") == 1 && !strings.ContainsAny(word, "-_./") {
		return strings.ReplaceAll(name, "_", "")
	}
	return name
}

// saysNothing reports whether a word is in the titles of all documents.
func saysNothing(word string) bool {
	switch word {
	case "", "api", "apis", "rest", "restful", "openapi", "swagger", "the", "a", "an", "of", "for", "http", "official", "public",
		"documentation", "docs", "specification", "spec", "description", "reference", "v":
		return true
	}
	return isVersion(word) || strings.Trim(word, "0123456789_") == ""
}

// takeURL says where the service is.
func (d *Draft) takeURL(doc *openapi.Document, o OpenAPIOptions) error {
	servers := doc.Servers()
	text := o.URL
	var others []string
	for _, s := range servers {
		if !isAbsolute(s.URL) {
			continue
		}
		if text == "" {
			text = s.URL
		} else if s.URL != text {
			others = append(others, s.URL)
		}
	}
	if text != "" && !isAbsolute(text) {
		return errors.New("the service's URL must be like https://host/path, without a user, a query and a fragment")
	}
	if text == "" {
		path := ""
		if len(servers) > 0 && strings.HasPrefix(servers[0].URL, "/") {
			path = strings.TrimRight(variableText(servers[0].URL), "/")
		}
		d.upstream.comments = append(d.upstream.comments, "The document doesn't say where the service is.")
		text = "${" + environmentName(d.variables, "url") + ":-http://127.0.0.1:9000" + path + "}"
		d.Preview.Notes = append(d.Preview.Notes, "the document doesn't say where the service is: set "+environmentName(d.variables, "url"))
		d.upstream.settings.set("url", text)
		return nil
	}
	if len(others) > 0 && o.URL == "" {
		const shown = 3
		if len(others) > shown {
			others = append(others[:shown:shown], fmt.Sprintf("%d more", len(others)-shown))
		}
		d.upstream.comments = append(d.upstream.comments, "Other servers of the document: "+strings.Join(others, ", "))
	}
	d.upstream.settings.set("url", variableText(strings.TrimRight(text, "/")))
	return nil
}

// isAbsolute reports whether a text can be the URL of an upstream.
func isAbsolute(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && hostPattern.MatchString(u.Host) && u.User == nil &&
		u.Fragment == "" && u.RawQuery == "" && !strings.ContainsAny(text, "{} #")
}

// takeSecurity makes auth of the first scheme that the upstream knows, used
// ones first.
func (d *Draft) takeSecurity(schemes []openapi.SecurityScheme) {
	keys := &credentials{service: d.variables}
	var unknown, others []string
	schemes = slices.Clone(schemes)
	slices.SortStableFunc(schemes, func(a, b openapi.SecurityScheme) int { return rank(a) - rank(b) })
	inUse := slices.ContainsFunc(schemes, func(s openapi.SecurityScheme) bool { return s.Used })
	for _, s := range schemes {
		switch {
		case s.Used != inUse:
		case keys.any():
			others = append(others, s.Name)
		case !takeScheme(keys, s):
			unknown = append(unknown, s.Name+" ("+s.Type+")")
		}
	}
	if len(others) > 0 {
		d.Preview.Notes = append(d.Preview.Notes, "one of several security schemes became auth; the others are "+strings.Join(others, ", "))
	}
	if len(unknown) > 0 && !keys.any() {
		d.Preview.Notes = append(d.Preview.Notes, "no auth was written: there is none for "+strings.Join(unknown, ", "))
	}
	keys.apply(d)
}

// rank puts keys in the query last: URLs are logged in many places.
func rank(s openapi.SecurityScheme) int {
	if s.In == "query" {
		return 1
	}
	return 0
}

// takeScheme makes auth of a scheme; it reports whether there is one for it. The
// kind is the scheme's, the variables are named after the service.
func takeScheme(keys *credentials, s openapi.SecurityScheme) bool {
	if s.Type == "apiKey" && s.In == "cookie" && tokenPattern.MatchString(s.Parameter) {
		keys.cookie(s.Parameter)
		return true
	}
	var auth map[string]yaml.Node
	if s.Auth == "" || yaml.Unmarshal([]byte(s.Auth), &auth) != nil {
		return false
	}
	for kind := range auth {
		switch kind {
		case "bearer":
			keys.bearer()
		case "basic":
			keys.basic()
		case "header":
			keys.header(s.Parameter)
		case "query":
			keys.query(s.Parameter)
		}
	}
	return keys.any()
}

// exposeValue is the mapping of an Expose.
func exposeValue(e openapi.Expose) *object {
	out := &object{}
	for _, list := range []struct {
		key   string
		texts []string
	}{{"include", e.Include}, {"exclude", e.Exclude}} {
		if len(list.texts) > 0 {
			out.set(list.key, asList(list.texts))
		}
	}
	if e.Prefix != "" {
		out.set("prefix", variableText(e.Prefix))
	}
	return out
}
