//go:build !unix

package edge

import "net"

// awaitHangup reports at once that the client is there: this system offers no
// way to look at a socket without taking bytes from it. A call whose client
// has gone runs to its end.
func awaitHangup(*net.TCPConn, bool) bool { return false }

// hasInput reports whether bytes wait to be read; this system cannot tell.
func hasInput(*net.TCPConn) bool { return false }
