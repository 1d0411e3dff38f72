package importer

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/config"
)

// anything is a part whose settings may be any JSON.
func anything() config.Parts {
	part := config.Part{Key: "request", Doc: "Anything.", Settings: reflect.TypeFor[json.RawMessage](), ToolOnly: true}
	kind := config.Part{Key: "url", Doc: "A service.", Settings: reflect.TypeFor[struct {
		URL string `manifest:"url"`
	}]()}
	return config.Parts{Tool: []config.Part{part}, Kinds: []config.Part{kind}}
}

// loaded is what config reads of a draft.
func loaded(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, d *Draft,
) *config.Manifest {
	t.Helper()
	text := d.Manifest()
	src := config.Source{Path: "m.yaml", Overlay: map[string][]byte{"m.yaml": text}, Env: func(string) (string, bool) { return "", false }}
	m, err := config.Load(src, anything())
	if err != nil {
		t.Fatalf("does not load: %v\n%s", err, text)
	}
	return m
}

// texts of all kinds that YAML, or a manifest's variables, may take for
// something else.
func awkward() []string {
	return []string{
		"", " ", "a", "no", "null", "~", "1", "1.0", "0x1f", "010", "2026-03-09", "12:30:45", "-", "- a", "?", ": ", "a: b", "a #b", "#a", "a:",
		"'", `"`, `it's "so"`, `\`, "a\\nb", "[", "{a: b}", "a, b", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "---", "...", "<<", "=", "y",
		"$", "$$", "$$$", "${A}", "${A:-b}", "${{ args.a }}", "$${{ x }}", "${{ {a: 1} }}", "${", "${{", "a$", "costs $5", `${{ "}}" }}`, "$ref", "#/$defs/A",
		"two\nlines", "two\nlines\n", "two\n\n\nlines\n\n", "\nleading", "  leading\nblank", "trailing \nblank", "tab\there", "\ttab", "cr\r\nlf",
		"\u0085", "\u2028", "\ufeff", "\u200b", "😀 smile", "ünïcödé", "\u00a0", "\x7f", "a\x00b", strings.Repeat("long words ", 30) + "end",
		strings.Repeat("x", 300), strings.Repeat("double  blanks ", 20) + "end", "ends with colon:\nand more: x",
	}
}

func drawText(t *rapid.T, label string) string {
	if rapid.Bool().Draw(t, label+" awkward") {
		return rapid.SampledFrom(awkward()).Draw(t, label)
	}
	return strings.ToValidUTF8(rapid.StringN(0, 60, 400).Draw(t, label), "?")
}

func drawValue(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 {
		kind %= 5
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return json.Number(rapid.SampledFrom([]string{"0", "-1", "42", "1.5", "-0.25", "1e5", "12345678901234567890", "1.10"}).Draw(t, "number"))
	case 3, 4:
		return drawText(t, "text")
	case 5:
		list := []any{}
		for range rapid.IntRange(0, 5).Draw(t, "items") {
			list = append(list, drawValue(t, depth-1))
		}
		return list
	}
	o := &object{}
	for range rapid.IntRange(0, 5).Draw(t, "members") {
		if key := drawText(t, "key"); len(key) < 100 && key != "<<" && isPrintable(key) {
			o.set(key, drawValue(t, depth-1))
		}
	}
	return o
}

// TestWrittenIsRead writes any values, and reads them back with the manifest's
// own reader.
func TestWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 4)
		if v == nil {
			v = "nothing"
		}
		checkWritten(t, v, drawText(t, "description"))
	})
}

// TestAwkwardTexts writes each awkward text, alone, in a list and in a mapping
// on a line.
func TestAwkwardTexts(t *testing.T) {
	for _, text := range awkward() {
		checkWritten(t, pairs("alone", text, "list", []any{text, "b"}, "flow", pairs("a", text, "b", text)), text)
	}
}

func checkWritten(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, v any, description string,
) {
	t.Helper()
	d := &Draft{}
	d.upstream = upstream{name: "crm", settings: pairs("url", "http://127.0.0.1:9000")}
	definition, _ := escaped(pairs("description", description, "request", v)).(*object)
	d.tools = []tool{{name: "a", definition: definition}, {name: "b", definition: pairs("request", "GET /")}}
	m := loaded(t, d)
	if got := m.Tools["a"].Description; got != description {
		t.Fatalf("description is %q, want %q\n%s", got, description, d.Manifest())
	}
	raw, _ := m.Tools["a"].Parts["request"].Value.(json.RawMessage)
	got, err := decode(raw)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if !equal(got, v) {
		t.Fatalf("read %s\n%s", raw, d.Manifest())
	}
}
