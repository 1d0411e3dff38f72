package gateway

import (
	"context"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// legacyMethods are the methods of the revisions up to 2025-11-25.
var legacyMethods = map[string]entryPoint{ //nolint:gochecknoglobals // a table that is never changed
	"ping":                     {serve: (*request).ping},
	"tools/list":               {serve: listing(toolList)},
	"tools/call":               {serve: (*request).callTool, of: toolsOffered},
	"resources/list":           {serve: listing(resourceList)},
	"resources/templates/list": {serve: listing(templateList)},
	"resources/read":           {serve: (*request).readResource, of: resourcesOffered},
	"resources/subscribe":      {serve: (*request).subscribe, of: subscribeOffered},
	"resources/unsubscribe":    {serve: (*request).unsubscribe, of: subscribeOffered},
	"prompts/list":             {serve: listing(promptList)},
	"prompts/get":              {serve: (*request).getPrompt, of: promptsOffered},
	"completion/complete":      {serve: (*request).complete, of: completionsOffered},
	"logging/setLevel":         {serve: (*request).setLevel, of: loggingOffered},
}

// serveLegacy serves a message of a revision up to 2025-11-25.
func (r *request) serveLegacy() {
	if err := r.dispatchLegacy(); err != nil {
		r.reject(r.message.ID, err)
	}
}

func (r *request) dispatchLegacy() *mcp.Error {
	if r.message.Method == "initialize" && r.message.Kind == mcp.Request {
		return r.initialize()
	}
	if err := r.openSession(); err != nil {
		return err
	}
	if r.forward(r.session.home) {
		return nil
	}
	return r.serveInSession()
}

// serveInSession serves a legacy message whose session is known.
func (r *request) serveInSession() *mcp.Error {
	switch r.message.Kind {
	case mcp.Notification:
		r.notified()
		return nil
	case mcp.Reply:
		return r.replied()
	}
	m, known := legacyMethods[r.message.Method]
	if !known || m.of != nil && !m.of(&r.e.offers) {
		return mcp.MethodNotFound(r.revision, r.message.Method)
	}
	return m.serve(r)
}

// replied takes a client's response to a request of the server's. One that
// nobody waits for any more is accepted: it may have crossed the end of the
// waiting.
func (r *request) replied() *mcp.Error {
	if live := r.find(); live != nil {
		live.Reply(r.message.ID, r.message.Result, r.message.ReplyError)
	}
	r.resp.Status = 202
	return nil
}

// notified accepts a legacy notification.
func (r *request) notified() {
	if r.message.Method == "notifications/cancelled" {
		r.g.inflight.cancel(r.session.nonce, mcp.CancelledID(r.message.Params))
	}
	r.resp.Status = 202
}

// ping answers at once with nothing.
func (r *request) ping() *mcp.Error {
	r.resp.ContentType = jsonType
	r.resp.Body = mcp.AppendEmptyResult(r.resp.Body, r.message.ID)
	return nil
}

// initialize begins a legacy session: its id carries all there is to know.
func (r *request) initialize() *mcp.Error {
	p, err := mcp.DecodeInitializeParams(r.message.Params)
	if err != nil {
		return err
	}
	if r.single != nil {
		r.peer.begin(p.Revision, p.Capabilities)
	} else if err := r.newSession(&p); err != nil {
		return err
	}
	r.entry.revision = p.Revision
	r.entry.client, r.entry.clientVersion = strings.Clone(p.ClientName), strings.Clone(p.ClientVersion)
	r.answer(mcp.InitializeResult(p.Revision, r.s.info(r.g.version), r.e.offers, r.e.instructions()))
	return nil
}

// newSession gives the client a session id.
func (r *request) newSession(p *mcp.InitializeParams) *mcp.Error {
	nonce, err := newNonce()
	if err != nil {
		return mcp.Rejected(mcp.CodeInternal, "Internal error")
	}
	one := session{
		nonce: nonce, expires: time.Now().Add(r.s.manifest.Server.Sessions.TTL),
		revision: p.Revision, capabilities: p.Capabilities, home: r.g.home(r.s),
	}
	r.resp.Set(mcp.HeaderSession, one.seal(r.g.ring.Load(), r.holder()))
	return nil
}

// openSession finds the session of a legacy request.
func (r *request) openSession() *mcp.Error {
	if r.single != nil {
		return r.openPeer()
	}
	if header, ok := r.req.Header(mcp.HeaderRevision); ok {
		if _, served := mcp.ParseRevision(header); !served {
			return mcp.BadRequest(mcp.CodeInvalidRequest, "Bad request: unsupported "+mcp.HeaderRevision+"; supported are "+revisionNames())
		}
	}
	id, ok := r.req.Header(mcp.HeaderSession)
	if !ok {
		if r.message.Method == "ping" {
			r.revision = mcp.NewestLegacy
			return nil
		}
		return mcp.BadRequest(mcp.CodeUnknownSession, "Bad request: "+mcp.HeaderSession+" is missing; call initialize first")
	}
	one, err := r.g.sessions.open(r.g.ring.Load(), id, r.holder())
	if err != nil {
		r.g.foreign(err)
		r.entry.outcome, r.entry.errorType = "invalid", "unknown_session"
		return unknownSession()
	}
	r.session, r.revision, r.caps = one, one.revision, one.capabilities
	r.entry.revision = one.revision
	if !r.converses() {
		r.caps = mcp.ClientCapabilities{} // there is no way to ask
	}
	return nil
}

// revisionNames lists the revisions served.
func revisionNames() string {
	names := make([]string, 0, len(mcp.Revisions()))
	for _, r := range mcp.Revisions() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// serveDelete ends a legacy session.
func (x *exchange) serveDelete() {
	id, ok := x.req.Header(mcp.HeaderSession)
	if revision, _ := x.req.Header(mcp.HeaderRevision); !ok || mcp.Revision(revision).Modern() {
		x.notAllowed()
		return
	}
	one, err := x.g.sessions.open(x.g.ring.Load(), id, x.holder())
	if err != nil {
		x.reject(nil, unknownSession())
		return
	}
	if x.forward(one.home) {
		return
	}
	x.g.sessions.end(one, x.s.manifest.Server.Sessions.Max)
	x.g.inflight.cancelSession(one.nonce)
	x.g.streams.End(one.nonce)
	x.resp.Status = 204
}

// serveGet opens a legacy session's stream for what is said unasked, or resumes
// a stream (2025-11-25, "Listening for Messages from the Server").
func (x *exchange) serveGet() {
	revision, _ := x.req.Header(mcp.HeaderRevision)
	id, ok := x.req.Header(mcp.HeaderSession)
	if !ok || mcp.Revision(revision).Modern() {
		x.notAllowed()
		return
	}
	if accept, _ := x.req.Header("Accept"); !acceptsType(accept, eventStream, "text/*") {
		x.refuse(406, "want Accept: text/event-stream")
		return
	}
	one, err := x.g.sessions.open(x.g.ring.Load(), id, x.holder())
	if err != nil {
		x.reject(nil, unknownSession())
		return
	}
	if x.forward(one.home) {
		return
	}
	x.request = request{exchange: x, revision: one.revision}
	x.session = one
	x.entry.revision, x.entry.method = one.revision, "GET"
	live, err := x.request.live()
	if err == nil {
		last, _ := x.req.Header("Last-Event-ID")
		err = live.Listen(func() stream.Sink { return x.detached(func() {}) }, last, one.revision >= mcp.Rev20251125)
	}
	if err != nil {
		if rejected := x.request.noStream(err); rejected != nil {
			x.reject(nil, rejected)
		}
	}
}

// unknownSession is the answer to a session id that is not good.
func unknownSession() *mcp.Error {
	return &mcp.Error{Status: 404, Code: mcp.CodeUnknownSession, Message: "Session not found; call initialize again"}
}

// subscribe serves resources/subscribe of legacy sessions.
func (r *request) subscribe() *mcp.Error {
	uri, err := mcp.DecodeSubscribeParams(r.message.Params)
	if err != nil {
		return err
	}
	own, arguments := r.e.resourceAt(uri, r.principal)
	if own == nil {
		return mcp.ResourceNotFound(r.revision, uri)
	}
	if denied := own.permitted(r.principal, arguments); denied != nil {
		c := callRun{r: r, t: &own.target, name: uri}
		return c.failed(context.Background(), denied)
	}
	if own.source.Watch == 0 {
		return mcp.Rejected(mcp.CodeInvalidParams, "Invalid params: this resource can't be subscribed to")
	}
	live, failed := r.live()
	if failed == nil {
		g, s := r.g, r.s
		whose := func() *owner { return live.Owner().(*owner) } //nolint:forcetypeassert // nothing else is set
		var refused error
		var looks []<-chan struct{}
		again := false
		failed = live.Subscribe(uri, func() func() {
			stop, looked, err := g.watch(s, uri, whose, func() { live.Push(mcp.AppendResourceUpdated(nil, uri, nil)) })
			if refused = err; err != nil {
				return func() {}
			}
			if looks = append(looks, looked); again { // nobody knows what has changed meanwhile
				live.Push(mcp.AppendResourceUpdated(nil, uri, nil))
			}
			again = true
			return stop
		})
		if refused != nil {
			live.Unsubscribe(uri)
			failed = refused
		}
		awaitLooks(looks)
	}
	if failed != nil {
		return r.noStream(failed)
	}
	return r.ping()
}

// unsubscribe serves resources/unsubscribe of legacy sessions.
func (r *request) unsubscribe() *mcp.Error {
	uri, err := mcp.DecodeSubscribeParams(r.message.Params)
	if err != nil {
		return err
	}
	if live := r.find(); live != nil {
		live.Unsubscribe(uri)
	}
	return r.ping()
}

// setLevel serves logging/setLevel of legacy sessions.
func (r *request) setLevel() *mcp.Error {
	level, err := mcp.DecodeSetLevelParams(r.message.Params)
	if err != nil {
		return err
	}
	live, failed := r.live()
	if failed != nil {
		return r.noStream(failed)
	}
	live.SetLevel(level)
	return r.ping()
}

// find is the live side of the request's session, if it has one.
func (r *request) find() *stream.Session {
	if r.single != nil {
		return r.single
	}
	return r.g.streams.Find(r.session.nonce)
}
