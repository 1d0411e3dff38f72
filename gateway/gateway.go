// Package gateway is the running gateway: it builds manifests into snapshots,
// swaps them, and takes calls from the edge through the policies to the
// upstreams and back.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
	"github.com/sallyport-mcp/sallyport/gateway/internal/observe"
	"github.com/sallyport-mcp/sallyport/gateway/internal/seal"
	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/internal/tasks"
	"github.com/sallyport-mcp/sallyport/gateway/internal/watch"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Options are what a gateway is made of.
type Options struct {
	// Source is where the manifest is read from, now and at every reload.
	Source config.Source
	// Parts are the parts of this build; see plugins/standard.
	Parts plugins.Parts
	// Log takes the gateway's own log; discarded if nil.
	Log *slog.Logger
	// Version of the binary, as clients are told.
	Version string
	// Offline says that the manifest is only looked at: nothing is sent, not
	// even for keys of token issuers, and the gateway can't serve.
	Offline bool
	// Mock answers calls from the examples of the manifest: no service is asked.
	Mock bool
	// Record is a folder to which calls are written as examples, with secrets
	// removed; empty for none.
	Record string

	// rehearse is what Rehearse does.
	rehearse rehearsalMode
}

// Gateway is a gateway: one manifest in force, and what outlives it.
type Gateway struct {
	source  config.Source
	parts   plugins.Parts
	log     *slog.Logger
	version string
	offline bool
	// rehearsal is the use made of examples; nil if there is none.
	rehearsal *rehearsal
	observe   *observe.Observer
	store     plugins.Store
	kept      *kept
	sessions  *sessions
	inflight  *inflight
	// ring seals what clients hold for us.
	ring atomic.Pointer[seal.Ring]
	// streams is the live side of clients, hearers the modern ones that listen.
	streams *stream.Table
	hearers *stream.Listeners[hearing]
	// peers are the clients of HTTP+SSE, by nonce.
	peers    sync.Map
	hub      *watch.Hub
	watchers watchers
	tasks    *tasks.Table
	used     usedStates
	awaited  awaited
	// warnedOfKeys is when the operator was told of foreign keys last.
	warnedOfKeys atomic.Int64
	// exchanges are used again: what is in one ends with its request.
	exchanges sync.Pool

	current    atomic.Pointer[snapshot]
	calls      atomic.Int64
	generation atomic.Uint64
	reload     sync.Mutex
	draining   atomic.Bool
	// refused says that the last reload was refused.
	refused atomic.Bool
	closed  atomic.Bool

	// serving ends when the gateway begins to drain.
	serving     context.Context //nolint:containedctx // it is the gateway's own life
	stopServing context.CancelFunc

	listeners sync.Mutex
	server    *edge.Server
	admin     *edge.Admin
	replicas  *edge.Forwarder
}

