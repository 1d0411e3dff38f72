package upstream_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// Every place with every style. The values are those of the OpenAPI
// specification's table of examples.
func TestStyles(t *testing.T) {
	const (
		text   = `"blue"`
		array  = `["blue","black","brown"]`
		object = `{"R":100,"G":200,"B":150}`
	)
	for _, tt := range []struct {
		in, style string
		explode   *bool
		value     string
		want      string // the part of the request that is meant
	}{
		{"path", "", nil, text, "/blue"},
		{"path", "simple", nil, array, "/blue,black,brown"},
		{"path", "simple", yes(), array, "/blue,black,brown"},
		{"path", "simple", nil, object, "/B,150,G,200,R,100"},
		{"path", "simple", yes(), object, "/B=150,G=200,R=100"},
		{"path", "label", nil, text, "/.blue"},
		{"path", "label", nil, array, "/.blue,black,brown"},
		{"path", "label", yes(), array, "/.blue.black.brown"},
		{"path", "label", nil, object, "/.B,150,G,200,R,100"},
		{"path", "label", yes(), object, "/.B=150.G=200.R=100"},
		{"path", "matrix", nil, text, "/;color=blue"},
		{"path", "matrix", nil, array, "/;color=blue,black,brown"},
		{"path", "matrix", yes(), array, "/;color=blue;color=black;color=brown"},
		{"path", "matrix", nil, object, "/;color=B,150,G,200,R,100"},
		{"path", "matrix", yes(), object, "/;B=150;G=200;R=100"},
		{"query", "", nil, text, "?color=blue"},
		{"query", "", nil, array, "?color=blue&color=black&color=brown"},
		{"query", "form", no(), array, "?color=blue,black,brown"},
		{"query", "form", nil, object, "?B=150&G=200&R=100"},
		{"query", "form", no(), object, "?color=B,150,G,200,R,100"},
		{"query", "spaceDelimited", nil, array, "?color=blue%20black%20brown"},
		{"query", "spaceDelimited", nil, object, "?color=B%20150%20G%20200%20R%20100"},
		{"query", "pipeDelimited", nil, array, "?color=blue%7Cblack%7Cbrown"},
		{"query", "deepObject", nil, object, "?color%5BB%5D=150&color%5BG%5D=200&color%5BR%5D=100"},
		{"query", "deepObject", nil, `{"a":{"b":[1,2],"c":null},"d":[{"e":"f g"},{"i":1}],"j":[]}`, "?color%5Ba%5D%5Bb%5D%5B%5D=1&color%5Ba%5D%5Bb%5D%5B%5D=2&color%5Bd%5D%5B0%5D%5Be%5D=f%20g&color%5Bd%5D%5B1%5D%5Bi%5D=1"},
		{"query", "deepObject", nil, array, "?color%5B%5D=blue&color%5B%5D=black&color%5B%5D=brown"},
		{"query", "", nil, `"a b&c=d+e/?#%"`, "?color=a%20b%26c%3Dd%2Be%2F%3F%23%25"},
		{"query", "", nil, `""`, "?color="},
		{"query", "", nil, `[]`, ""},
		{"query", "", nil, `null`, ""},
		{"query", "", nil, `true`, "?color=true"},
		{"query", "", nil, `12345678901234567890.10`, "?color=12345678901234567890.10"},
		{"header", "", nil, text, "color: blue"},
		{"header", "simple", nil, array, "color: blue,black,brown"},
		{"header", "simple", nil, object, "color: B,150,G,200,R,100"},
		{"header", "simple", yes(), object, "color: B=150,G=200,R=100"},
		{"header", "", nil, `null`, ""},
		{"cookie", "", nil, text, "Cookie: color=blue"},
		{"cookie", "form", nil, array, "Cookie: color=blue; color=black; color=brown"},
		{"cookie", "form", nil, object, "Cookie: B=150; G=200; R=100"},
		{"cookie", "", nil, `null`, ""},
		{"form", "", nil, text, "color=blue"},
		{"form", "", nil, array, "color=blue&color=black&color=brown"},
		{"form", "spaceDelimited", nil, array, "color=blue+black+brown"},
		{"form", "deepObject", nil, object, "color%5BB%5D=150&color%5BG%5D=200&color%5BR%5D=100"},
		{"form", "", nil, `"a b~*é"`, "color=a+b%7E*%C3%A9"},
		{"body", "", nil, text, `{"color":"blue"}`},
		{"body", "", nil, object, `{"color":{"B":150,"G":200,"R":100}}`},
		{"body", "", nil, `null`, `{"color":null}`},
		{"body", "", nil, `1.50`, `{"color":1.50}`},
	} {
		u := build(t, base("http://127.0.0.1:1"))
		path := "/"
		if tt.in == "path" {
			path = "/{color}"
		}
		op := prepare(t, u, short(t, "POST "+path), plugins.Argument{Name: "color", In: tt.in, Style: tt.style, Explode: tt.explode})
		o, err := op.Outline(callOf(t, `{"color":`+tt.value+`}`))
		if err != nil {
			t.Errorf("%s %s %s: %v", tt.in, tt.style, tt.value, err)
			continue
		}
		if got := partOf(t, o, tt.in); got != tt.want {
			t.Errorf("%s %s %s:\n got %s\nwant %s", tt.in, tt.style, tt.value, got, tt.want)
		}
	}
}

