package gateway

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/seal"
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
	job.public = taskID{Made: time.Now().UnixMilli(), Home: c.r.g.home(c.r.s)}
	if job.public.ID = rand.Text(); job.recoverable() {
		job.public.Tool, job.public.Arguments, job.public.State = c.name, job.call.Arguments, p.State
	}
	if err := job.start(p); err != nil {
		giveUp(c.t, c.next(call, p.State, nil))
		return &plugins.Error{
			Kind: plugins.KindOverload, RetryAfter: time.Second, Cause: err,
			Message: "Too many tasks are running. Wait until one has ended, or cancel one.",
		}
	}
	snapshot, err := c.r.g.tasks.Get(c.r.principal.Key, job.public.ID)
	if err != nil {
		return overload(err)
	}
	out := taskOf(&snapshot, &job.public, job.public.seal(c.r.g.ring.Load(), c.r.holder()))
	// What has become of it meanwhile, the client asks for.
	out.Status, out.Message, out.PollInterval = mcp.TaskWorking, p.Status, max(p.Wait, shortestWait)
	out.InputRequests, out.Result, out.Failure = nil, nil, nil
	c.r.resp.ContentType = jsonType
	c.r.resp.Body = c.r.s.encoder.AppendTaskCreated(c.r.resp.Body, c.r.message.ID, out)
	return nil
}

// taskID is what the public id of a task carries.
type taskID struct {
	ID string `json:"i"`
	// Home is the replica that runs it.
	Home string `json:"h,omitempty"`
	// Made is when it began, in milliseconds of Unix time.
	Made int64 `json:"m"`
	// A task that does nothing but look after an upstream's job is gone on with
	// by any process that has the key, if its home is no more.
	Tool      string          `json:"t,omitempty"`
	Arguments json.RawMessage `json:"a,omitempty"`
	State     json.RawMessage `json:"s,omitempty"`
}

// maxRecoverable bounds what a task's id carries for that, in bytes: ids travel
// in headers.
const maxRecoverable = 2 << 10

// seal makes the public id, for the caller whose task it is.
func (t *taskID) seal(ring *seal.Ring, principal string) string {
	plain, err := json.Marshal(t)
	if err != nil || len(plain) > maxRecoverable {
		short := taskID{ID: t.ID, Home: t.Home, Made: t.Made}
		plain, _ = json.Marshal(&short) //nolint:errchkjson // texts and a number
	}
	bound := sha256.Sum256([]byte(principal))
	return ring.SealString(purposeTask, plain, bound[:])
}

// made is when the task began, wherever that was.
func (t *taskID) made() time.Time { return time.UnixMilli(t.Made) }

// openTaskID reads a public id.
func openTaskID(ring *seal.Ring, public, principal string) (*taskID, error) {
	bound := sha256.Sum256([]byte(principal))
	plain, err := ring.OpenString(purposeTask, public, bound[:])
	if err != nil {
		return nil, err //nolint:wrapcheck // it is told as an unknown task
	}
	t := &taskID{}
	return t, decodeState(plain, t)
}

// taskOf is a task as its client sees it.
func taskOf(t *tasks.Snapshot, id *taskID, public string) *mcp.Task {
	out := &mcp.Task{
		ID: public, Status: mcp.TaskStatus(t.Status), Message: t.Message,
		CreatedAt: id.made(), UpdatedAt: t.Updated, TTL: t.TTL, PollInterval: t.Poll,
		Result: t.Outcome.Result, Failure: t.Outcome.Error,
	}
	if len(t.Questions) > 0 {
		out.InputRequests = mcp.AppendInputRequests(nil, t.Questions)
	}
	return out
}

// openTask reads a task's public id. The error is set if it is none; false says
// that another replica has answered.
func (r *request) openTask(public string) (id *taskID, here bool, err *mcp.Error) {
	if !r.caps.Tasks {
		return nil, false, mcp.MissingCapability(r.revision, []string{"tasks"})
	}
	id, failed := openTaskID(r.g.ring.Load(), public, r.holder())
	if failed != nil {
		return nil, false, mcp.UnknownTask()
	}
	return id, !r.forward(id.Home), nil
}

// findTask looks a task up, and goes on with one that its home has lost.
func (r *request) findTask(id *taskID) (tasks.Snapshot, error) {
	known, err := r.g.tasks.Get(r.principal.Key, id.ID)
	if err == nil || id.State == nil || time.Since(id.made()) > maxTaskAge {
		return known, err //nolint:wrapcheck // told as an unknown task
	}
	t := r.e.toolFor(id.Tool, r.principal)
	if t == nil || !t.polls {
		return known, err //nolint:wrapcheck // likewise
	}
	again := &job{g: r.g, s: r.s, t: &t.target, public: *id, started: time.Now(), call: &plugins.Call{
		Tool: t.spec, Principal: r.principal, Revision: r.revision, Arguments: id.Arguments,
		Capabilities: r.caps, Endpoint: r.e.path, RequestID: newRequestID(), Record: &plugins.Record{},
	}}
	if err = again.start(&mcp.Pending{State: id.State}); err != nil {
		return known, err
	}
	return r.g.tasks.Get(r.principal.Key, id.ID) //nolint:wrapcheck // likewise
}

// maxTaskAge is how long after its beginning a lost task is gone on with.
const maxTaskAge = time.Hour

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
	snapshot, failed := r.findTask(id)
	if failed != nil {
		return mcp.UnknownTask()
	}
	r.resp.ContentType = jsonType
	r.resp.Body = r.s.encoder.AppendTask(r.resp.Body, r.message.ID, taskOf(&snapshot, id, public))
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
	if _, failed := r.findTask(id); failed != nil || change(id.ID) != nil {
		return mcp.UnknownTask()
	}
	r.resp.ContentType = jsonType
	r.resp.Body = r.s.encoder.AppendComplete(r.resp.Body, r.message.ID)
	return nil
}
