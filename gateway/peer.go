package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"
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
	// slots bounds the requests being served.
	slots chan struct{}
	// path is that of the endpoint it talks to.
	path string

	mu sync.Mutex
	// calls are the requests being served and those that wait. Once closed there
	// are no new ones, and idle is closed when none is left.
	calls  int
	closed bool
	idle   chan struct{}

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
	return &peer{nonce: nonce, deaf: make(chan struct{}), idle: make(chan struct{}), slots: make(chan struct{}, maxPeerCalls)}
}

// begin notes what initialize has settled.
func (p *peer) begin(r mcp.Revision, c mcp.ClientCapabilities) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revision, p.capabilities = r, c
}

// enter counts one more request; false says that there are too many, or no
// more.
func (p *peer) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.calls >= maxPeerWaiting {
		return false
	}
	p.calls++
	return true
}

func (p *peer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls--; p.closed && p.calls == 0 {
		close(p.idle)
	}
}

// close takes no more requests. What it returns is closed when all are served.
func (p *peer) close() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && p.calls == 0 {
		close(p.idle)
	}
	p.closed = true
	return p.idle
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
	id := workID(body)
	if id == nil {
		g.servePeer(p, from, body, nil)
		return true
	}
	if !p.enter() {
		return false
	}
	// A cancellation may be the next message: the request is known by then.
	work := &peerWork{}
	work.ctx, work.end = g.inflight.add(p.nonce, id)
	go func() {
		defer p.leave()
		p.slots <- struct{}{} // whoever reads must not wait: an answer may be next
		defer func() { <-p.slots }()
		g.servePeer(p, from, body, work)
		if !work.kept {
			work.end()
		}
	}()
	return true
}

// peerWork is a peer's request that takes its time.
type peerWork struct {
	ctx context.Context //nolint:containedctx // it is the request's
	end context.CancelFunc
	// kept says that it goes on after it was served, until it is cancelled.
	kept bool
}

// refusePeer answers a request that there is no room for.
func (g *Gateway) refusePeer(p *peer, body []byte) {
	full := overload(nil)
	p.single.Open(nil, false).Finish(mcp.AppendError(nil, workID(body), protocolError(full, verdictOf(full))))
}

// workID is the id of a request that may take its time; nil if the message is
// none.
func workID(body []byte) mcp.ID {
	var m mcp.Message
	if mcp.CheckSyntax(body) != nil || mcp.IsBatch(body) || m.Decode(body) != nil ||
		m.Kind != mcp.Request || m.Method == "initialize" || m.Method == "ping" {
		return nil
	}
	return m.ID
}

// servePeer serves one message with the rights of whoever it is from.
func (g *Gateway) servePeer(p *peer, from *plugins.Principal, body []byte, work *peerWork) {
	s := g.acquire()
	defer s.done()
	e := s.endpoints[p.path]
	if e == nil {
		e = &endpoint{snapshot: s, path: p.path, shown: map[*target]bool{}} // it is no more
	}
	x := &exchange{
		g: g, s: s, e: e, req: edge.NewRequest(newRequestID(), body), resp: &edge.Response{}, started: time.Now(),
		principal: from, single: p.single, peer: p, work: work, reused: &reused{}, session: session{nonce: p.nonce},
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
