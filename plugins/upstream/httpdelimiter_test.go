package upstream_test

import (
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// What becomes of an item that has the delimiter of its style in it. Where
// RFC 6570 says so (path and query, except for dots) it is percent-encoded,
// and servers split before they decode; everywhere else it is refused.
func TestDelimitersWithinItems(t *testing.T) {
	const refused = "refused"
	for _, tt := range []struct {
		in, style string
		explode   *bool
		value     string
		want      string
	}{
		{"path", "simple", nil, `["a,b","c"]`, "/a%2Cb,c"},
		{"path", "simple", nil, `{"a,b":"c,d"}`, "/a%2Cb,c%2Cd"},
		{"path", "simple", yes(), `{"a=b":"c,d=e"}`, "/a%3Db=c%2Cd%3De"},
		{"path", "simple", nil, `["a",""]`, "/a,"},
		{"path", "simple", nil, `[""]`, refused},
		{"path", "simple", nil, `{"a":null}`, refused},
		{"path", "label", nil, `["a,b","c.d"]`, "/.a%2Cb,c.d"},
		{"path", "label", yes(), `["a.b","c"]`, refused},
		{"path", "label", yes(), `[1.5]`, refused},
		{"path", "label", yes(), `{"a.b":"c"}`, refused},
		{"path", "label", yes(), `{"a":"b.c"}`, refused},
		{"path", "label", yes(), `{"a=b":"c=d"}`, "/.a%3Db=c%3Dd"},
		{"path", "label", yes(), `"a.b"`, "/.a.b"},
		{"path", "label", nil, `[""]`, refused},
		{"path", "label", nil, `{"a":null}`, refused},
		{"path", "matrix", nil, `["a,b;c","d"]`, "/;color=a%2Cb%3Bc,d"},
		{"path", "matrix", yes(), `["a;b=c","d"]`, "/;color=a%3Bb%3Dc;color=d"},
		{"path", "matrix", yes(), `{"a;b=c":"d;e"}`, "/;a%3Bb%3Dc=d%3Be"},
		{"path", "matrix", yes(), `{"":"a"}`, refused},
		{"path", "matrix", yes(), `{"color":"a"}`, refused},
		{"path", "matrix", yes(), `[""]`, refused},
		{"path", "matrix", nil, `{"a":null}`, refused},
		{"query", "form", nil, `["a,b&c","d"]`, "?color=a%2Cb%26c&color=d"},
		{"query", "form", no(), `["a,b","c"]`, "?color=a%2Cb,c"},
		{"query", "form", no(), `{"a,b":"c,d"}`, "?color=a%2Cb,c%2Cd"},
		{"query", "form", no(), `{"a":null}`, ""},
		{"query", "form", nil, `{"a=b":"c&d"}`, "?a%3Db=c%26d"},
		{"query", "form", nil, `[{"b":1.0,"a":"&"},["c"],"d"]`, "?color=%7B%22a%22%3A%22%26%22%2C%22b%22%3A1.0%7D&color=%5B%22c%22%5D&color=d"},
		{"query", "form", no(), `[{"a":1},{"b":2}]`, "?color=%7B%22a%22%3A1%7D,%7B%22b%22%3A2%7D"},
		{"query", "pipeDelimited", nil, `[{"a":"|"}]`, refused},
		{"header", "simple", nil, `[{"a":1}]`, refused},
		{"form", "form", nil, `[{"a":[1]}]`, "color=%7B%22a%22%3A%5B1%5D%7D"},
		{"query", "spaceDelimited", nil, `["a+b","c%20d"]`, "?color=a%2Bb%20c%2520d"},
		{"query", "spaceDelimited", nil, `["a b"]`, refused},
		{"query", "spaceDelimited", nil, `{"a b":"c"}`, refused},
		{"query", "pipeDelimited", nil, `["a b","c"]`, "?color=a%20b%7Cc"},
		{"query", "pipeDelimited", nil, `["a|b"]`, refused},
		{"query", "pipeDelimited", nil, `{"a":"b|c"}`, refused},
		{"query", "deepObject", nil, `{"a=b":"[c]"}`, "?color%5Ba%3Db%5D=%5Bc%5D"},
		{"query", "deepObject", nil, `{"a][b":"c"}`, refused},
		{"query", "deepObject", nil, `{"a[":"c"}`, refused},
		{"query", "deepObject", nil, `{"a]":"c"}`, refused},
		{"query", "deepObject", nil, `{"":"c"}`, refused},
		{"header", "simple", nil, `["a,b"]`, refused},
		{"header", "simple", nil, `["a","","b"]`, refused},
		{"header", "simple", nil, `{"a":"b,c"}`, refused},
		{"header", "simple", nil, `{"a":""}`, refused},
		{"header", "simple", yes(), `{"a":"","b":"c=d"}`, "color: a=,b=c=d"},
		{"header", "simple", yes(), `{"a=b":"c"}`, refused},
		{"header", "simple", nil, `{"a":null}`, ""},
		{"cookie", "form", nil, `["a;b"]`, refused},
		{"cookie", "form", nil, `["a,b"]`, refused},
		{"cookie", "form", nil, `["a=b","c"]`, "Cookie: color=a=b; color=c"},
		{"cookie", "form", nil, `{"a":"b;c"}`, refused},
		{"cookie", "form", nil, `{"a;b":"c"}`, refused},
		{"cookie", "form", no(), `["a"]`, "Cookie: color=a"},
		{"cookie", "form", no(), `["a;b","c%2C"]`, "Cookie: color=a%3Bb%2Cc%252C"},
		{"cookie", "form", no(), `{"a":"b c"}`, "Cookie: color=a%2Cb%20c"},
		{"cookie", "form", no(), `["a,b"]`, refused},
		{"cookie", "form", no(), `[["a"]]`, refused},
		{"form", "form", nil, `["a,b&c","d"]`, "color=a%2Cb%26c&color=d"},
		{"form", "form", no(), `["a","b"]`, "color=a,b"},
		{"form", "form", no(), `["a,b"]`, refused},
		{"form", "form", no(), `{"a,b":"c"}`, refused},
		{"form", "form", no(), `"a,b"`, "color=a%2Cb"},
		{"form", "spaceDelimited", nil, `["a b"]`, refused},
		{"form", "pipeDelimited", nil, `["a|b"]`, refused},
		{"form", "deepObject", nil, `{"a][b":"c"}`, refused},
	} {
		path := "/"
		if tt.in == "path" {
			path = "/{color}"
		}
		op := prepare(t, build(t, base("http://127.0.0.1:1")), short(t, "POST "+path), plugins.Argument{Name: "color", In: tt.in, Style: tt.style, Explode: tt.explode})
		o, err := op.Outline(callOf(t, `{"color":`+tt.value+`}`))
		got := refused
		if err == nil {
			got = partOf(t, o, tt.in)
		} else if kindOf(t, err) != plugins.KindInvalid {
			t.Errorf("%s %s %s: %v", tt.in, tt.style, tt.value, err)
		}
		if got != tt.want {
			t.Errorf("%s %s %s:\n got %s\nwant %s", tt.in, tt.style, tt.value, got, tt.want)
		}
	}
}
