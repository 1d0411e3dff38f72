package cmd_test

import (
	"path/filepath"
	"strings"
	"testing"
)

const asking = `version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0"}
telemetry: {logs: {format: json}}
tools:
  greet: {description: Greet., input: {who: {type: string}}, response: {text: "Hello ${{ args.who }}."}}
  wipe: {description: Wipe., confirm: "Sure?", response: {text: wiped}}
`

// TestCallRemote calls tools of a running gateway. Questions can't be answered
// there, which is said.
func TestCallRemote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	replace(t, path, asking)
	s := serve(t, path)
	url := "http://" + s.mcp + "/mcp"
	out, err := process("call", "--url", url, "greet", "who=Ann").CombinedOutput()
	if err != nil || string(out) != "Hello Ann.\n" {
		t.Errorf("%s %v", out, err)
	}
	out, err = process("call", "--url", url, "wipe").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "call it without --url, or use a client that can") {
		t.Errorf("%s %v", out, err)
	}
}
