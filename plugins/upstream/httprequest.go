package upstream

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// Request is a tool's `request`: a method and a path in the short form
// `GET /customers/{customer_id}`, or a mapping. It has one body at most.
type Request struct {
	Method    string                     `manifest:"method" doc:"HTTP method; may be left out with soap and graphql, which are sent by POST." enum:"GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS,TRACE"`
	Path      string                     `manifest:"path" doc:"Path below the upstream's URL, with {argument} placeholders; may be left out with soap and graphql, which then go to the upstream's URL itself."`
	Query     map[string]json.RawMessage `manifest:"query" doc:"Query parameters; strings may hold ${{ jq }}, e.g. {filter: \"${{ args.filter | tojson }}\"}."`
	Headers   map[string]json.RawMessage `manifest:"headers" doc:"Headers; strings may hold ${{ jq }}."`
	Body      json.RawMessage            `manifest:"body" doc:"JSON body; strings may hold ${{ jq }}. Instead of arguments as members."`
	Form      map[string]json.RawMessage `manifest:"form" doc:"Form body; strings may hold ${{ jq }}."`
	Multipart json.RawMessage            `manifest:"multipart" doc:"Multipart form (RFC 7578), parts by name: {note: \"${{ args.note }}\", scan: {file: \"${{ args.scan }}\", filename: scan.pdf, media_type: application/pdf}}. A list repeats its part, a mapping in a value is a part of JSON; a mapping here has one of file, text and json, and may have filename and media_type."`
	XML       json.RawMessage            `manifest:"xml" doc:"XML body, an element tree with one root: {order: {\"@id\": 7, line: \"${{ args.lines }}\"}}. \"@name\" is an attribute, \"#text\" the text beside them; a list repeats its element, null leaves it out. Members of arguments come in the order of the input schema."`
	SOAP      *SOAP                      `manifest:"soap" doc:"SOAP envelope, e.g. {action: \"urn:crm#Find\", body: {Find: {\"@xmlns\": \"urn:crm\", name: \"${{ args.name }}\"}}}."`
	GraphQL   *GraphQL                   `manifest:"graphql" doc:"GraphQL document, e.g. \"query($id: ID!) { customer(id: $id) { name } }\", or a mapping. Variables are the arguments of the same names."`
	Text      *string                    `manifest:"text" doc:"Text body; may hold ${{ jq }}."`
	Bytes     json.RawMessage            `manifest:"bytes" doc:"Body of bytes, written as base64: \"${{ args.data }}\". An argument with format: uri is the content of that resource instead."`
	MediaType string                     `manifest:"media_type" doc:"Content-Type of the body instead of its usual one, e.g. application/merge-patch+json."`

	// short is where the path begins in the short form; 0 in the long form.
	short int
}

func methods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
}

// UnmarshalText reads the short form.
func (r *Request) UnmarshalText(text []byte) error {
	s := string(text)
	method, rest, ok := strings.Cut(s, " ")
	path := strings.TrimLeft(rest, " ")
	if !ok || path == "" {
		return &plugins.FieldError{Message: "not a request", Hint: "write a method and a path, e.g. GET /customers/{customer_id}"}
	}
	*r = Request{Method: method, Path: strings.TrimRight(path, " "), short: len(s) - len(path)}
	return r.Validate()
}

// Validate refuses requests that can't be sent, with a *plugins.FieldError, or
// plugins.FieldErrors for several mistakes.
func (r Request) Validate() error {
	errs := r.checkTarget()
	errs = append(errs, r.checkBodies()...)
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return errs
}

// checkTarget refuses methods and paths that can't be sent.
func (r *Request) checkTarget() (errs plugins.FieldErrors) {
	implied := r.SOAP != nil || r.GraphQL != nil
	switch {
	case r.Method == "" && !implied:
		errs = append(errs, &plugins.FieldError{Message: `missing field "method" in request`, Hint: "method: HTTP method, e.g. POST"})
	case r.Method == "":
	case !slices.Contains(methods(), r.Method):
		errs = append(errs, &plugins.FieldError{Path: r.at("method"), Message: fmt.Sprintf("%q is not a method", r.Method), Hint: methodHint(r.Method)})
	case implied && r.Method != "POST":
		errs = append(errs, &plugins.FieldError{Path: r.at("method"), Message: r.bodies()[0] + " is sent by POST only", Hint: "take the method away"})
	}
	switch scheme, _, ok := strings.Cut(r.Path, "://"); {
	case ok && (scheme == "http" || scheme == "https"):
		errs = append(errs, &plugins.FieldError{
			Path: r.at("path"), Message: "the path must start with /", Offset: r.short,
			Hint: "the host stands in the upstream's `url`; write the path below it",
		})
	case r.Path == "" && !implied:
		errs = append(errs, &plugins.FieldError{Message: `missing field "path" in request`, Hint: "path: path below the upstream's URL, e.g. /customers/{customer_id}"})
	}
	return errs
}

// bodies are the keys of the bodies that the request has.
func (r *Request) bodies() (keys []string) {
	for _, b := range []struct {
		key   string
		given bool
	}{
		{"body", r.Body != nil}, {"form", r.Form != nil}, {"multipart", r.Multipart != nil}, {"xml", r.XML != nil},
		{"soap", r.SOAP != nil}, {"graphql", r.GraphQL != nil}, {"text", r.Text != nil}, {"bytes", r.Bytes != nil},
	} {
		if b.given {
			keys = append(keys, b.key)
		}
	}
	return keys
}

// checkBodies refuses several bodies, and one where there can be none.
func (r *Request) checkBodies() (errs plugins.FieldErrors) {
	keys := r.bodies()
	if len(keys) > 1 {
		last := len(keys) - 1
		errs = append(errs, &plugins.FieldError{
			Path: []string{keys[last]}, Offset: -1,
			Message: fmt.Sprintf("a request has one body, but there are %s and %s", strings.Join(keys[:last], ", "), keys[last]),
		})
	}
	if r.Method == "TRACE" && len(keys) > 0 {
		errs = append(errs, &plugins.FieldError{Path: []string{"method"}, Message: "TRACE has no body"})
	}
	if r.MediaType == "" {
		return errs
	}
	if r.Form != nil || r.Multipart != nil || r.SOAP != nil || r.GraphQL != nil {
		errs = append(errs, &plugins.FieldError{Path: []string{"media_type"}, Message: keys[0] + " has a media type of its own", Hint: "take media_type away", Offset: -1})
	} else if !isMediaType(r.MediaType) {
		errs = append(errs, &plugins.FieldError{Path: []string{"media_type"}, Message: fmt.Sprintf("%q is not a media type", r.MediaType), Hint: "write type/subtype, e.g. application/octet-stream"})
	}
	return errs
}

// methodHint proposes the method that was meant. Methods are short, so what is
// near in letters is meant only if it begins alike.
func methodHint(method string) string {
	upper := strings.ToUpper(method)
	if s := expr.Suggest(upper, methods()); s != "" && s[:1] == upper[:1] {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return "one of " + strings.Join(methods(), ", ")
}

// at returns the path to a key of the request; in the short form, to all of it.
func (r *Request) at(key ...string) []string {
	if r.short > 0 {
		return nil
	}
	return key
}

// repeatable reports whether the method may be sent twice without doing its
// work twice (RFC 9110, section 9.2.2).
func repeatable(method string) bool {
	switch method {
	case "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// inQuery reports whether arguments go to the query unless the manifest says
// otherwise.
func inQuery(method string) bool {
	switch method {
	case "POST", "PUT", "PATCH":
		return false
	}
	return true
}
