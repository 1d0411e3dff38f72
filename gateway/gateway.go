// Package gateway is the running gateway: it builds manifests into snapshots,
// swaps them, and takes calls from the edge through the policies to the
// upstreams and back.
package gateway

import (
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
}

// Gateway is a gateway: one manifest in force, and what outlives it.
type Gateway struct {
	source   config.Source
	parts    plugins.Parts
	log      *slog.Logger
	version  string
	observe  *observe.Observer
	store    plugins.Store
	kept     *kept
	sessions *sessions
	inflight *inflight
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

	listeners sync.Mutex
	server    *edge.Server
	admin     *edge.Admin
}

// New loads and builds the manifest. The error is config.Problems if the
// manifest is at fault.
func New(o Options) (*Gateway, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	sealed, err := newSessions()
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		source: o.Source, parts: o.Parts, log: o.Log, version: o.Version,
		observe: observe.New(o.Version), store: o.Parts.Store(), kept: newKept(),
		sessions: sealed, inflight: newInflight(),
	}
	g.exchanges.New = func() any { return new(exchange) }
	g.observe.GaugeFunc("sallyport_calls_in_flight", "Tool calls being served.", func() float64 { return float64(g.calls.Load()) })
	if _, err = g.Reload(); err != nil {
		return nil, err
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
	next.generation = g.generation.Add(1)
	g.current.Store(next)
	if old != nil {
		old.done() // freed when its last call returns
	}
	return next.describe(), nil
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
