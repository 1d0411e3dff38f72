package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/gateway"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// TestHours demands that the policy lets calls pass by day only, and touches
// no tool without it.
func TestHours(t *testing.T) {
	for clock, open := range map[string]bool{
		"2026-03-02T07:59:59Z": false, // 08:59 in Vienna
		"2026-03-02T08:00:00Z": true,
		"2026-03-02T15:59:59Z": true,
		"2026-03-02T16:00:00Z": false,
		"2026-07-01T07:00:00Z": true, // summer time
	} {
		t.Run(clock, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, clock)
			if err != nil {
				t.Fatal(err)
			}
			service := exampletest.Acme(t)
			g := exampletest.StartParts(t, parts(func() time.Time { return now }), map[string]string{"ACME_URL": service.URL()})
			a := g.Call("", "cancel_order", map[string]any{"order_id": acme.FirstOrder})
			if a.OK() != open || !open && a.Text != "cancel_order may be called from 9 to 17 o'clock (Europe/Vienna) only." {
				t.Errorf("%+v, want it to pass: %t", a, open)
			}
			if sent := service.Service().Stats().Total; (sent > 0) != open {
				t.Errorf("the service got %d requests", sent)
			}
			if a := g.Call("", "check_stock", map[string]any{"sku": acme.FirstSKU}); !a.OK() {
				t.Errorf("check_stock: %+v", a)
			}
		})
	}
}

// TestStrict demands that this build has nothing to complain of in the manifest.
func TestStrict(t *testing.T) {
	var out bytes.Buffer
	if code := cmd.Main(parts(time.Now), []string{"validate", "--strict"}, strings.NewReader(""), &out, &out); code != 0 {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}

// TestProblems demands that mistakes in the new key are shown with their place,
// as those in built-in keys are.
func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"{zone: Vienna}":            "want a time zone",
		"{from: 9, until: 9}":       "want from before until",
		"{form: 9, until: 10}":      `did you mean "from"`,
		"{from: 9, until: evening}": `"until"`,
	} {
		manifest := "version: 1\nupstreams: {a: {url: \"http://127.0.0.1:1\"}}\ntools:\n  t:\n    description: d\n    request: GET /\n    hours: " + text + "\n"
		_, err := gateway.New(gateway.Options{
			Source: config.Source{Path: "m.yaml", Overlay: map[string][]byte{"m.yaml": []byte(manifest)}},
			Parts:  parts(time.Now),
		})
		problems, ok := gateway.IsProblems(err)
		var shown strings.Builder
		if ok {
			if err := problems.Render(&shown, config.RenderOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(shown.String(), "m.yaml:7:") || !strings.Contains(shown.String(), want) {
			t.Errorf("hours: %s: %s%v, want line 7 and %q", text, shown.String(), err, want)
		}
	}
}

// TestSchema demands that the JSON Schema beside the manifest knows the key.
func TestSchema(t *testing.T) {
	want, err := config.Schema(gateway.Keys(parts(time.Now)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("manifest.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(got)) != strings.TrimSpace(string(want)) {
		t.Error("run: go run ./examples/custom-build schema > examples/custom-build/manifest.schema.json")
	}
}
