package upstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

func TestPrepareRefused(t *testing.T) {
	body := func(doc string) upstream.Request {
		return upstream.Request{Method: "POST", Path: "/", Body: raw(doc)}
	}
	headers := func(name, value string) upstream.Request {
		return upstream.Request{Method: "GET", Path: "/", Headers: map[string]json.RawMessage{name: raw(value)}}
	}
	get := short(t, "GET /c/{customer_id}")
	for _, tt := range []struct {
		name    string
		request any
		args    []plugins.Argument
		path    string
		message string
		hint    string
		offset  int
	}{
		{"no request", nil, nil, "request", "the tool has no request", "GET /customers", 0},
		{"unknown placeholder, short", short(t, "GET /c/{custmer_id}"), []plugins.Argument{arg("customer_id")}, "request", `there is no argument "custmer_id"`, `did you mean "customer_id"?`, 7},
		{"unknown placeholder, long", upstream.Request{Method: "GET", Path: "/c/{x}"}, []plugins.Argument{arg("customer_id")}, "request.path", `there is no argument "x"`, "declared: customer_id", 3},
		{"unknown argument in the body", body(`{"a":{"b":"- ${{ args.nope }}"}}`), []plugins.Argument{arg("x")}, "request.body.a.b", `there is no argument "nope"`, "", 11},
		{"goes nowhere: body", body(`{"a":"${{ args.x }}"}`), []plugins.Argument{arg("x"), arg("y")}, "input.y", "goes nowhere", "${{ args.y }}", 0},
		{"goes nowhere: path", get, []plugins.Argument{arg("customer_id"), argIn("y", "path")}, "input.y", "no placeholder {y}", "write {y} in the path", 0},
		{"goes nowhere: form", upstream.Request{Method: "POST", Path: "/", Form: map[string]json.RawMessage{"a": raw(`1`)}}, []plugins.Argument{arg("y")}, "input.y", "goes nowhere", "in: form", 0},
		{"form and body", short(t, "POST /"), []plugins.Argument{arg("x"), argIn("y", "form")}, "input.y", "not both", "", 0},
		{"unknown place", short(t, "POST /"), []plugins.Argument{argIn("y", "boddy")}, "input.y.in", `"boddy" is not a place`, "", 0},
		{"unknown style", short(t, "GET /"), []plugins.Argument{{Name: "y", Style: "matrix"}}, "input.y.style", "not a style of the query", "", 0},
		{"deepObject of a text", short(t, "GET /"), []plugins.Argument{{Name: "y", Style: "deepObject", Schema: []byte(`{"type":"string"}`)}}, "input.y.style", "deepObject is a style of objects", "type: object", 0},
		{"deepObject of a number", short(t, "GET /"), []plugins.Argument{{Name: "y", Style: "deepObject", Schema: []byte(`{"type":["number","null"]}`)}}, "input.y.style", "deepObject is a style of objects", "type: object", 0},
		{"a URL as the path", upstream.Request{Method: "GET", Path: "http://other/c"}, nil, "request.path", "must start with /", "the host stands in the upstream's `url`", 0},
		{"a parameter twice", short(t, "GET /?y=1"), []plugins.Argument{arg("y")}, "input.y", `a parameter "y" already`, "", 0},
		{"a member twice", short(t, "POST /"), []plugins.Argument{arg("y"), {Name: "z", As: "y"}}, "input.z", `a member "y" already`, "", 0},
		{"a header twice", headers("X-Y", `1`), []plugins.Argument{{Name: "z", In: "header", As: "x-y"}}, "input.z", "has this header already", "", 0},
		{"status in a request", headers("X-Y", `"${{ status }}"`), nil, "request.headers.X-Y", `"status" is not known here`, "", 4},
		{"a header with a line end", headers("X-Y", `"a\r\nb"`), nil, "request.headers.X-Y", "visible ASCII", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := build(t, base("http://127.0.0.1:1"))
			_, err := u.Prepare(plugins.Operation{Tool: tool(tt.args), Request: tt.request})
			var field *plugins.FieldError
			if !errors.As(err, &field) {
				t.Fatalf("got %v", err)
			}
			if strings.Join(field.Path, ".") != tt.path || !strings.Contains(field.Message, tt.message) || !strings.Contains(field.Hint, tt.hint) || field.Offset != tt.offset {
				t.Errorf("got %v: %q, hint %q at %d", field.Path, field.Message, field.Hint, field.Offset)
			}
		})
	}
}

