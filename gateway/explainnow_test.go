package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// TestExplainNow tells that a caller may call, but not at this moment: a limit
// of its own or of the server is used up.
func TestExplainNow(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	r := start(t, `version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", rate_limit: 10/h}
auth: {api_keys: [{name: ci, sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}]}
upstreams: {u: {url: "${UPSTREAM}"}}
tools:
  one: {description: d, request: GET /, rate_limit: 1/h}
`, b.URL, nil)
	caller := gateway.Caller{Subject: "ci", Key: "api_key:ci"}
	explain := func() *gateway.Explanation {
		t.Helper()
		e, err := r.g.Explain("one", nil, caller)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := explain(); e.May != plugins.VerdictAllows || e.Now != plugins.VerdictAllows || e.By != nil {
		t.Errorf("at the start: may %s, now %s by %v", e.May, e.Now, e.By)
	}
	r.call("one", `{}`, map[string]string{"Authorization": "Bearer foo"})
	e := explain()
	if e.May != plugins.VerdictAllows || e.Now != plugins.VerdictDenies || len(e.By) == 0 || !strings.Contains(strings.Join(e.By, "; "), "rate_limit at ") {
		t.Errorf("after its only call: may %s, now %s by %v", e.May, e.Now, e.By)
	}
	if first := e.Policies[0]; first.Key != "rate_limit" || first.On != "server" {
		t.Errorf("first is %s on %s", first.Key, first.On)
	}
}
