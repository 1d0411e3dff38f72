package crowd

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// bindNoPort is IP_BIND_ADDRESS_NO_PORT: the port of a bound socket is chosen
// when it connects, so that ports are used again for other addresses.
const bindNoPort = 24

// sources is how many loopback addresses the clients share: 127.0.0.2 and on.
const sources = 16

// smallest asks for the smallest buffer the system has.
const smallest = 1

// patience is how long an answer may take.
const patience = 30 * time.Second

// dial connects a blocking socket from the n-th source.
func dial(to netip.AddrPort, n int, deaf bool) (fd int, err error) {
	if fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("open a socket: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("connect: %w", err), syscall.Close(fd))
		}
	}()
	if err = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindNoPort, 1); err != nil {
		return -1, err
	}
	if deaf {
		if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallest); err != nil {
			return -1, err
		}
	}
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + n%sources)}}); err != nil {
		return -1, err
	}
	limit := syscall.NsecToTimeval(int64(patience))
	if err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		return -1, err
	}
	return fd, syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}

// writeAll writes to a blocking socket.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("send a request: %w", err)
		}
		b = b[max(n, 0):]
	}
	return nil
}

// RaiseDescriptors lets this process and those it starts hold n descriptors.
func RaiseDescriptors(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit on descriptors: %w", err)
	}
	if limit.Max < uint64(n) {
		return fmt.Errorf("the limit on descriptors is %d, and %d are needed: raise it (ulimit -Hn)", limit.Max, n)
	}
	// Set even if it is high enough: only then children get it as it is.
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit on descriptors: %w", err)
	}
	return nil
}
