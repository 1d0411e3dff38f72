package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// start runs the example; a job is done when it was asked for three times.
func start(t *testing.T) *exampletest.Client {
	t.Helper()
	service := httptest.NewServer(newReports(3))
	t.Cleanup(service.Close)
	return exampletest.Start(t, map[string]string{"REPORTS_URL": service.URL}).Client("")
}

// TestWait demands that a client without tasks gets its answer in the end, and
// hears until then that something goes on.
func TestWait(t *testing.T) {
	client := start(t)
	for _, c := range []struct {
		tool, want string
		arguments  map[string]any
	}{
		{"export_table", "orders,4600", map[string]any{"table": "orders"}},
		{"yearly_report", "Revenue in 2024: 24000 euros.", map[string]any{"year": 2024}},
		{"compare_years", "Revenue changed by 3000 euros.", map[string]any{"first": 2021, "second": 2024}},
	} {
		a := client.Call(c.tool, c.arguments)
		if !a.OK() || !strings.Contains(a.Text, c.want) {
			t.Errorf("%s: %d %d %s %s", c.tool, a.Status, a.Code, a.Message, a.Text)
		}
		if len(a.Told) == 0 || a.Told[0] != "The service is working on it." {
			t.Errorf("%s: told %q while it waited", c.tool, a.Told)
		}
	}
}

// TestFailure demands the manifest's own words for a job that fails.
func TestFailure(t *testing.T) {
	if a := start(t).Call("yearly_report", map[string]any{"year": noReport}); !a.IsError || a.Text != "The report of 2020 could not be computed." {
		t.Errorf("%d %d %s %s", a.Status, a.Code, a.Message, a.Text)
	}
}

// task is a task as a client sees it.
type task struct {
	Type   string `json:"resultType"`
	ID     string `json:"taskId"`
	Status string `json:"status"`
	Poll   int    `json:"pollIntervalMs"`
	Result struct {
		Content []exampletest.Block `json:"content"`
	} `json:"result"`
}

// TestTask demands that a client with tasks is answered at once, and can ask
// for what became of it.
func TestTask(t *testing.T) {
	client := start(t)
	client.Tasks = true
	var now task
	client.Decode(client.Call("yearly_report", map[string]any{"year": 2024}), &now)
	if now.Type != "task" || now.Status != "working" || now.ID == "" || now.Poll == 0 {
		t.Fatalf("%+v", now)
	}
	tick := time.NewTicker(time.Duration(now.Poll) * time.Millisecond)
	defer tick.Stop()
	for now.Status == "working" {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the task goes on and on")
		}
		client.Decode(client.Request("tasks/get", now.ID, map[string]any{"taskId": now.ID}), &now)
	}
	if now.Status != "completed" || len(now.Result.Content) != 1 || now.Result.Content[0].Text != "Revenue in 2024: 24000 euros." {
		t.Errorf("%+v", now)
	}
}

// TestCancel demands that a task can be given up.
func TestCancel(t *testing.T) {
	client := start(t)
	client.Tasks = true
	var now task
	client.Decode(client.Call("export_table", map[string]any{"table": "orders"}), &now)
	id := now.ID
	if a := client.Request("tasks/cancel", id, map[string]any{"taskId": id}); a.Code != 0 {
		t.Fatalf("%d %s", a.Code, a.Message)
	}
	client.Decode(client.Request("tasks/get", id, map[string]any{"taskId": id}), &now)
	if now.Status != "cancelled" {
		t.Errorf("%+v", now)
	}
}
