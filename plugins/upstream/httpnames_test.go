package upstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
	"pgregory.net/rapid"
)

// Names that only a call brings don't take the place of other parameters.
func TestNamesCollide(t *testing.T) {
	object := func(name, in, style string) plugins.Argument {
		return plugins.Argument{Name: name, In: in, Style: style, Explode: yes()}
	}
	query := []plugins.Argument{object("a", "query", ""), object("b", "query", ""), object("v", "query", "deepObject"), object("w", "query", "deepObject"), {Name: "id", In: "query", As: "page[size]"}}
	form := []plugins.Argument{object("a", "form", ""), object("b", "form", ""), object("v", "form", "deepObject")}
	cookies := []plugins.Argument{object("a", "cookie", ""), object("b", "cookie", ""), argIn("session", "cookie")}
	matrix := []plugins.Argument{object("a", "path", "matrix"), object("b", "path", "matrix"), object("id", "path", "matrix")}
	const segments = "GET /{a}{b};fix=1{id}"
	for _, tt := range []struct {
		request   string
		arguments []plugins.Argument
		call      string
		fits      bool
	}{
		{"GET /?admin=no", query, `{"a":{"x":1},"b":{"y":2},"v":{"x":3},"id":4}`, true},
		{"GET /?admin=no", query, `{"a":{"x":1},"b":{"x":2}}`, false},
		{"GET /?admin=no", query, `{"a":{"x":1},"b":{"x[y]":2}}`, false},
		{"GET /?admin=no", query, `{"a":{"x[y]":1},"b":{"x":2}}`, false},
		{"GET /?admin=no", query, `{"a":{"x[1]":1},"b":{"x[2]":2}}`, true},
		{"GET /?admin=no", query, `{"a":{"v[a]":1}}`, false},
		{"GET /?admin=no", query, `{"a":{"v[":1}}`, false},
		{"GET /?admin=no", query, `{"a":{"admin":1}}`, false},
		{"GET /?admin=no", query, `{"a":{"admin[]":1}}`, false},
		{"GET /?admin=no", query, `{"a":{"Admin":1}}`, false},
		{"GET /?admin=no", query, `{"a":{" admin":1}}`, false},
		{"GET /?is_admin=no", query, `{"a":{"is.admin":1}}`, false},
		{"GET /?admin=no", query, `{"a":{"page":1}}`, false},
		{"GET /?admin=no", query, `{"a":{"page[size]":1}}`, false},
		{"GET /?admin=no", query, `{"a":{"page[number]":1}}`, true},
		{"GET /?v%5Bx%5D=no", query, `{"v":{"x":1}}`, false},
		{"GET /?v%5Bx%5D=no", query, `{"v":{"X":1}}`, false},
		{"GET /?v%5Bx%5D%5By%5D=no", query, `{"v":{"x":1}}`, false},
		{"GET /?v%5Bx%5D=no", query, `{"v":{"y":1}}`, true},
		{"GET /?admin=no", query, `{"v":{"a][b":1}}`, false},
		{"GET /?admin=no", query, `{"a":{"` + strings.Repeat("[", 9) + `":1}}`, false},
		{"GET /?o%5Bx%5D=1&o={v}", query, `{"v":{"x":1}}`, false},
		{"GET /?o={v}&o={w}", query, `{"v":{"x":1},"w":{"y":1}}`, true},
		{"GET /?o={v}&o={w}", query, `{"v":{"x":1},"w":{"x":1}}`, false},
		{"GET /?o={a}&p={b}", query, `{"a":{"x":1},"b":{"x":1}}`, false},
		{"GET /?admin=no&{id}=1", query, `{"id":"other"}`, true},
		{"GET /?admin=no&{id}=1", query, `{"id":"admin"}`, false},
		{"GET /?admin=no&{id}=1", query, `{"id":"x","a":{"x":1}}`, false},
		{"POST /", form, `{"a":{"x":1},"b":{"y":2},"v":{"x":3}}`, true},
		{"POST /", form, `{"a":{"x":1},"b":{"x":2}}`, false},
		{"POST /", form, `{"a":{"v[x]":1}}`, false},
		{"GET /", cookies, `{"a":{"x":"1"},"b":{"y":"2"},"session":"s"}`, true},
		{"GET /", cookies, `{"a":{"x":"1"},"b":{"x":"2"}}`, false},
		{"GET /", cookies, `{"a":{"session":"1"}}`, false},
		{segments, matrix, `{"a":{"x":1},"b":{"y":2},"id":3}`, true},
		{segments, matrix, `{"a":{"x":1},"b":{"x":2},"id":3}`, false},
		{segments, matrix, `{"a":{"id":1},"b":{"x":2},"id":3}`, false},
		{segments, matrix, `{"a":{"fix":1},"b":{"x":2},"id":3}`, false},
		{"GET /{a}/{b}/{id}", matrix, `{"a":{"x":1},"b":{"x":2},"id":3}`, true},
	} {
		op := prepare(t, build(t, base("http://127.0.0.1:1")), short(t, tt.request), tt.arguments...)
		_, err := op.Outline(callOf(t, tt.call))
		if (err == nil) != tt.fits || err != nil && kindOf(t, err) != plugins.KindInvalid {
			t.Errorf("%s with %s: %v", tt.request, tt.call, err)
		}
	}
}

