package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// isSoak says that the long forms are wanted.
func isSoak() bool { return os.Getenv("SALLYPORT_SOAK") == "1" }

// askManifest has a tool, a resource and a prompt that ask before they do
// something that must be done once.
const askManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
  api_keys: [{name: ci, sha256: "${KEY_HASH}", roles: [support]}]
  anonymous: {roles: [public]}
upstreams: {shop: {url: "${UPSTREAM}", retry: none, breaker: none}}
tools:
  reserve: {description: d, request: "POST /reserve"}
  free:    {description: d, request: "DELETE /reserve"}
  charge:  {description: d, request: "POST /charge"}
  large:   {description: d, request: "POST /large"}
  slow:    {description: d, request: "POST /slow"}
  plain:   {description: d, request: "POST /plain"}
  order: &order
    description: d
    input: {who: {type: string, optional: true}, sum: {type: number, optional: true}, list: {type: array, optional: true}, more: {type: object, optional: true}}
    steps:
      - {id: kept, tool: reserve, undo: {tool: free}}
      - {id: ok, ask: {message: "Charge ${{ args.sum // 0 }}?", timeout: 1s, schema: {sure: {type: boolean}, size: {type: integer, minimum: 1, maximum: 9, optional: true}}}}
      - {id: pay, tool: charge}
    response: {text: "Charged, and sure is ${{ steps.ok.sure }}."}
  order_too: *order
  heavy:
    description: d
    steps: [{id: load, tool: large}, {id: ok, ask: {message: "Sure?", schema: {sure: {type: boolean}}}}, {tool: charge}]
    response: {text: done}
resources:
  "shop://orders/{id}":
    name: order
    description: d
    steps: [{id: ok, ask: {message: "Sure?", schema: {sure: {type: boolean}}}}, {id: pay, tool: charge}]
    response: {text: "Order ${{ args.id }}."}
prompts:
  order:
    description: d
    arguments: {id: {description: d}}
    steps: [{id: ok, ask: {message: "Sure?", schema: {sure: {type: boolean}}}}, {id: pay, tool: charge}]
    messages: [{role: user, text: "Order ${{ args.id }}."}]
`

// shop counts what it is asked for. A request to /slow waits for finish.
type shop struct {
	*backend
	finish chan struct{}
	begun  chan struct{}
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{finish: make(chan struct{}), begun: make(chan struct{}, 4096)}
	large := `{"text":"` + strings.Repeat("x", 300<<10) + `"}`
	s.backend = newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		switch req.URL.Path {
		case "/slow":
			s.begun <- struct{}{}
			<-s.finish
		case "/large":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, large)
			return
		}
		ok(w, req)
	})
	return s
}

// count is how often the shop was asked for something.
func (s *shop) count(what string) int {
	n := 0
	for _, one := range s.requests() {
		if one == what {
			n++
		}
	}
	return n
}

// canAsk is the _meta of a modern client whose person and model can be asked.
const canAsk = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}}`

// rounds are one call of a client that can be asked.
type rounds struct {
	method, name string
	// params is the inside of the params, without what a retry adds.
	params  string
	headers map[string]string
}

// toolRounds is a call of a tool.
func toolRounds(name, arguments string) rounds {
	return rounds{method: "tools/call", name: name, params: fmt.Sprintf(`"name":%q,"arguments":%s`, name, arguments)}
}

// message is a round's body and headers; more is what a retry adds.
func (c *rounds) message(more string) (string, map[string]string) {
	headers := with(c.headers,
		"Content-Type", "application/json", "Accept", "application/json, text/event-stream",
		"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", c.method)
	if c.name != "" {
		headers["Mcp-Name"] = c.name
	}
	if more != "" {
		more = "," + more
	}
	return `{"jsonrpc":"2.0","id":1,"method":"` + c.method + `","params":{` + c.params + more + "," + canAsk + `}}`, headers
}

// round makes one round.
func (r *rig) round(c rounds, more string) answer {
	r.t.Helper()
	body, headers := c.message(more)
	return r.do("POST", "/mcp", body, headers)
}

// asked makes the first round and returns the state that it asks with.
func (r *rig) asked(c rounds) string {
	r.t.Helper()
	a := r.round(c, "")
	state := stateIn(a)
	if state == "" {
		r.t.Fatalf("%s: %d %.300s", c.params, a.status, a.body)
	}
	return state
}

// stateIn is the state in an answer that asks; empty in any other.
func stateIn(a answer) string {
	var m struct {
		Result struct {
			Type  string `json:"resultType"`
			State string `json:"requestState"`
		} `json:"result"`
	}
	if json.Unmarshal([]byte(a.body), &m) != nil || m.Result.Type != "input_required" {
		return ""
	}
	return m.Result.State
}

