package rehearse_test

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
)

func TestAppendYAML(t *testing.T) {
	value := rehearse.Object{
		{Key: "name", Value: "status 200"},
		{Key: "args", Value: decode(t, `{"yes":"no","n":1.50,"cost":"$5 ${X}","b":null}`)},
		{Key: "list", Value: []any{decode(t, `{"a":1,"b":{"c":[]}}`), "x\ny", []any{decode(t, `1`), "two"}}},
		{Key: "none", Value: rehearse.Object{}},
	}
	want := `name: status 200
args:
  b: null
  cost: "$$5 $${X}"
  "n": 1.50
  "yes": "no"
list:
  - a: 1
    b:
      c: []
  - "x\ny"
  -
    - 1
    - two
"none": {}
`
	if got := strings.TrimPrefix(string(rehearse.AppendYAML(nil, value, 0)), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestAppendYAMLIsRead reads texts back as they were.
func TestAppendYAMLIsRead(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-~!&*#:?{}\[\],'"%@ a0.]{0,6}`))
		value := map[string]any{}
		for range rapid.IntRange(0, 4).Draw(r, "members") {
			key := strings.ToValidUTF8(texts.Draw(r, "key"), "?")
			text := strings.ToValidUTF8(texts.Draw(r, "text"), "?")
			if rapid.Bool().Draw(r, "list") {
				value[key] = []any{text, []any{text}, map[string]any{key: text}}
			} else {
				value[key] = text
			}
		}
		written := string(rehearse.AppendYAML(nil, map[string]any{"top": value}, 0))
		var read map[string]any
		if err := yaml.Unmarshal([]byte(written), &read); err != nil {
			r.Fatalf("%v in\n%s", err, written)
		}
		if !rehearse.Equal(undoubled(read["top"]), any(value)) {
			r.Fatalf("read %q of\n%s", read["top"], written)
		}
	})
}

// undoubled undoes the doubling of dollars.
func undoubled(v any) any {
	switch value := v.(type) {
	case string:
		return strings.ReplaceAll(value, "$$", "$")
	case []any:
		for i := range value {
			value[i] = undoubled(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = undoubled(value[name])
		}
	}
	return v
}
