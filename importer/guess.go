package importer

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	uuidPattern     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	numberPattern   = regexp.MustCompile(`^-?[0-9]{1,40}$`)
	hexPattern      = regexp.MustCompile(`^[0-9a-fA-F]{8,}$`)
	prefixedPattern = regexp.MustCompile(`^[A-Za-z]{1,12}[_-][A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*$`)
	letterDigits    = regexp.MustCompile(`^[A-Za-z]{1,6}[0-9]{2,}$`)
	mixedPattern    = regexp.MustCompile(`^[A-Za-z0-9_=-]{12,}$`)
	capitalsPattern = regexp.MustCompile(`^[A-Z0-9]{6,}$`)
	versionPattern  = regexp.MustCompile(`^v[0-9]+([._][0-9]+)*((alpha|beta|rc)[0-9]*)?$`)
	datePattern     = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	floatPattern    = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}$`)
	integerPattern  = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,14})$`)
	jwtPattern      = regexp.MustCompile(`^[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*$`)
	placeholder     = regexp.MustCompile(`^(\{([A-Za-z0-9_.-]+)\}|:([A-Za-z_][A-Za-z0-9_.-]*)|<([A-Za-z0-9_. -]+)>|\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?)$`)
)

// idKind tells whether a segment of a path names one thing, and of what kind:
// id, date or email, or the name of a placeholder; empty if it doesn't.
func idKind(segment string) string {
	if m := placeholder.FindStringSubmatch(segment); m != nil {
		for _, name := range m[2:] {
			if name != "" {
				return argumentName(name)
			}
		}
	}
	if isShouted(segment) {
		return strings.TrimPrefix(identifier(segment), "your_")
	}
	switch {
	case isVersion(strings.ToLower(segment)):
		return ""
	case datePattern.MatchString(segment):
		return "date"
	case strings.Contains(segment, "@") && isEmail(segment):
		return "email"
	case numberPattern.MatchString(segment), uuidPattern.MatchString(segment), prefixedPattern.MatchString(segment),
		letterDigits.MatchString(segment):
		return "id"
	case strings.ContainsAny(segment, "0123456789") &&
		(hexPattern.MatchString(segment) || mixedPattern.MatchString(segment) || capitalsPattern.MatchString(segment)):
		return "id"
	case looksRandom(segment):
		return "id"
	}
	return ""
}

// isShouted reports whether a segment is a placeholder as documentation prints
// them: OWNER, YOUR_ID. Short words in capitals are codes and formats.
func isShouted(segment string) bool {
	if !shoutedPattern.MatchString(segment) {
		return false
	}
	switch segment {
	case "ORG", "REF", "SHA", "TAG", "KEY", "ID":
		return true
	case "REST", "JSON", "SOAP", "WSDL", "HTTP", "HTML", "ODATA", "GRAPHQL", "OAUTH", "AUTH", "ADMIN":
		return false
	}
	return len(segment) > 3
}

var shoutedPattern = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)

func isVersion(s string) bool { return versionPattern.MatchString(s) }

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// aboutID describes an argument that names a thing.
func aboutID(argument string) string {
	switch argument {
	case "date":
		return "A day, for example 2026-03-09"
	case "email":
		return "An e-mail address"
	}
	if noun, ok := strings.CutSuffix(argument, "_id"); ok {
		return "ID of the " + strings.ReplaceAll(noun, "_", " ")
	}
	if argument == "id" {
		return "The ID"
	}
	return ""
}

// textType is the JSON type that a text of a query or a form stands for.
func textType(s string) string {
	switch {
	case s == "true", s == "false":
		return "boolean"
	case integerPattern.MatchString(s):
		return "integer"
	case floatPattern.MatchString(s):
		return "number"
	}
	return "string"
}

// maxInferred is how deep a schema is inferred.
const maxInferred = 8

// inferSchema is a schema that a value and others like it have. No value is
// repeated in it.
func inferSchema(v any, depth int) *object {
	switch v := v.(type) {
	case string:
		return stringSchema(v)
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return pairs("type", "integer")
		}
		return pairs("type", "number")
	case bool:
		return pairs("type", "boolean")
	case []any:
		schema := pairs("type", "array")
		if len(v) > 0 && depth < maxInferred {
			schema.set("items", inferSchema(v[0], depth+1))
		}
		return schema
	case *object:
		schema := pairs("type", "object")
		if depth == maxInferred || len(v.members) == 0 {
			return schema
		}
		properties, required := &object{}, make([]any, 0, len(v.members))
		for _, m := range v.members {
			properties.members = append(properties.members, member{m.key, inferSchema(m.value, depth+1)})
			required = append(required, m.key)
		}
		schema.set("properties", properties)
		schema.set("required", required)
		return schema
	}
	return &object{}
}

// stringSchema recognises the formats of texts.
func stringSchema(s string) *object {
	schema := pairs("type", "string")
	_, notTime := time.Parse(time.RFC3339, s)
	switch {
	case notTime == nil:
		schema.set("format", "date-time")
	case datePattern.MatchString(s):
		schema.set("format", "date")
	case uuidPattern.MatchString(s):
		schema.set("format", "uuid")
	case strings.Contains(s, "@") && isEmail(s):
		schema.set("format", "email")
	case strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://"):
		if _, err := url.Parse(s); err == nil {
			schema.set("format", "uri")
		}
	}
	return schema
}

