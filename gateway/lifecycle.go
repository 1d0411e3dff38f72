package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
)

// Listen opens the listeners of the manifest. Serve answers on them.
func (g *Gateway) Listen() error {
	g.listeners.Lock()
	defer g.listeners.Unlock()
	server := &g.current.Load().manifest.Server
	cfg := edge.Config{Addr: server.Listen, Handler: g, Log: g.log, Observe: g.observe.Refused}
	if server.TLS != nil {
		files := tlsFiles(server.TLS)
		cfg.TLS = &files
	}
	listener, err := edge.Listen(cfg)
	if err != nil {
		return fmt.Errorf("server.listen: %w", err)
	}
	g.server, g.replicas = listener, edge.NewForwarder(listener)
	g.replicas.Patience(server.CallTimeout + forwardSlack)
	if server.Admin == "" || server.Admin == "off" {
		return nil
	}
	g.admin, err = edge.ListenAdmin(edge.AdminConfig{
		Addr: server.Admin, Live: func() error { return nil }, Ready: g.readiness,
		Summary: g.summary, Metrics: g.observe.Handler(), Reload: g.reloadOver,
		Plan: g.planOver, Explain: g.explainOver, Log: g.log,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("server.admin: %w", err), listener.Shutdown(canceled()))
	}
	return nil
}

// forwardSlack is what a replica may take beside a call itself.
const forwardSlack = 5 * time.Second

// canceled is a context that has ended: what is shut down with it doesn't
// wait.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Addr is the address of the MCP listener; nil before Listen.
func (g *Gateway) Addr() net.Addr {
	g.listeners.Lock()
	defer g.listeners.Unlock()
	if g.server == nil {
		return nil
	}
	return g.server.Addr()
}

// AdminAddr is the address of the admin listener; nil if there is none.
func (g *Gateway) AdminAddr() net.Addr {
	g.listeners.Lock()
	defer g.listeners.Unlock()
	if g.admin == nil {
		return nil
	}
	return g.admin.Addr()
}

// Run answers on the listeners until Shutdown has ended. Call Listen first.
func (g *Gateway) Run() error {
	g.listeners.Lock()
	server, admin := g.server, g.admin
	g.listeners.Unlock()
	done := make(chan error, 2)
	running := 1
	go func() { done <- server.Serve() }()
	if admin != nil {
		running++
		go func() { done <- admin.Serve() }()
	}
	errs := make([]error, 0, running)
	for range running {
		errs = append(errs, <-done)
	}
	return errors.Join(errs...)
}

// Shutdown drains: readiness fails, every call begun is answered, and what
// comes meanwhile is told to try again (503). When ctx ends first, what is left
// is cut off.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.draining.Store(true)
	g.stopServing()
	g.listeners.Lock()
	server, admin := g.server, g.admin
	g.listeners.Unlock()
	encoder := g.current.Load().encoder
	g.hearers.EndAll(func(h hearing) []byte { return encoder.AppendListenResult(nil, h.id) })
	g.streams.Drain()
	g.endPeers()
	var errs []error
	drain, cancel := beforeEnd(ctx)
	defer cancel()
	if server != nil {
		errs = append(errs, server.Shutdown(drain))
	}
	g.tasks.Drain(drain)
	g.inflight.cancelAll()
	g.awaitCalls(ctx)
	if g.replicas != nil {
		g.replicas.Close()
	}
	if admin != nil {
		errs = append(errs, admin.Shutdown(ctx))
	}
	return errors.Join(append(errs, g.Close())...) //nolint:contextcheck // nothing is waited for any more
}

// beforeEnd keeps a fifth of the time that is left back: what is cut off then
// still undoes what it has done.
func beforeEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	end, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-time.Until(end)/5))
}

// awaitCalls returns when no call is being served any more, or ctx has ended.
func (g *Gateway) awaitCalls(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for g.calls.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// readiness names what must hold before clients are sent here.
func (g *Gateway) readiness() []edge.Check {
	s := g.acquire()
	defer s.done()
	// That this is asked at all shows that a manifest is in force and that the
	// listeners are open.
	checks := make([]edge.Check, 0, 3+len(s.issuers))
	checks = append(checks, edge.Check{Name: "manifest"}, edge.Check{Name: "listener"})
	accepting := edge.Check{Name: "accepting calls"}
	if g.draining.Load() {
		accepting.Err = errors.New("the gateway is draining")
	}
	checks = append(checks, accepting)
	for _, i := range s.issuers {
		checks = append(checks, edge.Check{Name: "keys of " + strings.Join(i.Issuers(), ", "), Err: i.Ready()})
	}
	return checks
}

// summary is what GET /health tells.
func (g *Gateway) summary() any {
	return struct {
		Version  string `json:"version"`
		Draining bool   `json:"draining"`
		Calls    int64  `json:"calls_in_flight"`
		Refused  bool   `json:"last_reload_refused"`
		Generation
	}{g.version, g.draining.Load(), g.calls.Load(), g.refused.Load(), g.Generation()}
}

// reloadOver reloads on behalf of POST /reload.
func (g *Gateway) reloadOver() (any, error) {
	old := g.acquire()
	defer old.done()
	generation, err := g.Reload()
	g.LogReload(generation, err)
	result := struct {
		Generation
		Changes string `json:"changes,omitempty"`
	}{Generation: g.Generation()}
	if err == nil {
		next := g.acquire()
		defer next.done()
		result.Changes = compare(old, next).Summary()
	}
	return result, err
}

// LogReload writes how a reload ended.
func (g *Gateway) LogReload(generation Generation, err error) {
	if err == nil {
		g.log.Info("manifest reloaded", "generation", generation.Number, "hash", generation.Hash, "tools", generation.Tools)
		return
	}
	active := g.Generation().Number
	problems, ok := IsProblems(err)
	if !ok {
		g.log.Error("manifest refused", "error", err, "active_generation", active)
		return
	}
	for _, p := range problems {
		tell := g.log.Error
		if p.Severity == config.SeverityWarning {
			tell = g.log.Warn
		}
		tell("manifest refused", "problem", p.Error(), "hint", p.Hint, "active_generation", active)
	}
}

// refreshTLS puts the certificate files in force that the build has checked.
func (g *Gateway) refreshTLS() {
	g.listeners.Lock()
	server := g.server
	g.listeners.Unlock()
	if server == nil {
		return
	}
	if err := server.RefreshTLS(); err != nil {
		g.log.Error("certificate not refreshed; the one in force stays", "error", err)
	}
}
