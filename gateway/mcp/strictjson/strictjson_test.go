package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// texts with what Check and Valid must say; a wrong one names its offset.
var texts = []struct {
	name, in string
	check    int // offset of the problem, -1 for none
	valid    int
}{
	{"empty", "", 0, 0},
	{"space only", " \n", 2, 2},
	{"null", "null", -1, -1},
	{"spaces around", " \t\r\n true \n", -1, -1},
	{"cut literal", "tru", 0, 0},
	{"wrong literal", "nulL", 0, 0},
	{"two values", "1 2", 2, 2},
	{"byte order mark", "\ufeff{}", 0, 0},
	{"zero", "0", -1, -1},
	{"minus zero", "-0", -1, -1},
	{"leading zero", "01", 1, 1},
	{"plus", "+1", 0, 0},
	{"minus alone", "-", 1, 1},
	{"dot alone", "1.", 2, 2},
	{"no integer part", ".5", 0, 0},
	{"exponent", "-1.50e+10", -1, -1},
	{"exponent cut", "1e", 2, 2},
	{"exponent sign cut", "1E-", 3, 3},
	{"huge number", strings.Repeat("9", 5000) + "e999999999999", -1, -1},
	{"hexadecimal", "0x10", 1, 1},
	{"NaN", "NaN", 0, 0},
	{"string", `"a\"\\\/\b\f\n\r\t\u0041"`, -1, -1},
	{"open string", `"abc`, 4, 4},
	{"open long string", `"abcdefghijklmnop`, 17, 17},
	{"escape at the end", `"\`, 2, 2},
	{"wrong escape", `"\x41"`, 1, 1},
	{"short hex", `"\u12"`, 1, 1},
	{"wrong hex", `"\u12g4"`, 1, 1},
	{"control character", "\"a\nb\"", 2, 2},
	{"control character after eight", "\"12345678\x1f\"", 9, 9},
	{"delete is allowed", "\"\x7f\"", -1, -1},
	{"pair", `"\ud83d\ude00"`, -1, -1},
	{"lone high", `"\ud83d"`, 1, 1},
	{"lone high before text", `"\ud83dabcdef"`, 1, 1},
	{"high twice", `"\ud83d\ud83d"`, 1, 1},
	{"lone low", `"\ude00"`, 1, 1},
	{"text beyond ASCII", `"äöü€😀 abcdefgh ä"`, -1, -1},
	{"overlong", "\"\xc0\xaf\"", 1, 1},
	{"overlong of three", "\"\xe0\x80\x80\"", 1, 1},
	{"encoded surrogate", "\"\xed\xa0\x80\"", 1, 1},
	{"beyond Unicode", "\"\xf4\x90\x80\x80\"", 1, 1},
	{"cut rune", "\"ä\xe2\x82", 3, 3},
	{"Latin-1", "\"\xe4\"", 1, 1},
	{"array", "[1, [ ] ,{}]", -1, -1},
	{"comma at the end", "[1,]", 3, 3},
	{"comma at the start", "[,1]", 1, 1},
	{"no comma", "[1 2]", 3, 3},
	{"open array", "[1", 2, 2},
	{"object", `{"a":1 , "b" : {"a":[]}}`, -1, -1},
	{"comma at the end of an object", `{"a":1,}`, 7, 7},
	{"name without quotes", `{a:1}`, 1, 1},
	{"no colon", `{"a" 1}`, 5, 5},
	{"no value", `{"a":}`, 5, 5},
	{"open object", `{"a":1`, 6, 6},
	{"mixed brackets", `[{]}`, 2, 2},
	{"comment", `/**/1`, 0, 0},
	{"duplicate", `{"a":1,"a":2}`, 7, -1},
	{"duplicate in depth", `[{"x":{"b":1,"c":1,"b":1}}]`, 19, -1},
	{"duplicate by escape", `{"a":1,"\u0061":2}`, 7, -1},
	{"duplicate by escapes", `{"\ud83d\ude00":1,"b":0,"😀":2}`, 24, -1},
	{"duplicate empty", `{"":1,"":2}`, 6, -1},
	{"same name apart", `{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1}}`, -1, -1},
	{"case differs", `{"method":1,"METHOD":2}`, -1, -1},
}

func TestCheckAndValid(t *testing.T) {
	for _, tt := range texts {
		t.Run(tt.name, func(t *testing.T) {
			wantOffset(t, "Check", strictjson.Check([]byte(tt.in), 0), tt.check)
			wantOffset(t, "Valid", strictjson.Valid([]byte(tt.in), 0), tt.valid)
			if _, err := strictjson.Decode([]byte(tt.in), 0); (err != nil) != (tt.check >= 0) {
				t.Errorf("Decode: %v", err)
			}
		})
	}
}

func wantOffset(t *testing.T, what string, err error, want int) {
	t.Helper()
	got := -1
	var syntax *strictjson.SyntaxError
	if errors.As(err, &syntax) {
		got = syntax.Offset
	}
	if got != want || (err == nil) != (want < 0) {
		t.Errorf("%s: problem at %d, want %d (%v)", what, got, want, err)
	}
}

func TestDepth(t *testing.T) {
	nest := func(n int) []byte {
		return []byte(strings.Repeat(`[{"a":`, n/2) + "1" + strings.Repeat("}]", n/2))
	}
	for _, f := range []struct {
		name string
		do   func([]byte, int) error
	}{
		{"Check", strictjson.Check},
		{"Valid", strictjson.Valid},
		{"Decode", func(data []byte, depth int) error { _, err := strictjson.Decode(data, depth); return err }},
	} {
		if err := f.do(nest(strictjson.MaxDepth), 0); err != nil {
			t.Errorf("%s at the limit: %v", f.name, err)
		}
		if err := f.do(nest(strictjson.MaxDepth+2), 0); err == nil {
			t.Errorf("%s beyond the limit: no error", f.name)
		}
		if err := f.do([]byte("[1]"), 1); err != nil {
			t.Errorf("%s at limit 1: %v", f.name, err)
		}
		if err := f.do([]byte("[[]]"), 1); err == nil {
			t.Errorf("%s beyond limit 1: no error", f.name)
		}
		// However large a limit, the stack is safe.
		if err := f.do([]byte(strings.Repeat("[", 5_000_000)), math.MaxInt); err == nil {
			t.Errorf("%s of five million brackets: no error", f.name)
		}
	}
}

func TestErrorHoldsNoInput(t *testing.T) {
	for _, in := range []string{`{"canary":canary}`, `canary`, `["canary" canary]`, `{"canary":1,"canary":2}`, "\"canary\x00\""} {
		err := strictjson.Check([]byte(in), 0)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("Check(%q) = %v", in, err)
		}
	}
}

func TestManyNames(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 18, 40, 1000} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf(`"n%d":{"a":1,"b":2}`, i))
		}
		object := "{" + strings.Join(names, ",") + "}"
		// Twice, so that sets are used again.
		if err := strictjson.Check([]byte("["+object+","+object+"]"), 0); err != nil {
			t.Errorf("%d names: %v", n, err)
		}
		for _, k := range []int{0, n / 2, n - 1} {
			for _, form := range []string{`"n%d":0`, `"\u006e%d":0`} {
				dup := object[:len(object)-1] + "," + fmt.Sprintf(form, k) + "}"
				for _, in := range []string{dup, "[" + object + "," + dup + "]"} {
					if err := strictjson.Check([]byte(in), 0); err == nil {
						t.Errorf("%d names with number %d twice: no error", n, k)
					}
				}
			}
		}
	}
}

func TestMembers(t *testing.T) {
	in := []byte(" { \"a\" : 1 ,\"\\u0062\":[1, 2] , \"c\":\"x,}\" ,\"d\":{\"e\":{}} } ")
	got, err := strictjson.Members(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []strictjson.Member{{"a", []byte("1")}, {"b", []byte("[1, 2]")}, {"c", []byte(`"x,}"`)}, {"d", []byte(`{"e":{}}`)}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, err = strictjson.Members([]byte("{ }"), got[:1]); err != nil || len(got) != 1 {
		t.Errorf("empty object after one member: %q, %v", got, err)
	}
	for _, bad := range []string{"", "[]", "1", "{", `{"a"}`, `{"a":1`, `{"a":1}x`, `{}x`, `{"a":1 "b":2}`, `{"a":1,}`, strings.Repeat(`{"a":`, 1_000_000)} {
		if _, err = strictjson.Members([]byte(bad), nil); err == nil {
			t.Errorf("Members(%.20q): no error", bad)
		}
	}
}

func TestElements(t *testing.T) {
	got, err := strictjson.Elements([]byte(" [ 1 , \"],\" ,[ 2 ], {\"a\":3}, null ] "), nil)
	want := [][]byte{[]byte("1"), []byte(`"],"`), []byte("[ 2 ]"), []byte(`{"a":3}`), []byte("null")}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	// A caller that appends to an element must not write into the next one.
	if cap(got[0]) != len(got[0]) {
		t.Errorf("capacity of an element is %d, its length %d", cap(got[0]), len(got[0]))
	}
	if got, err = strictjson.Elements([]byte("[]"), nil); err != nil || len(got) != 0 {
		t.Errorf("empty: %q, %v", got, err)
	}
	for _, bad := range []string{"", "{}", "[", "[1", "[1,]", "[1}", "[] 1", "[1] 1"} {
		if _, err = strictjson.Elements([]byte(bad), nil); err == nil {
			t.Errorf("Elements(%q): no error", bad)
		}
	}
}

func TestDecode(t *testing.T) {
	in := []byte(`{"s":"a\n\u00e4","n":12345678901234567890.10,"b":[true,false,null,[],{}],"\u006f":{"x":[[1],[2,3]]}}`)
	got, err := strictjson.Decode(in, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		in[i] = 'x' // what was decoded must not change with the input
	}
	num := func(s string) any { return json.Number(s) }
	want := map[string]any{
		"s": "a\nä",
		"n": num("12345678901234567890.10"),
		"b": []any{true, false, nil, []any{}, map[string]any{}},
		"o": map[string]any{"x": []any{[]any{num("1")}, []any{num("2"), num("3")}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUnquote(t *testing.T) {
	for in, want := range map[string]string{
		`""`: "", `"abc"`: "abc", `"\ud83d\ude00\u00e9\/\b\f\n\r\t\"\\"`: "😀é/\b\f\n\r\t\"\\", `"äöü"`: "äöü", `"\u0000"`: "\x00",
	} {
		if got, err := strictjson.Unquote([]byte(in)); err != nil || got != want {
			t.Errorf("Unquote(%s) = %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "abc", `"abc`, `"a"b`, ` "a"`, `"a" `, `1`, `"\ud800"`, "\"\xff\""} {
		if got, err := strictjson.Unquote([]byte(bad)); err == nil {
			t.Errorf("Unquote(%q) = %q", bad, got)
		}
	}
	data := []byte(`"abc"`)
	got, _ := strictjson.Unquote(data)
	data[1] = 'x'
	if got != "abc" {
		t.Error("the result aliases the input")
	}
}

func TestAppendString(t *testing.T) {
	type named string
	for in, want := range map[string]string{
		"":                             `""`,
		"abc":                          `"abc"`,
		"a\"b\\c/d":                    `"a\"b\\c/d"`,
		"\b\f\n\r\t\x00\x1f\x7f":       "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"",
		"<a>&\u2028\u2029":             "\"<a>&\u2028\u2029\"",
		"12345678äöü€😀12345678":        `"12345678äöü€😀12345678"`,
		"a\xffb\xed\xa0\x80c\xe2":      "\"a\uFFFDb\uFFFD\uFFFD\uFFFDc\uFFFD\"",
		strings.Repeat("x", 20) + "\n": `"` + strings.Repeat("x", 20) + `\n"`,
	} {
		for _, got := range [][]byte{
			strictjson.AppendString([]byte("p"), in),
			strictjson.AppendString([]byte("p"), []byte(in)),
			strictjson.AppendString([]byte("p"), named(in)),
			strictjson.AppendString([]byte("p"), json.RawMessage(in)),
		} {
			if string(got) != "p"+want {
				t.Errorf("AppendString(%q) = %s, want p%s", in, got, want)
			}
		}
	}
}

func TestAppend(t *testing.T) {
	big1, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	for want, v := range map[string]any{
		"null": nil, "true": true, "-7": -7, "9007199254740993": int64(9007199254740993),
		"1.5": 1.5, "100000000000000000000": 1e20, "1e+21": 1e21, "1e-7": 1e-7, "-0": math.Copysign(0, -1),
		big1.String(): big1, "1.10e+5": json.Number("1.10e+5"), `{"r": 1}`: json.RawMessage(`{"r": 1}`),
		`{"a":[1,"x<"],"b":{}}`: map[string]any{"b": map[string]any{}, "a": []any{1, "x<"}},
		"[]":                    []any(nil),
	} {
		got, err := strictjson.Append([]byte("p"), v)
		if err != nil || string(got) != "p"+want {
			t.Errorf("Append(%v) = %s, %v, want p%s", v, got, err, want)
		}
	}
	var deep any
	for range 1001 {
		deep = []any{deep}
	}
	for _, v := range []any{
		math.NaN(), math.Inf(1), math.Inf(-1), json.Number(""), json.Number("1 "), json.Number("0x1"), json.Number("NaN"),
		json.Number("-"), json.RawMessage("{"), json.RawMessage(""), (*big.Int)(nil), struct{}{}, []string{"a"}, deep,
		map[string]any{"a": []any{math.NaN()}},
	} {
		got, err := strictjson.Append([]byte("p"), v)
		if err == nil || string(got) != "p" {
			t.Errorf("Append(%v) = %.40s, %v, want an error and nothing written", v, got, err)
		}
	}
}
