package gateway

import (
	"bytes"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// The endpoints of the deprecated HTTP+SSE transport
// (https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse),
// served if the manifest asks for them.
const (
	ssePath      = "/sse"
	messagesPath = "/messages"
	// sessionQuery names the session in the URL that clients are told to post to.
	sessionQuery = "session="
)

// isClientPath reports whether a path takes what clients send.
func (s *snapshot) isClientPath(path string) bool {
	return s.endpoints[path] != nil || s.manifest.Server.HTTPSSE && (path == ssePath || path == messagesPath)
}

// serveSSE opens the stream on which a client of 2024-11-05 hears everything.
func (x *exchange) serveSSE() {
	if x.preflight() {
		return
	}
	x.cors()
	switch accept, _ := x.req.Header("Accept"); {
	case !x.authenticate() || !x.admit(x.bodyID) || !x.enters():
	case x.req.Method != "GET":
		x.resp.Set("Allow", "GET")
		x.refuse(405, "want GET")
	case !acceptsType(accept, eventStream, "text/*"):
		x.refuse(406, "want Accept: text/event-stream")
	default:
		x.entry.method = "GET"
		x.openSSE()
	}
}

func (x *exchange) openSSE() {
	nonce, err := newNonce()
	if err != nil {
		x.reject(nil, mcp.Rejected(mcp.CodeInternal, "Internal error"))
		return
	}
	g, p := x.g, newPeer(nonce)
	one := session{
		nonce: nonce, expires: time.Now().Add(x.s.manifest.Server.Sessions.TTL), revision: mcp.Rev20241105, home: g.home(x.s),
	}
	id := one.seal(g.ring.Load(), x.holder())
	open := func() stream.Sink {
		if sink := x.detached(func() {}); sink != nil { // else it is no nil Sink
			p.line = sink
		}
		return p.line
	}
	p.frame, p.path = stream.AppendEvent, x.e.path
	if p.single, err = g.streams.Single(nonce, x.principal.Key, one.expires, open, p.frame); err != nil {
		if p.line != nil {
			p.line.End()
			return
		}
		x.fail(nil, overload(err))
		return
	}
	g.peers.Store(nonce, p)
	p.line.OnEnd(func() { g.peers.Delete(nonce) }) // at once if the client has gone already
	// Until it knows where, the client can't post; and nothing may be told
	// before.
	p.line.Send(stream.AppendEndpoint(nil, publicURL(x.s.manifest).Path+messagesPath+"?"+sessionQuery+id))
	p.single.SetOwner(x.owner())
}

// serveMessages takes a message of a client of 2024-11-05; what it answers goes
// out on the client's stream.
func (x *exchange) serveMessages() {
	if x.preflight() {
		return
	}
	x.cors()
	switch {
	case !x.authenticate() || !x.admit(x.bodyID) || !x.enters():
	case x.req.Method != "POST":
		x.resp.Set("Allow", "POST")
		x.refuse(405, "want POST")
	default:
		x.entry.method = "POST"
		x.takeMessage()
	}
}

func (x *exchange) takeMessage() {
	if contentType, _ := x.req.Header("Content-Type"); !isJSON(contentType) {
		x.refuse(415, "want Content-Type: application/json")
		return
	}
	id, named := strings.CutPrefix(x.req.Query, sessionQuery)
	one, err := x.g.sessions.open(x.g.ring.Load(), id, x.holder())
	if !named || err != nil {
		x.reject(nil, unknownSession())
		return
	}
	if x.forward(one.home) {
		return
	}
	known, ok := x.g.peers.Load(one.nonce)
	if !ok {
		x.reject(nil, unknownSession())
		return
	}
	p := known.(*peer) //nolint:forcetypeassert // nothing else is stored
	p.single.SetOwner(x.owner())
	if !x.g.serveMessage(p, x.principal, bytes.Clone(x.req.Body)) {
		x.fail(nil, overload(nil))
		return
	}
	x.resp.Status = 202
}

// endPeers ends the streams of 2024-11-05 once what their clients asked is
// answered.
func (g *Gateway) endPeers() {
	g.peers.Range(func(nonce, known any) bool {
		p := known.(*peer) //nolint:forcetypeassert // nothing else is stored
		go func() {
			<-p.close()
			g.streams.End(nonce.(stream.Nonce)) //nolint:forcetypeassert // likewise
		}()
		return true
	})
}