func TestPrepareReportsAllUnknownPlaceholders(t *testing.T) {
	u := build(t, base("http://127.0.0.1:1"))
	_, err := u.Prepare(plugins.Operation{Tool: tool([]plugins.Argument{arg("customer_id")}), Request: short(t, "GET /c/{custmer_id}/{x}?q={y}")})
	mistakes, _ := errors.AsType[plugins.FieldErrors](err)
	var found []string
	for _, m := range mistakes {
		found = append(found, fmt.Sprint(m.Message, " at ", m.Offset))
	}
	want := `there is no argument "custmer_id" at 7, there is no argument "x" at 20, there is no argument "y" at 26`
	if got := strings.Join(found, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDeepObjectMayBeAnObject(t *testing.T) {
	u := build(t, base("http://127.0.0.1:1"))
	for _, schema := range []string{``, `{}`, `{"type":"object"}`, `{"type":["object","null"]}`, `{"type":["array"]}`, `{"type":"array"}`, `{"$ref":"#/$defs/filter"}`} {
		a := plugins.Argument{Name: "y", Style: "deepObject", Schema: []byte(schema)}
		if _, err := u.Prepare(plugins.Operation{Tool: tool([]plugins.Argument{a}), Request: short(t, "GET /")}); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

func TestRequestHints(t *testing.T) {
	list := "one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"
	for text, want := range map[string]struct {
		message, hint string
		offset        int
	}{
		"FETCH /c":           {`"FETCH" is not a method`, list, 0},
		"GETT /c":            {`"GETT" is not a method`, `did you mean "GET"?`, 0},
		"post /c":            {`"post" is not a method`, `did you mean "POST"?`, 0},
		"GET http://other/c": {"the path must start with /", "the host stands in the upstream's `url`; write the path below it", 4},
	} {
		var r upstream.Request
		err, ok := errors.AsType[*plugins.FieldError](r.UnmarshalText([]byte(text)))
		if !ok || err.Message != want.message || err.Hint != want.hint || err.Offset != want.offset || len(err.Path) != 0 {
			t.Errorf("%s: %+v, want %+v", text, err, want)
		}
	}
}

func TestURLHints(t *testing.T) {
	for text, want := range map[string][2]string{
		"127.0.0.1:9000":       {"must start with http", "write http://127.0.0.1:9000"},
		"localhost:9000/api":   {"must start with http", "write http://localhost:9000/api"},
		"crm.example/api":      {"must start with http", "write https://crm.example/api"},
		"crm.example:443":      {"must start with http", "write https://crm.example:443"},
		"user:secret@crm:9000": {"must start with http", "write https://host/path"},
		"crm:9000?key=secret":  {"must start with http", "write https://host/path"},
		"ftp://crm.example":    {"must start with http", "write https://host/path"},
		"":                     {"must start with http", "write https://host/path"},
		"http://crm:65536":     {"there is no port 65536", "1 to 65535"},
		"http://crm:0":         {"there is no port 0", "1 to 65535"},
		"http://crm:9o":        {"not a URL", "write https://host/path"},
	} {
		err, ok := errors.AsType[*plugins.FieldError](base(text).Validate())
		if !ok || !strings.Contains(err.Message, want[0]) || !strings.Contains(err.Hint, want[1]) {
			t.Errorf("%s: %+v, want %q with hint %q", text, err, want[0], want[1])
		}
	}
	if err := base("http://crm:65535").Validate(); err != nil {
		t.Error(err)
	}
}

// Arguments and maps never reach the headers that frame, route or authenticate
// a request.
func TestHeadersRefused(t *testing.T) {
	u := build(t, base("http://127.0.0.1:1"))
	for _, name := range []string{
		"Host", "content-length", "Transfer-Encoding", "Connection", "Authorization", "Cookie", "Proxy-Authorization",
		"Proxy-Connection", "Forwarded", "X-Forwarded-For", "x-forwarded-user", "TE", "Upgrade", "Keep-Alive", "Trailer",
		"Expect", "Accept-Encoding", "X-Request-ID", "traceparent", "tracestate", "baggage", "a b", "a:", "", "é", "a\r\nb",
	} {
		_, err := u.Prepare(plugins.Operation{Tool: tool([]plugins.Argument{{Name: "a", In: "header", As: name}}), Request: short(t, "GET /")})
		if name != "" && err == nil {
			t.Errorf("an argument may write %q", name)
		}
		_, err = u.Prepare(plugins.Operation{Tool: tool(nil), Request: upstream.Request{
			Method: "GET", Path: "/", Headers: map[string]json.RawMessage{name: raw(`"x"`)},
		}})
		if err == nil {
			t.Errorf("a map may write %q", name)
		}
		s := base("http://127.0.0.1:1")
		s.Headers = map[string]plugins.Secret{name: plugins.NewSecret("x")}
		if _, err := tryBuild(t, s); err == nil {
			t.Errorf("an upstream's headers may write %q", name)
		}
	}
	for _, name := range []string{"Content-Type", "X-HTTP-Method-Override"} {
		if _, err := u.Prepare(plugins.Operation{Tool: tool([]plugins.Argument{{Name: "a", In: "header", As: name}}), Request: short(t, "GET /")}); err == nil {
			t.Errorf("an argument may write %q", name)
		}
	}
}

func TestSettingsRefused(t *testing.T) {
	secret := plugins.NewSecret
	for _, tt := range []struct {
		name string
		s    upstream.HTTPSettings
		path string
	}{
		{"scheme", upstream.HTTPSettings{URL: "ftp://x"}, "url"},
		{"no scheme", upstream.HTTPSettings{URL: "crm.internal"}, "url"},
		{"no host", upstream.HTTPSettings{URL: "http:///x"}, "url"},
		{"credentials", upstream.HTTPSettings{URL: "http://u:canary@x"}, "url"},
		{"credentials that don't parse", upstream.HTTPSettings{URL: "http://u:canary%@x"}, "url"},
		{"fragment", upstream.HTTPSettings{URL: "http://x/#a"}, "url"},
		{"host", upstream.HTTPSettings{URL: "http://é.example"}, "url"},
		{"query", upstream.HTTPSettings{URL: "http://x/?a b"}, "url"},
		{"metadata", upstream.HTTPSettings{URL: "http://169.254.169.254"}, "url"},
		{"private", upstream.HTTPSettings{URL: "http://127.0.0.1"}, "url"},
		{"connections", upstream.HTTPSettings{URL: "http://x", Connections: -1}, "connections"},
		{"no auth", upstream.HTTPSettings{URL: "http://x", Auth: &upstream.HTTPAuth{}}, "auth"},
		{"two auths", upstream.HTTPSettings{URL: "http://x", Auth: &upstream.HTTPAuth{Bearer: secret("a"), Basic: &upstream.HTTPBasic{}}}, "auth"},
		{"line end", upstream.HTTPSettings{URL: "http://x", Auth: &upstream.HTTPAuth{Bearer: secret("canary\nX")}}, "auth.bearer"},
		{"auth header", upstream.HTTPSettings{URL: "http://x", Auth: &upstream.HTTPAuth{Header: &upstream.HTTPCredential{Name: "Host", Value: secret("x")}}}, "auth.header.name"},
		{"tls without https", upstream.HTTPSettings{URL: "http://x", TLS: &upstream.HTTPTLS{}}, "tls"},
		{"cert without key", upstream.HTTPSettings{URL: "https://x", TLS: &upstream.HTTPTLS{Cert: "a"}}, "tls"},
		{"no such file", upstream.HTTPSettings{URL: "https://x", TLS: &upstream.HTTPTLS{CA: "/does/not/exist"}}, "tls.ca"},
		{"header value", upstream.HTTPSettings{URL: "http://x", Headers: map[string]plugins.Secret{"A": secret("canary\r\n")}}, "headers.A"},
		{"header twice", upstream.HTTPSettings{URL: "http://x", Headers: map[string]plugins.Secret{"A": secret("x"), "a": secret("y")}}, "headers.a"},
	} {
		_, err := tryBuild(t, tt.s)
		var field *plugins.FieldError
		if !errors.As(err, &field) || strings.Join(field.Path, ".") != tt.path || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestShortForm(t *testing.T) {
	for _, text := range []string{"", "GET", "GET ", "get /x", "FETCH /x", "/x"} {
		var r upstream.Request
		err := r.UnmarshalText([]byte(text))
		var field *plugins.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%q: %v", text, err)
		}
	}
	var r upstream.Request
	if err := r.UnmarshalText([]byte("GTE /x")); err == nil || !strings.Contains(err.(*plugins.FieldError).Hint, "GET") { //nolint:errorlint // made there
		t.Errorf("no hint: %v", err)
	}
}
