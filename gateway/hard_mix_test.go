package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mixManifest has one of everything that a client can be answered with.
const mixManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
upstreams: {shop: {url: "${UPSTREAM}", retry: none, breaker: none}}
tools:
  echo: &echo
    description: d
    request: {method: GET, path: "/echo/{nonce}", headers: {X-Sub: "${{ caller.subject }}"}}
    input: {nonce: {type: string}}
  kept: {<<: *echo, cache: {ttl: 1m}}
  tell:
    description: d
    input: {nonce: {type: string}}
    steps:
      - {id: got, tool: echo, args: {nonce: "${{ args.nonce }}"}}
      - {log: info, message: "${{ steps.got.nonce }} of ${{ steps.got.sub }}"}
      - {progress: 1, total: 2, message: "${{ steps.got.nonce }} of ${{ steps.got.sub }}"}
      - {id: again, for_each: "[1,2,3]", parallel: 3, tool: kept, args: {nonce: "${{ args.nonce }}"}}
    response: {select: "{nonce: steps.again[2].nonce, sub: steps.got.sub}"}
  asks:
    description: d
    input: {nonce: {type: string}}
    steps:
      - {id: got, tool: echo, args: {nonce: "${{ args.nonce }}"}}
      - {id: ok, ask: {message: "${{ args.nonce }} of ${{ steps.got.sub }}?", schema: {word: {type: string}}}}
    response: {select: "{nonce: steps.ok.word, sub: steps.got.sub}"}
  job:
    description: d
    request: {method: POST, path: "/job/{nonce}", headers: {X-Sub: "${{ caller.subject }}"}}
    input: {nonce: {type: string}}
    response: {poll: {every: 200ms, timeout: 20s}}
resources:
  "mix://one/{nonce}": {name: one, description: d, request: {method: GET, path: "/echo/{nonce}", headers: {X-Sub: "${{ caller.subject }}"}}, cache: {ttl: 1m}, complete: {nonce: {request: {method: GET, path: /complete, query: {v: "${{ value }}"}, headers: {X-Sub: "${{ caller.subject }}"}}, select: ".[]"}}}
prompts:
  look:
    description: d
    arguments: {nonce: {description: d}}
    load: {it: {tool: kept, args: {nonce: "${{ args.nonce }}"}}}
    messages: [{role: user, text: "${{ load.it.nonce }} of ${{ load.it.sub }}"}, {role: user, load: it}]
`

// mixBackend answers with what it was asked, and by whom.
func mixBackend(t *testing.T) *backend {
	t.Helper()
	return newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "application/json")
		sub := req.Header.Get("X-Sub")
		kind, nonce, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		switch kind {
		case "complete":
			_ = json.NewEncoder(w).Encode([]string{req.URL.Query().Get("v") + " of " + sub})
			return
		case "job":
			w.Header().Set("Location", "/echo/"+nonce+"?sub="+sub)
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if sub == "" {
			sub = req.URL.Query().Get("sub")
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"nonce": nonce, "sub": sub})
	})
}

// mixer makes calls of one of the crowd.
type mixer struct {
	r       *rig
	subject string
	token   map[string]string
	session map[string]string
	random  *rand.Rand
}

// mixed is what one call of the mixture sends.
type mixed struct{ method, name, params, meta string }

// kinds of the mixture; the nonce is what all of an answer must be about.
func (m *mixer) pick(nonce string) mixed {
	shared := fmt.Sprint("shared-", m.random.IntN(8)) // the same for all: caches and coalesced calls
	if m.random.IntN(2) == 0 {
		nonce = shared
	}
	switch m.random.IntN(7) {
	case 0:
		return mixed{"tools/call", "echo", fmt.Sprintf(`"name":"echo","arguments":{"nonce":%q}`, nonce), nonce}
	case 1:
		return mixed{"tools/call", "kept", fmt.Sprintf(`"name":"kept","arguments":{"nonce":%q}`, nonce), nonce}
	case 2:
		return mixed{"resources/read", "mix://one/" + nonce, fmt.Sprintf(`"uri":"mix://one/%s"`, nonce), nonce}
	case 3:
		return mixed{"prompts/get", "look", fmt.Sprintf(`"name":"look","arguments":{"nonce":%q}`, nonce), nonce}
	case 4:
		return mixed{"completion/complete", "", fmt.Sprintf(`"ref":{"type":"ref/resource","uri":"mix://one/{nonce}"},"argument":{"name":"nonce","value":%q}`, nonce), nonce}
	case 5:
		return mixed{"tools/call", "asks", fmt.Sprintf(`"name":"asks","arguments":{"nonce":%q}`, nonce), nonce}
	default:
		return mixed{"tools/call", "tell", fmt.Sprintf(`"name":"tell","arguments":{"nonce":%q}`, nonce), nonce}
	}
}

// one makes a call, and says what is wrong with what came.
func (m *mixer) one(n int64) string {
	what := m.pick(fmt.Sprintf("n%d-%d", n, m.random.Uint64()))
	id := fmt.Sprintf("%s-%d", m.subject, n)
	legacy := m.random.IntN(2) == 0 && what.name != "asks"
	body, headers := m.request(&what, id, legacy, "")
	a, err := m.r.send(body, headers)
	if err != nil {
		return err.Error()
	}
	if what.name == "asks" {
		state := stateIn(a)
		if state == "" || !strings.Contains(a.body, what.meta+" of "+m.subject+"?") {
			return fmt.Sprintf("the question: %d %.500s", a.status, a.body)
		}
		body, headers = m.request(&what, id, false, retry(state, fmt.Sprintf(`{"ok":{"action":"accept","content":{"word":%q}}}`, what.meta)))
		if a, err = m.r.send(body, headers); err != nil {
			return err.Error()
		}
	}
	return m.check(&what, id, a)
}

// request is the message and its headers.
func (m *mixer) request(what *mixed, id string, legacy bool, more string) (string, map[string]string) {
	params := what.params
	if more != "" {
		params += "," + more
	}
	loudly := m.random.IntN(2) == 0
	if legacy {
		if loudly {
			params += `,"_meta":{"progressToken":"` + id + `"}`
		}
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":%q,"params":{%s}}`, id, what.method, params), m.session
	}
	meta := canAsk
	if loudly {
		meta = strings.Replace(loud, `"p"`, `"`+id+`"`, 1)
	}
	headers := with(m.token, "Content-Type", "application/json", "Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", what.method)
	if what.name != "" {
		headers["Mcp-Name"] = what.name
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":%q,"params":{%s,%s}}`, id, what.method, params, meta), headers
}

