package side

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
)

// Floor is the least that an MCP server in front of a REST service can do: it
// turns a tools/call into a GET and the answer into a text block and
// structuredContent, in pooled buffers, and checks nothing: no caller, no
// header, no argument, no limit. tools/list is answered from prepared bytes.
func Floor(addr, upstream string, tools []fixture.Tool) error {
	return server(newFloor(upstream, tools).serve).ListenAndServe(addr)
}

type floor struct {
	client *fasthttp.HostClient
	list   []byte
}

func newFloor(upstream string, tools []fixture.Tool) floor {
	return floor{client: client(upstream), list: floorList(tools)}
}

func (f floor) serve(ctx *fasthttp.RequestCtx) {
	req, ok := scanRequest(ctx.Request.Body())
	if !ok {
		ctx.SetStatusCode(fasthttp.StatusBadRequest)
		return
	}
	ctx.SetContentType("application/json")
	switch string(req.method) {
	case "tools/call":
		f.call(ctx, req)
	case "tools/list":
		appendBody(ctx, func(b []byte) []byte { return append(appendHead(b, req.id), f.list...) })
	default:
		ctx.SetStatusCode(fasthttp.StatusNotFound)
	}
}

func (f floor) call(ctx *fasthttp.RequestCtx, req request) {
	out, in := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(out)
	defer fasthttp.ReleaseResponse(in)
	var path [128]byte
	uri := append(append(path[:0], "http://upstream/customers/"...), req.customer...)
	if string(req.tool) == fixture.OrdersTool {
		uri = append(uri, "/orders"...)
	}
	out.SetRequestURIBytes(uri)
	if err := f.client.Do(out, in); err != nil {
		ctx.Error("bad gateway", fasthttp.StatusBadGateway)
		return
	}
	appendBody(ctx, func(b []byte) []byte {
		body := in.Body()
		b = appendHead(b, req.id)
		b = append(b, `"resultType":"complete","content":[{"type":"text","text":`...)
		b = appendString(b, body)
		b = append(b, `}],"structuredContent":`...)
		b = append(b, body...)
		return append(b, `}}`...)
	})
}

func appendHead(b, id []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	return append(b, `,"result":{`...)
}

// floorList prepares a tools/list result without its opening brace.
func floorList(tools []fixture.Tool) []byte {
	var b bytes.Buffer
	b.WriteString(`"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[`)
	for i, tool := range tools {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"name":`)
		b.Write(appendString(nil, []byte(tool.Name)))
		b.WriteString(`,"description":`)
		b.Write(appendString(nil, []byte(tool.Description)))
		b.WriteString(`,"inputSchema":{"type":"object","properties":{"customer_id":{"type":"string","description":`)
		b.Write(appendString(nil, []byte(fixture.ArgumentDescription)))
		b.WriteString(`}},"required":["customer_id"],"additionalProperties":false}}`)
	}
	b.WriteString(`]}}`)
	return b.Bytes()
}
