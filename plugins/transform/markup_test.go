package transform

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

func TestXML(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"text", `<a>x</a>`, `{"a":"x"}`},
		{"empty", `<a/>`, `{"a":""}`},
		{"blanks around text", "<a>\n x y\n</a>", `{"a":"x y"}`},
		{"attributes", `<a z="1" b="2"/>`, `{"a":{"@z":"1","@b":"2"}}`},
		{"attribute and text", `<a n="1">x</a>`, `{"a":{"@n":"1","#text":"x"}}`},
		{"document order", `<a><z/><b/><z/></a>`, `{"a":{"z":["",""],"b":""}}`},
		{"mixed", `<a>x <b>y</b> z</a>`, `{"a":{"b":"y","#text":"x  z"}}`},
		{"namespaces", `<s:a xmlns:s="u" xmlns="v" s:t="1"><s:b/></s:a>`, `{"a":{"@t":"1","b":""}}`},
		{"attributes that meet", `<a xmlns:x="u" type="1" x:type="2"/>`, `{"a":{"@type":["1","2"]}}`},
		{"character data", `<a><![CDATA[<x>&]]>&lt;&#65;</a>`, `{"a":"<x>&<A"}`},
		{"comments and instructions", `<?xml version="1.0"?><!-- c --><a><?p i?>x<!-- c --></a>`, `{"a":"x"}`},
		{"declared charset", "<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", `{"a":"é"}`},
		{"many names", `<a><c1/><c2/><c3/><c4/><c5/><c6/><c7/><c8/><c9/><c10/><c1/></a>`, `{"a":{"c1":["",""],"c2":"","c3":"","c4":"","c5":"","c6":"","c7":"","c8":"","c9":"","c10":""}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, name, err := parseXML([]byte(tt.in), false)
			if err != nil {
				t.Fatal(err)
			}
			raw := string(root.appendJSON(append(strictjson.AppendString([]byte("{"), name), ':'))) + "}"
			if raw != tt.want {
				t.Errorf("got  %s\nwant %s", raw, tt.want)
			}
			sameValue(t, map[string]any{name: root.value()}, []byte(raw))
		})
	}
}

// sameValue checks that a value and its JSON say the same.
func sameValue(t *testing.T, value any, raw []byte) {
	t.Helper()
	decoded, err := strictjson.Decode(raw, 1000)
	if err != nil {
		t.Fatalf("%v in %.200s", err, raw)
	}
	a, errA := strictjson.Append(nil, value)
	b, errB := strictjson.Append(nil, decoded)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Fatalf("the value is %.300s\nits JSON %.300s", a, b)
	}
}

func TestXMLCharsetOfTheHeaderWins(t *testing.T) {
	tr := mustBuild(t, Settings{Select: ".a"})
	got := outcome(t, tr, answer{contentType: "text/xml; charset=utf-8", body: "<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>"})
	if got != "text é" {
		t.Errorf("got %s", got)
	}
	got = outcome(t, tr, answer{contentType: "text/xml", body: "\xff\xfe<\x00a\x00>\x00x\x00<\x00/\x00a\x00>\x00"})
	if got != "text x" {
		t.Errorf("got %s", got)
	}
}

func TestXMLRefused(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString(`<!DOCTYPE a [<!ENTITY l0 "ha">`)
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&laughs, `<!ENTITY l%d "&l%d;&l%d;">`, i, i-1, i-1)
	}
	laughs.WriteString(`]><a>&l19;</a>`)
	tests := []struct {
		name, in string
		want     error
	}{
		{"billion laughs", laughs.String(), nil},
		{"external entity", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, nil},
		{"deep", strings.Repeat("<a>", 1_000_000), errXMLDepth},
		{"many elements", "<a>" + strings.Repeat("<b/>", maxXMLNodes) + "</a>", errXMLNodes},
		{"many attributes", "<a " + strings.Repeat(`b="" `, maxXMLNodes+1) + "/>", errXMLNodes},
		{"the same attribute twice", `<a b="1" b="2"/>`, errXMLTwice},
		{"two roots", "<a/><b/>", errXMLRoot},
		{"no root", "<!-- x -->", errXMLRoot},
		{"text outside", "x<a/>", errXMLText},
		{"unclosed", "<a><b></b>", nil},
		{"crossed", "<a><b></a></b>", nil},
		{"unknown charset", "<?xml version='1.0' encoding='klingon'?><a/>", nil},
		{"bad UTF-8", "<a>\xff</a>", nil},
		{"control character", "<a>\x01</a>", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := parseXML([]byte(tt.in), false)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestXMLDepthIsAllowed(t *testing.T) {
	deep := strings.Repeat("<a>", maxXMLDepth) + strings.Repeat("</a>", maxXMLDepth)
	if _, _, err := parseXML([]byte(deep), false); err != nil {
		t.Error(err)
	}
}

func TestCSV(t *testing.T) {
	tests := []struct{ name, contentType, in, want string }{
		{"commas", "text/csv", "a,b\r\n1,\"x,\"\"y\"\"\nz\"\r\n", `[{"a":"1","b":"x,\"y\"\nz"}]`},
		{"semicolons", "text/csv", "a;b\n1,5;2\n", `[{"a":"1,5","b":"2"}]`},
		{"tabs", "text/csv", "a\tb\n1\t2\n", `[{"a":"1","b":"2"}]`},
		{"tabs by type", "text/tab-separated-values", "a,x\n1\n", `[{"a,x":"1"}]`},
		{"delimiters in quotes", "text/csv", "\"a;;;\",b\n1,2\n", `[{"a;;;":"1","b":"2"}]`},
		{"column order", "text/csv", "z,a\n1,2\n", `[{"z":"1","a":"2"}]`},
		{"mark and blanks", "text/csv", "\xef\xbb\xbf a , b\n1,2\n", `[{"a":"1","b":"2"}]`},
		{"nameless and double columns", "text/csv", "a,,a,a_2\n1,2,3,4\n", `[{"a":"1","column_2":"2","a_2":"3","a_2_2":"4"}]`},
		{"header only", "text/csv", "a,b\n", `[]`},
		{"charset", "text/csv; charset=windows-1252", "a\n\xe9\n", `[{"a":"é"}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			freed := 0
			resp := answer{contentType: tt.contentType, body: tt.in}.response(&freed)
			r, err := readCSV(resp, mediaOf(tt.contentType))
			if err != nil {
				t.Fatal(err)
			}
			if string(r.raw) != tt.want {
				t.Errorf("got  %s\nwant %s", r.raw, tt.want)
			}
			sameValue(t, r.value, r.raw)
		})
	}
}

