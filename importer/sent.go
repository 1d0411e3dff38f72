package importer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// sent is a request that somebody sent: what a tool is made of.
type sent struct {
	method      string
	name        string // of the tool, if it has one
	title       string
	description string
	path        []segment
	query       []field
	headers     []field
	// body is a JSON value, or nil; form and multipart are fields instead.
	body      any
	hasBody   bool
	form      []field
	multipart bool
	graphql   string
	text      string // a body of another kind
	upload    bool   // the body is a file's content
	mediaType string
	tags      []string
	saved     []any // answers, as Postman keeps them
}

// segment is a part of a path: a fixed text, or an argument.
type segment struct {
	text     string
	argument string
	about    string
	value    string // that was sent
}

// field is a name with a value that was sent.
type field struct {
	name, value string
	// argument is how the value's variable is called, if it is one.
	argument string
	about    string
	// file says that the value is a file's content.
	file      bool
	disabled  bool
	mediaType string
}

// pathSegments finds what in a path names a thing: numbers, UUIDs and the like
// become arguments.
func pathSegments(escapedPath string) []segment {
	var out []segment
	for text := range strings.SplitSeq(strings.TrimPrefix(escapedPath, "/"), "/") {
		out = append(out, pathSegment(out, text))
	}
	return uniqueSegments(out)
}

// pathSegment makes a segment of a part of a path.
func pathSegment(before []segment, text string) segment {
	plain, err := url.PathUnescape(text)
	if err != nil {
		plain = text
	}
	kind := idKind(plain)
	if kind == "" {
		return segment{text: (&url.URL{Path: plain}).EscapedPath()}
	}
	s := segment{argument: idName(before, kind), value: plain}
	s.about = aboutID(s.argument)
	return s
}

// idName is how the argument in place of an identifier is called: after the
// collection it is in.
func idName(before []segment, kind string) string {
	if kind != "id" {
		return kind
	}
	if len(before) > 0 {
		if last := before[len(before)-1]; last.text != "" {
			if noun := singular(identifier(last.text)); noun != "" && !isVersion(noun) {
				return noun + "_id"
			}
		}
	}
	return "id"
}

// uniqueSegments numbers arguments that would bear the same name.
func uniqueSegments(all []segment) []segment {
	used := map[string]bool{}
	for i := range all {
		if all[i].argument != "" {
			all[i].argument = unused(all[i].argument, used)
		}
	}
	return all
}

// unused returns the name, or else the name with the first number that nobody
// has, and takes it.
func unused(name string, used map[string]bool) string {
	candidate := name
	for n := 2; used[candidate]; n++ {
		candidate = fmt.Sprintf("%s_%d", name, n)
	}
	used[candidate] = true
	return candidate
}

// stanza makes the tool of a request. Names of tools that are taken are in
// used.
func (s *sent) stanza(used map[string]bool) tool {
	name := legalName(s.name)
	if name == "" {
		name = s.guessName()
	}
	t := tool{name: unused(name, used), operation: s.method + " " + s.pathTemplate()}
	t.definition = ordered(s.definition())
	return t
}

// pathTemplate is the path with placeholders.
func (s *sent) pathTemplate() string {
	var out strings.Builder
	for _, p := range s.path {
		out.WriteByte('/')
		if p.argument != "" {
			out.WriteString("{" + p.argument + "}")
			continue
		}
		out.WriteString(p.text)
	}
	return cmp.Or(out.String(), "/")
}

// definition is the mapping of the tool's keys.
func (s *sent) definition() *object {
	d := &object{}
	if s.title != "" {
		d.set("title", variableText(s.title))
	}
	d.set("description", variableText(cmp.Or(s.description, s.guessDescription())))
	in := &inputs{input: &object{}, names: map[string]bool{}, args: &object{}}
	for _, p := range s.path {
		if p.argument != "" {
			in.names[p.argument] = true
			in.give(p.argument, p.value)
			in.input.set(p.argument, withDescription(pairs("type", "string"), p.about))
		}
	}
	long := &object{}
	s.queryArguments(in)
	s.headerArguments(in, long)
	s.bodyArguments(in, long)
	d.set("request", s.request(long))
	if len(in.input.members) > 0 {
		d.set("input", in.input)
	}
	if len(s.tags) > 0 {
		d.set("tags", asList(s.tags))
	}
	if examples := s.examplesOf(in.args, !in.incomplete); len(examples) > 0 {
		d.set("examples", examples)
	}
	return d
}

