package edge

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
)

// typicalHead is what MCP clients send.
const typicalHead = "Host: mcp.acme.example\r\nUser-Agent: node\r\nAccept: application/json, text/event-stream\r\n" +
	"Accept-Language: *\r\nAccept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\n" +
	"Authorization: Bearer 0123456789abcdef0123456789abcdef\r\nMCP-Protocol-Version: 2025-11-25\r\n" +
	"Mcp-Session-Id: 0123456789abcdef0123456789abcdef\r\nConnection: keep-alive\r\nContent-Length: 142\r\n\r\n"

func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n\r\n" }

func TestCheckHead(t *testing.T) {
	host := "Host: a.example"
	for _, test := range []struct {
		name, line, raw string
		want            refusal
	}{
		{"typical", "POST /mcp HTTP/1.1", typicalHead, admitted},
		{"IPv6 and port", "GET /a%20b?q=/?x HTTP/1.0", lines("Host: [::1]:8080"), admitted},
		{"obs-text", "GET / HTTP/1.1", lines(host, "X: caf\xe9\t!"), admitted},
		{"empty value", "GET / HTTP/1.1", lines(host, "X:"), admitted},
		{"list header repeated", "GET / HTTP/1.1", lines(host, "Accept: a/b", "Accept: c/d"), admitted},
		{"chunked", "POST / HTTP/1.1", lines(host, "Transfer-Encoding: Chunked"), admitted},
		{"expect", "POST / HTTP/1.1", lines(host, "Expect: 100-Continue"), admitted},
		{"distinct Mcp headers", "POST / HTTP/1.1", lines(host, "Mcp-Param-A: 1", "Mcp-Param-B: 1"), admitted},

		{"small method", "post / HTTP/1.1", lines(host), badMethod},
		{"method with digit", "P0ST / HTTP/1.1", lines(host), badMethod},
		{"long method", strings.Repeat("A", 33) + " / HTTP/1.1", lines(host), badMethod},
		{"absolute form", "GET http://b.example/ HTTP/1.1", lines(host), badTarget},
		{"authority form", "CONNECT b.example:443 HTTP/1.1", lines(host), badTarget},
		{"asterisk form", "OPTIONS * HTTP/1.1", lines(host), badTarget},
		{"fragment", "GET /a#b HTTP/1.1", lines(host), badTarget},
		{"backslash", "GET /a\\b HTTP/1.1", lines(host), badTarget},
		{"bad escape", "GET /a%2 HTTP/1.1", lines(host), badTarget},
		{"bad escape in query", "GET /a?%zz HTTP/1.1", lines(host), badTarget},
		{"non-ASCII path", "GET /\xc3\xa9 HTTP/1.1", lines(host), badTarget},
		{"HTTP/2", "GET / HTTP/2.0", lines(host), badVersion},
		{"HTTP/1.2", "GET / HTTP/1.2", lines(host), badVersion},

		{"no header", "GET / HTTP/1.1", "\r\n", noHost},
		{"nothing", "GET / HTTP/1.1", "", badLine},
		{"no empty line", "GET / HTTP/1.1", host + "\r\n", badLine},
		{"bare LF", "GET / HTTP/1.1", host + "\nX: y\r\n\r\n", badValue},
		{"bare LF at the end", "GET / HTTP/1.1", host + "\r\n\n", badName},
		{"bare CR", "GET / HTTP/1.1", lines("X: a\rb", host), badValue},
		{"CR before the end", "GET / HTTP/1.1", lines(host + "\r"), badValue},
		{"NUL", "GET / HTTP/1.1", lines(host, "X: aaaaaaaaaaaa\x00b"), badValue},
		{"DEL", "GET / HTTP/1.1", lines(host, "X: aaaaaaaaaaaa\x7fb"), badValue},
		{"control", "GET / HTTP/1.1", lines(host, "X: \x01"), badValue},
		{"folded", "GET / HTTP/1.1", lines(host, "X: a", " b"), folded},
		{"folded with tab", "GET / HTTP/1.1", lines(host, "X: a", "\tb"), folded},
		{"folded first", "GET / HTTP/1.1", lines(" X: a", host), folded},
		{"space before colon", "GET / HTTP/1.1", lines(host, "X : a"), badName},
		{"space in name", "GET / HTTP/1.1", lines(host, "X Y: a"), badName},
		{"empty name", "GET / HTTP/1.1", lines(host, ": a"), badName},
		{"no colon", "GET / HTTP/1.1", lines(host, "X"), badName},
		{"non-ASCII name", "GET / HTTP/1.1", lines(host, "\xc3\xa9: a"), badName},
		{"long s in name", "POST / HTTP/1.1", lines("Ho\xc5\xbft: a"), badName},

		{"no Host", "GET / HTTP/1.1", lines("X: y"), noHost},
		{"no Host in 1.0", "GET / HTTP/1.0", lines("X: y"), noHost},
		{"two Hosts", "GET / HTTP/1.1", lines(host, "hOST: a.example"), repeatedField(hostField)},
		{"empty Host", "GET / HTTP/1.1", lines("Host:"), badHost},
		{"user in Host", "GET / HTTP/1.1", lines("Host: x@evil.example"), badHost},
		{"path in Host", "GET / HTTP/1.1", lines("Host: a.example/x"), badHost},
		{"space in Host", "GET / HTTP/1.1", lines("Host: a b"), badHost},
		{"list in Host", "GET / HTTP/1.1", lines("Host: a, b"), badHost},
		{"no port", "GET / HTTP/1.1", lines("Host: a:"), badHost},
		{"port too large", "GET / HTTP/1.1", lines("Host: a:65536"), badHost},
		{"open bracket", "GET / HTTP/1.1", lines("Host: [::1"), badHost},
		{"empty brackets", "GET / HTTP/1.1", lines("Host: []"), badHost},
		{"behind bracket", "GET / HTTP/1.1", lines("Host: [::1]x"), badHost},

		{"length and chunked", "POST / HTTP/1.1", lines(host, "Content-Length: 3", "Transfer-Encoding: chunked"), twoFramings},
		{"two lengths", "POST / HTTP/1.1", lines(host, "Content-Length: 3", "content-length: 3"), repeatedField(lengthField)},
		{"length list", "POST / HTTP/1.1", lines(host, "Content-Length: 3, 3"), badLength},
		{"length with sign", "POST / HTTP/1.1", lines(host, "Content-Length: +3"), badLength},
		{"length negative", "POST / HTTP/1.1", lines(host, "Content-Length: -1"), badLength},
		{"length hex", "POST / HTTP/1.1", lines(host, "Content-Length: 0x3"), badLength},
		{"length empty", "POST / HTTP/1.1", lines(host, "Content-Length:"), badLength},
		{"length huge", "POST / HTTP/1.1", lines(host, "Content-Length: 9999999999999999999"), badLength},
		{"identity", "POST / HTTP/1.1", lines(host, "Transfer-Encoding: identity"), badEncoding},
		{"gzip, chunked", "POST / HTTP/1.1", lines(host, "Transfer-Encoding: gzip, chunked"), badEncoding},
		{"chunked twice", "POST / HTTP/1.1", lines(host, "Transfer-Encoding: chunked, chunked"), badEncoding},
		{"two encodings", "POST / HTTP/1.1", lines(host, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), repeatedField(encodingField)},
		{"vertical tab", "POST / HTTP/1.1", lines(host, "Transfer-Encoding: \x0bchunked"), badValue},
		{"chunked in 1.0", "POST / HTTP/1.0", lines(host, "Transfer-Encoding: chunked"), badEncoding},
		{"trailer", "POST / HTTP/1.1", lines(host, "Transfer-Encoding: chunked", "Trailer: Host"), hasTrailer},

		{"two types", "POST / HTTP/1.1", lines(host, "Content-Type: a/b", "Content-Type: c/d"), repeatedField(contentTypeField)},
		{"two credentials", "POST / HTTP/1.1", lines(host, "Authorization: Bearer a", "authorization: Bearer b"), repeatedField(authorizationField)},
		{"two keys", "POST / HTTP/1.1", lines(host, "X-API-Key: a", "X-Api-Key: b"), repeatedField(apiKeyField)},
		{"two origins", "POST / HTTP/1.1", lines(host, "Origin: http://a", "Origin: http://b"), repeatedField(originField)},
		{"two ids", "POST / HTTP/1.1", lines(host, "X-Request-ID: a", "X-Request-ID: b"), repeatedField(requestIDField)},
		{"two sessions", "POST / HTTP/1.1", lines(host, "Mcp-Session-Id: a", "mcp-session-id: b"), repeatedField(mcpSessionField)},
		{"two versions", "POST / HTTP/1.1", lines(host, "MCP-Protocol-Version: a", "Mcp-Protocol-Version: b"), repeatedField(mcpVersionField)},
		{"two params", "POST / HTTP/1.1", lines(host, "Mcp-Param-Q: a", "Mcp-Name: x", "mcp-param-q: b"), repeatedField(mcpField)},

		{"expectation", "POST / HTTP/1.1", lines(host, "Expect: tea"), badExpect},
		{"encoded body", "POST / HTTP/1.1", lines(host, "Content-Encoding: gzip"), encodedBody},
		{"many headers", "POST / HTTP/1.1", lines(append([]string{host}, strings.Split(strings.Repeat("X: y\n", 99)+"X: y", "\n")...)...), tooManyFields},
	} {
		t.Run(test.name, func(t *testing.T) {
			first, rest, _ := strings.Cut(test.line, " ")
			target, version, _ := strings.Cut(rest, " ")
			_, got := checkHead([]byte(first), []byte(target), []byte(version), []byte(test.raw))
			if got != test.want {
				t.Errorf("refusal = %d, want %d", got, test.want)
			}
		})
	}
}

