package gateway

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// callTool serves tools/call.
func (r *request) callTool() *mcp.Error {
	params, err := mcp.DecodeCallParams(r.message.Params)
	if err != nil {
		return err
	}
	r.entry.named = true
	t := r.s.tools[params.Name]
	if t == nil || !t.admits(r.principal) {
		r.entry.denied(t)
		return mcp.UnknownTool(params.Name)
	}
	r.entry.tool = t
	if err = r.checkParamHeaders(t, params.Arguments); err != nil {
		r.entry.outcome, r.entry.errorType = "invalid", "header_mismatch"
		return err
	}
	if err = checkCapabilities(t, r.caps, r.revision); err != nil {
		r.entry.outcome, r.entry.errorType = "invalid", "missing_capability"
		return err
	}
	release, busy := r.g.begin(r.s.manifest.Server.MaxConcurrentCalls)
	if busy != nil {
		r.fail(r.message.ID, busy)
		return nil
	}
	defer release()
	r.run(t, params)
	return nil
}

// run sends the call down the tool's handler and encodes what comes back.
func (r *request) run(t *tool, params mcp.CallParams) {
	trace := r.traceContext()
	if trace.Parent != "" {
		r.entry.trace = trace.Parent[3:35]
	}
	ctx, end := r.callContext(t)
	defer end()
	call := &plugins.Call{
		Tool: t.spec, Principal: r.principal, Revision: r.revision,
		Arguments: params.Arguments, Capabilities: r.caps,
		RequestID: r.req.ID, Trace: trace, Record: &r.entry.Record,
	}
	result, err := t.handler(ctx, call)
	if err != nil {
		r.answerFailure(ctx, err)
		return
	}
	defer result.Free()
	if result.IsError {
		r.entry.outcome, r.entry.errorType = "tool_error", "tool"
	}
	r.answerCall(result)
}

func (r *request) answerCall(result *mcp.Result) {
	r.resp.ContentType = jsonType
	r.resp.Body = r.s.encoder.AppendCallResult(r.resp.Body, r.revision, r.message.ID, result)
}

// answerFailure answers as the table of failures says: with a tool error,
// which the model reads, or with a JSON-RPC error.
func (r *request) answerFailure(ctx context.Context, err error) {
	failure := failureOf(err)
	if errors.Is(ctx.Err(), context.Canceled) {
		failure = &plugins.Error{Kind: plugins.KindCancelled, Message: "The call was cancelled.", Cause: err}
	}
	v := verdictOf(failure)
	if v.code != 0 {
		r.fail(r.message.ID, failure)
		return
	}
	r.entry.failed(v, failure)
	r.answerCall(mcp.ErrorResult(failure.Message))
}

// callContext is the context of a call. A modern client cancels by hanging up;
// a legacy one by a notification, while its hanging up means nothing.
func (r *request) callContext(t *tool) (context.Context, context.CancelFunc) {
	var deadline time.Time
	if !t.bounded {
		deadline = time.Now().Add(r.s.manifest.Server.CallTimeout)
	}
	if r.revision.Modern() {
		return r.req.Watch(context.Background(), deadline)
	}
	return r.g.inflight.add(deadline, r.session.nonce, r.message.ID)
}

// checkParamHeaders compares Mcp-Param-* headers with the arguments they
// repeat (2026-07-28, "Custom Headers").
func (r *request) checkParamHeaders(t *tool, arguments []byte) *mcp.Error {
	if len(t.headers) == 0 || !r.revision.Modern() {
		return nil
	}
	for i := range t.headers {
		p := &t.headers[i]
		arg, present := argumentAt(arguments, p.Path)
		if !present {
			continue
		}
		header, ok := r.req.Header(mcp.HeaderParamPrefix + p.Header)
		if !ok || !p.Match(header, arg) {
			return mcp.BadRequest(mcp.CodeHeaderMismatch, "Header mismatch: "+mcp.HeaderParamPrefix+p.Header+" must repeat the argument "+strings.Join(p.Path, "."))
		}
	}
	return nil
}

// argumentAt finds a value in the arguments; null counts as absent.
func argumentAt(object []byte, path []string) (any, bool) {
	for _, name := range path {
		members, err := strictjson.Members(object, nil)
		if err != nil {
			return nil, false
		}
		object = nil
		for i := range members {
			if members[i].Name == name {
				object = members[i].Value
			}
		}
		if object == nil {
			return nil, false
		}
	}
	value, err := strictjson.Decode(object, strictjson.MaxDepth)
	return value, err == nil && value != nil
}

// checkCapabilities refuses a client that can't do what the tool needs.
func checkCapabilities(t *tool, have mcp.ClientCapabilities, r mcp.Revision) *mcp.Error {
	for _, need := range t.spec.Requires {
		if !have.Has(need) {
			return mcp.MissingCapability(r, t.spec.Requires)
		}
	}
	return nil
}

// traceContext is the trace to continue: that of _meta, or of the HTTP headers.
func (r *request) traceContext() plugins.TraceContext {
	parent, state, baggage := r.meta.TraceParent, r.meta.TraceState, r.meta.Baggage
	if parent == "" {
		parent, _ = r.req.Header("traceparent")
		state, _ = r.req.Header("tracestate")
		baggage, _ = r.req.Header("baggage")
	}
	return validTrace(parent, state, baggage)
}

// begin takes a place among the calls served at once.
func (g *Gateway) begin(limit int) (func(), *plugins.Error) {
	if g.calls.Add(1) > int64(limit) {
		g.calls.Add(-1)
		return nil, &plugins.Error{
			Kind: plugins.KindOverload, RetryAfter: time.Second,
			Message: "The gateway is busy. Try again in a second.",
		}
	}
	return g.endCall, nil
}

func (g *Gateway) endCall() { g.calls.Add(-1) }
