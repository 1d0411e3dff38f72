package upstream_test

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"pgregory.net/rapid"
)

// listPlace is a place with a style, and how a server reads a list there.
type listPlace struct {
	name string
	arg  plugins.Argument
	read func(r *http.Request) ([]string, error)
}

// unescapeAll reads items between separators, as they stand in a URL.
func unescapeAll(text, separator string) ([]string, error) {
	var out []string
	for _, item := range strings.Split(text, separator) {
		v, err := url.PathUnescape(item)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func listPlaces() []listPlace {
	rawQuery := func(separator string) func(r *http.Request) ([]string, error) {
		return func(r *http.Request) ([]string, error) {
			text, ok := strings.CutPrefix(r.URL.RawQuery, "v=")
			if !ok || strings.Contains(text, "&") {
				return nil, nil
			}
			return unescapeAll(text, separator)
		}
	}
	return []listPlace{
		{"query", argIn("v", "query"), func(r *http.Request) ([]string, error) {
			q, err := url.ParseQuery(r.URL.RawQuery)
			return q["v"], err
		}},
		{"query, one pair", plugins.Argument{Name: "v", In: "query", Explode: no()}, rawQuery(",")},
		{"query, blanks", plugins.Argument{Name: "v", In: "query", Style: "spaceDelimited"}, rawQuery("%20")},
		{"query, pipes", plugins.Argument{Name: "v", In: "query", Style: "pipeDelimited"}, rawQuery("%7C")},
		{"form", argIn("v", "form"), func(r *http.Request) ([]string, error) {
			err := r.ParseForm()
			return r.PostForm["v"], err
		}},
		{"header", argIn("v", "header"), func(r *http.Request) ([]string, error) {
			if len(r.Header.Values("V")) != 1 {
				return nil, nil
			}
			return strings.Split(r.Header.Get("V"), ","), nil
		}},
		{"path", argIn("v", "path"), func(r *http.Request) ([]string, error) {
			return unescapeAll(strings.TrimPrefix(r.URL.EscapedPath(), "/"), ",")
		}},
		{"path, label", plugins.Argument{Name: "v", In: "path", Style: "label"}, func(r *http.Request) ([]string, error) {
			return unescapeAll(strings.TrimPrefix(r.URL.EscapedPath(), "/."), ",")
		}},
		{"path, matrix", plugins.Argument{Name: "v", In: "path", Style: "matrix", Explode: yes()}, func(r *http.Request) ([]string, error) {
			text, _ := strings.CutPrefix(r.URL.EscapedPath(), "/;v=")
			return unescapeAll(text, ";v=")
		}},
	}
}

// Lists of any strings arrive item by item, or are refused.
func TestListsArriveExactly(t *testing.T) {
	for _, place := range listPlaces() {
		t.Run(place.name, func(t *testing.T) {
			var seen [][]string
			address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				items, err := place.read(r)
				if err != nil {
					t.Error(err)
				}
				seen = append(seen, items)
			})
			path := "/"
			if place.arg.In == "path" {
				path = "/{v}"
			}
			op := prepare(t, build(t, base(address)), short(t, "POST "+path), place.arg)
			rapid.Check(t, func(t *rapid.T) {
				items := rapid.SliceOfN(textGenerator(), 1, 4).Draw(t, "items")
				args := make([]any, len(items))
				for i, s := range items {
					args[i] = s
				}
				seen = nil
				resp, err := op.Do(context.Background(), &plugins.Call{Args: map[string]any{"v": args}, Principal: &plugins.Principal{}})
				if err != nil {
					if len(seen) > 0 {
						t.Fatalf("refused, and seen: %v", seen)
					}
					return
				}
				resp.Free()
				if len(seen) != 1 || !slices.Equal(seen[0], items) {
					t.Fatalf("%q arrived as %q", items, seen)
				}
			})
		})
	}
}

// The members of an object can't take the names of other parameters.
func TestObjectsArriveExactly(t *testing.T) {
	var seen []url.Values
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, q)
	})
	for _, style := range []string{"form", "deepObject"} {
		op := prepare(t, build(t, base(address)), short(t, "GET /?admin=no"), plugins.Argument{Name: "v", Style: style}, arg("other"))
		rapid.Check(t, func(t *rapid.T) {
			names := rapid.OneOf(textGenerator(), rapid.SampledFrom([]string{"admin", "other", "v"}))
			object := rapid.MapOfN(names, textGenerator(), 0, 3).Draw(t, "object")
			args, want := map[string]any{}, url.Values{"admin": {"no"}}
			for name, value := range object {
				args[name] = value
				if style == "deepObject" {
					name = "v[" + name + "]"
				}
				want[name] = append(want[name], value)
			}
			seen = nil
			resp, err := op.Do(context.Background(), &plugins.Call{Args: map[string]any{"v": args}, Principal: &plugins.Principal{}})
			if err != nil {
				if len(seen) > 0 {
					t.Fatalf("refused, and seen: %v", seen)
				}
				return
			}
			resp.Free()
			if len(seen) != 1 || !reflect.DeepEqual(seen[0], want) {
				t.Fatalf("%q arrived as %q", object, seen)
			}
		})
	}
}
