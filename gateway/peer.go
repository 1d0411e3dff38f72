package gateway

import (
	"bytes"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// peer is a client all of whose messages come one after the other on one line
// or stream: of stdio, or of HTTP+SSE (2024-11-05). What it said in initialize
// is remembered.
type peer struct {
	nonce  stream.Nonce
	single *stream.Session
	// line is where everything goes, frame how.
	line  stream.Sink
	frame stream.Framing
	// deaf is closed once the client can't be heard any more: then nothing can
	// be asked.
	deaf chan struct{}
	// calls are the requests being served, slots bounds them.
	calls   sync.WaitGroup
	slots   chan struct{}
	waiting atomic.Int64

	mu           sync.Mutex
	revision     mcp.Revision
	capabilities mcp.ClientCapabilities
}

const (
	// maxPeerCalls bounds what is served at once for one such client.
	maxPeerCalls = 64
	// maxPeerWaiting bounds that and what waits to be served.
	maxPeerWaiting = 1024
)

func newPeer(nonce stream.Nonce) *peer {
	return &peer{nonce: nonce, deaf: make(chan struct{}), slots: make(chan struct{}, maxPeerCalls)}
}

// begin notes what initialize has settled.
func (p *peer) begin(r mcp.Revision, c mcp.ClientCapabilities) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revision, p.capabilities = r, c
}

// openPeer settles revision and capabilities of a legacy message.
func (r *request) openPeer() *mcp.Error {
	r.peer.mu.Lock()
	defer r.peer.mu.Unlock()
	r.revision, r.caps = r.peer.revision, r.peer.capabilities
	if r.revision == "" {
		if r.message.Method != "ping" && r.message.Kind != mcp.Notification {
			return mcp.Rejected(mcp.CodeInvalidRequest, "Invalid request: call initialize first")
		}
		r.revision = mcp.NewestLegacy
	}
	r.entry.revision = r.revision
	return nil
}

// serveMessage serves one message of a peer; the answer, if there is one, goes
// out on its line. It returns when the message is served, unless it is a
// request that may take its time: these are served beside each other. False
// says that too many wait already.
func (g *Gateway) serveMessage(p *peer, from *plugins.Principal, body []byte) bool {
	if !isWork(body) {
		g.servePeer(p, from, body)
		return true
	}
	if p.waiting.Add(1) > maxPeerWaiting {
		p.waiting.Add(-1)
		return false
	}
	p.calls.Go(func() {
		defer p.waiting.Add(-1)
		p.slots <- struct{}{} // whoever reads must not wait: an answer may be next
		defer func() { <-p.slots }()
		g.servePeer(p, from, body)
	})
	return true
}

// refusePeer answers a request that there is no room for.
func (g *Gateway) refusePeer(p *peer, body []byte) {
	var m mcp.Message
	_ = m.Decode(body) // isWork has decoded it
	full := overload(nil)
	p.single.Open(nil, false).Finish(mcp.AppendError(nil, m.ID, protocolError(full, verdictOf(full))))
}

// isWork reports whether a message is a request that may take its time.
func isWork(body []byte) bool {
	var m mcp.Message
	return mcp.CheckSyntax(body) == nil && !mcp.IsBatch(body) && m.Decode(body) == nil &&
		m.Kind == mcp.Request && m.Method != "initialize" && m.Method != "ping"
}

// servePeer serves one message with the rights of whoever it is from.
func (g *Gateway) servePeer(p *peer, from *plugins.Principal, body []byte) {
	s := g.acquire()
	defer s.done()
	x := &exchange{
		g: g, s: s, req: edge.NewRequest(newRequestID(), body), resp: &edge.Response{}, started: time.Now(),
		principal: from, single: p.single, peer: p, reused: &reused{}, session: session{nonce: p.nonce},
	}
	returned := false
	defer func() {
		if !returned {
			if cause := recover(); cause != nil {
				g.log.Error("panic", "request_id", x.req.ID, "panic", cause)
			}
			x.panicked()
			x.resp.Body = mcp.AppendError(x.resp.Body[:0], x.request.message.ID, mcp.Rejected(mcp.CodeInternal, "Internal error"))
		}
		x.reply()
		x.record()
	}()
	x.servePost()
	returned = true
}

// reply sends the answer on the peer's line, unless it went there already.
func (x *exchange) reply() {
	if x.talk != nil && x.talk.channel != nil || len(x.resp.Body) == 0 || x.request.message.Kind == mcp.Notification {
		return
	}
	x.single.Open(nil, false).Finish(bytes.Clone(x.resp.Body))
}

// headers are the protocol's headers of a message. Without HTTP there are none,
// and what a message says of itself is all there is.
func (x *exchange) headers(meta *mcp.Meta) mcp.Headers {
	if x.single == nil {
		return x.req
	}
	return claimed{meta}
}

// claimed stands for the headers that HTTP would carry.
type claimed struct{ meta *mcp.Meta }

// Header implements mcp.Headers.
func (c claimed) Header(name string) (string, bool) {
	if name == mcp.HeaderRevision && c.meta.Claimed {
		return c.meta.Revision, true
	}
	return "", false
}

// newRequestID is an id for what did not come with one.
func newRequestID() string { return rand.Text() }