func TestCSVIsBounded(t *testing.T) {
	for name, in := range map[string]string{
		"rows":       "a\n" + strings.Repeat("1\n", maxRows+1),
		"cells":      strings.Repeat(",", 1000) + "\n" + strings.Repeat(strings.Repeat(",", 1000)+"\n", 1000),
		"long names": strings.Repeat("x", 1<<20) + "\n" + strings.Repeat("1\n", 1000),
	} {
		got := outcome(t, mustBuild(t, Settings{}), answer{contentType: "text/csv", body: in})
		if !strings.HasPrefix(got, "!upstream: The service answered with something that isn't CSV of a usable size") {
			t.Errorf("%s: got %.200s", name, got)
		}
	}
}

func TestHTML(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"structure", `<title>T</title><h2>H</h2><ul><li>a<li>b</ul><p><strong>x</strong>`, "## H\n\n- a\n- b\n\n**x**"},
		{"table", `<table><tr><th>a<th>b<tr><td>1<td>2</table>`, "| a | b |\n|---|---|\n| 1 | 2 |"},
		{"unseen", `a<script>s</script><style>s</style><noscript>n</noscript><p hidden>h</p><p style="DISPLAY : none">d</p><span style="visibility:hidden">v</span><!-- c --><template>t</template><svg><text>s</text></svg>b`, "ab"},
		{"pictures", `<img alt=x src="data:image/png;base64,AAAA"><img alt=y src="/y.png">`, "![y](/y.png)"},
		{"not escaped", `<p>foo_bar [1] *`, "foo_bar [1] *"},
		{"invisible characters", "<p>a\u200b\U000e0041b", "ab"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := outcome(t, mustBuild(t, Settings{}), answer{contentType: "text/html; charset=utf-8", body: tt.in}); got != "text "+tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestHTMLCharset(t *testing.T) {
	tr := mustBuild(t, Settings{})
	for name, a := range map[string]answer{
		"header": {contentType: "text/html; charset=iso-8859-1", body: "<p>\xe9"},
		"meta":   {contentType: "text/html", body: "<meta charset=iso-8859-1><p>\xe9"},
		"none":   {contentType: "text/html", body: "<p>\xe9"},
		"UTF-8":  {contentType: "text/html", body: "<p>é"},
	} {
		if got := outcome(t, tr, a); got != "text é" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// A short page must not become a long text, nor take long: each of these did,
// in one way or the other.
func TestHTMLBombs(t *testing.T) {
	for name, page := range map[string]string{
		"spans":  "<table>" + strings.Repeat("<tr><td colspan=1000 rowspan=1000>x</td></tr>", 2000) + "</table>",
		"wide":   "<table><tr>" + strings.Repeat("<td>x</td>", 3000) + "</tr>" + strings.Repeat("<tr><td>y</td></tr>", 3000) + "</table>",
		"quotes": strings.Repeat("<blockquote>", 200) + strings.Repeat("a<br>", 10_000),
		"lists":  strings.Repeat("<ul><li>", 200) + strings.Repeat("a<br>", 10_000),
		"marks":  strings.Repeat("*_`[", 50_000),
		"deep":   strings.Repeat("<div>", 100_000),
		"nodes":  strings.Repeat("a<br>", maxHTMLNodes),
	} {
		markdown, err := toMarkdown([]byte(page))
		if err == nil && len(markdown) > 20*len(page) {
			t.Errorf("%s: %d bytes became %d", name, len(page), len(markdown))
		}
		if name == "nodes" && !errors.Is(err, errHTMLNodes) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
