package mcp

import (
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// TaskStatus is how a task stands
// (https://modelcontextprotocol.io/seps/2663-tasks-extension, "Task Status").
type TaskStatus string

// The statuses.
const (
	TaskWorking       TaskStatus = "working"
	TaskInputRequired TaskStatus = "input_required"
	// TaskCompleted includes tools that failed: only what would have been a
	// JSON-RPC error makes a task fail.
	TaskCompleted TaskStatus = "completed"
	TaskFailed    TaskStatus = "failed"
	TaskCancelled TaskStatus = "cancelled"
)

// Final reports whether the status is a last one.
func (s TaskStatus) Final() bool {
	return s == TaskCompleted || s == TaskFailed || s == TaskCancelled
}

// Task is a call that is served in the background (SEP-2663, extension
// io.modelcontextprotocol/tasks).
type Task struct {
	ID     string
	Status TaskStatus
	// Message tells more of the status; may be empty.
	Message              string
	CreatedAt, UpdatedAt time.Time
	// TTL is how long after CreatedAt the task is kept; zero for ever.
	TTL time.Duration
	// PollInterval is how often to ask; zero if it doesn't matter.
	PollInterval time.Duration

	// InputRequests are the open questions of TaskInputRequired, as
	// AppendInputRequests writes them.
	InputRequests []byte
	// Result is that of TaskCompleted, as AppendToolResult writes it.
	Result []byte
	// Failure is the error of TaskFailed, as AppendErrorObject writes it.
	Failure []byte
}

// AppendTaskCreated appends the response to a tools/call that goes on as a task
// (SEP-2663, "Task Creation"): how the task stands, without what came of it.
func (e *Encoder) AppendTaskCreated(dst []byte, id ID, t *Task) []byte {
	dst = append(appendHead(dst, id), `{"resultType":"task",`...)
	dst = appendTask(dst, t)
	return append(e.appendServerMeta(dst, Newest), `}}`...)
}

// AppendTask appends the response to a tasks/get (SEP-2663, "Task Polling").
func (e *Encoder) AppendTask(dst []byte, id ID, t *Task) []byte {
	dst = append(appendHead(dst, id), `{"resultType":"complete",`...)
	dst = appendTask(dst, t)
	switch t.Status {
	case TaskWorking, TaskCancelled:
	case TaskInputRequired:
		dst = appendRaw(dst, "inputRequests", t.InputRequests)
	case TaskCompleted:
		dst = appendRaw(dst, "result", t.Result)
	case TaskFailed:
		dst = appendRaw(dst, "error", t.Failure)
	}
	return append(e.appendServerMeta(dst, Newest), `}}`...)
}

// AppendComplete appends the response of modern methods that answer nothing but
// that it is done: tasks/update and tasks/cancel.
func (e *Encoder) AppendComplete(dst []byte, id ID) []byte {
	dst = append(appendHead(dst, id), `{"resultType":"complete"`...)
	return append(e.appendServerMeta(dst, Newest), `}}`...)
}

func appendTask(dst []byte, t *Task) []byte {
	dst = append(dst, `"taskId":`...)
	dst = strictjson.AppendString(dst, t.ID)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, t.Status...)
	dst = append(dst, '"')
	dst = appendMember(dst, "statusMessage", t.Message)
	dst = appendTime(append(dst, `,"createdAt":"`...), t.CreatedAt)
	dst = appendTime(append(dst, `,"lastUpdatedAt":"`...), t.UpdatedAt)
	dst = append(dst, `,"ttlMs":`...)
	if t.TTL > 0 {
		dst = appendMilliseconds(dst, t.TTL)
	} else {
		dst = append(dst, `null`...)
	}
	if t.PollInterval > 0 {
		dst = append(dst, `,"pollIntervalMs":`...)
		dst = appendMilliseconds(dst, t.PollInterval)
	}
	return dst
}

// appendTime appends a time and its closing quote (RFC 3339, in UTC).
func appendTime(dst []byte, at time.Time) []byte {
	dst = at.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	return append(dst, '"')
}

// appendMilliseconds appends a duration in milliseconds, rounded up: what is
// short is not nothing.
func appendMilliseconds(dst []byte, d time.Duration) []byte {
	return strconv.AppendInt(dst, (d + time.Millisecond - 1).Milliseconds(), 10)
}

// DecodeTaskParams decodes the params of tasks/get and tasks/cancel: the task's
// id.
func DecodeTaskParams(params Params) (string, *Error) {
	id, ok := DecodeName(params, "taskId")
	if !ok || id == "" {
		return "", invalid("taskId must be a string")
	}
	return id, nil
}

// DecodeTaskUpdateParams decodes the params of tasks/update: the task's id, and
// the answers to its questions by their keys, which point into the params.
func DecodeTaskUpdateParams(params Params) (string, map[string][]byte, *Error) {
	id, err := DecodeTaskParams(params)
	if err != nil {
		return "", nil, err
	}
	in, err := DecodeInputResponses(params)
	if err != nil {
		return "", nil, err
	}
	if in.Answers == nil {
		return "", nil, invalid("inputResponses must be an object")
	}
	return id, in.Answers, nil
}
