package mcp

import (
	"testing"
	"time"
)

func TestAppendTask(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	created := time.Date(2026, 8, 1, 12, 0, 0, 0, time.FixedZone("", 7200))
	task := func(status TaskStatus) *Task {
		return &Task{
			ID: "t\"1", Status: status, Message: "Half.", CreatedAt: created, UpdatedAt: created.Add(1500 * time.Millisecond),
			TTL: time.Hour, PollInterval: 1500 * time.Microsecond,
			InputRequests: []byte(`{"k":{}}`), Result: []byte(`{"content":[]}`), Failure: []byte(`{"code":-32603,"message":"m"}`),
		}
	}
	const head, meta = `{"jsonrpc":"2.0","id":1,"result":{"resultType":"`, `,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}`
	body := func(status string) string {
		return `"taskId":"t\"1","status":"` + status + `","statusMessage":"Half.","createdAt":"2026-08-01T10:00:00.000Z","lastUpdatedAt":"2026-08-01T10:00:01.500Z",` +
			`"ttlMs":3600000,"pollIntervalMs":2`
	}
	for status, more := range map[TaskStatus]string{
		TaskWorking: "", TaskCancelled: "",
		TaskInputRequired: `,"inputRequests":{"k":{}}`,
		TaskCompleted:     `,"result":{"content":[]}`,
		TaskFailed:        `,"error":{"code":-32603,"message":"m"}`,
	} {
		want := head + `complete",` + body(string(status)) + more + meta
		if got := string(e.AppendTask(nil, ID("1"), task(status))); got != want {
			t.Errorf("%s:\n got %s\nwant %s", status, got, want)
		}
		want = head + `task",` + body(string(status)) + meta
		if got := string(e.AppendTaskCreated(nil, ID("1"), task(status))); got != want {
			t.Errorf("%s, created:\n got %s\nwant %s", status, got, want)
		}
		if status.Final() != (status == TaskCompleted || status == TaskFailed || status == TaskCancelled) {
			t.Errorf("%s: final %v", status, status.Final())
		}
	}
	least := &Task{ID: "t", Status: TaskWorking, CreatedAt: created, UpdatedAt: created}
	want := head + `complete","taskId":"t","status":"working","createdAt":"2026-08-01T10:00:00.000Z","lastUpdatedAt":"2026-08-01T10:00:00.000Z","ttlMs":null` + meta
	if got := string(e.AppendTask(nil, ID("1"), least)); got != want {
		t.Errorf("the least: %s", got)
	}
	if got := string(e.AppendComplete(nil, ID("1"))); got != head+`complete"`+meta {
		t.Errorf("done: %s", got)
	}
}

// TestTaskOutcome inlines what calls end with.
func TestTaskOutcome(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	want := `{"resultType":"complete","content":[{"type":"text","text":"no"}],"isError":true,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}`
	if got := string(e.AppendToolResult(nil, Newest, ErrorResult("no"))); got != want {
		t.Errorf("result: %s", got)
	}
	if got := string(AppendErrorObject(nil, ResourceNotFound(Newest, "a:b"))); got != `{"code":-32602,"message":"Resource not found","data":{"uri":"a:b"}}` {
		t.Errorf("error: %s", got)
	}
}

func TestDecodeTaskParams(t *testing.T) {
	for params, want := range map[string]string{`{"taskId":"t"}`: "t", `{"taskId":""}`: "", `{"taskId":1}`: "", `{}`: ""} {
		got, err := DecodeTaskParams(paramsOf(t, params))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", params, got, err)
		}
	}
	id, answers, err := DecodeTaskUpdateParams(paramsOf(t, `{"taskId":"t","inputResponses":{"k":{"action":"cancel"}}}`))
	if err != nil || id != "t" || len(answers) != 1 || string(answers["k"]) != `{"action":"cancel"}` {
		t.Errorf("%q, %s, %v", id, answers, err)
	}
	for _, params := range []string{`{"taskId":"t"}`, `{"inputResponses":{}}`, `{"taskId":"t","inputResponses":[]}`, `{"taskId":"t","inputResponses":{"k":1}}`} {
		if _, _, err = DecodeTaskUpdateParams(paramsOf(t, params)); err == nil || err.Code != CodeInvalidParams {
			t.Errorf("%s: %v", params, err)
		}
	}
	if e := UnknownTask(); e.Code != CodeInvalidParams || e.Status != 200 {
		t.Errorf("%+v", e)
	}
}

func TestMissingTasks(t *testing.T) {
	e := MissingCapability(Rev20260728, []string{"sampling", "tasks"})
	if want := `{"requiredCapabilities":{"sampling":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}}`; string(e.Data) != want || e.Code != CodeMissingCapability {
		t.Errorf("%d %s", e.Code, e.Data)
	}
}
