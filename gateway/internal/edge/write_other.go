//go:build !unix

package edge

import "syscall"

// writeNow writes nothing: this system offers no way to write without waiting.
func (*conn) writeNow(syscall.RawConn, []byte) (int, error) { return 0, nil }
