package upstream_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"pgregory.net/rapid"
)

// readDeep reads pairs as servers do that know brackets: v[a][b]=1, v[a][]=1 and
// v[a][0][b]=1. Objects whose members are 0, 1, 2, ... are lists.
func readDeep(query string) (any, error) {
	top := map[string]any{}
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, err
		}
		path := strings.Split(strings.TrimSuffix(name, "]"), "[")
		for i := range path[:len(path)-1] {
			path[i] = strings.TrimSuffix(path[i], "]")
		}
		at := top
		for _, step := range path[:len(path)-1] {
			if step == "" {
				return nil, fmt.Errorf("%s", name)
			}
			next, ok := at[step].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[step] = next
			}
			at = next
		}
		last := path[len(path)-1]
		if last == "" {
			last = fmt.Sprint(len(at))
		}
		if _, twice := at[last]; twice {
			return nil, fmt.Errorf("%s twice", name)
		}
		at[last] = value
	}
	return listed(top["v"]), nil
}

// listed makes lists of objects that stand for them.
func listed(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	list := make([]any, len(object))
	for name, member := range object {
		object[name] = listed(member)
	}
	for i := range list {
		member, isItem := object[fmt.Sprint(i)]
		if !isItem {
			return object
		}
		list[i] = member
	}
	return list
}

// deepGenerator draws what a deepObject can hold, without what is not sent.
func deepGenerator(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := 0
		if depth > 0 {
			kind = rapid.IntRange(0, 2).Draw(t, "kind")
		}
		switch kind {
		case 1:
			flat := rapid.Bool().Draw(t, "flat")
			list := make([]any, rapid.IntRange(1, 3).Draw(t, "items"))
			for i := range list {
				below := 0
				if !flat {
					below = depth - 1
				}
				list[i] = deepGenerator(below).Draw(t, "item")
			}
			return list
		case 2:
			object := map[string]any{}
			for i := range rapid.IntRange(1, 3).Draw(t, "members") {
				name := rapid.OneOf(rapid.StringMatching(`[a-z &=.%]{1,4}`), rapid.Just("é")).Draw(t, "name")
				object[fmt.Sprint(name, "-", i)] = deepGenerator(depth-1).Draw(t, "member")
			}
			return object
		}
		return textGenerator().Draw(t, "text")
	})
}

// Structures within a deepObject arrive as they are, or nothing is sent.
func TestDeepObjectsArriveExactly(t *testing.T) {
	server, seen := record(t)
	u := build(t, base(server))
	for _, in := range []string{"query", "form"} {
		op := prepare(t, u, short(t, "POST /c"), plugins.Argument{Name: "v", In: in, Style: "deepObject"})
		rapid.Check(t, func(t *rapid.T) {
			want := map[string]any{"a": deepGenerator(3).Draw(t, "a"), "b": deepGenerator(2).Draw(t, "b")}
			got := sendOne(t, op, seen, map[string]any{"v": want})
			if got == nil {
				t.Fatalf("%v is refused", want)
			}
			query := string(got.body)
			if in == "query" {
				_, query, _ = strings.Cut(got.target, "?")
			} else if got.header.Get("Content-Type") != "application/x-www-form-urlencoded" || got.method != http.MethodPost {
				t.Fatalf("%v", got)
			}
			v, err := readDeep(query)
			if err != nil || !reflect.DeepEqual(v, any(want)) {
				t.Fatalf("%s: %q, want %q: %v", query, v, want, err)
			}
		})
	}
}
