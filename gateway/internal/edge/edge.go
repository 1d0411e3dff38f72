// Package edge is the gateway's edge: the listeners, the strict HTTP front,
// answers whole or streamed, the forwarding of requests to other replicas, and
// the admin endpoints. It is the only room of the gateway that sees fasthttp.
package edge

import (
	"context"
	"net/netip"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// Handler serves what passed the strict front.
type Handler interface {
	// Limits returns the limits in force for the next request.
	Limits() Limits
	// Serve answers one request. Neither req nor resp may be used after it
	// returns; a Stream of resp may, if it is detached.
	Serve(req *Request, resp *Response)
}

// Limits bound a request. They may change between requests.
type Limits struct {
	// MaxBody is the largest body in bytes.
	MaxBody int64
}

// Request is an HTTP request that passed the strict front. Its strings and
// body point into reused buffers: what outlives the handler must be copied.
type Request struct {
	// Method is GET, POST, DELETE or another method, in capitals.
	Method string
	// Path is the path as sent, not decoded, without the query.
	Path string
	// Query is what follows the question mark, as sent.
	Query string
	// Host is the Host header.
	Host string
	// Peer is the address of the connection's other end.
	Peer netip.Addr
	// ID is the request id: the client's X-Request-ID if it is sane, or a new one.
	ID   string
	Body []byte

	source source
}

// source is where a request comes from.
type source interface {
	header(name string) (string, bool)
	each(f func(name, value string))
	watch(parent context.Context, deadline time.Time) (context.Context, context.CancelFunc)
}

// Header returns the value of a header and whether it is there. The front
// refuses requests that repeat a header that has one value only.
func (r *Request) Header(name string) (string, bool) { return r.source.header(name) }

// Watch returns a context that ends at the deadline (zero is none), or when the
// client hangs up. Call the cancel function when the request is served.
func (r *Request) Watch(parent context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	return r.source.watch(parent, deadline)
}

// NewRequest makes a request that did not come by HTTP but, say, by a line of
// standard input: a POST of body to the MCP endpoint, without headers. Its Watch
// knows the deadline and parent, and no client that could hang up.
func NewRequest(id string, body []byte) *Request {
	return &Request{Method: "POST", Path: "/mcp", ID: id, Body: body, source: bare{}}
}

// bare is the source of a request without HTTP.
type bare struct{}

func (bare) header(string) (string, bool) { return "", false }

func (bare) each(func(name, value string)) {}

func (bare) watch(parent context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	return plugins.WithDeadline(parent, deadline)
}

// Response is the answer to a request. Body is a buffer of the server's:
// append to it. The zero value serves requests without HTTP.
type Response struct {
	// Status is the HTTP status.
	Status int
	// ContentType is the media type of Body; no Content-Type is sent if empty.
	ContentType string
	Body        []byte
	// Close asks that the connection be closed after the response.
	Close bool

	headers [][2]string
	// origin is nil without HTTP.
	origin *exchange
	stream *Stream
}

// Set adds a header.
func (r *Response) Set(name, value string) { r.headers = append(r.headers, [2]string{name, value}) }
