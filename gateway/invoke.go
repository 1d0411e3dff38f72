package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Caller is who a call from the command line is made for.
type Caller struct {
	Subject string
	Roles   []string
	Scopes  []string
}

// principal makes the caller a principal, as an authenticator would.
func (c Caller) principal() *plugins.Principal {
	return &plugins.Principal{
		Key: "cli:" + c.Subject, Subject: c.Subject, Roles: c.Roles, Scopes: c.Scopes,
		Claims: map[string]any{"sub": c.Subject},
	}
}

// Invoke calls a tool without HTTP, through all policies, and returns the
// JSON-RPC response. arguments is a JSON object, or nil.
func (g *Gateway) Invoke(ctx context.Context, name string, arguments []byte, caller Caller) ([]byte, error) {
	s := g.acquire()
	defer s.done()
	t, principal := s.tools[name], caller.principal()
	if t == nil || !t.admits(principal) {
		return nil, s.unknownTool(name, principal)
	}
	ctx, cancel := context.WithTimeout(ctx, s.manifest.Server.CallTimeout)
	defer cancel()
	call := g.commandCall(t, arguments, principal)
	result, err := t.handler(ctx, call)
	for err == nil && result.Pending != nil {
		if err = pause(ctx, result.Pending.Wait); err == nil {
			result, err = t.handler(ctx, call.WithRun(&plugins.Run{Uncounted: true, Resume: &plugins.Resume{State: result.Pending.State}}))
		}
	}
	if err != nil {
		failure := failureOf(err)
		if v := verdictOf(failure); v.code != 0 && failure.Kind != plugins.KindCapability {
			return nil, failure
		}
		result = mcp.ErrorResult(failure.Message)
	}
	defer result.Free()
	return s.encoder.AppendCallResult(nil, mcp.Newest, mcp.ID("1"), result), nil
}

// pause waits for a job of an upstream. There are no questions to wait for:
// nobody can be asked from the command line.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // failureOf knows it
	}
}

// unknownTool says what is known instead.
func (s *snapshot) unknownTool(name string, p *plugins.Principal) error {
	if s.tools[name] != nil {
		return fmt.Errorf("tool %q is hidden from this caller: pass one of its roles with --as", name)
	}
	known := make([]string, 0, len(s.tools))
	for _, t := range s.listed[toolList] {
		if t.admits(p) {
			known = append(known, t.spec.Name)
		}
	}
	return fmt.Errorf("unknown tool %q; this caller sees: %v", name, known)
}

// commandCall makes a call that comes from the command line.
func (g *Gateway) commandCall(t *tool, arguments []byte, p *plugins.Principal) *plugins.Call {
	return &plugins.Call{
		Tool: t.spec, Principal: p, Revision: mcp.Newest, Arguments: arguments,
		RequestID: rand.Text(), Record: &plugins.Record{},
	}
}