// partOf returns what an outline has at a place.
func partOf(t *testing.T, o *plugins.Outline, in string) string {
	t.Helper()
	u, err := url.Parse(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	switch in {
	case "path":
		return u.EscapedPath()
	case "query":
		if u.RawQuery == "" {
			return ""
		}
		return "?" + u.RawQuery
	case "header", "cookie":
		for _, h := range o.Header {
			if h[0] == "color" || h[0] == "Cookie" {
				return h[0] + ": " + h[1]
			}
		}
		return ""
	}
	return string(o.Body)
}

func TestLongForm(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request upstream.Request
		args    []plugins.Argument
		call    string
		url     string
		body    string
		headers string
	}{
		{
			"the page's example",
			upstream.Request{
				Method: "POST", Path: "/orders",
				Query:   map[string]json.RawMessage{"dry_run": raw(`"${{ args.dry_run }}"`), "api_version": raw(`2`)},
				Headers: map[string]json.RawMessage{"X-Tenant": raw(`"${{ caller.claims.tenant }}"`)},
				Body:    raw(`{"customer": "${{ args.customer_id }}", "lines": "${{ args.items }}"}`),
			},
			[]plugins.Argument{arg("customer_id"), arg("items"), arg("dry_run")},
			`{"customer_id":"c\"1","items":[{"q":1.0}],"dry_run":true}`,
			"/orders?api_version=2&dry_run=true", `{"customer":"c\"1","lines":[{"q":1.0}]}`, "X-Tenant: acme|Content-Type: application/json",
		},
		{
			"absent arguments are left out",
			upstream.Request{
				Method: "POST", Path: "/o?limit={limit}&x=1",
				Query:   map[string]json.RawMessage{"d": raw(`"${{ args.d }}"`)},
				Headers: map[string]json.RawMessage{"X-D": raw(`"${{ args.d }}"`)},
				Body:    raw(`{"d": "${{ args.d }}", "e": 1}`),
			},
			[]plugins.Argument{arg("d"), arg("limit")}, `{}`,
			"/o?x=1", `{"e":1}`, "Content-Type: application/json",
		},
		{
			"a form and its own content type",
			upstream.Request{
				Method: "POST", Path: "/f",
				Headers: map[string]json.RawMessage{"Content-Type": raw(`"application/x-www-form-urlencoded; charset=utf-8"`), "Accept": raw(`"text/xml"`)},
				Form:    map[string]json.RawMessage{"a": raw(`"x ${{ args.a }}"`), "n": raw(`1.0`), "l": raw(`["p","q"]`)},
			},
			[]plugins.Argument{arg("a"), argIn("b", "form")}, `{"a":"1&2","b":"z"}`,
			"/f", `a=x+1%262&l=p&l=q&n=1.0&b=z`, "Accept: text/xml|Content-Type: application/x-www-form-urlencoded; charset=utf-8",
		},
		{
			"args as a whole",
			upstream.Request{Method: "PUT", Path: "/w/{id}", Body: raw(`"${{ args }}"`)},
			[]plugins.Argument{arg("id"), arg("b")}, `{"id":"1","b":[2]}`,
			"/w/1", `{"b":[2],"id":"1"}`, "Content-Type: application/json",
		},
		{
			"an array placeholder in a query",
			upstream.Request{Method: "GET", Path: "/q?ids={ids}&all={more}", Query: nil},
			[]plugins.Argument{arg("ids"), {Name: "more", Explode: yes()}}, `{"ids":["a,b","c"],"more":[1,2]}`,
			"/q?ids=a%2Cb,c&all=1&all=2", ``, "",
		},
		{
			"a placeholder by the name in the path",
			upstream.Request{Method: "GET", Path: "/c/{customer}"},
			[]plugins.Argument{{Name: "id", In: "path", As: "customer"}}, `{"id":"7"}`,
			"/c/7", ``, "",
		},
		{
			"delete takes the query, optional null is left out",
			upstream.Request{Method: "DELETE", Path: "/d"},
			[]plugins.Argument{arg("a"), {Name: "b", Optional: true}, {Name: "c", As: "sea"}}, `{"a":"1","b":null,"c":2}`,
			"/d?a=1&sea=2", ``, "",
		},
		{
			"patch takes the body, optional null is left out",
			upstream.Request{Method: "PATCH", Path: "/d"},
			[]plugins.Argument{arg("a"), {Name: "b", Optional: true}}, `{"a":null,"b":null}`,
			"/d", `{"a":null}`, "Content-Type: application/json",
		},
		{
			"a body without a member",
			upstream.Request{Method: "POST", Path: "/d"},
			[]plugins.Argument{{Name: "b", Optional: true}}, `{}`,
			"/d", `{}`, "Content-Type: application/json",
		},
		{"no body at all", upstream.Request{Method: "POST", Path: "/d/"}, nil, `{}`, "/d/", ``, "Content-Length: 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op := prepare(t, build(t, base("http://127.0.0.1:1")), tt.request, tt.args...)
			o, err := op.Outline(callOf(t, tt.call))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimPrefix(o.URL, "http://127.0.0.1:1"); got != tt.url {
				t.Errorf("url %s, want %s", got, tt.url)
			}
			if string(o.Body) != tt.body {
				t.Errorf("body %s, want %s", o.Body, tt.body)
			}
			all := ""
			for _, h := range o.Header {
				all += h[0] + ": " + h[1] + "|"
			}
			for _, want := range strings.Split(tt.headers, "|") {
				if !strings.Contains(all, want) {
					t.Errorf("headers %s, want %s", all, want)
				}
			}
			if strings.Count(all, "Content-Type") > 1 || strings.Count(all, "Accept:") != 1 {
				t.Errorf("a header twice: %s", all)
			}
		})
	}
}

