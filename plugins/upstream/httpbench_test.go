package upstream_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// fastServer answers requests as fast as it can read them; it knows their
// length beforehand.
func fastServer(t testing.TB, size int, body string) string {
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: x\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return listen(t, func(_ int, c net.Conn) {
		buf := make([]byte, size)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	})
}

// answerOf is a JSON body of about the size.
func answerOf(size int) string {
	const row = `{"id":"cust_aaaaaaaaaaaaaaaaaaaa","name":"Ann","since":"2024-03-01"}`
	return `{"rows":[` + strings.Repeat(row+",", max(0, size-80)/len(row)) + row + `]}`
}

func loopback(t testing.TB, auth *upstream.HTTPAuth, body string) (plugins.Operator, *plugins.Call) {
	t.Helper()
	arguments := []plugins.Argument{arg("customer_id"), arg("verbose")}
	call := callOf(t, `{"customer_id":"cust_aaaaaaaaaaaaaaaaaaaa","verbose":true}`)
	call.RequestID = "0123456789abcdef"
	settings := func(url string) upstream.HTTPSettings {
		s := base(url)
		s.Auth = auth
		return s
	}
	// The server must know how long a request is: its port has five digits.
	probe := listen(t, func(_ int, c net.Conn) {
		buf := make([]byte, 4096)
		n, err := c.Read(buf)
		if err == nil {
			_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(strconv.Itoa(n)), strconv.Itoa(n))
		}
		if err != nil {
			t.Error(err)
		}
	})
	request := short(t, "GET /customers/{customer_id}")
	resp, err := prepare(t, build(t, settings(probe)), request, arguments...).Do(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	size, err := strconv.Atoi(string(resp.Body))
	resp.Free()
	if err != nil {
		t.Fatal(err)
	}
	url := fastServer(t, size, body)
	for len(url) != len(probe) {
		url = fastServer(t, size, body)
	}
	return prepare(t, build(t, settings(url)), request, arguments...), call
}

// What a call allocates: the Response, and one who waits for its context. The
// server of the test allocates once. To look for credentials costs nothing.
func TestAllocations(t *testing.T) {
	for name, auth := range map[string]*upstream.HTTPAuth{"no credentials": nil, "bearer": bearer("canary-token-01"), "basic": basic("me", "canary/pass word")} {
		op, call := loopback(t, auth, answerOf(310))
		ctx, cancel := plugins.WithDeadline(context.Background(), time.Now().Add(time.Minute))
		defer cancel()
		got := testing.AllocsPerRun(200, func() {
			resp, err := op.Do(ctx, call)
			if err != nil {
				t.Fatal(err)
			}
			resp.Free()
		})
		if got > 3 && !raceEnabled { // the race detector makes pools forget
			t.Errorf("%s: %v allocations a call", name, got)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	for _, size := range []int{310, 64 << 10} {
		for name, auth := range map[string]*upstream.HTTPAuth{"open": nil, "bearer": bearer("canary-token-01")} {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				op, call := loopback(b, auth, answerOf(size))
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				b.ReportAllocs()
				before := cpu(b)
				for b.Loop() {
					resp, err := op.Do(ctx, call)
					if err != nil {
						b.Fatal(err)
					}
					resp.Free()
				}
				b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1000, "cpu-µs/op-with-server")
			})
		}
	}
}

// cpu is the processor time of this process in nanoseconds.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkOutline(b *testing.B) {
	op, call := loopback(b, nil, answerOf(310))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := op.Outline(call); err != nil {
			b.Fatal(err)
		}
	}
}
