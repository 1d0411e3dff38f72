package edge

import "golang.org/x/sys/unix"

// lookout asks for the hang-ups on many sockets by one system call.
type lookout struct{ events []unix.PollFd }

// hungUp calls gone for the streams whose clients have hung up.
func (l *lookout) hungUp(list []*Stream, gone func(*Stream)) {
	l.events = l.events[:0]
	for _, s := range list {
		l.events = append(l.events, unix.PollFd{Fd: s.fd, Events: unix.POLLRDHUP})
	}
	if n, err := unix.Poll(l.events, 0); err != nil || n == 0 {
		return // what is missed is found next time
	}
	for i, s := range list {
		// The number may belong to another socket by now: so look closely.
		if l.events[i].Revents != 0 && s.conn.hungUp() {
			gone(s)
		}
	}
}

// hungUp reports whether the client has hung up.
func (c *conn) hungUp() bool {
	raw, err := c.tcp.SyscallConn()
	if err != nil {
		return true
	}
	ended := false
	err = raw.Control(func(fd uintptr) { ended = hasEnded(fd) })
	return ended || err != nil
}
