package edge

import (
	"bytes"
	"context"
	"strings"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// maxKeptHeaders is how many response headers a pooled exchange keeps room
// for.
const maxKeptHeaders = 32

// field is a header line: places in the raw head.
type field struct{ name, nameEnd, value, valueEnd uint16 }

// exchange is a request and its response; exchanges are reused.
type exchange struct {
	server *Server
	ctx    *fasthttp.RequestCtx
	req    Request
	resp   Response
	raw    []byte
	fields [maxFields]field
	count  int
	id     [idLength]byte
	hangup watch
}

func newExchange(s *Server) *exchange {
	x := &exchange{server: s}
	x.req.source, x.resp.origin = x, x
	return x
}

// begin reads a request that passed the front.
func (x *exchange) begin(ctx *fasthttp.RequestCtx, c *conn) {
	h := &ctx.Request.Header
	x.ctx, x.raw = ctx, h.RawHeaders()
	x.index()
	target := text(h.RequestURI())
	x.req.Method = text(h.Method())
	x.req.Path, x.req.Query, _ = strings.Cut(target, "?")
	x.req.Host = text(h.Host())
	x.req.Peer = c.peer
	x.req.Body = ctx.Request.Body()
	if id, _ := x.header("X-Request-ID"); saneID(id) {
		x.req.ID = id
	} else {
		x.server.ids.next(&x.id)
		x.req.ID = text(x.id[:])
	}
	x.resp.Status, x.resp.ContentType, x.resp.Close = 200, "", false
	x.resp.Body = ctx.Response.SwapBody(nil)[:0]
	x.hangup.begin(c, x.server.limits.watchInterval)
}

// end hands the response over. The body was built in the buffer of fasthttp's
// response and goes back there.
func (x *exchange) end() {
	x.writeHeaders(&x.ctx.Response.Header)
	x.ctx.Response.SwapBody(x.resp.Body)
	if x.resp.Close {
		x.ctx.SetConnectionClose()
	}
	x.forget()
}

// writeHeaders sets status and headers.
func (x *exchange) writeHeaders(header *fasthttp.ResponseHeader) {
	header.DisableNormalizing()
	header.SetStatusCode(x.resp.Status)
	if x.resp.ContentType != "" {
		header.SetContentType(x.resp.ContentType)
	}
	setDefaults(header, x.req.ID)
	for _, h := range x.resp.headers {
		if isDefault(h[0]) {
			header.Set(h[0], h[1])
		} else {
			header.Add(h[0], h[1])
		}
	}
}

// forget drops what belongs to fasthttp.
func (x *exchange) forget() {
	clear(x.resp.headers)
	x.resp.headers = x.resp.headers[:0]
	if cap(x.resp.headers) > maxKeptHeaders {
		x.resp.headers = nil
	}
	x.resp.Body, x.resp.ContentType, x.resp.stream = nil, "", nil
	x.req = Request{source: x}
	x.ctx, x.raw, x.count = nil, nil, 0
}

// reusable reports whether nothing holds on to the exchange.
func (x *exchange) reusable() bool { return x.hangup.reusable() }

// Names of headers that every response has.
const (
	noSniff   = "X-Content-Type-Options"
	caching   = "Cache-Control"
	requestID = "X-Request-ID"
)

// setDefaults sets the headers every response has.
func setDefaults(header *fasthttp.ResponseHeader, id string) {
	header.Set(noSniff, "nosniff")
	header.Set(caching, "no-store")
	header.Set(requestID, id)
}

func isDefault(name string) bool { return name == caching || name == noSniff || name == requestID }

// index finds the header lines. The front has checked them.
func (x *exchange) index() {
	raw, n := x.raw, 0
	for i := 0; n < maxFields && i < len(raw) && raw[i] != '\r'; n++ {
		colon := i + bytes.IndexByte(raw[i:], ':')
		end := colon + bytes.IndexByte(raw[colon:], '\n')
		value, valueEnd := colon+1, end-1
		for value < valueEnd && (raw[value] == ' ' || raw[value] == '\t') {
			value++
		}
		for value < valueEnd && (raw[valueEnd-1] == ' ' || raw[valueEnd-1] == '\t') {
			valueEnd--
		}
		x.fields[n] = field{uint16(i), uint16(colon), uint16(value), uint16(valueEnd)}
		i = end + 1
	}
	x.count = n
}

// header returns the value of a header. Several lines of one name are one
// list (RFC 9110, section 5.3).
func (x *exchange) header(name string) (string, bool) {
	value, found := "", false
	for i := range x.fields[:x.count] {
		f := &x.fields[i]
		if int(f.nameEnd-f.name) != len(name) || !foldEqual(x.raw[f.name:f.nameEnd], name) {
			continue
		}
		v := text(x.raw[f.value:f.valueEnd])
		if found {
			v = value + ", " + v
		}
		value, found = v, true
	}
	return value, found
}

// each calls f for every header line.
func (x *exchange) each(f func(name, value string)) {
	for i := range x.fields[:x.count] {
		at := &x.fields[i]
		f(text(x.raw[at.name:at.nameEnd]), text(x.raw[at.value:at.valueEnd]))
	}
}

// watch returns a context that ends when the client hangs up.
func (x *exchange) watch(parent context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	return x.hangup.start(parent, deadline)
}

// text views bytes as a string, which is good as long as the bytes are.
func text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // who keeps it longer, copies it
}
