package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
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
	meta := hearing{id: bytes.Clone(r.message.ID), principal: r.principal}
	sub, one := newSubscriptions(), &atomic.Pointer[stream.Listener[hearing]]{}
	honoured.URIs = slices.DeleteFunc(honoured.URIs, func(uri string) bool {
		stop, err := r.g.watch(r.s, uri, r.principal, func() {
			if to := one.Load(); to != nil {
				to.Send(mcp.AppendResourceUpdated(nil, uri, meta.id))
			}
		})
		if err == nil {
			sub.add(stop)
		}
		return err != nil
	})
	meta.wants = honoured
	open, frame := func() stream.Sink { return r.detached(sub.end) }, stream.AppendEvent
	if r.single != nil {
		open, frame = func() stream.Sink { return &sharedLine{r.peer.line} }, r.peer.frame
	}
	added, failed := r.g.hearers.Add(open, frame, meta, mcp.AppendAcknowledged(nil, meta.id, &honoured))
	if failed != nil {
		sub.end()
		return r.noStream(failed)
	}
	one.Store(added)
	if r.single != nil { // it ends when it is cancelled
		ctx, _ := r.g.inflight.add(r.session.nonce, meta.id)
		context.AfterFunc(ctx, func() {
			added.End(nil)
			sub.end()
		})
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
		var refused error
		failed = live.Subscribe(uri, func() func() {
			var stop func()
			stop, refused = g.watch(s, uri, p, func() { live.Push(mcp.AppendResourceUpdated(nil, uri, nil)) })
			return stop
		})
		if refused != nil {
			live.Unsubscribe(uri)
			failed = refused
		}
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
// sees it and as long as it may, until what it returns is called.
func (g *Gateway) watch(s *snapshot, uri string, p *plugins.Principal, changed func()) (func(), error) {
	w := &watcher{uri: uri, principal: p}
	own := s.watchedBy(w)
	if own == nil {
		return func() {}, errors.New("the resource can't be watched")
	}
	key := uri
	if own.personal {
		key += "\x00" + p.Key
	}
	forget, err := g.watchers.add(key, w)
	if err != nil {
		return func() {}, err
	}
	stop, err := g.hub.Subscribe(key, g.watchSource(own, key), func() {
		if g.current.Load().watchedBy(w) != nil {
			changed()
		}
	})
	if err != nil {
		forget()
		return func() {}, err //nolint:wrapcheck // told as an overload
	}
	return func() {
		stop()
		forget()
	}, nil
}

// watchedBy is the resource that somebody watches; nil if it may not, or not
// any more.
func (s *snapshot) watchedBy(w *watcher) *resource {
	if expires := w.principal.Expires; !expires.IsZero() && time.Now().After(expires) {
		return nil
	}
	own, _ := s.resourceAt(w.uri, w.principal)
	if own == nil || own.source.Watch == 0 {
		return nil
	}
	return own
}

// watchSource is how a resource is looked at, as the manifest says.
func (g *Gateway) watchSource(own *resource, key string) watch.Source {
	return watch.Source{
		Every: own.source.Watch, Version: own.version,
		Look: func(ctx context.Context, before watch.State) (watch.State, error) {
			s := g.acquire()
			defer s.done()
			as := g.watchers.any(key, func(w *watcher) bool { return s.watchedBy(w) != nil })
			if as == nil {
				return before, errors.New("nobody who watches it may read it now")
			}
			return s.look(ctx, as, before)
		},
	}
}

// watchers know who watches each key of the hub.
type watchers struct {
	mu  sync.Mutex
	all map[string]map[*watcher]struct{}
	// keys counts the keys that each caller watches.
	keys map[string]map[string]int
}

// maxWatched bounds the resources that one caller watches, however many streams
// it has: each of them is asked for again and again.
const maxWatched = 1000

// errWatched refuses one more.
var errWatched = errors.New("the caller watches too many resources")

// watcher is somebody who watches a resource.
type watcher struct {
	uri       string
	principal *plugins.Principal
}

// add notes one more who watches the key, until what it returns is called.
func (w *watchers) add(key string, one *watcher) (func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all, w.keys = make(map[string]map[*watcher]struct{}), make(map[string]map[string]int)
	}
	own := w.keys[one.principal.Key]
	if own == nil {
		own = make(map[string]int, 1)
		w.keys[one.principal.Key] = own
	}
	if len(own) >= maxWatched && own[key] == 0 {
		return nil, errWatched
	}
	own[key]++
	if w.all[key] == nil {
		w.all[key] = make(map[*watcher]struct{}, 1)
	}
	w.all[key][one] = struct{}{}
	return sync.OnceFunc(func() { w.remove(key, one) }), nil
}

func (w *watchers) remove(key string, one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(w.all[key], one); len(w.all[key]) == 0 {
		delete(w.all, key)
	}
	own := w.keys[one.principal.Key]
	if own[key]--; own[key] == 0 {
		delete(own, key)
	}
	if len(own) == 0 {
		delete(w.keys, one.principal.Key)
	}
}

// any is somebody who watches the key, of those that fit; nil if none does.
func (w *watchers) any(key string, fits func(*watcher) bool) *watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all[key] {
		if fits(one) {
			return one
		}
	}
	return nil
}

// look reads a watched resource, if it has changed.
func (s *snapshot) look(ctx context.Context, as *watcher, before watch.State) (watch.State, error) {
	own, arguments := s.resourceAt(as.uri, as.principal)
	record := plugins.Record{}
	call := &plugins.Call{
		Tool: own.spec, Principal: as.principal, Revision: mcp.Newest, Arguments: arguments, RequestID: newRequestID(), Record: &record,
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
	for _, c := range own.contents(as.uri, result) {
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
