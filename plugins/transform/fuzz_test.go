package transform

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "a\tb\r\nc", "a\tb\r\nc"},
		{"other scripts", "naïve 日本 שלום", "naïve 日本 שלום"},
		{"controls", "a\x00\x07\x08\x7f\u0080b", "ab"},
		{"colours", "\x1b[1;31mred\x1b[m\x1b(B", "red"},
		{"colours in one character", "\u009b31mred", "red"},
		{"title", "\x1b]0;title\x07x\x1b]0;t\x1b\\y", "xy"},
		{"unfinished title", "\x1b]0;title\nx", "0;title\nx"},
		{"lone escape", "a\x1b", "a"},
		{"line separators", "a\u0085b\u2028c", "a\nb\nc"},
		{"overrides", "a\u202eb\u2066c\u2069\u200f", "abc"},
		{"tags", "a\U000e0041\U000e007fb", "ab"},
		{"smuggled bytes", "a\U000e0100\U000e0101b", "ab"},
		{"zero width", "a\u200bb\ufeffc\u2060d\u200de", "abcde"},
		{"family", "👩\u200d👩\u200d👦", "👩\u200d👩\u200d👦"},
		{"Persian", "می\u200cخواهم", "می\u200cخواهم"},
		{"heart", "❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"},
		{"many selectors", "❤\ufe0f\ufe0f\ufe01x", "❤\ufe0fx"},
		{"fillers", "a\u3164\u115fb", "ab"},
		{"bad bytes", "a\xffb", "a\ufffdb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(clean([]byte(tt.in))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCleanCopiesNothingThatIsClean(t *testing.T) {
	in := []byte("plain, and naïve 日本")
	if out := clean(in); &out[0] != &in[0] {
		t.Error("clean text was copied")
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a", "\x1b[31mx", "\x1b]0;x\x07", "a\u200d👩", "\u202e\U000e0041", "❤\ufe0f\ufe0f", "\xff\x9b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		out := clean(in)
		if !bytes.Equal(before, in) {
			t.Fatal("the input was changed")
		}
		if !utf8.Valid(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
		for _, r := range string(out) {
			if isHidden(r) && r != '\n' && r != '\t' && r != '\r' && r != 0x200c && r != 0x200d {
				t.Fatalf("%U is left in %q", r, out)
			}
		}
		if again := clean(out); !bytes.Equal(again, out) {
			t.Fatalf("%q is cleaned again to %q", out, again)
		}
	})
}

func FuzzCharset(f *testing.F) {
	f.Add([]byte("\xe9"), "iso-8859-1")
	f.Add([]byte("\xff\xfea\x00"), "")
	f.Add([]byte("\x1b$B"), "iso-2022-jp")
	f.Add([]byte("a\x00"), "utf-16le")
	f.Fuzz(func(t *testing.T, body []byte, label string) {
		if out := decodeText(body, label); !utf8.Valid(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
	})
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{`<a b="1"><c/>x<c>&lt;</c></a>`, `<?xml version="1.0" encoding="latin1"?><a/>`, `<a xmlns:x="u" x:b=""/>`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		root, name, err := parseXML(in, false)
		if err != nil {
			return
		}
		raw := append(root.appendJSON(append(strictjson.AppendString([]byte("{"), name), ':')), '}')
		sameValue(t, map[string]any{name: root.value()}, raw)
	})
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a;b\n\"x;\";y", "a\tb\n", ",,\n,,\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		rows, err := parseCSV(clean(decodeText(in, "")), media{})
		if err != nil {
			return
		}
		value, raw, err := tableOf(rows)
		if err != nil {
			return
		}
		sameValue(t, value, raw)
	})
}

// FuzzTransform sends anything as anything: the outcome is always a result
// that can be encoded, or an error that tells nothing of the body.
func FuzzTransform(f *testing.F) {
	for _, s := range []string{`{"a":1}`, "text", "<a/>", "a,b\n1,2", "<p>x", png, ""} {
		for _, contentType := range []string{"", "application/json", "text/plain", "text/xml", "text/csv", "text/html", "image/png", "audio/wav", "x/y"} {
			f.Add([]byte(s), contentType, 200)
		}
	}
	f.Add([]byte(`{"message":"x\n"}`), "application/json", 400)
	shaped := Settings{Select: ".", Text: "${{ . }} ${{ args.id }}"}
	plain, full := mustBuild(f, Settings{}), mustBuild(f, shaped)
	f.Fuzz(func(t *testing.T, body []byte, contentType string, status int) {
		if status < 200 || status > 599 {
			status = 200
		}
		for _, tr := range []*transform{plain, full} {
			_, err := run(t, tr, answer{status: status, contentType: contentType, body: string(body)})
			if err != nil && !utf8.ValidString(err.Error()) {
				t.Fatalf("the message %q is not UTF-8", err.Error())
			}
		}
	})
}
