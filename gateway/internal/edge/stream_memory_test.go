//go:build unix

package edge

import (
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rawClient is a client that takes nothing of Go's memory.
func rawClient(t *testing.T, s *Server) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	to := &syscall.SockaddrInet4{Port: s.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Write(fd, []byte(post)); err != nil {
		t.Fatal(err)
	}
	return fd
}

// reads checks that a client is sent something that ends in want.
func reads(t *testing.T, fd int, want string) {
	t.Helper()
	buf := make([]byte, 4096)
	if n, err := syscall.Read(fd, buf); err != nil || !strings.HasSuffix(string(buf[:max(n, 0)]), want) {
		t.Fatalf("%q, %v, want %q", buf[:max(n, 0)], err, want)
	}
}

// inUse is the memory in use, stacks included.
func inUse() (bytes int64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestIdleStreamsAreCheap: detached streams that wait hold neither goroutines
// nor the buffers of a request.
func TestIdleStreamsAreCheap(t *testing.T) {
	const n = 2000
	streams := make(chan *Stream, 1)
	lim := streaming()
	lim.sweepEvery, lim.keepAlive = 50*time.Millisecond, time.Hour
	s := startWith(t, Config{Handler: handlerFunc(func(_ *Request, resp *Response) {
		stream := begin(resp, ": alive\n\n")
		stream.Detach()
		streams <- stream
	})}, lim)
	rawClient(t, s) // what a server has once
	<-streams
	before, goroutines := inUse(), runtime.NumGoroutine()
	clients, list := make([]int, n), make([]*Stream, n)
	for i := range clients {
		clients[i] = rawClient(t, s)
		list[i] = <-streams
		reads(t, clients[i], "\r\n\r\n")
	}
	for _, stream := range list {
		eventually(t, stream.conn.owned.Load)
	}
	each := (inUse() - before) / n
	t.Logf("%d bytes a stream, %d goroutines for %d", each, runtime.NumGoroutine()-goroutines, n)
	if each > 10<<10 {
		t.Errorf("%d bytes a stream, want at most 10 KiB", each)
	}
	if more := runtime.NumGoroutine() - goroutines; more > n/20 {
		t.Errorf("%d goroutines more, want some few", more)
	}
	for i, stream := range list {
		if !stream.Send([]byte("data: x\n\n")) {
			t.Fatal("Send = false")
		}
		reads(t, clients[i], "data: x\n\n\r\n")
		stream.Cut()
	}
}

// BenchmarkSend is what a piece costs that the client takes at once.
func BenchmarkSend(b *testing.B) {
	streams := make(chan *Stream, 1)
	s := startWith(b, Config{Handler: handlerFunc(func(_ *Request, resp *Response) {
		stream := begin(resp, "")
		stream.Detach()
		streams <- stream
	})}, streaming())
	c := dial(b, s)
	c.send(post)
	stream, event := <-streams, []byte("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n")
	body := c.head().Body
	buf := make([]byte, len(event))
	b.ReportAllocs()
	for b.Loop() {
		if !stream.Send(event) {
			b.Fatal("Send = false")
		}
		piece(b, body, string(buf[:0]))
		if n, err := body.Read(buf); err != nil || n == 0 {
			b.Fatal(n, err)
		}
	}
	stream.Cut()
}
