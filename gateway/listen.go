package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/internal/watch"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// hearing is what is known of a modern client that listens.
type hearing struct {
	id        mcp.ID
	principal *plugins.Principal
	wants     mcp.Subscription
}

// listen serves subscriptions/listen (2026-07-28).
func (r *request) listen() *mcp.Error {
	wants, err := mcp.DecodeListenParams(r.message.Params)
	if err != nil {
		return err
	}
	if !r.converses() {
		return &mcp.Error{Status: 406, Code: mcp.CodeBadFront, Message: "want Accept: text/event-stream"}
	}
	honoured := r.s.honoured(wants, r.principal)
	meta := hearing{id: bytes.Clone(r.message.ID), principal: r.principal, wants: honoured}
	sub := newSubscriptions()
	open, frame := func() stream.Sink { return r.detached(sub.end) }, stream.AppendEvent
	if r.single != nil {
		open, frame = func() stream.Sink { return &sharedLine{r.peer.line} }, r.peer.frame
	}
	one, failed := r.g.hearers.Add(open, frame, meta, mcp.AppendAcknowledged(nil, meta.id, &honoured))
	if failed != nil {
		return r.noStream(failed)
	}
	if r.single != nil { // it ends when it is cancelled
		ctx, _ := r.g.inflight.add(r.session.nonce, meta.id)
		context.AfterFunc(ctx, func() {
			one.End(nil)
			sub.end()
		})
	}
	for _, uri := range honoured.URIs {
		sub.add(r.g.watch(r.s, uri, r.principal, func() {
			one.Send(mcp.AppendResourceUpdated(nil, uri, meta.id))
		}))
	}
	return nil
}

// honoured is what of a subscription is served.
func (s *snapshot) honoured(wants mcp.Subscription, p *plugins.Principal) mcp.Subscription {
	out := mcp.Subscription{
		Tools: wants.Tools && s.offers.Tools, Prompts: wants.Prompts && s.offers.Prompts,
		Resources: wants.Resources && s.offers.Resources,
	}
	for _, uri := range wants.URIs {
		if own, _ := s.resourceAt(uri, p); own != nil && own.source.Watch > 0 {
			out.URIs = append(out.URIs, uri)
		}
	}
	return out
}

// detached makes the answer an event stream that outlives the request, until
// the caller's credential ends at the latest. It calls onEnd when it is over.
func (x *exchange) detached(onEnd func()) stream.Sink {
	x.resp.Status, x.resp.ContentType = 200, eventStream
	s := x.resp.Stream(stream.KeepAlive)
	if s == nil {
		return nil
	}
	s.Detach()
	if expires := x.principal.Expires; !expires.IsZero() {
		timer := time.AfterFunc(time.Until(expires), s.End)
		s.OnEnd(func() { timer.Stop() })
	}
	s.OnEnd(onEnd)
	return s
}

// noStream is the answer if no stream can be opened.
func (r *request) noStream(err error) *mcp.Error {
	if errors.Is(err, stream.ErrUnknownEvent) {
		return mcp.BadRequest(mcp.CodeInvalidRequest, "Bad request: Last-Event-ID names nothing that can be resumed; open a stream without it")
	}
	r.fail(r.message.ID, overload(err))
	return nil
}

// subscriptions are what ends with a stream.
type subscriptions struct {
	mu    sync.Mutex
	stops []func()
	over  bool
}

func newSubscriptions() *subscriptions { return &subscriptions{} }

// add takes what ends a subscription.
func (s *subscriptions) add(stop func()) {
	s.mu.Lock()
	over := s.over
	if !over {
		s.stops = append(s.stops, stop)
	}
	s.mu.Unlock()
	if over {
		stop()
	}
}

