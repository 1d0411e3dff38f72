package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"
)

// nodeTimeout bounds one JavaScript program.
const nodeTimeout = 60 * time.Second

// node is a JavaScript program under the pinned Node.js, run in node/.
func node(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "./run", args...)
	cmd.Dir = "node"
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// nodeChecks are the checks that every JavaScript client has to report.
func nodeChecks() []string {
	names := make([]string, 0, 32)
	for _, each := range goChecks() {
		names = append(names, each.name)
	}
	return append(names, "close")
}

// nodeClient is a JavaScript client and the revision it has to negotiate.
type nodeClient struct {
	name     string
	args     []string
	revision string
}

func nodeClients() []nodeClient {
	return []nodeClient{
		{"typescript v1", []string{"ts-v1.mjs"}, "2025-11-25"},
		{"typescript v2 legacy", []string{"ts-v2.mjs", "legacy"}, "2025-11-25"},
		{"typescript v2 auto", []string{"ts-v2.mjs", "auto"}, "2026-07-28"},
		{"typescript v2 modern", []string{"ts-v2.mjs", "modern"}, "2026-07-28"},
	}
}

// run runs the client against a gateway and makes a subtest of every check.
func (c nodeClient) run(t *testing.T, url, token string, checks []string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	env = append(env, "MCP_URL="+url, "MCP_TOKEN="+token, "EXPECT_VERSION="+c.revision)
	runChecks(t, node(ctx, env, c.args...), checks)
}

// runNodeClients has every JavaScript client do all checks, side by side.
func runNodeClients(t *testing.T, d deployment) {
	t.Helper()
	t.Run("node", func(t *testing.T) {
		for _, c := range nodeClients() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, d.url, token(t, "ada", "support"), nodeChecks(), "BACKEND_URL="+d.backend)
			})
		}
	})
}

// runChecks runs a program that prints a JSON line for each check, and makes a
// subtest of each check it should have done.
func runChecks(t *testing.T, program *exec.Cmd, names []string) {
	t.Helper()
	var stderr bytes.Buffer
	program.Stderr = &stderr
	stdout, err := program.Output()
	type finding struct {
		Check  string
		OK     bool
		Detail string
	}
	found := map[string]finding{}
	for lines := bufio.NewScanner(bytes.NewReader(stdout)); lines.Scan(); {
		var each finding
		if err := json.Unmarshal(lines.Bytes(), &each); err != nil {
			t.Errorf("printed %q, want JSON lines", lines.Text())
			continue
		}
		found[each.Check] = each
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			each, ran := found[name]
			if !ran {
				t.Fatal("the program did not come to this check")
			}
			if !each.OK {
				t.Fatal(each.Detail)
			}
		})
	}
	if len(found) != len(names) {
		t.Errorf("the program reported %d checks, want %d", len(found), len(names))
	}
	if err != nil || stderr.Len() > 0 {
		t.Logf("%v: %v\n%s", program.Args, err, &stderr)
	}
	if err != nil {
		t.Fail()
	}
}