func TestHeadFacts(t *testing.T) {
	for _, test := range []struct {
		raw  string
		want head
	}{
		{lines("Host: a", "Content-Length: 0012"), head{length: 12, host: true}},
		{lines("Host: a", "Transfer-Encoding: chunked"), head{length: -1, chunked: true, host: true}},
		{lines("Host: a", "Connection: keep-alive, Close"), head{length: -1, close: true, host: true}},
		{lines("Host: a", "Connection: close", "Connection: keep-alive"), head{length: -1, close: true, host: true}},
		{lines("Host: a", "Connection: closed"), head{length: -1, host: true}},
	} {
		got, r := checkHead([]byte("POST"), []byte("/"), []byte("HTTP/1.1"), []byte(test.raw))
		if r != admitted || got != test.want {
			t.Errorf("checkHead(%q) = %+v, %d, want %+v", test.raw, got, r, test.want)
		}
	}
}

// TestRefusalTexts checks that every reason has an answer that needs no escaping.
func TestRefusalTexts(t *testing.T) {
	for r := badLine; r <= repeatedField(mcpNameField); r++ {
		status, text := r.answerOf()
		if status < 400 || text == "" || strings.ContainsAny(text, "\"\\\n") {
			t.Errorf("refusal %d: status %d, text %q", r, status, text)
		}
	}
}

