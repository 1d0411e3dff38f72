package strictjson_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// deepest is the oracle's own limit of nesting.
const deepest = 10_000

func seed(f *testing.F) {
	f.Helper()
	for _, tt := range texts {
		f.Add([]byte(tt.in))
	}
}

// sameVerdicts fails if any reader differs from the oracle, a strict parser
// of other authors.
func sameVerdicts(t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte,
) {
	t.Helper()
	want := jsontext.Value(data).IsValid()
	if err := strictjson.Check(data, deepest); (err == nil) != want {
		t.Fatalf("Check(%q): %v, the oracle says valid: %v", data, err, want)
	}
	if _, err := strictjson.Decode(data, deepest); (err == nil) != want {
		t.Fatalf("Decode(%q): %v, the oracle says valid: %v", data, err, want)
	}
	loose := jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true))
	if err := strictjson.Valid(data, deepest); (err == nil) != loose {
		t.Fatalf("Valid(%q): %v, the oracle says valid: %v", data, err, loose)
	}
}

func FuzzCheck(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		sameVerdicts(t, data)
	})
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "abc", "a\"\\\x00\x1f\n", "äöü€😀 12345678", "\xff\xfe\xed\xa0\x80", "12345678\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		data := strictjson.AppendString(nil, s)
		if err := strictjson.Check(data, 0); err != nil {
			t.Fatalf("%q encodes to %q: %v", s, data, err)
		}
		got, err := strictjson.Unquote(data)
		if want := strings.ToValidUTF8(s, "\uFFFD"); utf8.ValidString(s) && got != want || err != nil {
			t.Fatalf("%q comes back as %q, %v", s, got, err)
		}
		// Invalid bytes are replaced one by one, as range over a string does.
		if want := string([]rune(s)); got != want {
			t.Fatalf("%q comes back as %q, want %q", s, got, want)
		}
	})
}

func FuzzDecodeAppend(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := strictjson.Decode(data, 900)
		if err != nil {
			return
		}
		text, err := strictjson.Append(nil, v)
		if err != nil {
			t.Fatalf("%q decodes but does not encode: %v", data, err)
		}
		again, err := strictjson.Decode(text, 900)
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Fatalf("%q encodes to %q, which is another value (%v)", data, text, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var want any
		if err = decoder.Decode(&want); err != nil || !reflect.DeepEqual(v, want) {
			t.Fatalf("%q decodes to %v, want %v (%v)", data, v, want, err)
		}
	})
}

// FuzzSplit: what Members and Elements return, put together again, is the
// same value.
func FuzzSplit(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		members, notObject := strictjson.Members(data, nil)
		elements, notArray := strictjson.Elements(data, nil)
		want, err := strictjson.Decode(data, deepest)
		if err != nil {
			return
		}
		object, isObject := want.(map[string]any)
		list, isArray := want.([]any)
		if isObject != (notObject == nil) || isArray != (notArray == nil) {
			t.Fatalf("%q: Members %v, Elements %v", data, notObject, notArray)
		}
		if len(members) != len(object) || len(elements) != len(list) {
			t.Fatalf("%q: %d members, %d elements", data, len(members), len(elements))
		}
		for _, m := range members {
			got, err := strictjson.Decode(m.Value, deepest)
			if err != nil || !reflect.DeepEqual(got, object[m.Name]) || len(bytes.TrimSpace(m.Value)) != len(m.Value) {
				t.Fatalf("%q: member %q is %q (%v)", data, m.Name, m.Value, err)
			}
		}
		for i, raw := range elements {
			got, err := strictjson.Decode(raw, deepest)
			if err != nil || !reflect.DeepEqual(got, list[i]) || len(bytes.TrimSpace(raw)) != len(raw) {
				t.Fatalf("%q: element %d is %q (%v)", data, i, raw, err)
			}
		}
	})
}

// token yields pieces of JSON text, right and slightly wrong ones.
func token() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"{", "}", "[", "]", ",", ":", " ", "\n", "null", "true", "false", "0", "-1", "1.5", "2e9", "01", "1.",
		`"a"`, `"b"`, `"\u0061"`, `"abcdefghijk"`, `"\ud83d\ude00"`, `"\ud83d"`, "\"😀\"", "\"\xff\"", `"`, "\\",
		`"a":1,`, `"b":{`, `"a":[`, `{"a":1}`, `[1,2]`,
	})
}

func TestVerdictsOnTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sameVerdicts(t, []byte(strings.Join(rapid.SliceOfN(token(), 0, 12).Draw(t, "tokens"), "")))
	})
}

// TestVerdictsOnDamage changes one byte of well-formed text.
func TestVerdictsOnDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, err := strictjson.Append(nil, value(4).Draw(t, "value"))
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		sameVerdicts(t, data)
		data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		sameVerdicts(t, data)
	})
}

// value yields what Decode yields.
func value(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.String().AsAny(),
		rapid.Custom(func(t *rapid.T) any {
			return json.Number(rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number"))
		}),
	}
	if depth > 0 {
		scalars = append(scalars,
			rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(value(depth-1), 0, 5).Draw(t, "list") }),
			rapid.Custom(func(t *rapid.T) any {
				return rapid.MapOfN(rapid.StringN(0, 4, -1), value(depth-1), 0, 20).Draw(t, "object")
			}))
	}
	return rapid.OneOf(scalars...)
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := value(4).Draw(t, "value")
		data, err := strictjson.Append(nil, v)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		got, err := strictjson.Decode(data, 0)
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Fatalf("%v comes back as %v (%v)", v, got, err)
		}
	})
}
