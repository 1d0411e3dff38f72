package cmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestWatch changes files under `serve --watch`: those of the manifest, and
// those that its includes find, are read again; others are not.
func TestWatch(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "manifest.yaml")
	manifest := func(description string) string {
		return fmt.Sprintf(`version: 1
include: [tools/*.yaml]
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0"}
upstreams:
  api: {url: "http://127.0.0.1:9"}
tools:
  get_thing: {description: %s, request: GET /}
`, description)
	}
	if err := os.Mkdir(filepath.Join(folder, "tools"), 0o700); err != nil {
		t.Fatal(err)
	}
	replace(t, path, manifest("One."))
	s := serve(t, path, "--watch")
	generation := func(line map[string]any) int { return int(line["generation"].(float64)) }

	replace(t, path, manifest("Two."))
	if got := generation(s.awaitLog("manifest reloaded")); got != 2 {
		t.Errorf("generation %d after a change", got)
	}
	replace(t, filepath.Join(folder, "tools", "more.yaml"), "tools:\n  more: {description: More., request: GET /more}\n")
	if line := s.awaitLog("manifest reloaded"); generation(line) != 3 || line["tools"].(float64) != 2 {
		t.Errorf("after a new file of an include: %v", line)
	}
	// What doesn't concern the manifest does nothing: the next reload is that
	// of the change after it.
	replace(t, filepath.Join(folder, "notes.txt"), "not a manifest")
	replace(t, path, manifest("Three."))
	if got := generation(s.awaitLog("manifest reloaded")); got != 4 {
		t.Errorf("generation %d after an unrelated file and a change", got)
	}
	replace(t, path, manifest("Four.")+"  broken: {}\n  x: 1\n")
	s.awaitLog("manifest refused")
	s.signal(syscall.SIGTERM)
	if err := s.wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
}