// TestRepeatedHeaderIsNamed: by the name we know it by, not by what was sent.
func TestRepeatedHeaderIsNamed(t *testing.T) {
	for sent, want := range map[string]string{
		"hOsT":                 "Host is repeated; send it once",
		"content-LENGTH":       "Content-Length is repeated; send it once",
		"authorization":        "Authorization is repeated; send it once",
		"mcp-protocol-version": "MCP-Protocol-Version is repeated; send it once",
		"MCP-METHOD":           "Mcp-Method is repeated; send it once",
		"mcp-param-secret":     "an Mcp-* header is repeated; send it once",
	} {
		_, r := checkHead([]byte("GET"), []byte("/"), []byte("HTTP/1.1"), []byte(lines(sent+": 1", sent+": 1")))
		if _, text := r.answerOf(); text != want {
			t.Errorf("%s: %q, want %q", sent, text, want)
		}
	}
}

func TestCheckHeadAllocates(t *testing.T) {
	method, target, version, raw := []byte("POST"), []byte("/mcp"), []byte("HTTP/1.1"), []byte(typicalHead)
	if n := testing.AllocsPerRun(100, func() { checkHead(method, target, version, raw) }); n != 0 {
		t.Errorf("%v allocations a request, want none", n)
	}
}

func BenchmarkCheckHead(b *testing.B) {
	method, target, version, raw := []byte("POST"), []byte("/mcp"), []byte("HTTP/1.1"), []byte(typicalHead)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, r := checkHead(method, target, version, raw); r != admitted {
			b.Fatal(r)
		}
	}
}

