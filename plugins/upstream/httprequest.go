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

// Validate refuses requests that can't be sent. Errors are *plugins.FieldError.
func (r Request) Validate() error {
	if !slices.Contains(methods(), r.Method) {
		hint := "one of " + strings.Join(methods(), ", ")
		if s := expr.Suggest(strings.ToUpper(r.Method), methods()); s != "" {
			hint = fmt.Sprintf("did you mean %q?", s)
		}
		return &plugins.FieldError{Path: r.at("method"), Message: fmt.Sprintf("%q is not a method", r.Method), Hint: hint}
	}
	if r.Body != nil && r.Form != nil {
		return &plugins.FieldError{Path: []string{"form"}, Message: "a request has a body or a form, not both"}
	}
	if r.Method == "TRACE" && (r.Body != nil || r.Form != nil) {
		return &plugins.FieldError{Path: []string{"method"}, Message: "TRACE has no body"}
	}
	return nil
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
