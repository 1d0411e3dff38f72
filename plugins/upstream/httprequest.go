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
// `GET /customers/{customer_id}`, or a mapping.
type Request struct {
	Method  string                     `manifest:"method,required" doc:"HTTP method." enum:"GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS,TRACE"`
	Path    string                     `manifest:"path,required" doc:"Path below the upstream's URL, with {argument} placeholders."`
	Query   map[string]json.RawMessage `manifest:"query" doc:"Query parameters; strings may hold ${{ jq }}."`
	Headers map[string]json.RawMessage `manifest:"headers" doc:"Headers; strings may hold ${{ jq }}."`
	Body    json.RawMessage            `manifest:"body" doc:"JSON body; strings may hold ${{ jq }}. Instead of arguments as members."`
	Form    map[string]json.RawMessage `manifest:"form" doc:"Form body; strings may hold ${{ jq }}. Not together with body."`

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
	var errs plugins.FieldErrors
	if !slices.Contains(methods(), r.Method) {
		errs = append(errs, &plugins.FieldError{Path: r.at("method"), Message: fmt.Sprintf("%q is not a method", r.Method), Hint: methodHint(r.Method)})
	}
	if scheme, _, ok := strings.Cut(r.Path, "://"); ok && (scheme == "http" || scheme == "https") {
		errs = append(errs, &plugins.FieldError{
			Path: r.at("path"), Message: "the path must start with /", Offset: r.short,
			Hint: "the host stands in the upstream's `url`; write the path below it",
		})
	}
	if r.Body != nil && r.Form != nil {
		errs = append(errs, &plugins.FieldError{Path: []string{"form"}, Message: "a request has a body or a form, not both"})
	}
	if r.Method == "TRACE" && (r.Body != nil || r.Form != nil) {
		errs = append(errs, &plugins.FieldError{Path: []string{"method"}, Message: "TRACE has no body"})
	}
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
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
