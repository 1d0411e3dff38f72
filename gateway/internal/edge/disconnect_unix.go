//go:build unix

package edge

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// awaitHangup parks on the socket until the other end hangs up, and reports
// whether it did. It takes no bytes. It returns false as soon as the read
// deadline passes, and when input arrives that hides the end; with TLS the
// farewell of the protocol is such input, so there only the end of the stream
// counts.
func awaitHangup(tcp *net.TCPConn, encrypted bool) bool {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Read(func(fd uintptr) bool {
		n, err := peek(fd)
		switch {
		case n > 0:
			gone = encrypted && hasEnded(fd)
			// Parked on, the next event is more input or the end.
			return gone || !encrypted
		case errors.Is(err, syscall.EAGAIN):
			return false
		default: // the end, or a reset
			gone = true
			return true
		}
	})
	if err != nil {
		return !errors.Is(err, os.ErrDeadlineExceeded)
	}
	return gone
}

// hasInput reports whether bytes wait to be read.
func hasInput(tcp *net.TCPConn) bool {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	waiting := false
	// An error says that the socket is closed.
	_ = raw.Control(func(fd uintptr) {
		n, _ := peek(fd)
		waiting = n > 0
	})
	return waiting
}

// peek looks at the next byte without taking it.
func peek(fd uintptr) (int, error) {
	var b [1]byte
	for {
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
