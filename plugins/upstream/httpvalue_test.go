package upstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
	"pgregory.net/rapid"
)

// What the gateway fills in goes where an argument of that place goes, and
// nobody else can give it.
func TestFilledIn(t *testing.T) {
	tenant := func(a plugins.Argument) plugins.Argument {
		a.Name, a.Value = "t", []byte(`"${{ caller.claims.tenant }}"`)
		return a
	}
	constant := func(in, value string) plugins.Argument {
		return plugins.Argument{Name: "t", In: in, Value: []byte(value)}
	}
	shorts := func(text string) upstream.Request { return short(t, text) }
	for _, tt := range []struct {
		name    string
		request upstream.Request
		arg     plugins.Argument
		want    string // of the request
	}{
		{"path", shorts("GET /c/{t}/x"), tenant(plugins.Argument{}), "GET /c/acme/x\n"},
		{"query", shorts("GET /c"), tenant(plugins.Argument{As: "tenant_id"}), "GET /c?tenant_id=acme\n"},
		{"query list", shorts("GET /c"), constant("", `["a","b"]`), "GET /c?t=a&t=b\n"},
		{"query style", shorts("GET /c"), plugins.Argument{Name: "t", Style: "pipeDelimited", Value: []byte(`["a","${{ caller.subject }}"]`)}, "GET /c?t=a%7Cann\n"},
		{"query object", shorts("GET /c"), plugins.Argument{Name: "t", Style: "deepObject", Value: []byte(`{"a":1.0}`)}, "GET /c?t%5Ba%5D=1.0\n"},
		{"header", shorts("GET /c"), tenant(plugins.Argument{In: "header", As: "X-Tenant"}), "X-Tenant: acme\n"},
		{"constant header", shorts("GET /c"), constant("header", `7`), "t: 7\n"},
		{"cookie", shorts("GET /c"), tenant(plugins.Argument{In: "cookie"}), "Cookie: t=acme\n"},
		{"body", shorts("POST /c"), tenant(plugins.Argument{}), `{"t":"acme"}`},
		{"body, a structure", shorts("POST /c"), constant("", `{"a":[1.0,null]}`), `{"t":{"a":[1.0,null]}}`},
		{"form", shorts("POST /c"), tenant(plugins.Argument{In: "form"}), "\nt=acme"},
		{"multipart", parts(`{"a":1}`), tenant(plugins.Argument{In: "form"}), "name=\"t\"\r\n\r\nacme\r\n"},
		{"file", parts(`{"a":1}`), tenant(plugins.Argument{In: "file", Schema: []byte(`{"type":"string"}`)}), "filename=\"t\"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nacme\r\n"},
		{"graphql", graph(upstream.GraphQL{Document: "query($t: ID!) { a(b: $t) }"}), tenant(plugins.Argument{}), `"variables":{"t":"acme"}}`},
		{"of an argument", shorts("POST /c"), plugins.Argument{Name: "t", Value: []byte(`"<${{ args.a }}>"`)}, `{"t":"<1>"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []plugins.Argument{tt.arg}
			if strings.Contains(string(tt.arg.Value), "args.a") {
				args = append([]plugins.Argument{arg("a")}, args...)
			}
			op := prepare(t, build(t, base("http://127.0.0.1:1")), tt.request, args...)
			o, err := op.Outline(callOf(t, `{"a":"1","t":"of a client"}`))
			if err != nil {
				t.Fatal(err)
			}
			text := o.Method + " " + strings.TrimPrefix(o.URL, "http://127.0.0.1:1") + "\n"
			for _, h := range o.Header {
				text += h[0] + ": " + h[1] + "\n"
			}
			if text += string(o.Body); !strings.Contains(text, tt.want) || strings.Contains(text, "of a client") {
				t.Errorf("no %q in\n%s", tt.want, text)
			}
			if op.UsesCaller() != strings.Contains(string(tt.arg.Value), "caller") {
				t.Errorf("uses the caller: %v", op.UsesCaller())
			}
		})
	}
}

// Null leaves it out; a null of the manifest's own holes does if it is optional.
func TestFilledInNull(t *testing.T) {
	for _, in := range []string{"query", "header", "cookie", "body", "form"} {
		for _, value := range []string{`null`, `"${{ caller.claims.none }}"`} {
			op := prepare(t, build(t, base("http://127.0.0.1:1")), short(t, "POST /c"), plugins.Argument{Name: "t", In: in, Value: []byte(value), Optional: value != "null"})
			o, err := op.Outline(callOf(t, `{}`))
			body := map[string]string{"body": "{}"}[in]
			if err != nil || o.URL != "http://127.0.0.1:1/c" || string(o.Body) != body || strings.Contains("|"+strings.Join(flat(o.Header), "|"), "|t: ") || strings.Contains(strings.Join(flat(o.Header), "|"), "Cookie") {
				t.Errorf("%s %s: %+v %v", in, value, o, err)
			}
		}
	}
	op := prepare(t, build(t, base("http://127.0.0.1:1")), short(t, "GET /{t}"), plugins.Argument{Name: "t", Optional: true, Value: []byte(`"${{ caller.claims.none }}"`)})
	if _, err := op.Outline(callOf(t, `{}`)); err == nil || err.Error() != `The value of "t" can't be sent in the path of the request: it is empty. Nothing was sent.` {
		t.Errorf("got %v", err)
	}
}

// A filter that isn't sent would show too much: without its value there is no
// request, wherever it goes and whichever of its holes is null.
func TestFilledInNeeded(t *testing.T) {
	type test struct {
		request upstream.Request
		in      string
		value   string
	}
	tests := []test{
		{short(t, "GET /{t}"), "", `"${{ caller.claims.none }}"`},
		{short(t, "GET /c?q={t}"), "", `"${{ caller.claims.none }}"`},
		{parts(`{"a":1}`), "form", `"${{ caller.claims.none }}"`},
		{parts(`{"a":1}`), "file", `"${{ caller.claims.none }}"`},
		{graph(upstream.GraphQL{Document: "query($t: ID) { a(b: $t) }"}), "", `"${{ caller.claims.none }}"`},
	}
	for _, in := range []string{"query", "header", "cookie", "body", "form"} {
		for _, value := range []string{`"${{ caller.claims.none }}"`, `"of ${{ caller.claims.none }}"`, `["${{ caller.subject }}","${{ caller.claims.none }}"]`} {
			tests = append(tests, test{short(t, "POST /c"), in, value})
		}
		if in != "body" {
			tests = append(tests, test{short(t, "POST /c"), in, `"${{ [caller.claims.none | select(. != null)] }}"`})
		}
	}
	url, seen := record(t)
	for _, tt := range tests {
		op := prepare(t, build(t, base(url)), tt.request, plugins.Argument{Name: "t", In: tt.in, As: map[string]string{"header": "X-Tenant"}[tt.in], Value: []byte(tt.value)})
		_, err := op.Do(context.Background(), callOf(t, `{}`))
		var refused *plugins.Error
		if !errors.As(err, &refused) || refused.Kind != plugins.KindInvalid || !regexp.MustCompile(`^The value of "(t|X-Tenant)" can't be sent .*: there is none for this call\. Nothing was sent\.$`).MatchString(refused.Message) {
			t.Errorf("%s %s: %v", tt.in, tt.value, err)
		}
	}
	if got := seen.take(); len(got) != 0 {
		t.Errorf("%d requests were sent", len(got))
	}
}

// With an open input schema a client's value of the name is not taken either.
func TestFilledInIsNotTakenFromClients(t *testing.T) {
	for _, request := range []string{"GET /c", "POST /c"} {
		op, err := build(t, base("http://127.0.0.1:1")).Prepare(plugins.Operation{
			Tool:    &plugins.Tool{Name: "t", Arguments: []plugins.Argument{{Name: "t", Value: []byte(`"own"`)}}, InputSchema: []byte(`{"type":"object"}`)},
			Request: short(t, request),
		})
		if err != nil {
			t.Fatal(err)
		}
		o, err := op.Outline(callOf(t, `{"t":"a client's","u":1}`))
		if got := o.URL + string(o.Body); err != nil || got != "http://127.0.0.1:1/c?t=own&u=1" && got != `http://127.0.0.1:1/c{"t":"own","u":1}` {
			t.Errorf("%s: %s %v", request, got, err)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	url, seen := record(t)
	u := build(t, base(url))
	asking := func(name string, request upstream.Request, args ...plugins.Argument) (plugins.Operator, error) {
		spec := tool(args)
		spec.IdempotencyHeader = name
		return u.Prepare(plugins.Operation{Tool: spec, Request: request})
	}
	op, err := asking("Idempotency-Key", short(t, "POST /c"))
	if err != nil {
		t.Fatal(err)
	}
	if !op.Repeatable() || prepare(t, u, short(t, "POST /c")).Repeatable() {
		t.Error("only a POST with a key can be repeated")
	}
	keys := map[string]int{}
	for range 2 {
		call := callOf(t, `{}`)
		for range 3 {
			resp, err := op.Do(context.Background(), call)
			if err != nil {
				t.Fatal(err)
			}
			resp.Free()
			key := seen.take()[0].header.Get("Idempotency-Key")
			if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(key) || key != call.Record.IdempotencyKey {
				t.Errorf("key %q, noted %q", key, call.Record.IdempotencyKey)
			}
			keys[key]++
		}
	}
	if len(keys) != 2 {
		t.Errorf("keys of two calls: %v", keys)
	}
	call := callOf(t, `{}`)
	o, err := op.Outline(call)
	if err != nil || call.Record.IdempotencyKey != "" || !strings.Contains(strings.Join(flat(o.Header), "|"), "Idempotency-Key: [new for each call]") {
		t.Errorf("%v %v", o, err)
	}
	for name, want := range map[string]string{
		"Authorization": "idempotency_key: Authorization is written by the upstream's `auth` only (use `auth` of the upstream)",
		"Host":          "idempotency_key: Host can't be set: it says how a request is framed or routed",
		"a b":           "idempotency_key: not the name of a header",
		"X-H":           "idempotency_key: the request has this header already",
	} {
		_, err := asking(name, upstream.Request{Method: "POST", Path: "/", Headers: map[string]json.RawMessage{"x-h": raw(`1`)}})
		if got := mistakes(err); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func flat(header [][2]string) (lines []string) {
	for _, h := range header {
		lines = append(lines, h[0]+": "+h[1])
	}
	return lines
}

// Transforms learn what the answer answers, and retries what may be repeated.
func TestProtocols(t *testing.T) {
	url, _ := record(t)
	u := build(t, base(url))
	for form, tt := range map[string]struct {
		request    upstream.Request
		repeatable bool
	}{
		"":                 {short(t, "POST /"), false},
		"soap":             {soapOf(upstream.SOAP{Body: raw(`{"a":1}`)}), false},
		"graphql":          {graph(upstream.GraphQL{Document: "{ a }"}), true},
		"graphql mutation": {graph(upstream.GraphQL{Document: "mutation { a }"}), false},
	} {
		op := prepare(t, u, tt.request)
		resp, err := op.Do(context.Background(), callOf(t, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		if want, _, _ := strings.Cut(form, " "); resp.Form != want || op.Repeatable() != tt.repeatable {
			t.Errorf("%s: form %q, repeatable %v", form, resp.Form, op.Repeatable())
		}
		resp.Free()
	}
}

// Arguments of any kind are variables and stay what they are.
func TestGraphQLVariablesArriveExactly(t *testing.T) {
	url, seen := record(t)
	const document = "query Q($a: A, $b: [B!]) { q(a: $a, b: $b) }"
	u := build(t, base(url))
	for name, g := range map[string]upstream.GraphQL{
		"by name": {Document: document},
		"written": {Document: document, Variables: raw(`{"a":"${{ args.a }}","b":"${{ args.b }}"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			op := prepare(t, u, graph(g), arg("a"), arg("b"))
			rapid.Check(t, func(t *rapid.T) {
				args := map[string]any{"a": jsonGenerator(3).Draw(t, "a"), "b": textGenerator().Draw(t, "b")}
				got := sendOne(t, op, seen, args)
				if got == nil {
					t.Fatalf("refused: %v", args)
				}
				want, err := strictjson.Append(nil, map[string]any{"query": document, "variables": args, "operationName": "Q"})
				if err != nil {
					t.Fatal(err)
				}
				sent, sentErr := strictjson.Decode(got.body, 0)
				meant, meantErr := strictjson.Decode(want, 0)
				again, againErr := strictjson.Append(nil, sent)
				expected, expectedErr := strictjson.Append(nil, meant)
				if sentErr != nil || meantErr != nil || againErr != nil || expectedErr != nil || string(again) != string(expected) {
					t.Fatalf("got %s, want %s", got.body, want)
				}
			})
		})
	}
}

func FuzzGraphQL(f *testing.F) {
	for _, seed := range []string{"{ a }", "query Q($x: [ID!]! = [1] @d(a: {b: 1})) @e { a(b: $x) ...F }\nfragment F on G { h }", `{ a(b: """c\"""d""", e: "\"") } # f`, "query($x: ", "{ a(b: -1.5e+3) { ... @f { g } } }"} {
		f.Add(seed)
	}
	u := build(f, base("http://127.0.0.1:1"))
	f.Fuzz(func(t *testing.T, document string) {
		op, err := u.Prepare(plugins.Operation{Tool: tool([]plugins.Argument{{Name: "x", In: "query"}}), Request: graph(upstream.GraphQL{Document: document})})
		if err != nil {
			return
		}
		o, err := op.Outline(&plugins.Call{Args: map[string]any{}, Principal: &plugins.Principal{}})
		if err != nil {
			return
		}
		if v, err := strictjson.Decode(o.Body, 0); err != nil || !strings.HasPrefix(string(o.Body), `{"query":"`) {
			t.Fatalf("%q: %s %v", document, o.Body, v)
		}
	})
}
