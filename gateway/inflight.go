package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// inflight knows the legacy calls that run, so that notifications/cancelled
// can end them. (A modern client cancels by hanging up.)
type inflight struct {
	mu    sync.Mutex
	calls map[inflightKey]*running
}

// running is a call that runs.
type running struct {
	cancel context.CancelFunc
	// unwanted says that the client has cancelled it: it wants no answer.
	unwanted atomic.Bool
}

// inflightKey names a call: request ids are unique within a session.
type inflightKey struct {
	session stream.Nonce
	id      string
}

func newInflight() *inflight {
	return &inflight{calls: make(map[inflightKey]*running)}
}

// add registers a call and returns its context, which has no deadline, and the
// function that ends both.
func (f *inflight) add(session stream.Nonce, id mcp.ID) (context.Context, context.CancelFunc) {
	ctx, cancel := plugins.WithDeadline(context.Background(), time.Time{})
	key := inflightKey{session: session, id: string(id)}
	call := &running{cancel: cancel}
	f.mu.Lock()
	f.calls[key] = call
	f.mu.Unlock()
	return ctx, func() {
		f.mu.Lock()
		// A careless client may have used the id again meanwhile.
		if f.calls[key] == call {
			delete(f.calls, key)
		}
		f.mu.Unlock()
		cancel()
	}
}

// cancel ends a call; ids that are not known are ignored.
func (f *inflight) cancel(session stream.Nonce, id mcp.ID) {
	f.mu.Lock()
	call := f.calls[inflightKey{session: session, id: string(id)}]
	f.mu.Unlock()
	if call != nil {
		call.unwanted.Store(true)
		call.cancel()
	}
}

// unwanted reports whether the client has cancelled a call that runs.
func (f *inflight) unwanted(session stream.Nonce, id mcp.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := f.calls[inflightKey{session: session, id: string(id)}]
	return call != nil && call.unwanted.Load()
}

// cancelSession ends the calls of a session.
func (f *inflight) cancelSession(session stream.Nonce) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, call := range f.calls {
		if key.session == session {
			call.cancel()
		}
	}
}

// cancelAll ends every call.
func (f *inflight) cancelAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, call := range f.calls {
		call.cancel()
	}
}
