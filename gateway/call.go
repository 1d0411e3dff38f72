package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// callRun is a client's call of a target, with all its rounds.
type callRun struct {
	r *request
	t *target
	// name is what the client named: a tool, a prompt, a URI.
	name string
	// arguments are one JSON object; nil if there are none.
	arguments []byte
	// encode appends the answer to the response's body.
	encode func(result *mcp.Result)
	// spent is what the rounds before took, open questions left out.
	spent time.Duration
	// nonce and expires are those of the state that a retry brings; nil if it
	// brings none.
	nonce   []byte
	expires int64
}

// serve makes the call and answers the request.
func (c *callRun) serve() *mcp.Error {
	resume, err := c.resume()
	if err != nil {
		c.r.entry.outcome, c.r.entry.errorType = "invalid", "request_state"
		return err
	}
	if c.r.forwarded {
		return nil
	}
	release, busy := c.r.g.begin(c.r.s.manifest.Server.MaxConcurrentCalls)
	if busy != nil {
		c.r.fail(c.r.message.ID, busy)
		return nil
	}
	defer release()
	if err = c.takeState(); err != nil {
		c.r.entry.outcome, c.r.entry.errorType = "invalid", "request_state"
		return err
	}
	call := c.call(resume)
	defer c.r.mind()()
	ctx, end := c.r.callContext(c.t, c.spent)
	defer end()
	for {
		result, err := c.round(ctx, call)
		if err != nil {
			if call.Resumed() == resume && c.giveStateBack(failureOf(err).Kind) { // nothing was done
				return c.failed(ctx, err)
			}
			c.stateUsed()
			return c.failed(ctx, err)
		}
		c.stateUsed()
		if result.Pending == nil {
			c.answer(result)
			return nil
		}
		next, err := c.goOn(ctx, call, result.Pending)
		if err != nil {
			return c.failed(ctx, err)
		}
		if next == nil {
			return nil // answered
		}
		call = next
	}
}

// round runs the call's handler once. The context of a legacy call has no
// deadline yet.
func (c *callRun) round(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
	started := time.Now()
	defer func() { c.spent += time.Since(started) }()
	if _, bounded := ctx.Deadline(); !bounded && (!c.t.bounded || c.spent > 0) {
		inner, cancel := plugins.WithDeadline(ctx, started.Add(c.r.s.manifest.Server.CallTimeout-c.spent))
		defer cancel()
		ctx = inner
	}
	return c.t.handler(ctx, call)
}

// call is the call's first round, or the one that a client's retry begins.
func (c *callRun) call(resume *plugins.Resume) *plugins.Call {
	r := c.r
	trace := r.traceContext()
	if trace.Parent != "" {
		r.entry.trace = trace.Parent[3:35]
	}
	call := &plugins.Call{
		Tool: c.t.spec, Principal: r.principal, Revision: r.revision,
		Arguments: c.arguments, Capabilities: r.caps, Endpoint: r.e.path,
		RequestID: r.req.ID, Trace: trace, Record: &r.entry.Record, Talk: r.beginTalk(),
	}
	if resume != nil {
		call.Run = &plugins.Run{Resume: resume, Uncounted: resume.State != nil}
	}
	return call
}

// goOn does what a pending call needs and returns its next round; nil says
// that the request is answered for now.
func (c *callRun) goOn(ctx context.Context, call *plugins.Call, p *mcp.Pending) (*plugins.Call, error) {
	if len(p.Questions) == 0 {
		if c.r.revision.Modern() && c.r.caps.Tasks && c.t.spec.Kind == kindTool {
			return nil, c.becomeTask(call, p) //nolint:contextcheck // a task outlives its request
		}
		err := c.await(ctx, p)
		next := c.next(call, p.State, nil)
		if err != nil {
			giveUp(c.t, next) //nolint:contextcheck // what is given up has a context that has ended
		}
		return next, err
	}
	if c.r.revision.Modern() {
		err := c.require(call, p) //nolint:contextcheck // what is given up has a context that has ended
		if err != nil {
			giveUp(c.t, c.next(call, p.State, nil)) //nolint:contextcheck // what is given up has a context that has ended
		}
		return nil, err
	}
	answers, err := c.r.ask(ctx, p.Questions)
	next := c.next(call, p.State, answers)
	if err != nil {
		giveUp(c.t, next) //nolint:contextcheck // what is given up has a context that has ended
	}
	return next, err
}

