package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const (
	inspectorProgram = "node_modules/.bin/mcp-inspector"
	remoteProgram    = "node_modules/mcp-remote/dist/proxy.js"
)

// inspection is a method that the Inspector calls, and what its answer has to
// hold.
type inspection struct {
	method string
	args   []string
	want   []string
}

func inspections() []inspection {
	return []inspection{
		{"tools/list", nil, []string{`"get_customer"`, `"take_stock"`, "The unique customer identifier"}},
		{"tools/call", []string{"--tool-name", "get_customer", "--tool-arg", "customer_id=c1"}, []string{"Customer c1 is Ada Lovelace."}},
		{"resources/list", nil, []string{`"shop://terms"`, `"shop://logo"`, "Terms of trade"}},
		{"resources/templates/list", nil, []string{`"shop://customers/{customer_id}"`}},
		{"resources/read", []string{"--uri", "shop://terms"}, []string{"All sales are final."}},
		{"prompts/list", nil, []string{`"welcome"`, `"customer_id"`}},
		{"prompts/get", []string{"--prompt-name", "welcome", "--prompt-args", "customer_id=c1"}, []string{"Greet Ada Lovelace in a neutral tone."}},
	}
}

// TestInspector has the Inspector's command line call every method, in each era
// and over each transport.
func TestInspector(t *testing.T) {
	t.Parallel()
	d, l := deploy(t, 1, nil), deployLocal(t)
	header := []string{"--header", "Authorization: Bearer " + token(t, "ada", "support")}
	ways := map[string][]string{
		"sse":   slices.Concat([]string{d.sse(), "--transport", "sse"}, header),
		"stdio": slices.Concat([]string{l.program}, l.args),
	}
	for _, variable := range l.env {
		ways["stdio"] = append(ways["stdio"], "-e", variable)
	}
	for _, era := range []string{"legacy", "auto", "modern"} {
		ways["http "+era] = slices.Concat([]string{d.url, "--transport", "http", "--protocol-era", era}, header)
	}
	t.Run("way", func(t *testing.T) {
		for name, way := range ways {
			for _, each := range inspections() {
				t.Run(name+"/"+each.method, func(t *testing.T) {
					t.Parallel()
					inspect(t, way, each)
				})
			}
		}
	})
}

func inspect(t *testing.T, way []string, each inspection) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	// The target comes first, as options may take several values.
	args := slices.Concat([]string{inspectorProgram, "--cli"}, way, []string{"--method", each.method}, each.args)
	cmd := node(ctx, []string{"HOME=" + t.TempDir()}, append(args, "--format", "json")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || !json.Valid(out) {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	for _, want := range each.want {
		if !strings.Contains(string(out), want) {
			t.Errorf("the answer lacks %s:\n%s", want, out)
		}
	}
}

// TestRemote has a client that knows stdio only reach the gateway through
// mcp-remote, as desktop applications do.
func TestRemote(t *testing.T) {
	t.Parallel()
	d := deploy(t, 1, nil)
	bearer := token(t, "ada", "support")
	through := func(client, url string, options ...string) []string {
		return slices.Concat(strings.Fields(client), []string{"./run", remoteProgram, url, "--allow-http",
			"--header", "Authorization: Bearer " + bearer}, options)
	}
	call, err := json.Marshal(map[string]any{"tool": "get_customer", "args": map[string]any{"customer_id": "c1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("way", func(t *testing.T) {
		for name, way := range map[string]struct {
			args   []string
			checks []string
			env    []string
		}{
			"http":     {through("ts-v1.mjs", d.url), nodeChecks(), nil},
			"sse only": {through("ts-v1.mjs", d.sse(), "--transport", "sse-only"), nodeChecks(), nil},
			// Here mcp-remote is a modern client for a legacy one, to which it
			// passes on schemas that only a modern one understands.
			"modern": {
				through("ts-v2.mjs legacy", d.url, "--protocol", "auto"),
				[]string{"connect", "call", "close"}, []string{"CALL=" + string(call), "UNLISTED=1"},
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := nodeClient{name: name, args: way.args, revision: rev1125}
				c.run(t, "", "", way.checks, append(way.env, "BACKEND_URL="+d.backend, "MCP_REMOTE_CONFIG_DIR="+t.TempDir())...)
			})
		}
	})
}

// sse is the endpoint of the deprecated HTTP+SSE transport.
func (d deployment) sse() string { return strings.TrimSuffix(d.url, "/mcp") + "/sse" }
