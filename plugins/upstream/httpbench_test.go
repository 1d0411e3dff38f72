package upstream_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
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

func loopback(t testing.TB) (plugins.Operator, *plugins.Call) {
	t.Helper()
	body := `{"id":"cust_aaaaaaaaaaaaaaaaaaaa","name":"Ann","tags":[` + strings.Repeat(`"tag",`, 40) + `"x"]}`
	arguments := []plugins.Argument{arg("customer_id"), arg("verbose")}
	call := callOf(t, `{"customer_id":"cust_aaaaaaaaaaaaaaaaaaaa","verbose":true}`)
	call.RequestID = "0123456789abcdef"
	// The server must know how long a request is: its port has five digits.
	probe := prepare(t, build(t, base("http://127.0.0.1:12345")), short(t, "GET /customers/{customer_id}"), arguments...)
	o, err := probe.Outline(call)
	if err != nil {
		t.Fatal(err)
	}
	size := len("GET  HTTP/1.1\r\n\r\n") + len(strings.TrimPrefix(o.URL, "http://127.0.0.1:12345"))
	for _, h := range o.Header {
		size += len(h[0]) + len(h[1]) + 4
	}
	url := fastServer(t, size, body)
	for len(url) != len("http://127.0.0.1:12345") {
		url = fastServer(t, size, body)
	}
	return prepare(t, build(t, base(url)), short(t, "GET /customers/{customer_id}"), arguments...), call
}

// What a call allocates: the Response, and one who waits for its context. The
// server of the test allocates once.
func TestAllocations(t *testing.T) {
	op, call := loopback(t)
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
		t.Errorf("%v allocations a call", got)
	}
}

func BenchmarkDo(b *testing.B) {
	op, call := loopback(b)
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
	op, call := loopback(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := op.Outline(call); err != nil {
			b.Fatal(err)
		}
	}
}