// giveUp lets a pending call that won't go on undo what it has done: it is
// called once more, and finds that it was cancelled.
func giveUp(t *target, next *plugins.Call) {
	ctx, cancel := plugins.WithDeadline(context.Background(), time.Time{})
	cancel()
	if result, err := t.handler(ctx, next); err == nil {
		result.Free()
	}
}

// next is the round after a pending one.
func (c *callRun) next(call *plugins.Call, state []byte, answers map[string][]byte) *plugins.Call {
	return call.WithRun(&plugins.Run{
		Uncounted: true,
		Resume:    &plugins.Resume{State: state, Answers: answers, Spent: c.spent},
	})
}

// await waits for an upstream's job within the deadline of the call.
func (c *callRun) await(ctx context.Context, p *mcp.Pending) error {
	started := time.Now()
	defer func() { c.spent += time.Since(started) }()
	limit := c.r.s.manifest.Server.CallTimeout
	if own, ok := c.t.timeout(); ok {
		limit = min(limit, own)
	}
	if c.spent+p.Wait > limit {
		return &plugins.Error{
			Kind:    plugins.KindTimeout,
			Message: "The service is still working on it. Call again later, or check whether it has been done meanwhile.",
		}
	}
	c.r.talk.tick(p.Status)
	return pause(ctx, p.Wait)
}

// answer answers the request with the call's result.
func (c *callRun) answer(result *mcp.Result) {
	defer result.Free()
	if result.IsError {
		c.r.entry.outcome, c.r.entry.errorType = "tool_error", "tool"
	}
	c.encode(result)
}

// failed answers as the table of failures says: with a tool error, which the
// model reads, or with a JSON-RPC error.
func (c *callRun) failed(ctx context.Context, err error) *mcp.Error {
	failure := failureOf(err)
	if errors.Is(ctx.Err(), context.Canceled) {
		failure = &plugins.Error{Kind: plugins.KindCancelled, Message: "The call was cancelled.", Cause: err}
	}
	v := verdictOf(failure)
	if failure.Kind == plugins.KindCancelled && (!c.r.revision.Modern() || c.r.single != nil) && c.r.g.inflight.unwanted(c.r.session.nonce, c.r.message.ID) {
		c.r.entry.failed(v, failure)
		c.r.resp.Status = 202 // there is no answer to a call that was cancelled
		return nil
	}
	// Legacy revisions have no code for a capability that is missing.
	legible := v.code == 0 || failure.Kind == plugins.KindCapability && !c.r.revision.Modern()
	if legible && c.t.spec.Kind == kindTool {
		c.r.entry.failed(v, failure)
		c.encode(mcp.ErrorResult(failure.Message))
		return nil
	}
	c.r.failWith(c.r.message.ID, failure, c.protocolError(failure, v))
	return nil
}

// timeout is the target's own limit, if it has one.
func (t *target) timeout() (time.Duration, bool) {
	limit, ok := t.parts["timeout"].Value.(time.Duration)
	return limit, ok && !t.parts["timeout"].Off
}

// callContext is the context of a call. A modern client cancels by hanging up;
// a legacy one by a notification, while its hanging up means nothing.
func (r *request) callContext(t *target, spent time.Duration) (context.Context, context.CancelFunc) {
	switch {
	case r.work != nil:
		return r.work.ctx, func() {}
	case !r.revision.Modern() || r.single != nil:
		return r.g.inflight.add(r.session.nonce, r.message.ID)
	}
	var deadline time.Time
	if !t.bounded || spent > 0 {
		deadline = time.Now().Add(r.s.manifest.Server.CallTimeout - spent)
	}
	return r.req.Watch(context.Background(), deadline)
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
