package edge

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// refused are requests of which none may reach the handler. Where it can be,
// another request is hidden in the body.
var refused = map[string]struct {
	wire   string
	status int
}{
	"CL.TE":              {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
	"TE.CL":              {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden, 400},
	"TE identity":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc" + hidden, 400},
	"TE.TE":              {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + hidden, 400},
	"CL.CL":              {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\n" + hidden, 400},
	"CL 0 folded":        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n 30\r\n\r\n" + hidden, 400},
	"space before colon": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 30\r\n\r\n" + hidden, 400},
	"bare LF line end":   {"POST / HTTP/1.1\r\nHost: a\nContent-Length: 30\r\n\r\n" + hidden, 400},
	"bare LF after line": {"POST / HTTP/1.1\nHost: a\r\n\r\n", 400},
	"bare LF head end":   {"POST / HTTP/1.1\r\nHost: a\r\n\n" + hidden, 400},
	"bare CR":            {"POST / HTTP/1.1\r\nHost: a\r\nX: \rContent-Length: 30\r\n\r\n" + hidden, 400},
	"NUL":                {"POST / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n" + hidden, 400},
	"chunk size":         {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n" + hidden, 400},
	"chunk size LF":      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n" + hidden, 400},
	"bad host":           {"GET / HTTP/1.1\r\nHost: x@evil\r\n\r\n" + hidden, 400},
	"no host":            {"GET / HTTP/1.1\r\n\r\n" + hidden, 400},
	"absolute":           {"GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"asterisk":           {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"small method":       {"post / HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"two spaces":         {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"space in target":    {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"HTTP/0.9":           {"GET /\r\n\r\n", 400},
	"HTTP/2.0":           {"GET / HTTP/2.0\r\nHost: a\r\n\r\n" + hidden, 505},
	"HTTP/1.2":           {"GET / HTTP/1.2\r\nHost: a\r\n\r\n" + hidden, 505},
	"HTTP/11":            {"GET / HTTP/11\r\nHost: a\r\n\r\n" + hidden, 400},
	"http/1.1":           {"GET / http/1.1\r\nHost: a\r\n\r\n" + hidden, 400},
	"HTTP/2 preface":     {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
	"expectation":        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nExpect: x\r\n\r\n" + hidden, 417},
	"encoded":            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nContent-Encoding: gzip\r\n\r\n" + hidden, 415},
	"repeated":           {"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer evil\r\naUTHORIZATION: x\r\nContent-Length: 30\r\n\r\n" + hidden, 400},
	"too large":          {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n" + hidden, 413},
	"too large, asks":    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n", 413},
	"too large, chunked": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n" + strings.Repeat("x", 1025), 413},
	"head too large":     {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", headBuffer) + "\r\n\r\n", 431},
	"many headers":       {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", maxFields) + "\r\n", 431},
}

const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"

func TestRefusals(t *testing.T) {
	var seen statuses
	var served atomic.Int32
	s := startWith(t, Config{Observe: seen.add, Handler: handlerFunc(func(req *Request, resp *Response) {
		served.Add(1)
		echo(req, resp)
	})}, quick())
	count := 0
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			c.send(test.wire)
			resp, body := c.read("POST")
			if resp.StatusCode != test.status || !resp.Close {
				t.Errorf("%d, close %v, %s; want %d and close", resp.StatusCode, resp.Close, body, test.status)
			}
			if !strings.HasPrefix(body, `{"jsonrpc":"2.0","error":{"code":40000,"message":"`) || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("body %q of type %q", body, resp.Header.Get("Content-Type"))
			}
			if resp.Header.Get("X-Request-ID") == "" || strings.Contains(body, "evil") || resp.Header.Get("Server") != "" {
				t.Errorf("headers %v, body %q", resp.Header, body)
			}
			c.closed()
			count++
			list := seen.all()
			if len(list) != count || list[count-1] != test.status {
				t.Errorf("observed %v, want %d at the end", list, test.status)
			}
		})
	}
	if n := served.Load(); n != 0 {
		t.Errorf("%d requests reached the handler", n)
	}
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := c.read("GET"); resp.StatusCode != 200 {
		t.Errorf("a good request afterwards: %d", resp.StatusCode)
	}
}

// TestBodyIsNoRequest: a body belongs to its request, whatever the method.
func TestBodyIsNoRequest(t *testing.T) {
	c := dial(t, start(t, echo))
	for _, method := range []string{"GET", "DELETE", "OPTIONS", "TRACE", "POST", "HEAD", "CONNECT"} {
		c.send(fmt.Sprintf("%s / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, len(hidden), hidden))
		c.send("POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		if _, body := c.read(method); method != "HEAD" && method != "CONNECT" && body != method+" /? a ["+hidden+"]" {
			t.Errorf("%s: %q", method, body)
		}
		if method == "CONNECT" {
			break // a response to it has no end that a client knows
		}
		if _, body := c.read("POST"); body != "POST /next? a []" {
			t.Errorf("after %s: %q", method, body)
		}
	}
}

// TestEmptyLinesBetween: RFC 9112, section 2.2, has servers skip them.
func TestEmptyLinesBetween(t *testing.T) {
	c := dial(t, start(t, echo))
	for range 3 {
		c.send("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n")
		if resp, _ := c.read("GET"); resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
}

// TestChunkedEndsConnection: whatever lies behind a chunked body is not
// served, since the ends of chunked bodies are read with tolerance.
func TestChunkedEndsConnection(t *testing.T) {
	for _, end := range []string{"0\r\n\r\n", "0\r\n\n", "0\r\nX: y\r\n\r\n", "0 \r\n\r\n", "0;x=y\r\n\r\n", "00\r\n\r\n"} {
		var paths statuses
		s := start(t, func(req *Request, _ *Response) {
			if req.Path != "/" {
				paths.add(1)
			}
		})
		c := dial(t, s)
		c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n" + end + hidden)
		c.read("POST")
		c.closed()
		if len(paths.all()) > 0 {
			t.Errorf("after %q a second request was served", end)
		}
	}
}

func TestUpgradeIsIgnored(t *testing.T) {
	c := dial(t, start(t, echo))
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n")
	if resp, _ := c.read("GET"); resp.StatusCode != 200 || resp.Close {
		t.Errorf("%d, close %v", resp.StatusCode, resp.Close)
	}
}