// New loads and builds the manifest. The error is config.Problems if the
// manifest is at fault.
func New(o Options) (*Gateway, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	rehearsal, err := newRehearsal(&o)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		rehearsal: rehearsal,
		source:    o.Source, parts: o.Parts, log: o.Log, version: o.Version, offline: o.Offline,
		observe: observe.New(o.Version), store: o.Parts.Store(), kept: newKept(),
		sessions: newSessions(), inflight: newInflight(),
		streams: stream.New(stream.Limits{}, time.Now), hub: watch.New(watch.DefaultLimits()),
		tasks: tasks.New(tasks.DefaultSettings()),
	}
	g.hearers = stream.NewListeners[hearing](g.streams)
	ring, err := seal.New(nil)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	g.ring.Store(ring)
	g.serving, g.stopServing = context.WithCancel(context.Background())
	g.exchanges.New = func() any { return &exchange{reused: &reused{}} }
	g.observe.GaugeFunc("sallyport_calls_in_flight", "Tool calls being served.", func() float64 { return float64(g.calls.Load()) })
	g.observe.GaugeFunc("sallyport_streams", "Event streams open.", func() float64 { return float64(g.streams.Streams()) })
	g.observe.GaugeFunc("sallyport_sessions", "Legacy sessions with streams, subscriptions or settings of their own.", func() float64 { return float64(g.streams.Sessions()) })
	g.observe.GaugeFunc("sallyport_watched_resources", "Resources being watched for subscribers.", func() float64 { return float64(g.hub.Stats().Keys) })
	g.observe.GaugeFunc("sallyport_subscriptions", "Subscriptions to resources.", func() float64 { return float64(g.hub.Stats().Subscribers) })
	g.observe.GaugeFunc("sallyport_tasks_running", "Calls that go on in the background.", func() float64 { return float64(g.tasks.Stats().Running) })
	if _, err := g.Reload(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Generation tells which configuration is in force.
type Generation struct {
	// Number counts the manifests that were put in force.
	Number uint64 `json:"generation"`
	// Hash identifies the manifest's content.
	Hash string `json:"hash"`
	// Tools is how many tools there are.
	Tools int `json:"tools"`
	// Loaded is when it was put in force.
	Loaded time.Time `json:"loaded"`
}

// Reload reads the manifest again and puts it in force, or returns its
// problems and leaves what is running untouched.
func (g *Gateway) Reload() (Generation, error) {
	g.reload.Lock()
	defer g.reload.Unlock()
	generation, err := g.swap()
	if err == nil {
		g.refreshTLS()
	}
	g.refused.Store(err != nil)
	g.observe.Reloaded(generation.Number, generation.Hash, err)
	return generation, err
}

// errClosed refuses a manifest that nothing would use.
var errClosed = errors.New("the gateway is closed")

func (g *Gateway) swap() (Generation, error) {
	if g.closed.Load() {
		return Generation{}, errClosed
	}
	m, err := config.Load(g.source, Keys(g.parts))
	if err != nil {
		return Generation{}, g.withBuildProblems(m, err)
	}
	old := g.current.Load()
	if old != nil {
		if problems := needRestart(old.manifest, m); len(problems) > 0 {
			return Generation{}, problems
		}
	}
	next, err := g.build(m)
	if err != nil {
		return Generation{}, err
	}
	if err := g.renewKeys(m); err != nil {
		next.done()
		return Generation{}, err
	}
	g.streams.SetLimits(limitsOf(&m.Server))
	next.generation = g.generation.Add(1)
	g.current.Store(next)
	if old != nil {
		g.tellChanges(old, next)
		old.done() // freed when its last call returns
	}
	return next.describe(), nil
}

// renewKeys puts the manifest's keys in force.
func (g *Gateway) renewKeys(m *config.Manifest) error {
	secrets := make([]string, len(m.Server.Keys))
	for i := range m.Server.Keys {
		secrets[i] = m.Server.Keys[i].Reveal()
	}
	ring, err := g.ring.Load().Renew(secrets)
	if err != nil {
		return config.Problems{m.Server.ProblemAt([]string{"keys"}, err.Error(), "", 0)}
	}
	g.ring.Store(ring)
	return nil
}

// limitsOf are the bounds on streams that a manifest sets.
func limitsOf(server *config.Server) stream.Limits {
	replay := server.Sessions.Replay
	if replay == 0 {
		replay = -1 // none
	}
	return stream.Limits{
		Sessions: server.Sessions.Max, Streams: server.MaxStreams, Replay: replay, MaxStream: server.Sessions.Stream,
	}
}

// withBuildProblems adds to the problems of loading a manifest those that
// building the rest of it shows: all are told in one pass.
func (g *Gateway) withBuildProblems(m *config.Manifest, err error) error {
	problems, ok := IsProblems(err)
	if !ok || m == nil {
		return err
	}
	s, buildErr := g.build(m)
	if buildErr == nil {
		s.done()
		return problems
	}
	more, _ := IsProblems(buildErr)
	return append(problems, more...).Sorted()
}

// needRestart are the problems of a manifest that changes what a running
// process can't.
func needRestart(old, next *config.Manifest) config.Problems {
	var problems config.Problems
	refuse := func(key string, changed bool) {
		if changed {
			problems = append(problems, next.Server.ProblemAt([]string{key}, "a change of server."+key+" needs a restart", "restart the process, or change it back", 0))
		}
	}
	refuse("listen", old.Server.Listen != next.Server.Listen)
	refuse("admin", old.Server.Admin != next.Server.Admin)
	oldTLS, newTLS := old.Server.TLS, next.Server.TLS
	refuse("tls", (oldTLS == nil) != (newTLS == nil) || (oldTLS != nil && *oldTLS != *newTLS))
	return problems
}

func (s *snapshot) describe() Generation {
	return Generation{Number: s.generation, Hash: s.manifest.Hash, Tools: len(s.tools), Loaded: s.loaded}
}

// Generation returns the configuration in force.
func (g *Gateway) Generation() Generation { return g.current.Load().describe() }

// Warnings returns what should be looked at in the manifest in force.
func (g *Gateway) Warnings() config.Problems { return g.current.Load().warnings }

// Manifest returns the manifest in force. It must not be changed.
func (g *Gateway) Manifest() *config.Manifest { return g.current.Load().manifest }

// Close frees what the gateway keeps, without having served. Closing again does
// nothing.
func (g *Gateway) Close() error {
	g.reload.Lock()
	defer g.reload.Unlock()
	if g.closed.Swap(true) {
		return nil
	}
	g.hub.Close()
	g.tasks.Drain(canceled())
	g.streams.Close()
	g.awaited.close()
	g.rehearsal.close()
	if s := g.current.Load(); s != nil {
		s.done()
	}
	if closer, ok := g.store.(io.Closer); ok {
		if err := closer.Close(); err != nil {
			return fmt.Errorf("close store: %w", err)
		}
	}
	return nil
}

// IsProblems reports whether an error of New or Reload is about the manifest,
// and returns its problems.
func IsProblems(err error) (config.Problems, bool) {
	var problems config.Problems
	ok := errors.As(err, &problems)
	return problems, ok
}