// check says what is wrong with an answer, be it plain or a stream.
func (m *mixer) check(what *mixed, id string, a answer) string {
	messages := []string{a.body}
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") {
		messages = nil
		readEvents(strings.NewReader(a.body), func(e event) {
			if e.text != "" {
				messages = append(messages, e.text)
			}
		})
	}
	for i, text := range messages {
		last := i == len(messages)-1
		switch {
		case a.status != 200 || !json.Valid([]byte(text)):
			return fmt.Sprintf("%d %.500s", a.status, text)
		case !strings.Contains(text, what.meta) || !strings.Contains(text, m.subject):
			return fmt.Sprintf("want %s of %s, got %.500s", what.meta, m.subject, text)
		case last != strings.HasPrefix(text, `{"jsonrpc":"2.0","id":"`+id+`","result":`):
			return fmt.Sprintf("message %d of %d for %s: %.500s", i, len(messages), id, text)
		case strings.Count(text, "person-") != strings.Count(text, m.subject):
			return "another's: " + text
		}
	}
	if len(messages) == 0 {
		return "an empty stream"
	}
	return ""
}

// TestNothingIsMixedUp makes thousands of calls of all kinds for many callers
// at once, plain and in streams, of both eras, some of the same things, over
// connections, buffers, caches and states that all share.
func TestNothingIsMixedUp(t *testing.T) {
	b := mixBackend(t)
	r := start(t, mixManifest, b.URL, crowdEnv())
	people := make([]mixer, 10)
	for i := range people {
		subject := fmt.Sprintf("person-%d.", i)
		token := bearerWith(subject, "")
		people[i] = mixer{r: r, subject: subject, token: token, session: r.beginAsking([]string{"2025-06-18", "2025-11-25"}[i%2], token)}
	}
	total := int64(3000)
	if isSoak() {
		total = 100_000
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for worker := range 24 {
		wait.Go(func() {
			m := people[worker%len(people)]
			m.random = rand.New(rand.NewPCG(uint64(worker), 7))
			for n := next.Add(1); n <= total && !t.Failed(); n = next.Add(1) {
				if why := m.one(n); why != "" {
					t.Errorf("call %d of %s: %s", n, m.subject, why)
				}
			}
		})
	}
	wait.Wait()
}

// TestJobsAreNotMixedUp waits for the jobs of many callers at once, as calls and
// as tasks.
func TestJobsAreNotMixedUp(t *testing.T) {
	b := mixBackend(t)
	r := start(t, mixManifest, b.URL, crowdEnv())
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			subject := fmt.Sprintf("person-%d.", i%8)
			want := fmt.Sprintf(`"nonce":"job-%d","sub":%q`, i, subject)
			params := fmt.Sprintf(`"name":"job","arguments":{"nonce":"job-%d"}`, i)
			headers := with(bearerWith(subject, ""), "Content-Type", "application/json", "Accept", "application/json, text/event-stream",
				"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "job")
			if i%2 == 0 {
				a, err := r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{`+params+","+modernMeta+`}}`, headers)
				if err != nil || !strings.Contains(a.body, want) {
					t.Errorf("job %d: %v %s", i, err, a.body)
				}
				return
			}
			a, err := r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{`+params+","+taskMeta+`}}`, headers)
			m := taskMember.FindStringSubmatch(a.body)
			if err != nil || m == nil {
				t.Errorf("job %d: %v %s", i, err, a.body)
				return
			}
			get := with(headers, "Mcp-Method", "tasks/get", "Mcp-Name", m[1])
			for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
				a, err = r.send(`{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"`+m[1]+`",`+taskMeta+`}}`, get)
				if err != nil || time.Now().After(deadline) || strings.Contains(a.body, `"completed"`) {
					break
				}
			}
			if !strings.Contains(a.body, want) {
				t.Errorf("task %d: %v %s", i, err, a.body)
			}
		})
	}
	wait.Wait()
}
