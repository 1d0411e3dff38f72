//go:build unix

package edge

import (
	"errors"
	"syscall"
	"time"
)

// writeNow writes what the socket takes without waiting.
func (c *conn) writeNow(raw syscall.RawConn, p []byte) (int, error) {
	if !c.renew.IsZero() {
		// A deadline that has passed in the meantime would be an error.
		if err := c.Conn.SetWriteDeadline(time.Time{}); err != nil {
			return 0, err
		}
		c.renew = time.Time{}
	}
	written := 0
	var failure error
	err := raw.Write(func(fd uintptr) bool {
		for {
			n, err := syscall.Write(int(fd), p[written:])
			if n > 0 {
				written += n
			}
			switch {
			case errors.Is(err, syscall.EINTR), err == nil && written < len(p):
				continue
			case errors.Is(err, syscall.EAGAIN):
			default:
				failure = err
			}
			return true
		}
	})
	if err == nil {
		err = failure
	}
	return written, err
}
