package upstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The tests compress with fasthttp, whose workers stay.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/valyala/fasthttp/stackless.funcWorker"))
}

// build makes an upstream as a manifest would.
func build(t testing.TB, s upstream.HTTPSettings) plugins.Upstream {
	t.Helper()
	u, err := tryBuild(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func tryBuild(t testing.TB, s upstream.HTTPSettings) (plugins.Upstream, error) {
	t.Helper()
	k := &keeper{}
	t.Cleanup(k.close)
	return upstream.HTTP().New(s, plugins.Env{Name: "crm", Keep: k.keep})
}

// base are settings for a server of the test.
func base(url string) upstream.HTTPSettings {
	return upstream.HTTPSettings{URL: url, AllowPrivate: true}
}

func short(t testing.TB, text string) upstream.Request {
	t.Helper()
	var r upstream.Request
	if err := r.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}

func prepare(t testing.TB, u plugins.Upstream, request any, arguments ...plugins.Argument) plugins.Operator {
	t.Helper()
	op, err := u.Prepare(plugins.Operation{Tool: tool(arguments), Request: request})
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func tool(arguments []plugins.Argument) *plugins.Tool {
	return &plugins.Tool{Name: "t", Arguments: arguments, InputSchema: []byte(`{"type":"object","additionalProperties":false}`)}
}

func arg(name string) plugins.Argument { return plugins.Argument{Name: name} }

func argIn(name, in string) plugins.Argument { return plugins.Argument{Name: name, In: in} }

// callOf makes a call with arguments in JSON.
func callOf(t testing.TB, args string) *plugins.Call {
	t.Helper()
	v, err := strictjson.Decode([]byte(args), 0)
	if err != nil {
		t.Fatal(err)
	}
	object, _ := v.(map[string]any)
	return &plugins.Call{
		Args:      object,
		Principal: &plugins.Principal{Subject: "ann", Claims: map[string]any{"tenant": "acme", "bad": "a\r\nB: c"}},
		Record:    &plugins.Record{},
	}
}

// kindOf returns the kind of a call's error.
func kindOf(t testing.TB, err error) plugins.Kind {
	t.Helper()
	var e *plugins.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a plugins.Error: %v", err)
	}
	return e.Kind
}

// serve starts an HTTP server.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// listen starts a server that speaks raw bytes; script serves one connection,
// of the number told, from 0.
func listen(t testing.TB, script func(n int, c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				script(n, c)
			}()
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return "http://" + l.Addr().String()
}

func do(t testing.TB, op plugins.Operator, args string) (status int, body string, err error) {
	t.Helper()
	resp, err := op.Do(context.Background(), callOf(t, args))
	if err != nil {
		return 0, "", err
	}
	defer resp.Free()
	return resp.Status, string(resp.Body), nil
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

func yes() *bool { v := true; return &v }

func no() *bool { v := false; return &v }

func TestDo(t *testing.T) {
	type seen struct{ method, uri, host, agent, id, trace, custom, auth string }
	var got seen
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		got = seen{r.Method, r.RequestURI, r.Host, h.Get("User-Agent"), h.Get("X-Request-ID"), h.Get("Traceparent"), h.Get("X-Custom"), h.Get("Authorization")}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("X-Answer", "42")
		w.WriteHeader(404)
		if _, err := w.Write([]byte(`{"no":1}`)); err != nil {
			t.Error(err)
		}
	})
	s := base(url + "/api/?v=1")
	s.Headers = map[string]plugins.Secret{"X-Custom": plugins.NewSecret("c")}
	s.Auth = &upstream.HTTPAuth{Bearer: plugins.NewSecret("tok")}
	op := prepare(t, build(t, s), short(t, "GET /customers/{id}?verbose=true"), arg("id"), arg("page"))
	call := callOf(t, `{"id":"a/b","page":2.50}`)
	call.RequestID = "req-1"
	call.Trace.Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	resp, err := op.Do(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	want := seen{
		"GET", "/api/customers/a%2Fb?v=1&verbose=true&page=2.50", strings.TrimPrefix(url, "http://"), "sallyport", "req-1",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "c", "Bearer tok",
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if resp.Status != 404 || resp.ContentType != "application/problem+json" || resp.Header("x-answer") != "42" || resp.Header("none") != "" || string(resp.Body) != `{"no":1}` {
		t.Errorf("response: %+v %s", resp, resp.Body)
	}
	resp.Free()
	if r := call.Record; r.Upstream != "crm" || r.UpstreamStatus != 404 || r.Attempts != 1 || r.UpstreamDuration <= 0 {
		t.Errorf("record: %+v", r)
	}
	if op.Method() != "GET" || !op.Repeatable() {
		t.Error("method")
	}
}

func TestOutline(t *testing.T) {
	s := base("https://crm.example/api")
	s.Auth = &upstream.HTTPAuth{Query: &upstream.HTTPCredential{Name: "key", Value: plugins.NewSecret("canary-1")}}
	s.Headers = map[string]plugins.Secret{"X-Key": plugins.NewSecret("canary-2")}
	op := prepare(t, build(t, s), upstream.Request{Method: "POST", Path: "/o/{id}", Headers: map[string]json.RawMessage{"X-Tenant": raw(`"${{ caller.claims.tenant }}"`)}},
		arg("id"), arg("note"), plugins.Argument{Name: "h", In: "header", As: "X-H"})
	o, err := op.Outline(callOf(t, `{"id":"1","note":"n","h":"v"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "canary") {
		t.Errorf("a secret in the outline: %s", text)
	}
	if o.Method != "POST" || o.URL != "https://crm.example/api/o/1?key=[secret]" || string(o.Body) != `{"note":"n"}` {
		t.Errorf("outline: %s %s %s", o.Method, o.URL, o.Body)
	}
	headers := map[string]string{}
	for _, h := range o.Header {
		headers[h[0]] = h[1]
	}
	if headers["X-Tenant"] != "acme" || headers["X-H"] != "v" || headers["X-Key"] != "[secret]" || headers["Content-Type"] != "application/json" || headers["Host"] != "crm.example" {
		t.Errorf("headers: %v", headers)
	}
	for name, where := range map[string]string{"id": "path {id}", "note": "body note", "h": "header X-H"} {
		if o.Places[name] != where {
			t.Errorf("%s goes to %q", name, o.Places[name])
		}
	}
}
