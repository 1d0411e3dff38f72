package gateway

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const jsonType = "application/json"

// exchange is one HTTP request on its way through the gateway.
type exchange struct {
	g         *Gateway
	s         *snapshot
	e         *endpoint
	req       *edge.Request
	resp      *edge.Response
	principal *plugins.Principal
	session   session
	started   time.Time
	entry     entry
	request   request
	// remote is the client's address, and vouched says that another replica
	// has told it.
	remote  netip.Addr
	vouched bool
	// forwarded says that another replica has answered.
	forwarded bool
	// batch says that the message is one of an array.
	batch bool
	// single is the session of a client all of whose messages come and go on
	// one line or stream, as over standard input and output; nil with
	// Streamable HTTP.
	single *stream.Session
	// peer is what is remembered of such a client.
	peer *peer
	work *peerWork
	talk *talk
	// reused is what is used again with the exchange.
	reused *reused
}

// reused is what exchanges keep from request to request.
type reused struct {
	talk talk
	// slow goes off when a call has been silent for long.
	slow *time.Timer
	// spoiled says that the timer may still be running.
	spoiled bool
}

// Limits returns the limits of the current manifest.
func (g *Gateway) Limits() edge.Limits {
	return edge.Limits{MaxBody: g.current.Load().manifest.Server.MaxBody}
}

// Serve answers one HTTP request: front, identity, and what lies behind.
func (g *Gateway) Serve(req *edge.Request, resp *edge.Response) {
	s := g.acquire()
	defer s.done()
	x := g.exchanges.Get().(*exchange) //nolint:forcetypeassert // nothing else is in the pool
	x.g, x.s, x.req, x.resp, x.started = g, s, req, resp, time.Now()
	returned := false
	defer func() {
		if !returned {
			x.panicked()
		}
		x.record()
		if again := x.reused; !again.spoiled {
			*x = exchange{reused: again}
			g.exchanges.Put(x)
		}
	}()
	x.serve()
	returned = true
}

// panicked notes what the edge answers for a handler that panics.
func (x *exchange) panicked() {
	failure := &plugins.Error{Kind: plugins.KindInternal, Cause: errPanic}
	x.entry.failed(verdictOf(failure), failure)
	x.resp.Status = 500
	if x.talk != nil {
		x.talk.end()
	}
}

var errPanic = errors.New("panic: see the log line with the same request_id")

// serve answers the request by its path.
func (x *exchange) serve() {
	if !x.passFront() {
		return
	}
	if x.e = x.s.endpoints[x.req.Path]; x.e != nil {
		x.serveEndpoint()
		return
	}
	x.e = x.s.primary
	sse := x.s.manifest.Server.HTTPSSE
	behind, metadata := strings.CutPrefix(x.req.Path, metadataPath)
	switch {
	case sse && x.req.Path == ssePath:
		x.serveSSE()
	case sse && x.req.Path == messagesPath:
		x.serveMessages()
	case metadata && behind == "":
		x.serveMetadata()
	case metadata && x.s.endpoints[behind] != nil:
		x.e = x.s.endpoints[behind]
		x.serveMetadata()
	default:
		x.noEndpoint()
	}
}

// passFront checks where the request comes from.
func (x *exchange) passFront() bool {
	if origin, ok := x.req.Header("Origin"); ok && !x.s.front.admitsOrigin(origin) && x.s.isClientPath(x.req.Path) {
		x.refuse(403, "this origin may not call; allow it with server.allowed_origins")
		return false
	}
	if !x.s.front.admitsHost(x.req.Host) {
		x.refuse(403, "the Host header is not one of this server's")
		return false
	}
	return true
}

// serveMetadata answers with the protected resource metadata (RFC 9728), which
// any page may read.
func (x *exchange) serveMetadata() {
	switch {
	case x.e.metadata == nil:
		x.refuse(404, "no authorization server is configured")
	case x.req.Method != "GET" && x.req.Method != "HEAD":
		x.resp.Set("Allow", "GET, HEAD")
		x.refuse(405, "want GET")
	default:
		x.resp.Set("Access-Control-Allow-Origin", "*")
		x.resp.ContentType = jsonType
		x.resp.Body = append(x.resp.Body, x.e.metadata...)
	}
}

