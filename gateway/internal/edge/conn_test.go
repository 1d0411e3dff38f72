package edge

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowReader: a client that takes each chunk of a large answer in time gets
// all of it, though it takes far longer than a stall may; one that takes less
// is cut off. The time is a bubble's, so the load of the machine is no matter.
func TestSlowReader(t *testing.T) {
	const chunks = 40
	for name, test := range map[string]struct {
		pause time.Duration
		whole bool
	}{
		"slow enough": {writeStall * 9 / 10, true},
		"too slow":    {writeStall * 3 / 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				c := &conn{Conn: ours, listener: newListener(nil, standardLimits(), nil, nil)}
				result := make(chan error, 1)
				go func() {
					_, err := c.Write(make([]byte, chunks*writeChunk))
					result <- errors.Join(err, ours.Close())
				}()
				began, got := time.Now(), int64(0)
				for range chunks {
					<-time.After(test.pause)
					n, err := io.CopyN(io.Discard, theirs, writeChunk)
					got += n
					if err != nil {
						break
					}
				}
				err := <-result
				if whole := got == chunks*writeChunk; whole != test.whole || whole != (err == nil) {
					t.Errorf("%d bytes in %v, %v; want all %v", got, time.Since(began), err, test.whole)
				}
				_ = theirs.Close()
			})
		})
	}
}

// lazyConn is a socket whose buffer gets room without waking the writer: only
// a new attempt finds it.
type lazyConn struct {
	net.Conn
	attempts, room int
}

func (*lazyConn) SetWriteDeadline(time.Time) error { return nil }

func (l *lazyConn) Write(p []byte) (int, error) {
	l.attempts++
	if l.attempts%2 == 1 {
		return 0, os.ErrDeadlineExceeded
	}
	if l.room < len(p) {
		return l.room, os.ErrDeadlineExceeded
	}
	return len(p), nil
}

// TestLastLook: a deadline that passed does not mean that the client took too
// little.
func TestLastLook(t *testing.T) {
	for _, room := range []int{writeChunk, writeChunk - 1} {
		c := &conn{Conn: &lazyConn{room: room}, listener: newListener(nil, quick(), nil, nil)}
		n, err := c.Write(make([]byte, 2*writeChunk))
		if room == writeChunk && (n != 2*writeChunk || err != nil) {
			t.Errorf("room for a chunk: %d, %v", n, err)
		}
		if room < writeChunk && (n != room || !errors.Is(err, os.ErrDeadlineExceeded)) {
			t.Errorf("room for less: %d, %v", n, err)
		}
	}
}
