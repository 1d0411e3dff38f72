package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"pgregory.net/rapid"
)

// decoder reads what stands at a place, as a server does that knows the style:
// a list is a []string, an object a map[string]string.
type decoder func(raw string) (any, error)

type unescape func(string) (string, error)

func asIs(s string) (string, error) { return s, nil }

// items reads what is between separators; first undoes an encoding of the
// whole, and then one of each item.
func items(prefix, separator string, first, then unescape) decoder {
	return func(raw string) (any, error) {
		text, ok := strings.CutPrefix(raw, prefix)
		if !ok {
			return nil, fmt.Errorf("no %q in %q", prefix, raw)
		}
		text, err := first(text)
		var out []string
		for _, part := range strings.Split(text, separator) {
			plain, itemErr := then(part)
			out, err = append(out, plain), errors.Join(err, itemErr)
		}
		return out, err
	}
}

// alternating reads names and values in turn.
func alternating(list decoder) decoder {
	return func(raw string) (any, error) {
		v, err := list(raw)
		parts, _ := v.([]string)
		if err != nil || len(parts)%2 != 0 {
			return nil, fmt.Errorf("%d parts: %w", len(parts), err)
		}
		out := map[string]string{}
		for i := 0; i < len(parts); i += 2 {
			out[parts[i]] = parts[i+1]
		}
		return out, nil
	}
}

// equated reads name=value items.
func equated(prefix, separator string, then unescape) decoder {
	return func(raw string) (any, error) {
		v, err := items(prefix, separator, asIs, asIs)(raw)
		parts, _ := v.([]string)
		out := map[string]string{}
		for _, part := range parts {
			name, value, ok := strings.Cut(part, "=")
			plain, nameErr := then(name)
			if _, twice := out[plain]; !ok || twice {
				return nil, fmt.Errorf("%q in %q", part, raw)
			}
			var valueErr error
			out[plain], valueErr = then(value)
			err = errors.Join(err, nameErr, valueErr)
		}
		return out, err
	}
}

// parsed reads what net/url reads of a query or form.
func parsed(read func(url.Values) any) decoder {
	return func(raw string) (any, error) {
		values, err := url.ParseQuery(raw)
		return read(values), err
	}
}

func allOf(values url.Values) any { return values["v"] }

// membersOf reads the members between the texts.
func membersOf(before, after string) func(url.Values) any {
	return func(values url.Values) any {
		out := map[string]string{}
		for name, list := range values {
			if len(list) == 1 && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) {
				out[name[len(before):len(name)-len(after)]] = list[0]
			}
		}
		return out
	}
}

// headerList reads a list as RFC 9110, section 5.6.1, says: blanks around
// items and empty items are passed over.
func headerList(raw string) (any, error) {
	var out []string
	for _, part := range strings.Split(raw, ",") {
		if part = strings.Trim(part, " \t"); part != "" {
			out = append(out, part)
		}
	}
	return out, nil
}

type layout struct {
	in, style    string
	explode      *bool
	list, object decoder
}

func layouts() []layout {
	path, query := url.PathUnescape, url.QueryUnescape
	commas := func(prefix string) decoder { return items(prefix, ",", asIs, path) }
	spaces, pipes := items("v=", " ", query, asIs), items("v=", "|", query, asIs)
	formCommas := items("v=", ",", query, asIs)
	return []layout{
		{"path", "simple", no(), commas(""), alternating(commas(""))},
		{"path", "simple", yes(), commas(""), equated("", ",", path)},
		{"path", "label", no(), commas("."), alternating(commas("."))},
		// A server may decode dots before it splits, or after.
		{"path", "label", yes(), items(".", ".", path, asIs), equated(".", ".", path)},
		{"path", "matrix", no(), commas(";v="), alternating(commas(";v="))},
		{"path", "matrix", yes(), items(";v=", ";v=", asIs, path), equated(";", ";", path)},
		{"query", "form", yes(), parsed(allOf), parsed(membersOf("", ""))},
		{"query", "form", no(), items("v=", ",", asIs, query), alternating(items("v=", ",", asIs, query))},
		{"query", "spaceDelimited", no(), spaces, alternating(spaces)},
		{"query", "pipeDelimited", no(), pipes, alternating(pipes)},
		{"query", "deepObject", nil, nil, parsed(membersOf("v[", "]"))},
		{"form", "form", yes(), parsed(allOf), parsed(membersOf("", ""))},
		{"form", "form", no(), formCommas, alternating(formCommas)},
		{"form", "spaceDelimited", no(), spaces, alternating(spaces)},
		{"form", "pipeDelimited", no(), pipes, alternating(pipes)},
		{"form", "deepObject", nil, nil, parsed(membersOf("v[", "]"))},
		{"header", "simple", no(), headerList, alternating(headerList)},
		{"header", "simple", yes(), headerList, equated("", ",", asIs)},
		{"cookie", "form", yes(), items("v=", "; v=", asIs, asIs), equated("", "; ", asIs)},
	}
}

