package upstream_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/valyala/fasthttp"
)

// readRequest reads one request without a body from a raw connection.
func readRequest(r *bufio.Reader) error {
	req, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

// answering makes a script that answers every request with these bytes, and
// then keeps the connection.
func answering(text string) func(int, net.Conn) {
	return func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		for readRequest(r) == nil {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

// closing is answering, once.
func closing(text string) func(int, net.Conn) {
	return func(_ int, c net.Conn) {
		if readRequest(bufio.NewReader(c)) == nil {
			_, _ = io.WriteString(c, text) // the client may be gone
		}
	}
}

func compressed(t *testing.T, coding string, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "br":
		return string(fasthttp.AppendBrotliBytes(nil, body))
	case "zstd":
		return string(fasthttp.AppendZstdBytes(nil, body))
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func withLength(head, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

func TestAnswersRead(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, tt := range []struct {
		name   string
		script func(int, net.Conn)
		status int
		body   string
	}{
		{"length", answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), 200, "abc"},
		{"bare line ends", answering("HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"), 200, "abc"},
		{"no reason", answering("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n"), 404, ""},
		{"long", answering(withLength("", long)), 200, long},
		{"chunked", answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n00A;x=y\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"), 200, "abc0123456789"},
		{"until the end", closing("HTTP/1.1 200 OK\r\n\r\nabc"), 200, "abc"},
		{"1.0", closing("HTTP/1.0 200 OK\r\n\r\nabc"), 200, "abc"},
		{"interim", answering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"), 200, "a"},
		{"204", answering("HTTP/1.1 204 No Content\r\n\r\n"), 204, ""},
		{"304 with a length", answering("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"), 304, ""},
		{"a redirect is an answer", answering("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"), 302, ""},
		{"a 401 is an answer", answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), 401, ""},
		{"40 kB of headers", answering(withLength("X-Big: "+strings.Repeat("h", 40_000)+"\r\n", "a")), 200, "a"},
		{"two equal lengths", answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"), 200, "a"},
		{"gzip", answering(withLength("Content-Encoding: gzip\r\n", compressed(t, "gzip", []byte(long)))), 200, long},
		{"deflate", answering(withLength("Content-Encoding: deflate\r\n", compressed(t, "deflate", []byte(long)))), 200, long},
		{"brotli", answering(withLength("Content-Encoding: br\r\n", compressed(t, "br", []byte(long)))), 200, long},
		{"zstd", answering(withLength("Content-Encoding: zstd\r\n", compressed(t, "zstd", []byte(long)))), 200, long},
		{"answer before the end of the request", func(_ int, c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
			_ = readRequest(bufio.NewReader(c))
		}, 413, "x"},
		{"byte by byte", func(_ int, c net.Conn) {
			_ = readRequest(bufio.NewReader(c))
			for _, b := range []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n") {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
			}
		}, 200, "abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op := prepare(t, build(t, base(listen(t, tt.script))), short(t, "GET /"))
			for range 2 { // the second perhaps on the same connection
				status, body, err := do(t, op, `{}`)
				if err != nil || status != tt.status || body != tt.body {
					t.Fatalf("%d, %d bytes, %v", status, len(body), err)
				}
			}
		})
	}
}

func TestAnswersRefused(t *testing.T) {
	bomb := func(coding string) string {
		return withLength("Content-Encoding: "+coding+"\r\n", compressed(t, coding, make([]byte, 32<<20)))
	}
	for _, tt := range []struct{ name, text string }{
		{"nothing", ""},
		{"garbage", "\x00\x01\x02 garbage\r\n\r\n"},
		{"html only", "<html></html>"},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Le"},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
		{"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
		{"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"},
		{"bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"},
		{"huge chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nab\r\n0\r\n\r\n"},
		{"chunk longer than told", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"},
		{"length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
		{"odd length", "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc"},
		{"odd transfer encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"folded header", "HTTP/1.1 200 OK\r\nX-A: 1\r\n X-B: 2\r\nContent-Length: 0\r\n\r\n"},
		{"no colon", "HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 0\r\n\r\n"},
		{"blank in a name", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"},
		{"control character", "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n"},
		{"status 600", "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n"},
		{"status 20", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"},
		{"switch", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},
		{"endless interim", strings.Repeat("HTTP/1.1 103 Hints\r\n\r\n", 50)},
		{"http/2", "HTTP/2 200\r\n\r\n"},
		{"100 kB of headers", withLength("X-Big: "+strings.Repeat("h", 100_000)+"\r\n", "a")},
		{"larger than allowed", withLength("", strings.Repeat("x", 1<<20+1))},
		{"larger than allowed, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 65536)+"\r\n", 17) + "0\r\n\r\n"},
		{"larger than allowed, until the end", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 1<<20+1)},
		{"a length that lies", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc"},
		{"gzip that isn't", withLength("Content-Encoding: gzip\r\n", "abc")},
		{"unknown coding", withLength("Content-Encoding: rot13\r\n", "abc")},
		{"gzip bomb", bomb("gzip")},
		{"deflate bomb", bomb("deflate")},
		{"brotli bomb", bomb("br")},
		{"zstd bomb", bomb("zstd")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := base(listen(t, closing(tt.text)))
			s.MaxResponse = 1 << 20
			op := prepare(t, build(t, s), short(t, "GET /"))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := do(t, op, `{}`)
			runtime.ReadMemStats(&after)
			if err == nil || kindOf(t, err) != plugins.KindUpstream {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "abc") {
				t.Errorf("the message tells too much: %v", err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 60<<20 {
				t.Errorf("%d MiB were allocated", grown>>20)
			}
		})
	}
}

func TestHead(t *testing.T) {
	op := prepare(t, build(t, base(listen(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")))), short(t, "HEAD /"))
	for range 2 {
		if status, body, err := do(t, op, `{}`); err != nil || status != 200 || body != "" {
			t.Fatalf("%d %q %v", status, body, err)
		}
	}
}

func TestConnectErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for name, url := range map[string]string{"refused": closed, "unknown host": "http://does-not-exist.invalid"} {
		op := prepare(t, build(t, base(url)), short(t, "POST /"))
		call := callOf(t, `{}`)
		_, err := op.Do(context.Background(), call)
		if err == nil || kindOf(t, err) != plugins.KindConnect || call.Record.Attempts != 0 {
			t.Errorf("%s: %v, %+v", name, err, call.Record)
		}
	}
}

func TestTimeout(t *testing.T) {
	for name, script := range map[string]func(net.Conn){
		"hang": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"drip": func(c net.Conn) {
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for err == nil {
				<-tick.C
				_, err = io.WriteString(c, "x")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			op := prepare(t, build(t, base(listen(t, func(_ int, c net.Conn) {
				defer close(ended)
				if readRequest(bufio.NewReader(c)) == nil {
					script(c)
				}
			}))), short(t, "GET /"))
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := op.Do(ctx, callOf(t, `{}`))
			if err == nil || kindOf(t, err) != plugins.KindTimeout {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			<-ended
		})
	}
}

// A deadline closes the connection; the error tells of the deadline, and the
// message whether the call may be made again.
func TestTimeoutSaysWhatToDo(t *testing.T) {
	u := build(t, base(listen(t, func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })))
	for request, advice := range map[string]string{
		"GET /":  "It is safe to call it again.",
		"POST /": "It may have taken effect nevertheless: check before you call it again.",
	} {
		ctx, cancel := plugins.WithDeadline(context.Background(), time.Now().Add(30*time.Millisecond))
		_, err := prepare(t, u, short(t, request)).Do(ctx, callOf(t, `{}`))
		cancel()
		if err == nil || kindOf(t, err) != plugins.KindTimeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", request, err)
		} else if want := "The service behind it did not answer in time, and the call was stopped. " + advice; err.Error() != want {
			t.Errorf("%s: %q, want %q", request, err, want)
		}
		// Nothing was sent when the time was over before.
		past, cancel := plugins.WithDeadline(context.Background(), time.Now().Add(-time.Second))
		_, err = prepare(t, build(t, base("http://127.0.0.1:1")), short(t, request)).Do(past, callOf(t, `{}`))
		cancel()
		if err == nil || kindOf(t, err) != plugins.KindTimeout || !strings.HasSuffix(err.Error(), "Nothing was sent. It is safe to call it again.") {
			t.Errorf("%s, nothing sent: %v", request, err)
		}
	}
}

// When the caller hangs up, the upstream sees the end of its connection.
func TestCancelReachesUpstream(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	})
	op := prepare(t, build(t, base(url)), short(t, "GET /"))
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := op.Do(ctx, callOf(t, `{}`))
	if err == nil || kindOf(t, err) != plugins.KindCancelled {
		t.Errorf("got %v", err)
	}
	<-gone
}

// A request that must not be repeated is sent exactly once, whatever the
// upstream does to its connections.
func TestPostOnce(t *testing.T) {
	for name, script := range map[string]func(requests *atomic.Int64, n int, c net.Conn){
		"closes idle connections": func(requests *atomic.Int64, _ int, c net.Conn) {
			if readRequest(bufio.NewReader(c)) == nil {
				requests.Add(1)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		},
		"closes after the second request": func(requests *atomic.Int64, _ int, c net.Conn) {
			r := bufio.NewReader(c)
			for i := range 2 {
				if readRequest(r) != nil {
					return
				}
				requests.Add(1)
				if i == 0 {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			op := prepare(t, build(t, base(listen(t, func(n int, c net.Conn) { script(&requests, n, c) }))), short(t, "POST /"), arg("a"))
			for range 20 {
				before := requests.Load()
				call := callOf(t, `{"a":"1"}`)
				resp, err := op.Do(context.Background(), call)
				if err == nil {
					resp.Free()
				} else if kindOf(t, err) != plugins.KindUpstream {
					t.Fatal(err)
				}
				if seen := requests.Load() - before; seen > 1 || call.Record.Attempts > 1 {
					t.Fatalf("seen %d times, sent %d times", seen, call.Record.Attempts)
				}
			}
		})
	}
}

// A request that may be repeated survives an upstream that closes idle
// connections: the caller sees no failure.
func TestGetSurvivesClosedConnections(t *testing.T) {
	op := prepare(t, build(t, base(listen(t, closing("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")))), short(t, "GET /"))
	for range 50 {
		if status, body, err := do(t, op, `{}`); err != nil || status != 200 || body != "ok" {
			t.Fatalf("%d %q %v", status, body, err)
		}
	}
}

// A POST is not sent on a connection that the upstream has closed meanwhile:
// it would fail, and could not be repeated.
func TestPostAvoidsClosedConnections(t *testing.T) {
	closed := make(chan struct{}, 1)
	op := prepare(t, build(t, base(listen(t, func(_ int, c net.Conn) {
		closing("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(0, c)
		_ = c.Close() // once more is no harm
		closed <- struct{}{}
	}))), short(t, "POST /"))
	for range 20 {
		if status, body, err := do(t, op, `{}`); err != nil || status != 200 || body != "ok" {
			t.Fatalf("%d %q %v", status, body, err)
		}
		<-closed
	}
}

// What comes after an answer is not the answer to the next request, whether it
// comes at once or later.
func TestUnaskedAnswers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
	for _, later := range []bool{false, true} {
		var conns atomic.Int64
		sent := make(chan struct{}, 1)
		op := prepare(t, build(t, base(listen(t, func(_ int, c net.Conn) {
			conns.Add(1)
			r := bufio.NewReader(c)
			for readRequest(r) == nil {
				parts := []string{head + "one" + head + "two"}
				if later {
					parts = []string{head + "one", head + "two"}
				}
				for i, text := range parts {
					if _, err := io.WriteString(c, text); err != nil {
						return
					}
					if i == len(parts)-1 {
						sent <- struct{}{}
					}
				}
			}
		}))), short(t, "GET /"))
		for range 20 {
			if _, body, err := do(t, op, `{}`); err != nil || body != "one" {
				t.Fatalf("%q %v", body, err)
			}
			<-sent
		}
		if n := conns.Load(); n != 20 {
			t.Errorf("%d connections for 20 requests", n)
		}
	}
}