// identifier makes a name of lower-case words with underscores.
func identifier(s string) string {
	var out []rune
	all := []rune(s)
	for i, r := range all {
		switch {
		case r >= 'A' && r <= 'Z':
			if i > 0 && len(out) > 0 && out[len(out)-1] != '_' && isLower(all[i-1]) {
				out = append(out, '_')
			}
			out = append(out, r+'a'-'A')
		case isLower(r), r >= '0' && r <= '9':
			out = append(out, r)
		case len(out) > 0 && out[len(out)-1] != '_':
			out = append(out, '_')
		}
	}
	return strings.Trim(string(out), "_")
}

func isLower(r rune) bool { return (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') }

// argumentName keeps a name that can stand in templates and expressions, and
// else makes one.
func argumentName(s string) string {
	if wordPattern.MatchString(s) {
		return s
	}
	name := identifier(s)
	if name != "" && !wordPattern.MatchString(name) {
		name = "_" + name
	}
	return name
}

var wordPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// maxName is the longest name of a tool.
const maxName = 64

// legalName makes a tool's name of a title.
func legalName(s string) string {
	name := identifier(s)
	if len(name) > maxName-4 { // leaves room for a number
		name = strings.Trim(name[:maxName-4], "_")
	}
	return name
}

// singular is a noun's singular, as well as a rule can tell.
func singular(s string) string {
	switch {
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "xes"), strings.HasSuffix(s, "ches"), strings.HasSuffix(s, "shes"):
		return s[:len(s)-2]
	case isPlural(s):
		return s[:len(s)-1]
	}
	return s
}

// isPlural reports whether a word looks like a plural.
func isPlural(s string) bool {
	return len(s) > 3 && strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && !strings.HasSuffix(s, "us") && !strings.HasSuffix(s, "is")
}

// guessName makes a name of the method and the path.
func (s *sent) guessName() string {
	last, owner, onOne := s.nouns()
	verb := map[string]string{
		http.MethodGet: "get", http.MethodHead: "check", http.MethodPost: "create", http.MethodPut: "replace",
		http.MethodPatch: "update", http.MethodDelete: "delete",
	}[s.method]
	if verb == "" {
		verb = strings.ToLower(s.method)
	}
	var name string
	switch {
	case last == "":
		name = verb + "_root"
	case onOne:
		name = verb + "_" + singular(last)
	case s.method == http.MethodGet && isPlural(last):
		name = "list_" + join(singular(owner), last)
	case s.method == http.MethodGet && last == "search":
		name = join(last, owner)
	case s.method == http.MethodPost && !isPlural(last):
		name = join(last, singular(owner))
	case isPlural(last) && s.method == http.MethodPost:
		name = verb + "_" + join(singular(owner), singular(last))
	default:
		name = verb + "_" + join(singular(owner), last)
	}
	return legalName(name)
}

func join(a, b string) string { return strings.Trim(a+"_"+b, "_") }

// nouns are the last word of the path, the one before it, and whether the path
// ends in the name of one thing.
func (s *sent) nouns() (last, owner string, onOne bool) {
	for i, p := range s.path {
		if p.argument != "" {
			onOne = i == len(s.path)-1 || (i == len(s.path)-2 && s.path[i+1].text == "")
			continue
		}
		word := identifier(strings.TrimSuffix(p.text, ".json"))
		if strings.Trim(word, "0123456789_") == "" || isVersion(word) || word == "api" || word == "rest" {
			continue
		}
		owner, last = last, word
	}
	return last, owner, onOne
}

// guessDescription says what the request does, for want of better words.
func (s *sent) guessDescription() string {
	if last, _, _ := s.nouns(); last == "" && s.name == "" {
		if bodyless(s.method) && s.method != http.MethodDelete {
			return "Get the start of the service (" + s.method + " " + s.pathTemplate() + ")."
		}
		return "Send " + s.method + " " + s.pathTemplate() + " to the service."
	}
	words := strings.Fields(strings.ReplaceAll(cmp.Or(legalName(s.name), s.guessName()), "_", " "))
	if len(words) == 0 {
		return s.method + " " + s.pathTemplate()
	}
	if len(words) == 1 && s.graphql != "" {
		words = []string{"ask", "for", words[0]}
	}
	if len(words) == 1 {
		return strings.ToUpper(words[0][:1]) + words[0][1:] + " (" + s.method + " " + s.pathTemplate() + ")."
	}
	switch words[0] {
	case "get", "create", "replace", "update", "delete", "check":
		if len(words) > 1 && !isPlural(words[len(words)-1]) {
			article := "a"
			if strings.ContainsRune("aeio", rune(words[1][0])) {
				article = "an"
			}
			words = append(words[:1:1], append([]string{article}, words[1:]...)...)
		}
	}
	text := strings.Join(words, " ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
