package edge

import "golang.org/x/sys/unix"

// hasEnded reports whether the other end has ended the stream, even if input
// is still waiting.
func hasEnded(fd uintptr) bool {
	events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(events, 0)
	return err == nil && n > 0 && events[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
