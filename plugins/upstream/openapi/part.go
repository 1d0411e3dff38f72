package openapi

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// Settings are the keys of an upstream that an OpenAPI document describes:
// those of an HTTP service besides.
type Settings struct {
	OpenAPI string `manifest:"openapi,required,path" doc:"OpenAPI 3 or Swagger 2.0 document, JSON or YAML, whose operations become tools. Without url, its first server is asked."`
	Expose  Expose `manifest:"expose" doc:"Which operations become tools, and under which names. A tool of tools that bears the name of one lies over it, key by key."`
	upstream.HTTPSettings
}

// Validate refuses settings that can't work. Errors are *plugins.FieldError.
func (s Settings) Validate() error {
	h := s.HTTPSettings
	if h.URL == "" {
		h.URL = "https://host" // the document says it
	}
	return h.Validate()
}

// Part is the kind of upstream that has an `openapi` document.
func Part() plugins.UpstreamPart {
	known := &cache{}
	part := plugins.NewUpstreamPart[Settings, upstream.Request](
		"openapi", "An HTTP service whose operations an OpenAPI document describes.",
		func(s Settings, env plugins.Env) (plugins.Upstream, error) {
			return upstream.NewHTTP(s.HTTPSettings, env)
		},
	)
	part.Expose = func(settings any, read plugins.ReadFile) (plugins.Exposure, error) {
		s, ok := settings.(Settings)
		if !ok {
			return plugins.Exposure{}, fmt.Errorf("settings are %s, want %s", reflect.TypeOf(settings), reflect.TypeFor[Settings]())
		}
		return expose(known, s, read)
	}
	return part
}

// expose makes tools of the document that settings name.
func expose(known *cache, s Settings, read plugins.ReadFile) (plugins.Exposure, error) {
	none := plugins.Exposure{}
	data, err := read(s.OpenAPI)
	if err != nil {
		return none, &plugins.FieldError{Path: []string{"openapi"}, Message: fmt.Sprintf("can't read the document: %v", err)}
	}
	s.Expose.AnyServer = s.URL != ""
	found, err := known.tools(s.OpenAPI, data, s.Expose, read)
	if err != nil {
		return none, &plugins.FieldError{Path: []string{"openapi"}, Message: err.Error()}
	}
	operations := found.operations
	errs := under(s.Expose.Check(operations), "expose")
	errs = append(errs, wanted(s.Expose, operations)...)
	if s.URL == "" {
		var fault *plugins.FieldError
		if s.URL, fault = firstServer(found.servers); fault != nil {
			errs = append(errs, fault)
		}
	}
	if len(errs) > 0 {
		return none, errs
	}
	out := plugins.Exposure{Settings: s, Warnings: warnings(found.schemes, s, operations)}
	for i := range operations {
		if o := &operations[i]; o.Skip == "" {
			out.Tools = append(out.Tools, plugins.ExposedTool{Name: o.Name, Definition: o.Definition, File: s.OpenAPI, Line: o.Line})
		}
	}
	return out, nil
}

// under puts a key before the paths of field errors.
func under(err error, key string) plugins.FieldErrors {
	all, ok := err.(plugins.FieldErrors) //nolint:errorlint // made by Check, unwrapped
	if !ok {
		return nil
	}
	for _, e := range all {
		e.Path = append([]string{key}, e.Path...)
	}
	return all
}

// wanted refuses operations that the author names and that become no tools.
func wanted(e Expose, operations []Operation) (errs plugins.FieldErrors) {
	for i := range operations {
		o := &operations[i]
		if o.Skip == "" || o.Skip == SkipExcluded || !e.names(o) {
			continue
		}
		errs = append(errs, &plugins.FieldError{
			Path: []string{"expose", "include"}, Message: fmt.Sprintf("%s can't become a tool: %s", o.label(), o.Skip),
			Hint: "take it out of include",
		})
	}
	return errs
}

// label names an operation for people.
func (o *Operation) label() string {
	if o.ID != "" {
		return fmt.Sprintf("operation %q", clip(o.ID, 80))
	}
	return clip(o.Method+" "+o.Path, 80)
}

// firstServer is the URL that requests go to if the manifest has none.
func firstServer(servers []Server) (string, *plugins.FieldError) {
	if len(servers) > 0 && isAbsolute(servers[0].URL) {
		return servers[0].URL, nil
	}
	e := &plugins.FieldError{Path: []string{"openapi"}, Message: "the document doesn't say where the service is", Hint: "write url: https://…"}
	if len(servers) > 0 {
		e.Message = fmt.Sprintf("the document's first server, %q, is no URL that requests can be sent to", clip(servers[0].URL, 80))
		if strings.HasPrefix(servers[0].URL, "/") {
			e.Hint += clip(servers[0].URL, 40)
		}
	}
	return "", e
}

// warnings are what an author should know of a document's tools.
func warnings(schemes []SecurityScheme, s Settings, operations []Operation) (out []error) {
	if w := skipped(operations); w != nil {
		out = append(out, w)
	}
	if w := unauthenticated(schemes, s, operations); w != nil {
		out = append(out, w)
	}
	return out
}

// skipped tells of the operations that were meant to be tools and are none.
func skipped(operations []Operation) error {
	const most = 4
	var told []string
	count := 0
	for i := range operations {
		o := &operations[i]
		if o.Skip == "" || o.Skip == SkipExcluded || isBodiless(o.Method) {
			continue
		}
		if count++; count <= most {
			told = append(told, o.label()+" ("+o.Skip+")")
		}
	}
	if count == 0 {
		return nil
	}
	if count > most {
		told = append(told, fmt.Sprintf("and %d more", count-most))
	}
	return &plugins.FieldError{
		Path:    []string{"openapi"},
		Message: fmt.Sprintf("%d of %d operations become no tools: %s", count, len(operations), strings.Join(told, ", ")),
		Hint:    "name them under expose.exclude to leave them out knowingly",
	}
}

// unauthenticated tells of operations that ask for a key where the manifest has
// none.
func unauthenticated(schemes []SecurityScheme, s Settings, operations []Operation) error {
	if s.Auth != nil {
		return nil
	}
	for i := range operations {
		o := &operations[i]
		if o.Skip != "" || len(o.Security) == 0 {
			continue
		}
		at := slices.IndexFunc(schemes, func(one SecurityScheme) bool { return one.Name == o.Security[0] })
		if at < 0 || schemes[at].sentBy(s.HTTPSettings) {
			continue
		}
		e := &plugins.FieldError{
			Path:    []string{"openapi"},
			Message: fmt.Sprintf("%s asks for authentication (%s), and the upstream has no auth", o.label(), schemes[at].Name),
		}
		if schemes[at].Auth != "" {
			e.Hint = "write auth: " + schemes[at].Auth
		}
		return e
	}
	return nil
}

// sentBy reports whether headers of the upstream satisfy a scheme.
func (s SecurityScheme) sentBy(h upstream.HTTPSettings) bool {
	header := "authorization"
	if s.Type == "apiKey" {
		header = strings.ToLower(s.Parameter)
		if s.In != "header" {
			return false
		}
	}
	for name := range h.Headers {
		if strings.ToLower(name) == header {
			return true
		}
	}
	return s.Type == "mutualTLS" && h.TLS != nil && h.TLS.Cert != ""
}
