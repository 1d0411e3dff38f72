package steps

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// talk notes what is told.
type talk struct {
	mu       sync.Mutex
	progress []string
	logs     []string
}

func (t *talk) Progress(p mcp.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	total := ""
	if p.Total != nil {
		total = fmt.Sprintf("/%v", *p.Total)
	}
	t.progress = append(t.progress, fmt.Sprintf("%v%s %s", p.Progress, total, p.Message))
}

func (t *talk) Log(m mcp.LogMessage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.logs = append(t.logs, fmt.Sprintf("%s %s %s", m.Level, m.Logger, m.Data))
}

func TestTalk(t *testing.T) {
	w := newWorld()
	p := w.program(t,
		Step{Progress: raw("0"), Total: raw("100"), Message: "Begin"},
		Step{Progress: raw(`"${{ args.half }}"`), Message: "${{ args.name }} is half"},
		Step{Progress: raw("20")},
		Step{Progress: raw(`"${{ args.name }}"`)},
		Step{Progress: raw("60.5"), When: "false"},
		Step{ID: "sure", Ask: &Ask{Message: "Sure?"}},
		Step{Progress: raw("30")},
		Step{Progress: raw("100"), Total: raw(`"${{ 100 }}"`)},
		Step{Log: "info", Message: "For ${{ args.name }}"},
		Step{Log: "error", Data: raw(`{"n":"${{ args.half }}"}`), Logger: "l"},
		Step{Log: "debug", Message: "m", Data: raw(`[1]`)},
	)
	if !p.Logs() {
		t.Error("Logs is false")
	}
	heard := &talk{}
	call := newCall(map[string]any{"half": 50, "name": "ann"})
	call.Talk = heard
	if _, _, err := drive(t, p, call, client{"sure": accept}); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(heard.progress, "|"), "0/100 Begin|50 ann is half|100/100 "; got != want {
		t.Errorf("progress %q, want %q", got, want)
	}
	if got, want := strings.Join(heard.logs, "|"), `info outer "For ann"|error l {"n":50}|debug outer {"message":"m","data":[1]}`; got != want {
		t.Errorf("logs %q, want %q", got, want)
	}
	call = newCall(map[string]any{"half": 50, "name": "ann"}) // nobody listens
	if _, _, err := drive(t, p, call, client{"sure": accept}); err != nil {
		t.Fatal(err)
	}
}