// What the manifest itself writes twice is found when it is read.
func TestFixedNamesCollide(t *testing.T) {
	u := build(t, base("http://127.0.0.1:1"))
	_, err := u.Prepare(plugins.Operation{
		Tool:    tool([]plugins.Argument{arg("x")}),
		Request: upstream.Request{Method: "GET", Path: "/", Query: map[string]json.RawMessage{"o": raw(`{"x":1}`)}},
	})
	if err == nil {
		t.Error("an object of the manifest and an argument both send x")
	}
	if _, err = u.Prepare(plugins.Operation{Tool: tool([]plugins.Argument{argIn("x", "cookie"), {Name: "y", In: "cookie", As: "x"}}), Request: short(t, "GET /")}); err == nil {
		t.Error("two arguments are the cookie x")
	}
	s := base("http://127.0.0.1:1")
	s.Auth = &upstream.HTTPAuth{Query: keyed("key", "canary")}
	if _, err = build(t, s).Prepare(plugins.Operation{Tool: tool([]plugins.Argument{arg("k")}), Request: short(t, "GET /?key={k}")}); err == nil {
		t.Error("an argument and the upstream's auth both send key")
	}
}

// nest reads a query with brackets, as PHP, Rails and qs do, and fails where
// one parameter is in the way of another.
func nest(query string) (map[string]any, error) {
	values, err := url.ParseQuery(query)
	root := map[string]any{}
	for name, list := range values {
		if len(list) != 1 {
			return nil, fmt.Errorf("%q %d times", name, len(list))
		}
		first, rest, _ := strings.Cut(name, "[")
		at, steps := root, []string{first}
		if rest != "" {
			steps = append(steps, strings.Split(strings.TrimSuffix(rest, "]"), "][")...)
		}
		for i, step := range steps {
			inner, isMap := at[step].(map[string]any)
			switch {
			case i == len(steps)-1 && at[step] == nil:
				at[step] = list[0]
			case i < len(steps)-1 && at[step] == nil:
				inner = map[string]any{}
				at[step], at = inner, inner
			case i < len(steps)-1 && isMap:
				at = inner
			default:
				return nil, fmt.Errorf("%q is in the way of another parameter in %s", name, query)
			}
		}
	}
	return root, err
}

// Objects side by side, undeclared arguments among them: every member arrives
// once, under its own name, and what the manifest fixes stays as it is.
func TestNamesArriveExactly(t *testing.T) {
	var seen []string
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.URL.RawQuery) })
	arguments := []plugins.Argument{arg("a"), arg("b"), {Name: "v", Style: "deepObject"}}
	op, err := build(t, base(address)).Prepare(plugins.Operation{
		Tool:    &plugins.Tool{Name: "t", Arguments: arguments, InputSchema: []byte(`{"type":"object"}`)},
		Request: short(t, "GET /?admin=no&page%5Bsize%5D=1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	name := rapid.SampledFrom([]string{
		"x", "y", "z", "v", "a", "admin", "Admin", "admin[]", "v[x]", "v[y][z]", "x[y]", "x[z]", "x[y][z]", "page", "page[size]", "page[n]", "x]", "y][z",
	})
	arrived := 0
	rapid.Check(t, func(t *rapid.T) {
		args, want := map[string]any{}, url.Values{"admin": {"no"}, "page[size]": {"1"}}
		deep := map[string]any{}
		for _, o := range []string{"a", "b", "v", "more"} {
			members := map[string]any{}
			for _, n := range rapid.SliceOfNDistinct(name, 0, 2, rapid.ID).Draw(t, o) {
				value := o + " " + n
				members[n] = value
				if o == "v" {
					deep[n] = value
					n = "v[" + n + "]"
				}
				want.Add(n, value)
			}
			args[o] = members
		}
		if n := name.Draw(t, "undeclared"); n != "a" && n != "v" && rapid.Bool().Draw(t, "is given") {
			args[n] = "undeclared"
			want.Add(n, "undeclared")
		}
		seen = nil
		resp, err := op.Do(context.Background(), &plugins.Call{Args: args, Principal: &plugins.Principal{}})
		if err != nil {
			if len(seen) > 0 {
				t.Fatalf("refused, and seen: %q", seen)
			}
			return
		}
		resp.Free()
		checkNames(t, seen[0], want, deep)
		arrived++
	})
	if arrived == 0 {
		t.Error("nothing arrived")
	}
}

func checkNames(t *rapid.T, query string, want url.Values, deep map[string]any) {
	flat, err := url.ParseQuery(query)
	if err != nil || !reflect.DeepEqual(flat, want) {
		t.Fatalf("%v is sent as %s", want, query)
	}
	nested, err := nest(query)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := nested["v"].(map[string]any)
	if len(v) != len(deep) || len(v) > 0 && !reflect.DeepEqual(v, deep) || nested["admin"] != "no" || nested["Admin"] != nil {
		t.Fatalf("%v is read from %s", nested, query)
	}
}
