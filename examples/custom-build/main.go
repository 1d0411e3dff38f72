// Command custom-build is sallyport with a policy of one's own.
package main

import (
	"os"
	"slices"
	"time"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

func main() {
	os.Exit(cmd.Main(parts(time.Now), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// parts are the built-in ones, and ours before all that counts calls.
func parts(now func() time.Time) plugins.Parts {
	all := standard.Parts()
	at := slices.IndexFunc(all.Policies, func(p plugins.PolicyPart) bool { return p.Key == "rate_limit" })
	all.Policies = slices.Insert(all.Policies, at, hoursPart(now))
	return all
}
