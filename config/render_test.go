package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func render(t *testing.T, l Problems, opts RenderOptions) string {
	t.Helper()
	var out bytes.Buffer
	if err := l.Render(&out, opts); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRender(t *testing.T) {
	_, err := Load(text("version: 1\nx: \t\"é\"\n", nil), testParts())
	var l Problems
	if !errors.As(err, &l) {
		t.Fatal(err)
	}
	want := "manifest.yaml:2:1: error: unknown field \"x\"\n    1 | version: 1\n    2 | x:  \"é\"\n      | ^ known here: auth, defaults, endpoints, include, prompts, resources, server, telemetry, tools, upstreams, version\n1 error; generation 6 stays active\n"
	if got := render(t, l, RenderOptions{Note: "generation 6 stays active"}); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	colored := render(t, l, RenderOptions{Color: true})
	if !strings.Contains(colored, "\x1b[31;1merror\x1b[0m") || strings.Contains(render(t, l, RenderOptions{}), "\x1b") {
		t.Errorf("colors: %q", colored)
	}
}

func TestRenderIsSafe(t *testing.T) {
	l := Problems{{
		File: "a\x1b[2J.yaml", Line: 1, Col: 300, EndCol: 1000, Message: "bad\nline\x07\u202e", Hint: "a\x1bb\nc",
		Severity: SeverityWarning,
	}}
	got := render(t, l, RenderOptions{Sources: map[string][]byte{l[0].File: []byte(strings.Repeat("x", 299) + "\x1b[31m" + strings.Repeat("y", 999))}})
	if strings.ContainsAny(got, "\x1b\x07\u202e") || !strings.HasSuffix(got, "1 warning\n") {
		t.Errorf("got %q", got)
	}
	for line := range strings.SplitSeq(got, "\n") {
		if len([]rune(line)) > maxWidth+20 {
			t.Errorf("a line has %d characters", len([]rune(line)))
		}
	}
	if !strings.Contains(got, strings.Repeat(" ", 79)+"^") {
		t.Errorf("the caret isn't below the place:\n%s", got)
	}
}

func TestMachineForms(t *testing.T) {
	l := Problems{
		{File: "a b.yaml", Line: 2, Col: 3, EndCol: 5, Path: "tools.x", Message: "m", Hint: "h"},
		{File: "/etc/m.yaml", Line: 1, Col: 1, EndCol: 2, Message: "n", Severity: SeverityWarning},
	}
	got, err := json.Marshal(l)
	want := `[{"file":"a b.yaml","line":2,"column":3,"end_column":5,"path":"tools.x","message":"m","hint":"h","severity":"error"},` +
		`{"file":"/etc/m.yaml","line":1,"column":1,"end_column":2,"path":"","message":"n","severity":"warning"}]`
	if err != nil || string(got) != want {
		t.Errorf("JSON is %s (%v), want %s", got, err, want)
	}
	sarif, err := l.SARIF(SARIFOptions{Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"version": "2.1.0"`, `"uri": "a%20b.yaml"`, `"uri": "file:///etc/m.yaml"`, `"level": "warning"`, `"version": "1.2.3"`, `"endColumn": 5`, `"text": "m\nh"`} {
		if !bytes.Contains(sarif, []byte(part)) {
			t.Errorf("SARIF lacks %s:\n%s", part, sarif)
		}
	}
	empty, err := Problems(nil).SARIF(SARIFOptions{})
	if err != nil || !bytes.Contains(empty, []byte(`"results": []`)) {
		t.Errorf("SARIF of nothing is %s (%v)", empty, err)
	}
}