// With an open input schema, arguments it doesn't name go where others would.
func TestUndeclaredArguments(t *testing.T) {
	for _, tt := range []struct{ method, call, url, body string }{
		{"GET", `{"a":"1","x y":"2","b":[3]}`, "/o?a=1&b=3&x%20y=2", ``},
		{"POST", `{"a":"1","x":{"y":2}}`, "/o", `{"a":"1","x":{"y":2}}`},
	} {
		u := build(t, base("http://127.0.0.1:1"))
		op, err := u.Prepare(plugins.Operation{
			Tool:    &plugins.Tool{Name: "t", Arguments: []plugins.Argument{arg("a")}, InputSchema: []byte(`{"type":"object"}`)},
			Request: short(t, tt.method+" /o"),
		})
		if err != nil {
			t.Fatal(err)
		}
		o, err := op.Outline(callOf(t, tt.call))
		if err != nil {
			t.Fatal(err)
		}
		if o.URL != "http://127.0.0.1:1"+tt.url || string(o.Body) != tt.body {
			t.Errorf("%s: %s %s", tt.method, o.URL, o.Body)
		}
	}
}

func TestValuesRefused(t *testing.T) {
	u := build(t, base("http://127.0.0.1:1"))
	for _, tt := range []struct {
		request string
		arg     plugins.Argument
		value   string
	}{
		{"GET /c/{a}", arg("a"), `""`},
		{"GET /c/{a}", arg("a"), `"."`},
		{"GET /c/{a}", arg("a"), `".."`},
		{"GET /c/.{a}", arg("a"), `"."`},
		{"GET /c/{a}.", arg("a"), `"."`},
		{"GET /c/{a}", arg("a"), `null`},
		{"GET /c/{a}", arg("a"), `[]`},
		{"GET /c/{a}", plugins.Argument{Name: "a", In: "path", Style: "label"}, `"."`},
		{"GET /c/{a}", arg("a"), `[[1]]`},
		{"GET /c", arg("a"), `[null]`},
		{"GET /c", arg("a"), `{"x":{"y":1}}`},
		{"GET /c?lock=1", arg("a"), `{"lock":"2"}`},
		{"GET /c", plugins.Argument{Name: "a", Style: "deepObject"}, `[null]`},
		{"GET /c", plugins.Argument{Name: "a", Style: "deepObject"}, `{"b":{"c]":1}}`},
		{"GET /c", plugins.Argument{Name: "a", Style: "spaceDelimited"}, `["a b"]`},
		{"GET /c", plugins.Argument{Name: "a", Style: "pipeDelimited"}, `["a|b"]`},
		{"GET /c", argIn("a", "header"), `"a\r\nX: b"`},
		{"GET /c", argIn("a", "header"), `" a"`},
		{"GET /c", argIn("a", "header"), `"a\t"`},
		{"GET /c", argIn("a", "header"), `"é"`},
		{"GET /c", argIn("a", "header"), `"a\u0000"`},
		{"GET /c", argIn("a", "header"), `["a,b"]`},
		{"GET /c", argIn("a", "cookie"), `"a;b"`},
		{"GET /c", argIn("a", "cookie"), `"a b"`},
		{"GET /c", argIn("a", "cookie"), `"\"a\""`},
		{"GET /c", argIn("a", "cookie"), `{"x=y":"1"}`},
		{"GET /c", plugins.Argument{Name: "a", In: "cookie", Explode: no()}, `["1,2"]`},
	} {
		op := prepare(t, u, short(t, tt.request), tt.arg)
		if _, err := op.Outline(callOf(t, `{"a":`+tt.value+`}`)); err == nil || kindOf(t, err) != plugins.KindInvalid {
			t.Errorf("%s %+v with %s: %v", tt.request, tt.arg, tt.value, err)
		}
	}
}
