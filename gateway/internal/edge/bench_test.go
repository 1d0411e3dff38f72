package edge

import (
	"io"
	"net"
	"testing"

	"github.com/valyala/fasthttp"
)

const benchBody = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Berlin"},"_meta":{"progressToken":1}}}12345`

// roundTrips sends a typical request again and again on one connection.
func roundTrips(tb testing.TB, addr string) func() {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	request := []byte("POST /mcp HTTP/1.1\r\n" + typicalHead + (benchBody + "         ")[:142])
	buf := make([]byte, 4096)
	return func() {
		if _, err := c.Write(request); err != nil {
			tb.Fatal(err)
		}
		if n, err := io.ReadAtLeast(c, buf, 40); err != nil || string(buf[9:12]) != "200" {
			tb.Fatalf("%q, %v", buf[:n], err)
		}
	}
}

func answerEmpty(_ *Request, resp *Response) {
	resp.ContentType = "application/json"
	resp.Body = append(resp.Body, "{}"...)
}

// TestDispatchAllocates is the budget: a request to the handler and back
// allocates nothing. The client's side of it doesn't either.
func TestDispatchAllocates(t *testing.T) {
	s := start(t, answerEmpty)
	roundTrip := roundTrips(t, s.Addr().String())
	for range 100 {
		roundTrip()
	}
	if n := testing.AllocsPerRun(1000, roundTrip); n >= allocationBudget {
		t.Errorf("%v allocations a request, want less than %d", n, allocationBudget)
	}
}

func BenchmarkEdge(b *testing.B) {
	s := start(b, answerEmpty)
	roundTrip := roundTrips(b, s.Addr().String())
	b.ReportAllocs()
	for b.Loop() {
		roundTrip()
	}
}

func BenchmarkBareFasthttp(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		ctx.SetBodyString("{}")
	}}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	b.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	roundTrip := roundTrips(b, l.Addr().String())
	b.ReportAllocs()
	for b.Loop() {
		roundTrip()
	}
}
