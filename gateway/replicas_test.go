package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"
)

const replicaManifest = `version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", keys: ["a key of the replicas, all the same"]}
upstreams: {shop: {url: "${UPSTREAM}", retry: none}}
tools:
  begin: {description: Begins., request: POST /begin}
  order:
    description: Orders.
    steps:
      - {id: begun, tool: begin}
      - {id: size, ask: {message: "Size?", schema: {size: {type: string}}}}
    response: {text: "Size ${{ steps.size.size }}."}
`

// TestReplicas shows that any replica with the same keys goes on with what
// another began: a modern call by its state, a legacy session by its id, also
// while a question is open. A replica with another key does not.
//
// checklist: 33 90
func TestReplicas(t *testing.T) {
	up := newScriptedUpstream(t, "POST /begin 200 application/json {}")
	one, two := start(t, replicaManifest, up.URL, nil), start(t, replicaManifest, up.URL, nil)
	stranger := start(t, strings.Replace(replicaManifest, "all the same", "another one", 1), up.URL, nil)
	const capabilities = `{"elicitation":{}}`
	call := func(r *rig, more string) answer {
		t.Helper()
		headers := map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
		body := modernize(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"order"`+more+`}}`, capabilities, headers)
		return r.do("POST", "/mcp", body, headers)
	}
	var asked struct {
		Result struct {
			State string `json:"requestState"`
		} `json:"result"`
	}
	if a := call(one, ""); json.Unmarshal([]byte(a.body), &asked) != nil || asked.Result.State == "" {
		t.Fatalf("first round: %d %s", a.status, a.body)
	}
	retry := `,"inputResponses":{"size":{"action":"accept","content":{"size":"M"}}},"requestState":"` + asked.Result.State + `"`
	if a := call(stranger, retry); !strings.Contains(a.body, "-32602") {
		t.Errorf("with another key: %d %s", a.status, a.body)
	}
	if a := call(two, retry); !strings.Contains(a.body, "Size M.") {
		t.Errorf("at another replica: %d %s", a.status, a.body)
	}
	for _, r := range []*rig{one, two} {
		if a := call(r, retry); !strings.Contains(a.body, "-32602") {
			t.Errorf("used twice: %d %s", a.status, a.body)
		}
	}

	h := map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
	a := one.do("POST", "/mcp", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":`+capabilities+`,"clientInfo":{"name":"t","version":"1"}}}`, h)
	h["Mcp-Session-Id"], h["MCP-Protocol-Version"] = a.header.Get("Mcp-Session-Id"), "2025-11-25"
	running := listening(t, two.client, "POST", two.url+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"order"}}`, h)
	question, isQuestion := requestIn(running.nextMessage(t))
	if !isQuestion {
		t.Fatal("no question")
	}
	reply := `{"jsonrpc":"2.0","id":"` + question.id + `","result":{"action":"accept","content":{"size":"L"}}}`
	if a = one.do("POST", "/mcp", reply, h); a.status != 202 {
		t.Errorf("reply: %d %s", a.status, a.body)
	}
	if text := running.nextMessage(t); !strings.Contains(text, "Size L.") {
		t.Errorf("heard %s", text)
	}
	if a = stranger.do("POST", "/mcp", `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`, h); a.status != 404 {
		t.Errorf("session with another key: %d %s", a.status, a.body)
	}
	if a = two.do("DELETE", "/mcp", "", h); a.status != 204 {
		t.Errorf("end at another replica: %d %s", a.status, a.body)
	}
	if a = one.do("POST", "/mcp", `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`, h); a.status != 404 {
		t.Errorf("ended session: %d %s", a.status, a.body)
	}
	if seen := up.news(); len(seen) != 2 {
		t.Errorf("the upstream saw %v", seen)
	}
}
