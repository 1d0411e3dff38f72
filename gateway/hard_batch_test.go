package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// batchManifest has limits that a batch must not get around.
const batchManifest = `
version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", rate_limit: 60/h burst 60, max_concurrent_calls: 1}
upstreams:
  crm: {url: "${UPSTREAM}"}
tools:
  seldom: {description: d, request: GET /seldom, rate_limit: 3/h burst 3}
  often:  {description: d, request: GET /often}
`

// batch is an array of calls of a tool.
func batch(tool string, n int) string {
	calls := make([]string, 0, n)
	for i := range n {
		calls = append(calls, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q}}`, i, tool))
	}
	return "[" + strings.Join(calls, ",") + "]"
}

// TestBatchesAmplifyNothing shows that a batch gets no more through the limits
// than its messages alone, and that only 2025-03-26 has batches.
func TestBatchesAmplifyNothing(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, batchManifest, b.URL, nil)
	old := r.begin("2025-03-26", nil)
	for _, revision := range []string{"2025-06-18", "2025-11-25"} {
		if a := r.do("POST", "/mcp", batch("often", 2), r.begin(revision, nil)); a.status != 400 || !strings.Contains(a.body, "-32600") {
			t.Errorf("%s: %d %s", revision, a.status, a.body)
		}
	}
	for name, body := range map[string]string{
		"too long":   batch("often", 101),
		"initialize": `[{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}]`,
		"modern":     `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"often",` + modernMeta + `}}]`,
		"nested":     `[` + batch("often", 2) + `]`,
		"not all":    `[{"jsonrpc":"2.0","id":1,"method":"ping"},1]`,
	} {
		if a := r.do("POST", "/mcp", body, old); a.status != 400 || !strings.Contains(a.body, "-32600") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if seen := b.requests(); len(seen) > 0 {
		t.Fatalf("refused batches: the upstream saw %v", seen)
	}
	a := r.do("POST", "/mcp", batch("seldom", 10), old)
	if seen := b.requests(); len(seen) != 3 || strings.Count(a.body, "42900") != 7 {
		t.Errorf("10 calls in a batch at 3 an hour: the upstream saw %d; %s", len(seen), a.body)
	}
	a = r.do("POST", "/mcp", batch("often", 100), old)
	if seen := b.requests(); len(seen) >= 60 || a.status != 200 || strings.Count(a.body, `"id":`) != 100 {
		t.Errorf("100 calls in a batch at 60 requests an hour: the upstream saw %d; %d %.300s", len(seen), a.status, a.body)
	}
	if a = r.call("often", "{}", nil); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("the batch spent the limit, but: %d %s", a.status, a.body)
	}
}

// TestNotificationsAreNeverAnswered shows that a batch of notifications has no
// answer, even where the limit refuses some of them.
//
// checklist: 2
func TestNotificationsAreNeverAnswered(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, strings.Replace(batchManifest, "60/h burst 60", "3/h burst 3", 1), b.URL, nil)
	old := r.begin("2025-03-26", nil) // takes one, the batch as a whole one, and its first message the last
	const one = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	if a := r.do("POST", "/mcp", "["+one+","+one+"]", old); a.status != 202 || a.body != "" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// TestBatchAnswersAreBounded shows that a small batch can't make the gateway
// hold a hundred large answers.
func TestBatchAnswersAreBounded(t *testing.T) {
	large := []byte(`"` + strings.Repeat("a", 3<<20) + `"`)
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(large)
	})
	r := start(t, parserManifest+"defaults: {response: {max_tokens: none}}\n", b.URL, nil)
	a := r.do("POST", "/mcp", batch("harmless", 100), r.begin("2025-03-26", nil))
	if a.status != 200 || len(a.body) > 32<<20 {
		t.Errorf("got %d, %d MiB", a.status, len(a.body)>>20)
	}
	if n := strings.Count(a.body, `"jsonrpc"`); n != 100 || !json.Valid([]byte(a.body)) {
		t.Errorf("%d answers to 100 calls, valid JSON: %v", n, json.Valid([]byte(a.body)))
	}
	if seen := b.requests(); len(seen) > 10 {
		t.Errorf("the upstream was asked %d times for answers that nobody gets", len(seen))
	}
}