// rawPlace returns what stands at a place, undecoded.
func rawPlace(in string, r *http.Request) (string, error) {
	switch in {
	case "path":
		return strings.TrimPrefix(r.URL.EscapedPath(), "/p/"), nil
	case "query":
		return r.URL.RawQuery, nil
	case "form":
		body, err := io.ReadAll(r.Body)
		return string(body), err
	case "header":
		return r.Header.Get("V"), nil
	}
	return r.Header.Get("Cookie"), nil
}

// itemGenerator draws items, with the delimiters of all styles more often.
func itemGenerator() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[a-c]{1,3}`), rapid.StringMatching(`[a,.;=&| \[\]%+]{1,4}`), textGenerator())
}

// Lists and objects, in every place and style: a server that knows the style
// reads what was given, or the call is refused and nothing arrives.
func TestStructuresArriveExactly(t *testing.T) {
	for _, l := range layouts() {
		exploded := l.explode == nil || *l.explode
		for name, decode := range map[string]decoder{"list": l.list, "object": l.object} {
			if decode != nil {
				t.Run(fmt.Sprintf("%s/%s/%t/%s", l.in, l.style, exploded, name), func(t *testing.T) { checkLayout(t, l, decode, name == "object") })
			}
		}
	}
}

func checkLayout(t *testing.T, l layout, decode decoder, object bool) {
	t.Helper()
	var seen []string
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		raw, err := rawPlace(l.in, r)
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, raw)
	})
	request := "POST /"
	if l.in == "path" {
		request = "POST /p/{v}"
	}
	op := prepare(t, build(t, base(address)), short(t, request), plugins.Argument{Name: "v", In: l.in, Style: l.style, Explode: l.explode})
	arrived := 0
	rapid.Check(t, func(t *rapid.T) {
		given, want := drawStructure(t, object)
		seen = nil
		resp, err := op.Do(context.Background(), &plugins.Call{Args: map[string]any{"v": given}, Principal: &plugins.Principal{}})
		if err != nil {
			var e *plugins.Error
			if !errors.As(err, &e) || e.Kind != plugins.KindInvalid || len(seen) > 0 {
				t.Fatalf("%q: %v, and seen: %q", want, err, seen)
			}
			return
		}
		resp.Free()
		if len(seen) != 1 {
			t.Fatalf("seen %d times", len(seen))
		}
		if got, err := decode(seen[0]); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is sent as %q and read as %q, %v", want, seen[0], got, err)
		}
		arrived++
	})
	if arrived == 0 {
		t.Error("nothing arrived")
	}
}

// drawStructure draws a list or an object, as an argument and as a server
// reads it.
func drawStructure(t *rapid.T, object bool) (given, want any) {
	if object {
		members := rapid.MapOfN(itemGenerator(), itemGenerator(), 1, 3).Draw(t, "object")
		out := map[string]any{}
		for name, value := range members {
			out[name] = value
		}
		return out, members
	}
	list := rapid.SliceOfN(itemGenerator(), 1, 4).Draw(t, "list")
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out, list
}