// FuzzCheckHead holds what passes the front against net/http: it must read the
// same request.
func FuzzCheckHead(f *testing.F) {
	f.Add("POST", "/mcp?a=b", "HTTP/1.1", typicalHead)
	f.Add("GET", "/", "HTTP/1.0", lines("Host: [::1]:1", "Transfer-Encoding: chunked"))
	f.Add("POST", "//a/%2e", "HTTP/1.1", lines("Host: a", "X:\t y ", "Pragma: no-cache", "Content-Length: 5", "X: z"))
	f.Add("CONNECT", "/a", "HTTP/1.1", lines("Host: a", "Transfer-Encoding:  chunked "))
	f.Fuzz(func(t *testing.T, method, target, version, raw string) {
		got, r := checkHead([]byte(method), []byte(target), []byte(version), []byte(raw))
		if r != admitted {
			return
		}
		const body = "hello"
		wire := method + " " + target + " " + version + "\r\n" + raw + body
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
		if err != nil {
			t.Fatalf("net/http refuses what the front admits: %v\n%q", err, wire)
		}
		compare(t, req, got, method, target, raw)
	})
}

// compare holds our view of a request against net/http's.
func compare(t *testing.T, req *http.Request, got head, method, target, raw string) {
	t.Helper()
	length := max(got.length, 0)
	if got.chunked {
		length = -1
	}
	if req.Method != method || req.RequestURI != target || req.ContentLength != length {
		t.Errorf("net/http reads %s %s with %d bytes, we %s %s with %d", req.Method, req.RequestURI, req.ContentLength, method, target, length)
	}
	x := &exchange{raw: []byte(raw)}
	x.index()
	if host, _ := x.header("Host"); req.Host != host {
		t.Errorf("net/http reads Host %q, we %q", req.Host, host)
	}
	ours := make(http.Header)
	for _, f := range x.fields[:x.count] {
		name := textproto.CanonicalMIMEHeaderKey(raw[f.name:f.nameEnd])
		ours[name] = append(ours[name], raw[f.value:f.valueEnd])
	}
	for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding", "Cache-Control", "Connection"} {
		// net/http takes these out, or adds to them.
		delete(ours, name)
		req.Header.Del(name)
	}
	if len(ours)+len(req.Header) > 0 && !reflect.DeepEqual(ours, req.Header) {
		t.Errorf("net/http reads headers %q, we %q", req.Header, ours)
	}
}

// TestEndOfValue holds the search by words against one by bytes.
func TestEndOfValue(t *testing.T) {
	for c := range 256 {
		for place := range 20 {
			raw := bytes.Repeat([]byte{'a'}, 20)
			raw[place] = byte(c)
			raw = append(raw, '\r')
			want := 20
			if c != '\t' && (c < ' ' || c == 0x7f) {
				want = place
			}
			if got := endOfValue(raw, 0); got != want {
				t.Errorf("byte %#x at %d: end %d, want %d", c, place, got, want)
			}
		}
	}
	if got := endOfValue([]byte("abc"), 0); got != 3 {
		t.Errorf("end = %d, want 3", got)
	}
}
