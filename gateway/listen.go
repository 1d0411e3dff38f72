package gateway

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// hearing is what is known of a modern client that listens.
type hearing struct {
	id    mcp.ID
	owner owner
	wants mcp.Subscription
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
	honoured := r.e.honoured(wants, r.principal)
	meta := hearing{id: bytes.Clone(r.message.ID), owner: *r.owner()}
	sub, one := newSubscriptions(), &atomic.Pointer[stream.Listener[hearing]]{}
	var looks []<-chan struct{}
	whose := func() *owner { return &meta.owner }
	honoured.URIs = slices.DeleteFunc(honoured.URIs, func(uri string) bool {
		stop, looked, err := r.g.watch(r.s, uri, whose, func() {
			if to := one.Load(); to != nil {
				to.Send(mcp.AppendResourceUpdated(nil, uri, meta.id))
			}
		})
		if err == nil {
			sub.add(stop)
			looks = append(looks, looked)
		}
		return err != nil
	})
	meta.wants = honoured
	awaitLooks(looks)
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
	if r.work != nil { // it ends when it is cancelled
		r.work.kept = true
		context.AfterFunc(r.work.ctx, func() {
			added.End(nil)
			sub.end()
		})
	}
	return nil
}

// honoured is what of a subscription is served.
func (e *endpoint) honoured(wants mcp.Subscription, p *plugins.Principal) mcp.Subscription {
	out := mcp.Subscription{
		Tools: wants.Tools && e.offers.Tools, Prompts: wants.Prompts && e.offers.Prompts,
		Resources: wants.Resources && e.offers.Resources,
	}
	for _, uri := range wants.URIs {
		if own, arguments := e.resourceAt(uri, p); own != nil && own.source.Watch > 0 && own.permitted(p, arguments) == nil {
			out.URIs = append(out.URIs, uri)
		}
	}
	return out
}

// permitted returns nil if the principal may read the resource with those
// arguments.
func (own *resource) permitted(p *plugins.Principal, arguments []byte) error {
	_, err := own.permits(context.Background(), &plugins.Call{
		Tool: own.spec, Principal: p, Revision: mcp.Newest, Arguments: arguments, Record: &plugins.Record{},
	})
	return err
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

var _ stream.Sink = (*edge.Stream)(nil)