func (s *subscriptions) end() {
	s.mu.Lock()
	stops := s.stops
	s.stops, s.over = nil, true
	s.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
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
	one, err := x.g.sessions.open(x.g.ring.Load(), id, x.principal.Key)
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
	own, _ := r.s.resourceAt(uri, r.principal)
	if own == nil {
		return mcp.ResourceNotFound(r.revision, uri)
	}
	if own.source.Watch == 0 {
		return mcp.Rejected(mcp.CodeInvalidParams, "Invalid params: this resource can't be subscribed to")
	}
	live, failed := r.live()
	if failed == nil {
		g, s, p := r.g, r.s, r.principal
		failed = live.Subscribe(uri, func() func() {
			return g.watch(s, uri, p, func() { live.Push(mcp.AppendResourceUpdated(nil, uri, nil)) })
		})
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

// watch calls changed whenever the content of a resource changes, as a caller
// sees it, until what it returns is called.
func (g *Gateway) watch(s *snapshot, uri string, p *plugins.Principal, changed func()) func() {
	own, _ := s.resourceAt(uri, p)
	key := uri
	if own != nil && own.personal {
		key += "\x00" + p.Key
	}
	source, ok := g.watched(uri, p, s)
	if !ok {
		return func() {}
	}
	forget := g.watchers.add(key, uri, p)
	stop, err := g.hub.Subscribe(key, source, changed)
	if err != nil {
		forget()
		g.log.Warn("a resource can't be watched", "resource", own.spec.Name, "error", err)
		return func() {}
	}
	return func() {
		stop()
		forget()
	}
}

// watchers know as whom each key of the hub is looked at.
type watchers struct {
	mu  sync.Mutex
	all map[string]*watcher
}

type watcher struct {
	uri       string
	principal *plugins.Principal
	count     int
}

// add notes one more who watches the key, until what it returns is called.
func (w *watchers) add(key, uri string, p *plugins.Principal) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.all[key]
	if one == nil {
		one = &watcher{uri: uri, principal: p}
		if w.all == nil {
			w.all = make(map[string]*watcher)
		}
		w.all[key] = one
	}
	one.count++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if one.count--; one.count == 0 {
			delete(w.all, key)
		}
	})
}

// of is what is known of a key; nil if nobody watches it.
func (w *watchers) of(key string) *watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[key]
}

// watched is how a resource is looked at, as the manifest in force says.
func (g *Gateway) watched(uri string, p *plugins.Principal, s *snapshot) (watch.Source, bool) {
	own, _ := s.resourceAt(uri, p)
	if own == nil || own.source.Watch == 0 {
		return watch.Source{}, false
	}
	return watch.Source{
		Every: own.source.Watch, Version: own.version,
		Look: func(ctx context.Context, before watch.State) (watch.State, error) {
			return g.look(ctx, uri, p, before)
		},
	}, true
}

// look reads a watched resource, if it has changed.
func (g *Gateway) look(ctx context.Context, uri string, p *plugins.Principal, before watch.State) (watch.State, error) {
	s := g.acquire()
	defer s.done()
	own, arguments := s.resourceAt(uri, p)
	if own == nil {
		return before, errors.New("the resource is not there any more")
	}
	record := plugins.Record{}
	call := &plugins.Call{
		Tool: own.spec, Principal: p, Revision: mcp.Newest, Arguments: arguments, RequestID: newRequestID(), Record: &record,
		Run: &plugins.Run{Uncounted: true, Condition: &plugins.Condition{ETag: before.ETag, LastModified: before.LastModified}},
	}
	result, err := own.handler(ctx, call)
	if err != nil {
		if failure := failureOf(err); failure.Kind == plugins.KindStatus && failure.Status == 304 {
			return before, nil
		}
		return before, err
	}
	defer result.Free()
	if result.Pending != nil || result.IsError {
		return before, errors.New("the resource has no content now")
	}
	h := sha256.New()
	for _, c := range own.contents(uri, result) {
		h.Write([]byte(c.MIMEType + "\x00"))
		h.Write(c.Text)
		h.Write([]byte{0})
		h.Write(c.Blob)
	}
	state := watch.State{ETag: record.ETag, LastModified: record.LastModified, Seen: true}
	h.Sum(state.Hash[:0])
	return state, nil
}

var _ stream.Sink = (*edge.Stream)(nil)
