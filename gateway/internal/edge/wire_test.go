package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzWire sends bytes to a server. What it serves must be what net/http reads
// from the same bytes, request by request, with the same bodies; it may serve
// less.
func FuzzWire(f *testing.F) {
	for _, test := range refused {
		if len(test.wire) < 1000 {
			f.Add([]byte(test.wire))
		}
	}
	f.Add([]byte(strings.Repeat("POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 2)))
	f.Add([]byte("\r\nPOST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi\r\n" + hidden))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nX: y\r\n\r\n" + hidden))
	served := make(chan string, 1000)
	s := start(f, func(req *Request, _ *Response) {
		target := req.Path
		if req.Query != "" {
			target += "?" + req.Query
		}
		served <- fmt.Sprintf("%s %s %s %q", req.Method, target, req.Host, req.Body)
	})
	f.Fuzz(func(t *testing.T, wire []byte) {
		exchangeBytes(t, s, wire)
		oracle := bufio.NewReader(bytes.NewReader(wire))
		for n := len(served); n > 0; n-- {
			got := <-served
			want, err := readByOracle(oracle)
			if err != nil {
				t.Fatalf("served %s, where net/http reads none: %v\n%q", got, err, wire)
			}
			if got != want {
				t.Fatalf("served %s, where net/http reads %s\n%q", got, want, wire)
			}
		}
	})
}

// exchangeBytes sends bytes and waits until the server has done with them.
func exchangeBytes(t *testing.T, s *Server, wire []byte) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may close before it has taken everything.
	if _, err := c.Write(wire); err == nil {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	_, _ = io.Copy(io.Discard, c)
	eventually(t, func() bool { return s.listener.empty() })
}

// readByOracle reads a request with net/http.
func readByOracle(r *bufio.Reader) (string, error) {
	for {
		b, err := r.Peek(1)
		if err != nil {
			return "", err
		}
		if b[0] != '\r' && b[0] != '\n' {
			break
		}
		if _, err := r.Discard(1); err != nil {
			return "", err
		}
	}
	req, err := http.ReadRequest(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return "", err
	}
	target, query, _ := strings.Cut(req.RequestURI, "?")
	if query != "" {
		target += "?" + query
	}
	return fmt.Sprintf("%s %s %s %q", req.Method, target, req.Host, body), nil
}
