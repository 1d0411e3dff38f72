package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/observe"
	"github.com/sallyport-mcp/sallyport/gateway/internal/tasks"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// purposeTask is what task ids are sealed for.
const purposeTask = "task"

// becomeTask lets the call go on in the background and answers with the task
// (SEP-2663, extension io.modelcontextprotocol/tasks).
func (c *callRun) becomeTask(call *plugins.Call, p *mcp.Pending) error {
	job := c.background(call)
	task, err := c.r.g.tasks.Start(context.Background(), c.r.principal.Key, func(ctx context.Context, task *tasks.Task) tasks.Outcome {
		return job.run(ctx, task, p)
	})
	if err != nil {
		job.s.done()
		return overload(err)
	}
	task.Later()
	// It is there, or was cancelled by nobody who could know its id yet.
	snapshot, err := c.r.g.tasks.Get(c.r.principal.Key, task.ID())
	if err != nil {
		return overload(err)
	}
	out := c.r.taskOf(&snapshot)
	out.Status, out.InputRequests, out.Result, out.Failure = mcp.TaskWorking, nil, nil, nil
	c.r.resp.ContentType = jsonType
	c.r.resp.Body = c.r.s.encoder.AppendTaskCreated(c.r.resp.Body, c.r.message.ID, out)
	return nil
}

// job is a call in the background. It shares no memory with the request.
type job struct {
	g       *Gateway
	s       *snapshot
	t       *target
	call    *plugins.Call
	started time.Time
}

// background makes a copy of the call that outlives its request.
func (c *callRun) background(call *plugins.Call) *job {
	own := *call
	own.Arguments = bytes.Clone(call.Arguments)
	own.RequestID = strings.Clone(call.RequestID)
	own.Trace = plugins.TraceContext{
		Parent: strings.Clone(call.Trace.Parent), State: strings.Clone(call.Trace.State), Baggage: strings.Clone(call.Trace.Baggage),
	}
	own.Record, own.Talk, own.Args = &plugins.Record{}, nil, nil
	c.r.s.use()
	return &job{g: c.r.g, s: c.r.s, t: c.t, call: &own, started: time.Now()}
}

// run does the rounds of a background call until it has an outcome.
func (j *job) run(ctx context.Context, task *tasks.Task, p *mcp.Pending) tasks.Outcome {
	defer j.s.done()
	for {
		answers, err := j.wait(ctx, task, p)
		call := j.call.WithRun(&plugins.Run{Uncounted: true, Resume: &plugins.Resume{State: p.State, Answers: answers}})
		if err != nil {
			giveUp(j.t, call)
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

// wait does what a pending call needs before its next round.
func (j *job) wait(ctx context.Context, task *tasks.Task, p *mcp.Pending) (map[string][]byte, error) {
	if len(p.Questions) > 0 {
		return task.Ask(ctx, p.Questions) //nolint:wrapcheck // failureOf knows it
	}
	task.Working(p.Status, max(p.Wait, 100*time.Millisecond))
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

// taskOf is a task as its client sees it.
func (r *request) taskOf(t *tasks.Snapshot) *mcp.Task {
	out := &mcp.Task{
		ID: r.sealTask(t.ID), Status: mcp.TaskStatus(t.Status), Message: t.Message,
		CreatedAt: t.Created, UpdatedAt: t.Updated, TTL: t.TTL, PollInterval: t.Poll,
		Result: t.Outcome.Result, Failure: t.Outcome.Error,
	}
	if len(t.Questions) > 0 {
		out.InputRequests = mcp.AppendInputRequests(nil, t.Questions)
	}
	return out
}

// sealTask makes the public id of a task: it tells replicas whose it is.
func (r *request) sealTask(id string) string {
	bound := sha256.Sum256([]byte(r.principal.Key))
	return r.g.ring.Load().SealString(purposeTask, []byte(id+" "+r.g.home(r.s)), bound[:])
}

// openTask reads a task's public id. The error is set if it is none; false says
// that another replica has answered.
func (r *request) openTask(public string) (id string, here bool, err *mcp.Error) {
	if !r.caps.Tasks {
		return "", false, mcp.MissingCapability(r.revision, []string{"tasks"})
	}
	bound := sha256.Sum256([]byte(r.principal.Key))
	plain, failed := r.g.ring.Load().OpenString(purposeTask, public, bound[:])
	if failed != nil {
		return "", false, mcp.UnknownTask()
	}
	id, home, _ := strings.Cut(string(plain), " ")
	return id, !r.forward(home), nil
}

// getTask serves tasks/get.
func (r *request) getTask() *mcp.Error {
	public, err := mcp.DecodeTaskParams(r.message.Params)
	if err != nil {
		return err
	}
	id, here, err := r.openTask(public)
	if err != nil || !here {
		return err
	}
	snapshot, failed := r.g.tasks.Get(r.principal.Key, id)
	if failed != nil {
		return mcp.UnknownTask()
	}
	out := r.taskOf(&snapshot)
	out.ID = public // sealed anew it would read differently
	r.resp.ContentType = jsonType
	r.resp.Body = r.s.encoder.AppendTask(r.resp.Body, r.message.ID, out)
	return nil
}

// updateTask serves tasks/update: answers to a task's questions.
func (r *request) updateTask() *mcp.Error {
	public, answers, err := mcp.DecodeTaskUpdateParams(r.message.Params)
	if err != nil {
		return err
	}
	own := make(map[string][]byte, len(answers))
	for key, answer := range answers {
		own[key] = bytes.Clone(answer)
	}
	return r.changeTask(public, func(id string) error { return r.g.tasks.Update(r.principal.Key, id, own) })
}

// cancelTask serves tasks/cancel.
func (r *request) cancelTask() *mcp.Error {
	public, err := mcp.DecodeTaskParams(r.message.Params)
	if err != nil {
		return err
	}
	return r.changeTask(public, func(id string) error { return r.g.tasks.Cancel(r.principal.Key, id) })
}

func (r *request) changeTask(public string, change func(id string) error) *mcp.Error {
	id, here, err := r.openTask(public)
	if err != nil || !here {
		return err
	}
	if change(id) != nil {
		return mcp.UnknownTask()
	}
	r.resp.ContentType = jsonType
	r.resp.Body = r.s.encoder.AppendComplete(r.resp.Body, r.message.ID)
	return nil
}