// request is its short form, or the long one if something must be said in it.
func (s *sent) request(long *object) any {
	if len(long.members) == 0 {
		return s.method + " " + s.pathTemplate()
	}
	out := pairs("method", s.method, "path", s.pathTemplate())
	out.members = append(out.members, long.members...)
	return out
}

// inputs collects the arguments of a tool.
type inputs struct {
	input *object
	names map[string]bool
	// args are what was sent for required arguments; incomplete says that there
	// is something missing.
	args       *object
	incomplete bool
}

// give notes what was sent for a required argument.
func (in *inputs) give(name string, v any) {
	if v == "" {
		in.incomplete = true
	}
	in.args.set(name, v)
}

// add declares an argument that goes by a name to a place, and returns its own
// name. Where says the place if it isn't that of the method.
func (in *inputs) add(as, where string, schema *object) string {
	name := unused(cmp.Or(argumentName(as), "value"), in.names)
	if where != "" {
		schema.set("in", where)
	}
	if name != as {
		schema.set("as", variableText(as))
	}
	in.input.set(name, schema)
	return name
}

// bodyless are the methods whose arguments go to the query.
func bodyless(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodDelete
}

// queryArguments makes optional arguments of the query, what was sent as their
// examples. Fields of the same name are one list.
func (s *sent) queryArguments(in *inputs) {
	where := "query"
	if bodyless(s.method) {
		where = ""
	}
	done := map[string]bool{}
	for _, f := range s.query {
		if done[f.name] {
			continue
		}
		done[f.name] = true
		var values []string
		for _, other := range s.query {
			if other.name == f.name {
				values = append(values, other.value)
			}
		}
		schema := withDescription(pairs("type", "string"), f.about)
		if f.argument == "" {
			schema = withDescription(querySchema(f.name, values), f.about)
		} else if isListName(f.name) {
			schema = withDescription(pairs("type", "array", "items", pairs("type", "string")), f.about)
		}
		schema.set("optional", true)
		in.add(f.name, where, schema)
	}
}

// isListName reports whether a name says that its value is one of a list.
func isListName(name string) bool { return strings.HasSuffix(name, "[]") }

// querySchema infers the schema of a query parameter, with an example if it
// gives nothing away.
func querySchema(name string, values []string) *object {
	schema := pairs("type", textType(values[0]))
	if len(values) > 1 || isListName(name) {
		return pairs("type", "array", "items", schema)
	}
	if isSafe(name, values[0]) && values[0] != "" {
		example := any(variableText(values[0]))
		switch schema.text("type") {
		case "integer", "number":
			example = json.Number(values[0])
		case "boolean":
			example = values[0] == "true"
		}
		schema.set("examples", []any{example})
	}
	return schema
}

// headerArguments makes constants of headers, or arguments of those that hold
// variables.
func (s *sent) headerArguments(in *inputs, long *object) {
	constants := &object{}
	for _, f := range s.headers {
		if f.argument != "" {
			in.give(in.add(f.name, "header", withDescription(pairs("type", "string"), f.about)), "")
			continue
		}
		constants.set(f.name, variableText(literalText(f.value)))
	}
	if len(constants.members) > 0 {
		long.set("headers", constants)
	}
}

// without is an object without a key.
func without(o *object, key string) *object {
	return &object{members: slices.DeleteFunc(slices.Clone(o.members), func(m member) bool { return m.key == key })}
}

// withDescription adds a description, if there is one.
func withDescription(schema *object, about string) *object {
	if about = strings.TrimSpace(about); about != "" {
		schema.set("description", variableText(about))
	}
	return schema
}

func asList(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = variableText(text)
	}
	return out
}
