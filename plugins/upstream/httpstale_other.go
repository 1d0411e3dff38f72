//go:build !unix

package upstream

import "syscall"

// peeker can't look at sockets here: a closed idle connection is found out
// when the request fails on it.
type peeker struct{}

func (*peeker) open(syscall.Conn) {}

func (*peeker) readable() bool { return false }
