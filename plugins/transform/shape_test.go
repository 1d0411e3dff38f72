package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
)

// anyJSON draws JSON values of lists, objects and scalars.
func anyJSON(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) any { return rapid.String().Draw(t, "text") }),
		rapid.Custom(func(t *rapid.T) any { return json.Number(fmt.Sprint(rapid.Int64().Draw(t, "number"))) }),
		rapid.Custom(func(t *rapid.T) any { return strings.Repeat("many words ", rapid.IntRange(1, 400).Draw(t, "words")) }),
		rapid.SampledFrom([]any{nil, true, "", []any{}, map[string]any{}, "a|b\nc"}),
	)
	if depth == 0 {
		return scalar
	}
	inner := anyJSON(depth - 1)
	return rapid.OneOf(scalar,
		rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(inner, 0, 12).Draw(t, "list") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.MapOfN(rapid.StringN(0, 6, -1), inner, 0, 6).Draw(t, "object") }),
		rapid.Custom(func(t *rapid.T) any {
			row := rapid.MapOfN(rapid.StringMatching(`[a-e]`), scalar, 1, 5).Draw(t, "row")
			list := make([]any, rapid.IntRange(1, 60).Draw(t, "rows"))
			for i := range list {
				list[i] = row
			}
			return list
		}),
	)
}

// isPart reports whether short is what is left of a value: items off the ends
// of lists, members out of objects, texts cut.
func isPart(short, value any) bool {
	switch v := value.(type) {
	case []any:
		list, ok := short.([]any)
		if !ok || len(list) > len(v) {
			return false
		}
		for i := range list {
			if !isPart(list[i], v[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		object, ok := short.(map[string]any)
		if !ok {
			return false
		}
		for name, member := range object {
			if whole, has := v[name]; !has || !isPart(member, whole) {
				return false
			}
		}
		return true
	case string:
		s, ok := short.(string)
		if !ok || s == v {
			return ok
		}
		head, _, cut := strings.Cut(s, "… (")
		return cut && strings.HasPrefix(v, head) || strings.HasPrefix(v, s[:strings.LastIndex(s, "… (")])
	}
	return short == value
}

func TestShortenedIsPartOfTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := anyJSON(3).Draw(rt, "value")
		body, err := strictjson.Append(nil, value)
		if err != nil {
			rt.Fatal(err)
		}
		limit := rapid.IntRange(100, 3000).Draw(rt, "limit")
		before := 0
		for _, budget := range []int{limit, limit * 2, limit * 8} {
			tree := parseTree(body, budget)
			tree.dropEmpty(0)
			out, _ := tree.cutTo(budget, func() (text, note []byte) { return tree.appendJSON(nil, 0), nil })
			short, err := strictjson.Decode(out, 0)
			if err != nil {
				rt.Fatalf("%v in %s", err, out)
			}
			if !isPart(short, value) {
				rt.Fatalf("%s\nis no part of\n%s", out, body)
			}
			got := tokens.Estimate(out)
			if got > budget {
				rt.Fatalf("%d tokens, the budget is %d: %s", got, budget, out)
			}
			if got*4 < before*3 { // estimates and whole items leave some play
				rt.Fatalf("a budget of %d keeps %d tokens, a smaller one %d", budget, got, before)
			}
			before = got
		}
	})
}

// FuzzShorten holds that any JSON within any budget leaves valid JSON, or a
// table with as many cells in each line.
func FuzzShorten(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `"a"`, `[1,2,[3,{"a":null}]]`, `{"a":{"b":[{"x":1,"y":"|"},{"x":2},{"x":"\n"}]}}`,
		`[{"a":1},{"a":2},{"a":3},{"b":[1,2]}]`, ` { "é" : "é" , "" : [ ] } `, `{"a":[{"":{}},{"":{}},{"":{}}]}`,
	} {
		f.Add([]byte(seed), uint16(100))
	}
	f.Fuzz(func(t *testing.T, body []byte, limit uint16) {
		if strictjson.Check(body, 0) != nil {
			return
		}
		budget := max(int(limit), 1)
		fit := fitting{t: &transform{limit: budget}, how: "More."}
		text, _, mime := fit.text(bytes.Clone(body), typeJSON, budget)
		if mime == typeJSON && strictjson.Check(text, 0) != nil {
			t.Fatalf("%q became %q", body, text)
		}
		result := &mcp.Result{Structured: body}
		(&fitting{t: &transform{limit: budget}}).structured(result)
		if strictjson.Check(result.Structured, 0) != nil {
			t.Fatalf("%q became %q", body, result.Structured)
		}
	})
}

func TestLargeBodiesAreShortenedInBounds(t *testing.T) {
	for name, body := range map[string]string{
		"zeros":   "[" + strings.Repeat("0,", 500_000) + "0]",
		"lists":   "[" + strings.Repeat("[0,0,0,0,0,0],", 80_000) + "0]",
		"text":    `["` + strings.Repeat("words ", 200_000) + `"]`,
		"members": "{" + strings.Repeat(`"k":{"a":1},`, 90_000) + `"z":0}`,
	} {
		result, read, _ := shortened(t, Settings{}, answer{contentType: "application/json", body: body}, nil)
		if read > defaultTokens || read < defaultTokens/4 {
			t.Errorf("%s: %d tokens are read", name, read)
		}
		if strictjson.Valid(result.Structured, 0) != nil {
			t.Errorf("%s: the structured content is no JSON", name)
		}
	}
}