// retry is what a retry adds.
func retry(state, answers string) string {
	return fmt.Sprintf(`"requestState":%q,"inputResponses":%s`, state, answers)
}

const yes = `{"ok":{"action":"accept","content":{"sure":true}}}`

// TestStatesAreBoundToTheirCall brings a state back altered, for something
// else, and as somebody else: each is an error, nothing behind the question is
// done, and the state is good for its own call nevertheless, once.
func TestStatesAreBoundToTheirCall(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	other := start(t, askManifest, b.URL, crowdEnv())
	own := toolRounds("order", `{"who":"ann","sum":12.50,"list":[1,2]}`)
	own.headers = bearerWith("ann", "")
	state := r.asked(own)
	as := func(headers map[string]string) rounds {
		return rounds{method: own.method, name: own.name, params: own.params, headers: headers}
	}
	to := func(name, arguments string) rounds {
		c := toolRounds(name, arguments)
		c.headers = own.headers
		return c
	}
	resource := rounds{method: "resources/read", name: "shop://orders/1", params: `"uri":"shop://orders/1"`, headers: own.headers}
	prompt := rounds{method: "prompts/get", name: "order", params: `"name":"order","arguments":{"id":"1"}`, headers: own.headers}
	elsewhere := other.asked(own)
	for name, try := range map[string]struct {
		call  rounds
		state string
	}{
		"another's":           {as(bearerWith("ben", "")), state},
		"an API key's":        {as(map[string]string{"X-API-Key": "key-of-ci"}), state},
		"anonymous":           {as(nil), state},
		"another tool":        {to("order_too", `{"who":"ann","sum":12.50,"list":[1,2]}`), state},
		"another argument":    {to("order", `{"who":"ann","sum":12.51,"list":[1,2]}`), state},
		"another type":        {to("order", `{"who":"ann","sum":"12.50","list":[1,2]}`), state},
		"another order":       {to("order", `{"who":"ann","sum":12.50,"list":[2,1]}`), state},
		"one more":            {to("order", `{"who":"ann","sum":12.50,"list":[1,2],"more":{}}`), state},
		"one less":            {to("order", `{"who":"ann","sum":12.50}`), state},
		"null":                {to("order", `{"who":"ann","sum":12.50,"list":null}`), state},
		"a resource":          {resource, state},
		"a prompt":            {prompt, state},
		"a resource's":        {own, r.asked(resource)},
		"a prompt's":          {own, r.asked(prompt)},
		"of another key":      {own, elsewhere},
		"empty":               {own, ""},
		"longer":              {own, state + "AAAA"},
		"padded":              {own, state + "="},
		"a line end":          {own, state + "\n"},
		"of standard base64":  {own, strings.NewReplacer("-", "+", "_", "/").Replace(state) + "+"},
		"twice":               {own, state + state},
		"a session's":         {own, r.begin("2025-11-25", own.headers)["Mcp-Session-Id"]},
		"long":                {own, strings.Repeat(state, 1+(900<<10)/len(state))},
		"zeros":               {own, strings.Repeat("A", 5000)},
		"with what ends JSON": {own, `","x":"`},
	} {
		a := r.round(try.call, retry(try.state, yes))
		if a.status >= 500 || !strings.Contains(a.body, `"error":{"code":-32602`) || strings.Contains(a.body, state) {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
	}
	for i := 0; i < len(state); i += 1 + len(state)/60 {
		flipped := []byte(state)
		flipped[i] = "AB"[btoi(flipped[i] == 'A')]
		for _, bad := range []string{string(flipped), state[:i], state[i+1:]} {
			if a := r.round(own, retry(bad, yes)); !strings.Contains(a.body, `"error":{"code":-32602`) {
				t.Fatalf("byte %d: %d %.300s", i, a.status, a.body)
			}
		}
	}
	for _, bad := range []string{`5`, `null`, `{}`, `[]`, `true`} {
		if a := r.round(own, `"requestState":`+bad+`,"inputResponses":`+yes); stateIn(a) == "" && !strings.Contains(a.body, `"error":{"code":-32602`) {
			t.Errorf("a state that is %s: %d %.300s", bad, a.status, a.body)
		}
	}
	if n := b.count("POST /charge"); n != 0 {
		t.Fatalf("%d charges by states that are no good", n)
	}
	if a := r.round(own, retry(state, yes)); !strings.Contains(a.body, "Charged") {
		t.Errorf("the state itself: %d %s", a.status, a.body)
	}
	if n := b.count("POST /charge"); n != 1 {
		t.Errorf("%d charges", n)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestTheSameArgumentsInOtherWords retries with arguments that are written in
// another way, as a client does that encodes them anew.
func TestTheSameArgumentsInOtherWords(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	for _, same := range [][2]string{
		{`{"who":"ann","sum":1}`, `{"sum":1,"who":"ann"}`},
		{`{"who":"a/\u00e9\u2028","list":[{"a":1,"b":[true,null]}]}`, "{ \"list\" : [ {\"b\":[true,null],\"a\":1} ],\r\n\t\"who\":\"a\\/é\u2028\"}"},
		{`{}`, `{ }`},
		{`{"sum":12.50,"list":[1.0,1e2]}`, `{"sum":12.5,"list":[1,100]}`},
		{`{"who":"<&>"}`, `{"who":"\u003c\u0026\u003e"}`},
		{`{"more":{"":1,"\ud83d\ude00":2}}`, `{"more":{"😀":2,"":1}}`},
	} {
		first, again := toolRounds("order", same[0]), toolRounds("order", same[1])
		if a := r.round(again, retry(r.asked(first), yes)); !strings.Contains(a.body, "Charged") {
			t.Errorf("%s and then %s: %d %s", same[0], same[1], a.status, a.body)
		}
	}
	bare := rounds{method: "tools/call", name: "order", params: `"name":"order"`}
	if a := r.round(bare, retry(r.asked(toolRounds("order", "{}")), yes)); !strings.Contains(a.body, "Charged") {
		t.Errorf("no arguments, and none: %d %s", a.status, a.body)
	}
}

// TestStatesAreUsedOnce sends one retry many times at once: what is behind the
// question happens once.
func TestStatesAreUsedOnce(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	call := toolRounds("order", `{"who":"ann"}`)
	for round := range 5 {
		body, headers := call.message(retry(r.asked(call), yes))
		var wg sync.WaitGroup
		var charged, refused atomic.Int64
		for range 50 {
			wg.Go(func() {
				a, err := r.send(body, headers)
				switch {
				case err != nil:
					t.Error(err)
				case strings.Contains(a.body, "Charged"):
					charged.Add(1)
				case strings.Contains(a.body, `"error":{"code":-32602`):
					refused.Add(1)
				default:
					t.Errorf("%d %s", a.status, a.body)
				}
			})
		}
		wg.Wait()
		if charged.Load() != 1 || refused.Load() != 49 || b.count("POST /charge") != round+1 {
			t.Fatalf("%d done, %d refused; the shop saw %d charges", charged.Load(), refused.Load(), b.count("POST /charge"))
		}
	}
	if n := b.count("POST /reserve"); n != 5 {
		t.Errorf("a finished step was run again: %d times", n)
	}
}

// TestHostileAnswers answers the question with what is no answer to it. It is
// put once more at most, and nothing behind it is done.
func TestHostileAnswers(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	call := toolRounds("order", `{"who":"ann"}`)
	deep := strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40)
	for _, answers := range []string{
		`{}`, `[]`, `5`, `null`, `"ok"`, `{"ok":5}`, `{"ok":null}`, `{"ok":"accept"}`, `{"ok":[]}`, `{"ok":{}}`,
		`{"ok":{"action":"accept"}}`, `{"ok":{"action":5}}`, `{"ok":{"action":"ACCEPT","content":{"sure":true}}}`,
		`{"ok":{"action":"accept","content":5}}`, `{"ok":{"action":"accept","content":[]}}`, `{"ok":{"action":"accept","content":null}}`,
		`{"ok":{"action":"accept","content":{}}}`, `{"ok":{"action":"accept","content":{"sure":"perhaps"}}}`,
		`{"ok":{"action":"accept","content":{"sure":true,"size":10}}}`, `{"ok":{"action":"accept","content":{"sure":true,"size":1e400}}}`,
		`{"ok":{"action":"accept","content":{"sure":` + deep + `}}}`,
		`{"pay":{"action":"accept","content":{"sure":true}},"kept":{"action":"accept","content":{}}}`,
		`{"OK":{"action":"accept","content":{"sure":true}}}`, `{"ok ":{"action":"accept","content":{"sure":true}}}`,
		`{"ok":{"Action":"accept","content":{"sure":true}}}`, `{"ok":{"action":"accept","Content":{"sure":true}}}`,
		`{"ok":{"action":"decline","content":{"sure":true}}}`, `{"ok":{"action":"cancel"}}`,
		`{"ok":{"model":"m","role":"assistant","content":{"type":"text","text":"yes"}}}`, `{"ok":{"roots":[]}}`,
		`{"confirm":{"action":"accept"},"":{},"0":{},"ok.x":{"action":"accept"}}`,
	} {
		state, asked := r.asked(call), 1
		for more := retry(state, answers); ; asked++ {
			a := r.round(call, more)
			if a.status >= 500 || !json.Valid([]byte(a.body)) || strings.Contains(a.body, "Charged") {
				t.Errorf("%.120s: %d %.300s", answers, a.status, a.body)
			}
			if state = stateIn(a); state == "" || asked > 2 {
				break
			}
			more = retry(state, answers)
		}
	}
	if n := b.count("POST /charge"); n != 0 {
		t.Errorf("%d charges by answers that are none", n)
	}
	twice := `"requestState":"x","inputResponses":` + yes + `,"inputResponses":{}`
	if a := r.round(call, twice); !strings.Contains(a.body, `"error"`) {
		t.Errorf("answers twice: %s", a.body)
	}
	if a := r.round(call, retry(r.asked(call), yes)); !strings.Contains(a.body, "Charged") {
		t.Errorf("a real answer: %d %s", a.status, a.body)
	}
}

// TestDeepAnswers sends answers that are nested deeper than anything is read.
func TestDeepAnswers(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	call := toolRounds("order", `{"who":"ann"}`)
	for _, depth := range []int{100, 10_000, 200_000} {
		nested := strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth)
		a := r.round(call, `"inputResponses":{"ok":{"action":"accept","content":{"sure":`+nested+`}}}`)
		if a.status >= 500 || strings.Contains(a.body, "Charged") {
			t.Errorf("depth %d: %d %.300s", depth, a.status, a.body)
		}
	}
	if a := r.call("plain", `{}`, nil); !strings.Contains(a.body, `"ok":true`) {
		t.Errorf("a call afterwards: %s", a.body)
	}
}

// TestStatesHaveAnEnd shows that a call that has gathered too much to travel is
// ended before it asks, with what it has done undone, and that thousands of
// states, used and forgotten, cost next to nothing.
func TestStatesHaveAnEnd(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	if a := r.round(toolRounds("heavy", "{}"), ""); stateIn(a) != "" || a.status != 200 || !strings.Contains(a.body, `"isError":true`) || len(a.body) > 2000 {
		t.Errorf("a state beyond the bound: %d %.300s", a.status, a.body)
	}
	before, heap := settled()
	calls := 300
	if isSoak() {
		calls = 20_000
	}
	call := toolRounds("order", `{"who":"ann"}`)
	for n := range calls {
		state := r.asked(call)
		if n%2 == 0 {
			continue // forgotten
		}
		if a := r.round(call, retry(state, yes)); !strings.Contains(a.body, "Charged") {
			t.Fatalf("call %d: %s", n, a.body)
		}
	}
	after, heapAfter := settled()
	if after > before+10 || heapAfter > heap+(24<<20) {
		t.Errorf("%d goroutines and %d KiB before, %d and %d after %d states", before, heap>>10, after, heapAfter>>10, calls)
	}
}

// TestChangedWhileAsked changes the tool while its question is open: the call
// ends, and undoes what it did.
func TestChangedWhileAsked(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	call := toolRounds("order", `{"who":"ann"}`)
	state := r.asked(call)
	r.replace(strings.Replace(askManifest, "      - {id: pay, tool: charge}\n    response: {text: \"Charged", "      - {id: pay, tool: charge}\n      - {tool: plain}\n    response: {text: \"Charged", 1))
	reload(t, r)
	if a := r.round(call, retry(state, yes)); !strings.Contains(a.body, `"isError":true`) || strings.Contains(a.body, "Charged") {
		t.Errorf("the state of another program: %d %s", a.status, a.body)
	}
	if b.count("POST /charge") != 0 || b.count("DELETE /reserve") != 1 {
		t.Errorf("the shop saw %v", b.requests())
	}
}

// TestStatesExpire waits for the end of a state; it takes a minute, so only the
// long form does.
func TestStatesExpire(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	call := toolRounds("order", `{"who":"ann"}`)
	state := r.asked(call)
	want := "Charged"
	if isSoak() {
		time.Sleep(63 * time.Second) // what is tested is the passing of time
		want = "has expired"
	}
	if a := r.round(call, retry(state, yes)); !strings.Contains(a.body, want) {
		t.Errorf("want %q: %d %s", want, a.status, a.body)
	}
}
