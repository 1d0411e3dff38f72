// Package side has the servers that are compared, and the upstream they share.
package side

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
)

// Paths of the upstream besides /customers/{id} and /customers/{id}/orders.
const (
	KeySetPath      = "/jwks.json"
	ConnectionsPath = "/connections"
)

// Upstream serves the REST service that every side calls. keySet is the file
// of the JWT key set, served at KeySetPath. ConnectionsPath answers how many
// connections were accepted so far.
func Upstream(addr, keySet string) error {
	keys, err := os.ReadFile(keySet)
	if err != nil {
		return fmt.Errorf("read the key set: %w", err)
	}
	var accepted atomic.Int64
	s := server(upstreamHandler(keys, &accepted))
	s.ConnState = func(_ net.Conn, state fasthttp.ConnState) {
		if state == fasthttp.StateNew {
			accepted.Add(1)
		}
	}
	return s.ListenAndServe(addr)
}

func upstreamHandler(keys []byte, accepted *atomic.Int64) fasthttp.RequestHandler {
	customer, orders := fixture.CustomerBody(), fixture.OrdersBody()
	prefix, suffix := []byte("/customers/"), []byte("/orders")
	return func(ctx *fasthttp.RequestCtx) {
		path := ctx.URI().PathOriginal()
		switch rest, ok := bytes.CutPrefix(path, prefix); {
		case ok && len(rest) == fixture.CustomerLen:
			ctx.SetContentType("application/json")
			appendBody(ctx, func(b []byte) []byte { return customer.Append(b, rest) })
		case ok && len(rest) == fixture.CustomerLen+len(suffix) && bytes.HasSuffix(rest, suffix):
			ctx.SetContentType("application/json")
			appendBody(ctx, func(b []byte) []byte { return orders.Append(b, rest[:fixture.CustomerLen]) })
		case string(path) == KeySetPath:
			ctx.SetContentType("application/json")
			ctx.SetBody(keys)
		case string(path) == ConnectionsPath:
			ctx.SetBodyString(strconv.FormatInt(accepted.Load(), 10))
		default:
			ctx.SetStatusCode(fasthttp.StatusNotFound)
		}
	}
}

// server has the settings that all fasthttp sides share.
func server(h fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{Handler: h, NoDefaultServerHeader: true, NoDefaultDate: true}
}

// client has the settings of all fasthttp clients of the upstream.
func client(upstream string) *fasthttp.HostClient {
	return &fasthttp.HostClient{
		Addr:                      upstream,
		MaxConns:                  1024,
		MaxIdemponentCallAttempts: 1,
		DisablePathNormalizing:    true,
		NoDefaultUserAgentHeader:  true,
	}
}

// appendBody lets add append the answer's body to the answer's own buffer.
func appendBody(ctx *fasthttp.RequestCtx, add func([]byte) []byte) {
	ctx.Response.SwapBody(add(ctx.Response.SwapBody(nil)[:0]))
}