// serveEndpoint answers a request for the MCP endpoint.
func (x *exchange) serveEndpoint() {
	if x.preflight() {
		return
	}
	x.cors()
	if !x.authenticate() || !x.admit(x.bodyID) || !x.enters() {
		return
	}
	switch x.req.Method {
	case "POST":
		if x.acceptable() {
			x.servePost()
		}
	case "GET":
		x.serveGet()
	case "DELETE":
		x.serveDelete()
	default:
		x.notAllowed()
	}
}

// preflight answers what a browser asks before it lets a page of an allowed
// origin call (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func (x *exchange) preflight() bool {
	if x.req.Method != "OPTIONS" {
		return false
	}
	if _, ok := x.req.Header("Access-Control-Request-Method"); !ok {
		return false
	}
	x.cors()
	x.resp.Status = 204
	x.resp.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	headers, _ := x.req.Header("Access-Control-Request-Headers")
	x.resp.Set("Access-Control-Allow-Headers", strings.Clone(headers))
	x.resp.Set("Access-Control-Max-Age", "600")
	return true
}

// cors tells the browser that the page, whose origin passed the front, may
// read the answer.
func (x *exchange) cors() {
	origin, ok := x.req.Header("Origin")
	if !ok {
		return
	}
	x.resp.Set("Access-Control-Allow-Origin", strings.Clone(origin))
	x.resp.Set("Access-Control-Expose-Headers", "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After")
	x.resp.Set("Vary", "Origin")
}

// bodyID is the id of the request in the body, as far as there is one.
func (x *exchange) bodyID() mcp.ID {
	if mcp.CheckSyntax(x.req.Body) != nil {
		return nil
	}
	var m mcp.Message
	_ = m.Decode(x.req.Body) // the id is told even of a message that is wrong
	return m.ID
}

// admit takes the request off the caller's limit over all requests. The id is
// asked for only if the request is refused: until then nothing is decoded.
func (x *exchange) admit(id func() mcp.ID) bool {
	if x.s.admission == nil || x.vouched { // the other replica has counted it
		return true
	}
	call := plugins.Call{Principal: x.principal, Record: &x.entry.Record}
	if _, err := x.s.admission(context.Background(), &call); err != nil {
		x.fail(id(), failureOf(err))
		return false
	}
	return true
}

// acceptable checks the media types of a POST.
func (x *exchange) acceptable() bool {
	if contentType, _ := x.req.Header("Content-Type"); !isJSON(contentType) {
		x.refuse(415, "want Content-Type: application/json")
		return false
	}
	if accept, ok := x.req.Header("Accept"); ok && !acceptsType(accept, jsonType, "application/*") {
		x.refuse(406, "want Accept: application/json, text/event-stream")
		return false
	}
	return true
}

// isJSON reports whether a Content-Type is JSON.
func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), jsonType)
}

func (x *exchange) notAllowed() {
	x.resp.Set("Allow", "GET, POST, DELETE")
	x.refuse(405, "this is an MCP endpoint: POST JSON-RPC messages to it; GET opens the stream of a session, with Accept: text/event-stream")
}

// refuse answers with an HTTP error that no JSON-RPC message belongs to.
func (x *exchange) refuse(status int, message string) {
	x.reject(nil, &mcp.Error{Status: status, Code: mcp.CodeBadFront, Message: message})
}

// reject answers with a JSON-RPC error.
func (x *exchange) reject(id mcp.ID, e *mcp.Error) {
	x.resp.Status = e.Status
	x.resp.ContentType = jsonType
	x.resp.Body = mcp.AppendError(x.resp.Body, id, e)
	x.entry.code = e.Code
}

// fail answers with the JSON-RPC error of a failure.
func (x *exchange) fail(id mcp.ID, f *plugins.Error) {
	x.failWith(id, f, protocolError(f, verdictOf(f)))
}

// failWith answers a failure with a JSON-RPC error.
func (x *exchange) failWith(id mcp.ID, f *plugins.Error, e *mcp.Error) {
	x.entry.failed(verdictOf(f), f)
	if f.RetryAfter > 0 {
		x.resp.Set("Retry-After", retryAfterSeconds(f.RetryAfter))
	}
	if f.Kind == plugins.KindScope {
		x.challengeScopes(f.Scopes)
	}
	x.reject(id, e)
}
