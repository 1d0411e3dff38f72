// Command sallyport is the gateway with all built-in parts. Copy these lines to
// build one with parts of your own.
package main

import (
	"os"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

func main() { os.Exit(cmd.Main(standard.Parts(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
