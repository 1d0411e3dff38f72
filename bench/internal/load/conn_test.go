package load

import (
	"net"
	"strings"
	"testing"
)

// answer lets a connection read text, in pieces of the given size.
func answer(t *testing.T, text string, piece int) *conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	go func() {
		var request [16]byte
		if _, err := theirs.Read(request[:]); err != nil {
			return
		}
		for len(text) > 0 {
			n := min(piece, len(text))
			if _, err := theirs.Write([]byte(text[:n])); err != nil {
				return
			}
			text = text[n:]
		}
		_ = theirs.Close()
	}()
	return &conn{net: ours, buf: make([]byte, 16)}
}

func TestExchangeReadsAnswers(t *testing.T) {
	long := strings.Repeat("0123456789", 30)
	for name, c := range map[string]struct{ text, body string }{
		"length":        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		"lower case":    {"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length:5\r\n\r\nhello", "hello"},
		"empty":         {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
		"longer":        {"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n" + long, long},
		"chunks":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"},
		"longer chunks": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12C\r\n" + long + "\r\n0\r\n\r\n", long},
	} {
		for _, piece := range []int{1, 7, 1000} {
			status, body, err := answer(t, c.text, piece).exchange([]byte("x"))
			if err != nil || status != 200 || string(body) != c.body {
				t.Errorf("%s in pieces of %d: %d %q, %v; want %q", name, piece, status, body, err, c.body)
			}
		}
	}
}

func TestExchangeRefusesBrokenAnswers(t *testing.T) {
	for name, text := range map[string]string{
		"no HTTP":        "SSH-2.0-x\r\n\r\n",
		"no length":      "HTTP/1.1 200 OK\r\n\r\nhello",
		"bad length":     "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
		"too short":      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"too long":       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!",
		"bad chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"no last chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"head only half": "HTTP/1.1 200 OK\r\nContent-Le",
	} {
		if _, body, err := answer(t, text, 1000).exchange([]byte("x")); err == nil {
			t.Errorf("%s: answered %q without an error", name, body)
		}
	}
}
