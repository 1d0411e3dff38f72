package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/observe"
	"github.com/sallyport-mcp/sallyport/gateway/internal/tasks"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// job is a call in the background. It shares no memory with the request.
type job struct {
	g       *Gateway
	s       *snapshot
	t       *target
	call    *plugins.Call
	public  taskID
	started time.Time
}

// background makes a copy of the call that outlives its request.
func (c *callRun) background(call *plugins.Call) *job {
	own := call.Detached()
	own.Record, own.Talk, own.Args = &plugins.Record{}, nil, nil
	return &job{g: c.r.g, s: c.r.s, t: c.t, call: own, started: time.Now()}
}

// recoverable reports whether another process may go on with the job from the
// state that it began with: it only looks.
func (j *job) recoverable() bool { return j.t.polls && len(j.t.programs) == 0 }

// start runs the job as a task.
func (j *job) start(p *mcp.Pending) error {
	j.s.use()
	adopted, err := j.g.tasks.Adopt(context.Background(), j.call.Principal.Key, j.public.ID, func(ctx context.Context, task *tasks.Task) tasks.Outcome {
		defer j.s.done()
		task.Later()
		if j.public.State != nil { // others go on with it: a drain need not wait
			inner, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(j.g.serving, cancel)() //nolint:contextcheck // it watches the gateway
			ctx = inner
		}
		return j.run(ctx, task, p)
	})
	if !adopted {
		j.s.done()
	}
	return err //nolint:wrapcheck // told as an overload
}

// run does the rounds of a background call until it has an outcome.
func (j *job) run(ctx context.Context, task *tasks.Task, p *mcp.Pending) tasks.Outcome {
	for {
		answers, err := j.wait(ctx, task, p)
		call := j.call.WithRun(&plugins.Run{Uncounted: true, Resume: &plugins.Resume{State: p.State, Answers: answers}})
		if err != nil {
			giveUp(j.t, call) //nolint:contextcheck // what is given up has a context that has ended
			return j.failed(err)
		}
		result, err := j.round(ctx, call)
		if err != nil {
			return j.failed(err)
		}
		if result.Pending == nil {
			outcome := tasks.Outcome{Result: j.s.encoder.AppendToolResult(nil, mcp.Newest, result)}
			j.record(result.IsError)
			result.Free()
			return outcome
		}
		p = result.Pending
	}
}

// round runs the handler once.
func (j *job) round(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
	ctx, cancel := plugins.WithDeadline(ctx, time.Now().Add(j.s.manifest.Server.CallTimeout))
	defer cancel()
	return j.t.handler(ctx, call)
}

// shortestWait is how often clients are told to ask at most.
const shortestWait = 100 * time.Millisecond

// wait does what a pending call needs before its next round.
func (j *job) wait(ctx context.Context, task *tasks.Task, p *mcp.Pending) (map[string][]byte, error) {
	if len(p.Questions) > 0 {
		return task.Ask(ctx, p.Questions) //nolint:wrapcheck // failureOf knows it
	}
	task.Working(p.Status, max(p.Wait, shortestWait))
	return nil, pause(ctx, p.Wait)
}

// failed is the outcome of a failure: a tool's is a result that says so, any
// other an error.
func (j *job) failed(err error) tasks.Outcome {
	failure := failureOf(err)
	if errors.Is(err, tasks.ErrUnanswered) {
		failure = &plugins.Error{Kind: plugins.KindTimeout, Message: "Nobody answered in time.", Cause: err}
	}
	if v := verdictOf(failure); v.code == 0 {
		j.record(true)
		return tasks.Outcome{Result: j.s.encoder.AppendToolResult(nil, mcp.Newest, mcp.ErrorResult(failure.Message)), Message: failure.Message}
	}
	j.record(true)
	c := callRun{r: &request{revision: mcp.Newest}, t: j.t, name: j.t.spec.Name}
	e := c.protocolError(failure, verdictOf(failure))
	return tasks.Outcome{Error: mcp.AppendErrorObject(nil, e), Message: failure.Message}
}

// record counts the call once it is over.
func (j *job) record(failed bool) {
	outcome := observe.Call{Tool: j.t.spec.Name, Outcome: "ok", Duration: time.Since(j.started)}
	if failed {
		outcome.Outcome, outcome.ErrorType = "tool_error", "tool"
	}
	j.g.observe.Call(outcome)
}
