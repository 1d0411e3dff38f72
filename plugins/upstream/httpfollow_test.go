package upstream_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// A job's URL is asked for where it is of the upstream's own origin, and
// nowhere else.
func TestFollow(t *testing.T) {
	seen := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.Method + " " + r.RequestURI + " " + r.Header.Get("X-Own")
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	s := base(server.URL + "/api")
	s.Headers = map[string]plugins.Secret{"X-Own": plugins.NewSecret("1")}
	s.Auth = &upstream.HTTPAuth{Query: &upstream.HTTPCredential{Name: "key", Value: plugins.NewSecret("k 1")}}
	follower, ok := build(t, s).(plugins.Follower)
	if !ok {
		t.Fatal("the upstream follows nothing")
	}
	op, err := follower.Follow(plugins.Operation{Tool: tool([]plugins.Argument{arg("location")})})
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"/jobs/1":                           "/jobs/1?key=k%201",
		"jobs/1":                            "/api/jobs/1?key=k%201",
		"../jobs/1?a=b&c=%20":               "/jobs/1?a=b&c=%20&key=k%201",
		"/jobs/a%2Fb/":                      "/jobs/a%2Fb/?key=k%201",
		server.URL + "/jobs/1#part":         "/jobs/1?key=k%201",
		"//" + host + "/x":                  "/x?key=k%201",
		"?page=2":                           "/api/?page=2&key=k%201",
		"http://evil.example/jobs/1":        "",
		"https://" + host + "/jobs/1":       "",
		"//evil.example/jobs/1":             "",
		"http://" + host + "@evil.example/": "",
		"http://u:p@" + host + "/":          "",
		"/jobs/1?key=other":                 "",
		"/jobs/1 HTTP/1.1\r\nX: y":          "",
		"/jobs/1?a=b c":                     "",
		"/jobs/ä?ä":                         "",
		"file:///etc/passwd":                "",
		"http://127.0.0.1:1/":               "",
		"":                                  "",
		"/" + strings.Repeat("a", 9000):     "",
	} {
		call := callOf(t, `{}`)
		call.Location = location
		response, err := op.Do(context.Background(), call)
		if want == "" {
			wantFailure(t, location, err)
			continue
		}
		if err != nil {
			t.Errorf("%.60q: %v", location, err)
			continue
		}
		response.Free()
		if got := <-seen; got != "GET "+want+" 1" {
			t.Errorf("%.60q: asked %q, want %q", location, got, want)
		}
	}
	if outline, err := op.Outline(callOf(t, `{}`)); err != nil || outline.Method != "GET" || strings.Contains(outline.URL, "k%201") {
		t.Errorf("outline %+v, %v", outline, err)
	}
}

// What a request says of its caller, a URL that follows from it says too, and
// nothing else of it.
func TestFollowKeepsTheCaller(t *testing.T) {
	url, seen := record(t)
	s := base(url)
	s.Auth = &upstream.HTTPAuth{Query: &upstream.HTTPCredential{Name: "key", Value: plugins.NewSecret("k")}}
	follower, ok := build(t, s).(plugins.Follower)
	if !ok {
		t.Fatal("the upstream follows nothing")
	}
	op, err := follower.Follow(plugins.Operation{
		Tool: tool([]plugins.Argument{
			arg("location"), argIn("region", "header"), argIn("session", "cookie"),
			{Name: "X-Tenant", In: "header", Value: []byte(`"${{ caller.claims.tenant }}"`)},
		}),
		Request: upstream.Request{
			Method: "POST", Path: "/list", Query: map[string]json.RawMessage{"q": raw(`"${{ args.location }}"`)},
			Headers: map[string]json.RawMessage{"X-Subject": raw(`"${{ caller.subject }}"`), "X-Fixed": raw(`"f"`)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	call := callOf(t, `{"location":"of the tool","region":"eu","session":"s1"}`)
	call.Location = "/list?page=2"
	response, err := op.Do(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	response.Free()
	got := seen.take()[0]
	if got.method != http.MethodGet || got.target != "/list?page=2&key=k" || len(got.body) != 0 {
		t.Errorf("asked %s %s %q", got.method, got.target, got.body)
	}
	for name, want := range map[string]string{"Region": "eu", "X-Tenant": "acme", "X-Subject": "ann", "X-Fixed": "f", "Cookie": "session=s1"} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	if !op.UsesCaller() {
		t.Error("it doesn't use the caller")
	}
}

func wantFailure(t *testing.T, location string, err error) {
	t.Helper()
	e, ok := err.(*plugins.Error) //nolint:errorlint // what Do returns
	if !ok || e.Kind != plugins.KindStatus {
		t.Errorf("%.60q: %v", location, err)
		return
	}
	if strings.Contains(e.Message, "evil") || strings.Contains(e.Message, "127.0.0.1") {
		t.Errorf("%.60q: the message %q quotes it", location, e.Message)
	}
}
