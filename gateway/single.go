package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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
		if r.message.Method != "ping" {
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
	if x.talk != nil && x.talk.channel != nil || len(x.resp.Body) == 0 {
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

// ServeStdio serves one client over a pair of streams, a JSON-RPC message a line
// (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports#stdio),
// until the input ends or ctx does. Everything is done with the caller's
// rights.
func (g *Gateway) ServeStdio(ctx context.Context, in io.Reader, out io.Writer, caller Caller) error {
	nonce, err := newNonce()
	if err != nil {
		return err
	}
	sink := newLineSink(out)
	principal := caller.principal()
	single, err := g.streams.Single(nonce, principal.Key, time.Now().Add(endless), func() stream.Sink { return sink }, stream.AppendLine)
	if err != nil {
		return fmt.Errorf("stdio: %w", err)
	}
	single.SetOwner(principal)
	p := newPeer(nonce)
	p.single, p.line, p.frame = single, sink, stream.AppendLine
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	stop := context.AfterFunc(ctx, sink.End)
	defer stop()
	sink.OnEnd(stopReading)
	err = g.readLines(reading, in, p, principal)
	close(p.deaf)
	p.calls.Wait()
	g.streams.End(nonce)
	sink.End()
	return errors.Join(err, sink.wait())
}

// endless is the life of a session that ends with its line.
const endless = 100 * 365 * 24 * time.Hour

// readLines serves the messages of the input, one a line.
func (g *Gateway) readLines(ctx context.Context, in io.Reader, p *peer, from *plugins.Principal) error {
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(in, 64<<10)
		for {
			line, err := readLine(r, g.current.Load().manifest.Server.MaxBody)
			switch {
			case errors.Is(err, errLongLine):
				refusal := mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: "+errLongLine.Error())
				p.single.Open(nil, false).Finish(mcp.AppendError(nil, nil, refusal))
				continue
			case err != nil:
				failed <- err
				return
			}
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				if err := <-failed; !errors.Is(err, io.EOF) {
					return fmt.Errorf("read standard input: %w", err)
				}
				return nil
			}
			if !g.serveMessage(p, from, line) {
				g.refusePeer(p, line)
			}
		case <-ctx.Done():
			g.inflight.cancelAll()
			return nil
		}
	}
}

// errLongLine refuses a message beyond max_body.
var errLongLine = errors.New("the message is too large")

// readLine reads a line. Of one that is longer than limit bytes the rest is
// passed over.
func readLine(r *bufio.Reader, limit int64) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || int64(len(line)+len(part)) > limit; !long {
			line = append(line, part...)
		}
		switch {
		case err == nil && long:
			return nil, errLongLine
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return nil, err //nolint:wrapcheck // the caller says what was read
		}
	}
}

// lineSink writes to a stream that may block, from a goroutine of its own.
type lineSink struct {
	out     io.Writer
	mu      sync.Mutex
	pending [][]byte
	size    int
	wake    chan struct{}
	ended   bool
	err     error
	done    chan struct{}
	onEnd   []func()
}

// sharedLine is a line that others write to as well: it outlives what ends on
// it.
type sharedLine struct{ stream.Sink }

// End implements stream.Sink.
func (sharedLine) End() {}

// maxPendingLines bounds what waits to be written to standard output, in bytes.
const maxPendingLines = 64 << 20

func newLineSink(out io.Writer) *lineSink {
	s := &lineSink{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.write()
	return s
}

// Send implements stream.Sink.
func (s *lineSink) Send(p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.err != nil || s.size > maxPendingLines {
		return false
	}
	s.pending = append(s.pending, p)
	s.size += len(p)
	s.notify()
	return true
}

func (s *lineSink) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// End implements stream.Sink.
func (s *lineSink) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.notify()
}

// OnEnd implements stream.Sink.
func (s *lineSink) OnEnd(f func()) {
	s.mu.Lock()
	over := s.isOver()
	if !over {
		s.onEnd = append(s.onEnd, f)
	}
	s.mu.Unlock()
	if over {
		f()
	}
}

func (s *lineSink) isOver() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// wait returns when everything is written.
func (s *lineSink) wait() error {
	<-s.done
	return s.err
}

func (s *lineSink) write() {
	for {
		<-s.wake
		s.mu.Lock()
		batch, ended := s.pending, s.ended
		s.pending, s.size = nil, 0
		s.mu.Unlock()
		for _, p := range batch {
			if _, err := s.out.Write(p); err != nil {
				s.over(fmt.Errorf("write standard output: %w", err))
				return
			}
		}
		if ended {
			s.over(nil)
			return
		}
	}
}

func (s *lineSink) over(err error) {
	s.mu.Lock()
	s.err = err
	s.ended = true
	calls := s.onEnd
	s.onEnd = nil
	close(s.done)
	s.mu.Unlock()
	for _, f := range calls {
		f()
	}
}
