package upstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// A condition makes the request conditional, and its answer's validators are
// noted.
func TestConditionalRequests(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v2"`)
		w.Header().Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
		w.Header().Set("X-Seen", strings.Join(append(r.Header["If-None-Match"], r.Header["If-Modified-Since"]...), "|"))
		if r.Header.Get("If-None-Match") == `"v2"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	u := build(t, base(server.URL))
	own := upstream.Request{Method: "GET", Path: "/", Headers: map[string]json.RawMessage{"If-None-Match": raw(`"\"mine\""`)}}
	since := "Sun, 31 Dec 2023 00:00:00 GMT"
	for _, tt := range []struct {
		name      string
		request   any
		condition *plugins.Condition
		status    int
		seen      string
		noted     string
	}{
		{"none", short(t, "GET /"), nil, 200, "", ""},
		{"the first look", short(t, "GET /"), &plugins.Condition{}, 200, "", `"v2"`},
		{"changed", short(t, "GET /"), &plugins.Condition{ETag: `"v1"`, LastModified: since}, 200, `"v1"|` + since, `"v2"`},
		{"unchanged", short(t, "GET /"), &plugins.Condition{ETag: `"v2"`}, 304, `"v2"`, `"v2"`},
		{"a tag that can't be sent", short(t, "GET /"), &plugins.Condition{ETag: "a\r\nX: y"}, 200, "", `"v2"`},
		{"the manifest's own", own, &plugins.Condition{ETag: `"v2"`, LastModified: since}, 200, `"mine"`, `"v2"`},
		{"a POST", short(t, "POST /"), &plugins.Condition{ETag: `"v2"`}, 200, "", `"v2"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(t, `{}`).WithRun(&plugins.Run{Condition: tt.condition})
			call.Record = &plugins.Record{}
			response, err := prepare(t, u, tt.request).Do(context.Background(), call)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Free()
			if seen := response.Header("X-Seen"); response.Status != tt.status || seen != tt.seen {
				t.Errorf("status %d, sent %q", response.Status, seen)
			}
			modified := ""
			if tt.noted != "" {
				modified = "Mon, 01 Jan 2024 00:00:00 GMT"
			}
			if call.Record.ETag != tt.noted || call.Record.LastModified != modified {
				t.Errorf("noted %q, %q", call.Record.ETag, call.Record.LastModified)
			}
		})
	}
}

// Requests for suggestions know what is typed; what else is given goes only
// where it is mentioned.
func TestSuggestionRequests(t *testing.T) {
	u := build(t, base("http://127.0.0.1:1"))
	other := []plugins.Argument{{Name: "region", Optional: true}, {Name: "kind", Optional: true}}
	for _, tt := range []struct{ request, typed, want string }{
		{"GET /customers?prefix={value}", "a b&c=d", "/customers?prefix=a%20b%26c%3Dd"},
		{"GET /customers?prefix={value}", "", "/customers?prefix="},
		{"GET /customers/{value}", "../x", "/customers/..%2Fx"},
		{"GET /{region}/customers?p={value}", "x", "/eu/customers?p=x"},
		{"GET /customers", "x", "/customers"},
	} {
		op, err := u.Prepare(plugins.Operation{Tool: tool(other), Request: short(t, tt.request), Value: true})
		if err != nil {
			t.Fatal(err)
		}
		call := callOf(t, `{"region":"eu","kind":"k"}`).WithRun(&plugins.Run{Value: &tt.typed})
		o, err := op.Outline(call)
		if err != nil {
			t.Errorf("%s: %v", tt.request, err)
			continue
		}
		if got := strings.TrimPrefix(o.URL, "http://127.0.0.1:1"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.request, got, tt.want)
		}
	}
	long := upstream.Request{Method: "POST", Path: "/search", Body: raw(`{"q":"${{ value }}","in":"${{ args.region }}"}`)}
	op, err := u.Prepare(plugins.Operation{Tool: tool(other), Request: long, Value: true})
	if err != nil {
		t.Fatal(err)
	}
	typed := `"x`
	o, err := op.Outline(callOf(t, `{"region":"eu"}`).WithRun(&plugins.Run{Value: &typed}))
	if err != nil || string(o.Body) != `{"q":"\"x","in":"eu"}` {
		t.Errorf("%s, %v", o.Body, err)
	}
	if _, err := op.Outline(callOf(t, `{}`)); err != nil {
		t.Errorf("nothing typed: %v", err)
	}
}

// Without suggestions there is nothing typed.
func TestValueIsOfSuggestionsOnly(t *testing.T) {
	u := build(t, base("http://127.0.0.1:1"))
	for _, request := range []any{
		short(t, "GET /c?p={value}"),
		upstream.Request{Method: "POST", Path: "/", Body: raw(`"${{ value }}"`)},
	} {
		_, err := u.Prepare(plugins.Operation{Tool: tool(nil), Request: request})
		if field := (*plugins.FieldError)(nil); !errors.As(err, &field) {
			t.Errorf("%v: %v", request, err)
		}
	}
}

func TestUsesCaller(t *testing.T) {
	u := build(t, base("http://127.0.0.1:1"))
	for _, tt := range []struct {
		request any
		want    bool
	}{
		{short(t, "GET /c/{x}"), false},
		{upstream.Request{Method: "GET", Path: "/{x}", Query: map[string]json.RawMessage{"a": raw(`"${{ caller.subject }}"`)}}, true},
		{upstream.Request{Method: "GET", Path: "/{x}", Headers: map[string]json.RawMessage{"X-T": raw(`"t-${{ caller.claims.tenant }}"`)}}, true},
		{upstream.Request{Method: "POST", Path: "/{x}", Body: raw(`{"a":{"b":"${{ caller.roles }}"}}`)}, true},
		{upstream.Request{Method: "POST", Path: "/{x}", Form: map[string]json.RawMessage{"a": raw(`"${{ caller.subject }}"`)}}, true},
		{upstream.Request{Method: "POST", Path: "/{x}", Body: raw(`{"a":"${{ args.x }}"}`)}, false},
	} {
		if got := prepare(t, u, tt.request, arg("x")).UsesCaller(); got != tt.want {
			t.Errorf("%+v: %v", tt.request, got)
		}
	}
}
