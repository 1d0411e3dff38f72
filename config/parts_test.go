package config

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// The parts of these tests stand for those of a gateway.

type testRoles []string

type testRate struct {
	count int
	per   time.Duration
}

func (r *testRate) UnmarshalText(text []byte) error {
	count, per, ok := strings.Cut(string(text), "/")
	unit := map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour}[per]
	n, err := parseInt(count, 32)
	if !ok || err != nil || unit == 0 {
		return &testFieldError{message: "want a rate such as 60/min", offset: len(count) + 1}
	}
	r.count, r.per = int(n), unit
	return nil
}

func (testRate) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^[0-9]+/(s|min|h)$"}
}

type testLimit struct {
	Rate testRate `manifest:"rate,required" doc:"How many calls in what time."`
	Per  string   `manifest:"per" doc:"Who shares the limit." enum:"client,tool,all" default:"client"`
	Cost int      `manifest:"cost" doc:"What a call counts." default:"1"`
}

func (l *testLimit) UnmarshalText(text []byte) error { return l.Rate.UnmarshalText(text) }

func (l *testLimit) Validate() error {
	if l.Cost < 1 {
		return &testFieldError{path: []string{"cost"}, message: "want at least 1"}
	}
	return nil
}

type testRequest struct {
	Method string            `manifest:"method" default:"GET"`
	Path   string            `manifest:"path,required"`
	Query  map[string]string `manifest:"query"`
	Body   json.RawMessage   `manifest:"body"`
}

func (r *testRequest) UnmarshalText(text []byte) error {
	var ok bool
	if r.Method, r.Path, ok = strings.Cut(string(text), " "); !ok {
		return errors.New("want a method and a path, e.g. GET /customers/{customer_id}")
	}
	if i := strings.Index(r.Path, "{bad}"); i >= 0 {
		return &testFieldError{message: "there is no argument \"bad\"", offset: len(r.Method) + 1 + i}
	}
	return nil
}

// testStep contains itself, and has a key of several shapes.
type testStep struct {
	Place
	ID       string       `manifest:"id"`
	Tool     string       `manifest:"tool"`
	Parallel testParallel `manifest:"parallel"`
	Undo     *testStep    `manifest:"undo"`
}

type testParallel struct {
	Place
	Most  int        `manifest:"-"`
	Steps []testStep `manifest:"-"`
}

func (p *testParallel) Either() (scalar, list, mapping any) { return &p.Most, &p.Steps, nil }

func (p *testParallel) Validate() error {
	if p.Most < 0 {
		return errors.New("want at least 1 at once")
	}
	return nil
}

type testResponse struct {
	As     string            `manifest:"as" enum:"auto,json,text" default:"auto"`
	Select string            `manifest:"select"`
	Max    int               `manifest:"max_tokens" default:"20000"`
	Errors map[string]string `manifest:"errors"`
	Any    any               `manifest:"any"`
}

type testSecret struct{ value string }

func (s *testSecret) SetSecret(v string) { s.value = v }

type testHTTP struct {
	URL         string            `manifest:"url,required" doc:"Base URL."`
	Headers     map[string]string `manifest:"headers" doc:"Headers of every request."`
	Auth        *testAuth         `manifest:"auth" doc:"Credentials of the gateway itself."`
	TLS         *testTLS          `manifest:"tls"`
	Connections int               `manifest:"connections" default:"128" min:"1"`
	MaxResponse int64             `manifest:"max_response,size" default:"4MiB"`
	Private     bool              `manifest:"allow_private" default:"true"`
}

type testAuth struct {
	Bearer *testSecret `manifest:"bearer"`
	Basic  *struct {
		User     string     `manifest:"user,required"`
		Password testSecret `manifest:"password,required"`
	} `manifest:"basic"`
}

func (a *testAuth) Validate() error {
	if (a.Bearer == nil) == (a.Basic == nil) {
		return errors.New("want exactly one of bearer, basic")
	}
	return nil
}

type testTLS struct {
	CA string `manifest:"ca,path"`
}

type testJWT []struct {
	Issuer string     `manifest:"issuer,required"`
	Secret testSecret `manifest:"secret"`
}

func (l testJWT) Validate() error {
	seen := make(map[string]bool)
	var errs []error
	for i, one := range l {
		if seen[one.Issuer] {
			errs = append(errs, &testFieldError{path: []string{strconv.Itoa(i), "issuer"}, message: "listed twice"})
		}
		seen[one.Issuer] = true
	}
	return errors.Join(errs...)
}

type testFieldError struct {
	path          []string
	message, hint string
	offset        int
}

func (e *testFieldError) Error() string        { return e.message }
func (e *testFieldError) FieldPath() []string  { return e.path }
func (e *testFieldError) FieldHint() string    { return e.hint }
func (e *testFieldError) FieldMessage() string { return e.message }
func (e *testFieldError) FieldOffset() int     { return e.offset }

func testParts() Parts {
	roles := Part{Key: "roles", Doc: "Any of these roles.", Settings: reflect.TypeFor[testRoles]()}
	limit := Part{Key: "rate_limit", Doc: "Calls in a time.", Settings: reflect.TypeFor[[]testLimit]()}
	timeout := Part{Key: "timeout", Doc: "The whole call.", Settings: reflect.TypeFor[time.Duration]()}
	request := Part{Key: "request", Doc: "What is asked.", Settings: reflect.TypeFor[testRequest](), ToolOnly: true}
	response := Part{Key: "response", Doc: "What is answered.", Settings: reflect.TypeFor[testResponse](), Merge: true}
	steps := Part{Key: "steps", Doc: "What is done.", Settings: reflect.TypeFor[[]testStep](), ToolOnly: true}
	load := Part{Key: "load", Doc: "What is loaded.", Settings: reflect.TypeFor[map[string]testStep]()}
	messages := Part{Key: "messages", Doc: "What is said.", Settings: reflect.TypeFor[[]map[string]string]()}
	confirm := Part{Key: "confirm", Doc: "What the person is asked.", Settings: reflect.TypeFor[string](), ToolOnly: true}
	return Parts{
		Tool:     []Part{roles, limit, timeout, confirm, request, steps, response},
		Resource: []Part{roles, limit, timeout, request, steps, response},
		Complete: []Part{request},
		Prompt:   []Part{roles, limit, load, steps, messages},
		Upstream: []Part{timeout},
		Kinds:    []Part{{Key: "url", Doc: "An HTTP service.", Settings: reflect.TypeFor[testHTTP]()}},
		Auth: []Part{
			{Key: "jwt", Doc: "Tokens.", Settings: reflect.TypeFor[testJWT]()},
			{Key: "anonymous", Doc: "Everybody.", Settings: reflect.TypeFor[struct {
				Roles []string `manifest:"roles"`
			}]()},
		},
		Server: []Part{limit},
	}
}
