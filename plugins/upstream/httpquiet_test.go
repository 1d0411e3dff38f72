package upstream_test

import (
	"io"
	"log"
)

// quiet is the log of a server whose complaints are expected.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
