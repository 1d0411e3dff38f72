//go:build unix

package upstream

import "syscall"

// peeker looks at a socket without reading from it.
type peeker struct {
	raw   syscall.RawConn
	look  func(fd uintptr) bool // made once: a closure for each look would be garbage
	ready bool
	buf   [1]byte
}

func (p *peeker) open(c syscall.Conn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	p.raw = raw
	p.look = func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), p.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		p.ready = err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR
		return true
	}
}

// readable reports whether there is something to read: data, the end, or an
// error.
func (p *peeker) readable() bool {
	if p.raw == nil {
		return false
	}
	p.ready = false
	return p.raw.Read(p.look) != nil || p.ready
}
