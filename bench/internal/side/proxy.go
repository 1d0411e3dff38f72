package side

import "github.com/valyala/fasthttp"

// Proxy is a bare reverse proxy: it hands every request to the upstream and
// every answer back, and does nothing else.
func Proxy(addr, upstream string) error {
	c := client(upstream)
	return server(func(ctx *fasthttp.RequestCtx) {
		ctx.Request.Header.Del(fasthttp.HeaderConnection)
		if err := c.Do(&ctx.Request, &ctx.Response); err != nil {
			ctx.Error("bad gateway", fasthttp.StatusBadGateway)
			return
		}
		ctx.Response.Header.Del(fasthttp.HeaderConnection)
	}).ListenAndServe(addr)
}
