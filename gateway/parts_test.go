package gateway_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// policyFunc is a policy made of its Wrap.
type policyFunc func(plugins.Handler) plugins.Handler

// Wrap implements plugins.Policy.
func (f policyFunc) Wrap(next plugins.Handler) plugins.Handler { return f(next) }

// partOf is a policy that reads a text from the manifest.
func partOf(key string, where plugins.Where, wrap func(text string, next plugins.Handler) plugins.Handler) plugins.PolicyPart {
	return plugins.NewPolicyPart(key, "A policy of the tests.", where, func(text string, _ plugins.Env) (plugins.Policy, error) {
		return policyFunc(func(next plugins.Handler) plugins.Handler { return wrap(text, next) }), nil
	})
}

// TestPanicIsRecorded: a part that panics costs one call, which is counted and
// logged as an internal error.
func TestPanicIsRecorded(t *testing.T) {
	parts := standard.Parts()
	parts.Policies = append(parts.Policies, partOf("bang", plugins.OnTool, func(text string, _ plugins.Handler) plugins.Handler {
		return func(context.Context, *plugins.Call) (*mcp.Result, error) { panic(text) }
	}))
	r := startParts(t, parts, "version: 1\n"+serverKeys+"tools:\n  broken: {description: Panics., bang: oh no, response: {text: never}}\n", "", nil)
	if got := r.call("broken", "{}", nil); got.status != 500 || strings.Contains(got.body, "oh no") {
		t.Errorf("%d %s, want 500 without the panic's text", got.status, got.body)
	}
	metrics := r.askAdmin(t, "GET", "/metrics").body
	for _, want := range []string{
		`mcp_tool_calls_total{status="internal",tool_name="broken"} 1`,
		`sallyport_requests_total{http_status="500",method="tools/call",revision="2026-07-28"} 1`,
		`sallyport_calls_in_flight 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no metric %s", want)
		}
	}
	if log := r.log.String(); !strings.Contains(log, `"status":"internal"`) || !strings.Contains(log, "oh no") {
		t.Errorf("log %s", log)
	}
}

// TestServerPoliciesInOrder: all policies of the server see a request, in the
// order of the build's list.
func TestServerPoliciesInOrder(t *testing.T) {
	seen := make(chan string, 8)
	tell := func(text string, next plugins.Handler) plugins.Handler {
		return func(ctx context.Context, c *plugins.Call) (*mcp.Result, error) {
			seen <- text
			return next(ctx, c)
		}
	}
	parts := standard.Parts()
	for _, key := range []string{"first", "second", "third"} {
		parts.Policies = append(parts.Policies, partOf(key, plugins.OnServer, tell))
	}
	r := startParts(t, parts, "version: 1\n"+strings.Replace(serverKeys, "{", "{third: c, first: a, second: b, ", 1)+"tools:\n  said: {description: Says it., response: {text: it}}\n", "", nil)
	if got := r.modern("tools/list", "", "", nil); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	close(seen)
	var order []string
	for text := range seen {
		order = append(order, text)
	}
	if !slices.Equal(order, []string{"a", "b", "c"}) {
		t.Errorf("the policies ran in the order %q", order)
	}
}
