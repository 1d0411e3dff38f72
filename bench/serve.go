package main

import (
	"flag"
	"fmt"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
	"github.com/sallyport-mcp/sallyport/bench/internal/side"
)

// Names of the sides, in the order of the report.
const (
	upstreamSide  = "upstream"
	proxySide     = "proxy"
	floorSide     = "floor"
	goSDKSide     = "gosdk"
	sallyportSide = "sallyport"
)

func allSides() []string {
	return []string{upstreamSide, proxySide, floorSide, goSDKSide, sallyportSide}
}

// serve is what a child process of the comparison does: it is one side.
func serve(name string, args []string) error {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	listen := f.String("listen", "127.0.0.1:9000", "address to serve")
	upstream := f.String("upstream", "127.0.0.1:9001", "address of the upstream")
	tools := f.Int("tools", 0, "tools to list; 0: the two that are called")
	keySet := f.String("keys", "", "file with the JWT key set that the upstream serves")
	if err := f.Parse(args); err != nil {
		return err
	}
	catalog := catalogOf(*tools)
	switch name {
	case upstreamSide:
		return side.Upstream(*listen, *keySet)
	case proxySide:
		return side.Proxy(*listen, *upstream)
	case floorSide:
		return side.Floor(*listen, *upstream, catalog)
	case goSDKSide:
		return side.GoSDK(*listen, *upstream, catalog)
	}
	return fmt.Errorf("no command %q: upstream, proxy, floor, gosdk, or none to compare", name)
}

func catalogOf(n int) []fixture.Tool {
	if n == 0 {
		return fixture.Tools()
	}
	return fixture.Catalog(n)
}
