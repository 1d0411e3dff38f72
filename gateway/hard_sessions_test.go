package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// sessionManifest has what sessions can hold: streams, subscriptions, calls
// that ask.
const sessionManifest = `
version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", http_sse: true}
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
upstreams: {shop: {url: "${UPSTREAM}", retry: none, breaker: none}}
tools:
  slow:  {description: d, request: "POST /slow"}
  plain: {description: d, request: "POST /plain"}
  own:   {description: d, roles: [admin], request: "POST /own"}
  ask:
    description: d
    steps: [{id: ok, ask: {message: "Sure?", timeout: 30s, schema: {sure: {type: boolean}}}}, {tool: plain}]
    response: {text: "sure is ${{ steps.ok.sure }}"}
  late:
    description: d
    steps: [{tool: slow}, {id: ok, ask: {message: "Sure?", timeout: 30s, schema: {sure: {type: boolean}}}}, {tool: plain}]
    response: {text: "sure is ${{ steps.ok.sure }}"}
resources:
  "shop://stock": {name: stock, description: d, request: GET /stock, watch: 1s}
`

// beginAsking starts a legacy session of a client that can be asked.
func (r *rig) beginAsking(revision string, headers map[string]string) map[string]string {
	r.t.Helper()
	h := with(headers, "Content-Type", "application/json", "Accept", "application/json, text/event-stream")
	a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+revision+
		`","capabilities":{"elicitation":{},"sampling":{},"roots":{}},"clientInfo":{"name":"test","version":"1"}}}`, h)
	if a.status != 200 {
		r.t.Fatalf("initialize: %d %s", a.status, a.body)
	}
	h["Mcp-Session-Id"] = a.header.Get("Mcp-Session-Id")
	if revision >= "2025-06-18" {
		h["MCP-Protocol-Version"] = revision
	}
	return h
}

// legacyCall is a call of a tool by a legacy client.
func legacyCall(id, tool string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":"tools/call","params":{"name":%q,"arguments":{}}}`, id, tool)
}

// open starts a request whose answer is heard as it comes.
func (r *rig) open(method, body string, headers map[string]string) *hearing {
	r.t.Helper()
	if method == http.MethodGet {
		headers = with(headers, "Accept", "text/event-stream")
	}
	return listening(r.t, r.client, method, r.url+"/mcp", body, headers)
}

// question waits for a request of the server's and returns its id.
func (h *hearing) question(t testing.TB) string {
	t.Helper()
	text := h.nextMessage(t)
	m, isRequest := requestIn(text)
	if !isRequest {
		t.Fatalf("want a request, got %s", text)
	}
	return m.id
}

// ends waits for the end of a stream and returns what came before.
func (h *hearing) ends(t testing.TB, within time.Duration) string {
	t.Helper()
	var all []string
	after := time.After(within)
	for {
		select {
		case e, more := <-h.heard:
			if !more {
				return strings.Join(all, "\n")
			}
			all = append(all, e.text)
		case <-after:
			t.Errorf("the stream has not ended within %s; came: %q", within, all)
			return strings.Join(all, "\n")
		}
	}
}

// reply posts a client's answer to a request of the server's.
func (r *rig) reply(id, member string, headers map[string]string) answer {
	r.t.Helper()
	return r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":"`+id+`",`+member+`}`, headers)
}

const sure = `"result":{"action":"accept","content":{"sure":true}}`

// TestSessionsOfOthersEverywhere uses another's session with every verb and on
// every path: it is always unknown, and its owner notices nothing.
func TestSessionsOfOthersEverywhere(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	ann, ben := bearerWith("ann", ""), bearerWith("ben", "")
	batches := r.beginAsking("2025-03-26", ann)
	if a := r.do("POST", "/mcp", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, with(batches, "Authorization", ben["Authorization"])); a.status != 400 && a.status != 404 || strings.Contains(a.body, "result") {
		t.Errorf("a batch: %d %s", a.status, a.body)
	}
	for _, revision := range []string{"2025-06-18", "2025-11-25"} {
		session := r.beginAsking(revision, ann)
		call := r.open("POST", legacyCall("c1", "ask"), session)
		question := call.question(t)
		general := r.open("GET", "", session).begun(t)
		stolen := with(session, "Authorization", ben["Authorization"])
		for name, a := range map[string]answer{
			"a request":       r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, stolen),
			"a notification":  r.do("POST", "/mcp", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, stolen),
			"a cancellation":  r.do("POST", "/mcp", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c1"}}`, stolen),
			"a reply":         r.reply(question, `"result":{"action":"accept","content":{"sure":false}}`, stolen),
			"an error":        r.reply(question, `"error":{"code":-1,"message":"no"}`, stolen),
			"a subscription":  r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"shop://stock"}}`, stolen),
			"a level":         r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`, stolen),
			"a stream":        r.do("GET", "/mcp", "", with(stolen, "Accept", "text/event-stream")),
			"a resumption":    r.do("GET", "/mcp", "", with(stolen, "Accept", "text/event-stream", "Last-Event-ID", call.last)),
			"an end":          r.do("DELETE", "/mcp", "", stolen),
			"another's posts": r.do("POST", "/messages?session="+session["Mcp-Session-Id"], legacyCall("c2", "plain"), stolen),
			"its own posts":   r.do("POST", "/messages?session="+session["Mcp-Session-Id"], legacyCall("c2", "plain"), session),
		} {
			if a.status != 404 {
				t.Errorf("%s: %s: %d %s", revision, name, a.status, a.body)
			}
		}
		if a := r.do("DELETE", "/mcp", "", with(ann, "Mcp-Session-Id", session["Mcp-Session-Id"], "Authorization", "")); a.status != 401 && a.status != 400 {
			t.Errorf("an end by nobody: %d %s", a.status, a.body)
		}
		r.reply(question, sure, session)
		if text := call.ends(t, patience); !strings.Contains(text, "sure is true") {
			t.Errorf("%s: the owner's call: %s", revision, text)
		}
		if a := r.do("DELETE", "/mcp", "", session); a.status != 204 {
			t.Errorf("%s: the owner's end: %d", revision, a.status)
		}
		general.ends(t, patience)
		for _, method := range []string{"GET", "DELETE", "POST"} {
			if a := r.do(method, "/mcp", legacyCall("x", "plain"), with(session, "Accept", "text/event-stream, application/json")); a.status != 404 {
				t.Errorf("%s: %s after the end: %d %s", revision, method, a.status, a.body)
			}
		}
	}
}

// TestForeignReplies answers other sessions' questions, questions that nobody
// put, the same question twice, with errors and with too much.
func TestForeignReplies(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	ann := bearerWith("ann", "")
	one, two := r.beginAsking("2025-06-18", ann), r.beginAsking("2025-06-18", ann)
	first, second := r.open("POST", legacyCall("same", "ask"), one), r.open("POST", legacyCall("same", "ask"), two)
	ofFirst, ofSecond := first.question(t), second.question(t)
	if ofFirst == ofSecond {
		t.Fatalf("two sessions are asked with the id %s", ofFirst)
	}
	for name, a := range map[string]answer{
		"the other's":   r.reply(ofFirst, `"result":{"action":"accept","content":{"sure":false}}`, two),
		"and back":      r.reply(ofSecond, `"result":{"action":"accept","content":{"sure":false}}`, one),
		"unknown":       r.reply("s-AAAAAAAAAAAAAAAAAAAAAAAAAA", sure, one),
		"its own id":    r.reply("same", sure, one),
		"a number":      r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,`+sure+`}`, one),
		"an empty id":   r.reply("", sure, one),
		"unknown error": r.reply("nobody", `"error":{"code":-32603,"message":"`+strings.Repeat("x", 500_000)+`"}`, one),
	} {
		if a.status != 202 || a.body != "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for name, bad := range map[string]string{
		"both":    `"result":{},"error":{"code":1,"message":"x"}`,
		"neither": `"results":{}`,
		"twice":   `"result":{},"result":{"action":"accept"}`,
		"text":    `"error":"no"`,
	} {
		if a := r.reply(ofFirst, bad, one); a.status >= 500 || strings.Contains(a.body, "result\":") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if a, err := r.send(`{"jsonrpc":"2.0","id":"`+ofSecond+`",`+sure+`}`, two); err != nil || a.status != 202 {
				t.Errorf("%v %d %s", err, a.status, a.body)
			}
		})
	}
	wg.Wait()
	if text := second.ends(t, patience); strings.Count(text, "sure is true") != 1 {
		t.Errorf("the second call: %s", text)
	}
	if text := first.ends(t, patience); !strings.Contains(text, "isError") {
		t.Errorf("a call whose question was answered with what is no answer: %s", text)
	}
	if n := b.count("POST /plain"); n != 1 {
		t.Errorf("%d calls behind the questions", n)
	}
}

// TestHugeReplies answers with the most that a body holds, and with more.
func TestHugeReplies(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-11-25", bearerWith("ann", ""))
	call := r.open("POST", legacyCall("c", "ask"), session)
	question := call.question(t)
	if a := r.reply(question, `"result":{"action":"accept","content":{"sure":true,"x":"`+strings.Repeat("x", 2<<20)+`"}}`, session); a.status != 413 {
		t.Errorf("a reply of 2 MiB: %d", a.status)
	}
	deep := `"result":{"action":"accept","content":{"sure":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`
	if a := r.reply(question, deep, session); a.status >= 500 {
		t.Errorf("a deep reply: %d %s", a.status, a.body)
	}
	if a := r.reply(question, sure, session); a.status != 202 {
		t.Errorf("a good reply: %d %s", a.status, a.body)
	}
	if text := call.ends(t, patience); !strings.Contains(text, "sure is true") {
		t.Errorf("the call: %.300s", text)
	}
}

// TestEventIDs resumes with ids that are guessed, of another session, or
// hostile: nobody hears what is another's, and nothing is injected.
func TestEventIDs(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	one, two := r.beginAsking("2025-11-25", bearerWith("ann", "")), r.beginAsking("2025-11-25", bearerWith("ann", ""))
	call := r.open("POST", legacyCall("secret", "ask"), one)
	question := call.question(t)
	id := call.last
	for _, guess := range []string{
		id, strings.Split(id, "-")[0] + "-0", strings.Split(id, "-")[0], "c-0", "c1-0", "-", "--", "-1", id + "0", id + "-1", "c" + id, strings.ToUpper(id),
		strings.Split(id, "-")[0] + "--1", strings.Split(id, "-")[0] + "-18446744073709551616", strings.Repeat("9", 4000), "\xff\xfe", "☃",
		`"><script>`, "a: b", "*", "null",
	} {
		a := r.do("GET", "/mcp", "", with(two, "Accept", "text/event-stream", "Last-Event-ID", guess))
		if a.status != 400 || strings.Contains(a.body, "secret") {
			t.Errorf("%.60q in another session: %d %.300s", guess, a.status, a.body)
		}
		if guess == id || guess == strings.Split(id, "-")[0]+"-0" {
			continue // is heard again
		}
		if a := r.do("GET", "/mcp", "", with(one, "Accept", "text/event-stream", "Last-Event-ID", guess)); a.status != 400 {
			t.Errorf("%.60q in its session: %d %.300s", guess, a.status, a.body)
		}
	}
	// An id that is unknown, of a general stream: a new one that says nothing of others.
	general := r.open("GET", "", with(two, "Last-Event-ID", "gaaaaaaaaaa1-5")).begun(t)
	if e := general.next(t); general.status != 200 || e.text != "" || !e.hasID || strings.HasPrefix(e.id, "gaaaa") {
		t.Errorf("a general stream that is unknown: %d %+v", general.status, e)
	}
	for _, line := range []string{"x\r\nX-Evil: 1", "x\nid: evil", "x\rdata: evil", "x\x00y", strings.Repeat("x", 200_000)} {
		head, _ := raw(t, r.url, "GET /mcp HTTP/1.1\r\nHost: "+strings.TrimPrefix(r.url, "http://")+"\r\nAccept: text/event-stream\r\nAuthorization: "+two["Authorization"]+
			"\r\nMcp-Session-Id: "+two["Mcp-Session-Id"]+"\r\nLast-Event-ID: "+line+"\r\n\r\n", 300*time.Millisecond)
		if strings.Contains(head, "evil") || strings.Contains(head, "Evil") || strings.Contains(head, "HTTP/1.1 5") {
			t.Errorf("%.40q: %.400s", line, head)
		}
	}
	r.reply(question, sure, one)
	if text := call.ends(t, patience); strings.Count(text, "sure is true") != 1 {
		t.Errorf("the call: %s", text)
	}
	// Whoever says that it has not heard the answer hears it again.
	resumed := r.open("GET", "", with(one, "Last-Event-ID", id))
	if text := resumed.ends(t, patience); strings.Count(text, "sure is true") != 1 {
		t.Errorf("resumed: %s", text)
	}
}

// raw writes text to the gateway and returns what comes within the time, or
// until the other side closes.
func raw(t testing.TB, url, text string, within time.Duration) (string, bool) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(within))
	_, _ = io.WriteString(c, text) // the gateway may hang up on it
	var out bytes.Buffer
	_, err = io.Copy(&out, c)
	return out.String(), err == nil
}

// TestForgottenSessions opens sessions that are never used again: they cost no
// memory.
func TestForgottenSessions(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	headers := bearerWith("ann", "")
	many := 2000
	if isSoak() {
		many = 50_000
	}
	for range 200 {
		r.beginAsking("2025-11-25", headers)
	}
	goroutines, heap := settled()
	for range many {
		r.beginAsking("2025-11-25", headers)
	}
	if nowGoroutines, now := settled(); nowGoroutines > goroutines+10 || now > heap+(4<<20) {
		t.Errorf("%d goroutines and %d KiB before, %d and %d after %d sessions", goroutines, heap>>10, nowGoroutines, now>>10, many)
	}
}

// TestSubscriptionsEndWithTheirSession shows that nobody asks the upstream any
// more once the session has ended that wanted to know.
func TestSubscriptionsEndWithTheirSession(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-11-25", bearerWith("ann", ""))
	if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"shop://stock"}}`, session); !strings.Contains(a.body, `"result":{}`) {
		t.Fatalf("subscribe: %s", a.body)
	}
	until(t, "the resource is looked at", func() bool { return b.count("GET /stock") >= 2 })
	r.do("DELETE", "/mcp", "", session)
	before := b.count("GET /stock")
	time.Sleep(1500 * time.Millisecond) // what is tested is that nothing happens
	if after := b.count("GET /stock"); after > before+1 {
		t.Errorf("looked at %d times after the end", after-before)
	}
}

// until waits for something that has to come.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came: %s", what)
		}
	}
}

// oldClient is a client of HTTP+SSE (2024-11-05).
type oldClient struct {
	r       *rig
	stream  *hearing
	post    string
	headers map[string]string
}

// beginOld opens the stream of a client of HTTP+SSE and initializes it.
func (r *rig) beginOld(headers map[string]string) *oldClient {
	r.t.Helper()
	c := &oldClient{r: r, headers: with(headers, "Content-Type", "application/json")}
	c.stream = listening(r.t, r.client, "GET", r.url+"/sse", "", with(headers, "Accept", "text/event-stream"))
	c.post = c.stream.next(r.t).text
	if a := c.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{"elicitation":{},"sampling":{},"roots":{}},"clientInfo":{"name":"old","version":"1"}}}`); a.status != 202 {
		r.t.Fatalf("initialize: %d %s", a.status, a.body)
	}
	if text := c.stream.nextMessage(r.t); !strings.Contains(text, `"protocolVersion":"2024-11-05"`) {
		r.t.Fatalf("initialize: %s", text)
	}
	return c
}

func (c *oldClient) say(message string) answer {
	c.r.t.Helper()
	return c.r.do("POST", c.post, message, c.headers)
}

// TestOldSessionsOfOthers posts to another's stream of HTTP+SSE.
func TestOldSessionsOfOthers(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	ann, ben := r.beginOld(bearerWith("ann", "")), r.beginOld(bearerWith("ben", ""))
	call := legacyCall("c", "plain")
	for name, path := range map[string]string{
		"another's": ann.post, "cut": ben.post[:len(ben.post)-1], "longer": ben.post + "A", "none": "/messages", "empty": "/messages?session=",
		"two": ben.post + "&session=x", "a streamable one": "/messages?session=" + r.beginAsking("2025-11-25", bearerWith("ben", ""))["Mcp-Session-Id"],
		"encoded": strings.Replace(ben.post, "session=", "session=%2e", 1),
	} {
		if a := r.do("POST", path, call, ben.headers); a.status != 404 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := r.do("POST", ben.post, call, with(ben.headers, "Authorization", "")); a.status != 401 && a.status != 400 {
		t.Errorf("nobody: %d %s", a.status, a.body)
	}
	for _, method := range []string{"GET", "DELETE", "PUT"} {
		if a := r.do(method, ben.post, "", ben.headers); a.status != 405 {
			t.Errorf("%s: %d", method, a.status)
		}
	}
	if a := ben.say(call); a.status != 202 {
		t.Errorf("its own: %d %s", a.status, a.body)
	}
	if text := ben.stream.nextMessage(t); !strings.Contains(text, `"id":"c"`) {
		t.Errorf("the answer: %s", text)
	}
	ann.stream.drop()
	until(t, "the session ends with its stream", func() bool { return ann.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`).status == 404 })
	if n := b.count("POST /plain"); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestOldMessagesWaitForNobody posts garbage to a stream of HTTP+SSE, and more
// calls than are served at once.
func TestOldMessagesWaitForNobody(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	c := r.beginOld(bearerWith("ann", ""))
	for _, garbage := range []string{``, `{`, `[]`, `null`, `5`, `{"jsonrpc":"1.0"}`, `{"jsonrpc":"2.0","id":{},"method":"ping"}`, "\xff", `[[]]`} {
		if a := c.say(garbage); a.status >= 500 {
			t.Errorf("%q: %d %s", garbage, a.status, a.body)
		}
	}
	taken, refused := 0, 0
	for n := range 1100 {
		switch a := c.say(legacyCall(fmt.Sprint("n", n), "slow")); a.status {
		case 202:
			taken++
		case 503:
			refused++
		default:
			t.Fatalf("call %d: %d %s", n, a.status, a.body)
		}
	}
	if taken < 64 || refused == 0 || len(b.begun) > 64 {
		t.Errorf("%d taken, %d refused, %d at the upstream at once", taken, refused, len(b.begun))
	}
	if a := r.do("POST", "/mcp", legacyCall("other", "plain"), r.beginAsking("2025-06-18", bearerWith("ben", ""))); !strings.Contains(a.body, "ok") {
		t.Errorf("another client meanwhile: %d %s", a.status, a.body)
	}
	close(b.finish)
	answered := make(map[string]bool)
	for len(answered) < taken {
		var m struct {
			ID any `json:"id"`
		}
		text := c.stream.nextMessage(t)
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if id, isText := m.ID.(string); isText && strings.HasPrefix(id, "n") {
			if answered[id] {
				t.Errorf("%s is answered twice", id)
			}
			answered[id] = true
		}
	}
}

// TestPipelinedStreams sends another request behind one whose answer is a
// stream that stays open: it is never served.
func TestPipelinedStreams(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-11-25", bearerWith("ann", ""))
	host := strings.TrimPrefix(r.url, "http://")
	body := legacyCall("smuggled", "plain")
	text := "GET /mcp HTTP/1.1\r\nHost: " + host + "\r\nAccept: text/event-stream\r\nAuthorization: " + session["Authorization"] + "\r\nMcp-Session-Id: " + session["Mcp-Session-Id"] + "\r\n\r\n" +
		"POST /mcp HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nAuthorization: " + session["Authorization"] + "\r\nMcp-Session-Id: " + session["Mcp-Session-Id"] +
		fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	got, _ := raw(t, r.url, text, 500*time.Millisecond)
	if strings.Count(got, "HTTP/1.1") != 1 || b.count("POST /plain") != 0 {
		t.Errorf("%q; the shop saw %v", got, b.requests())
	}
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v in %q", err, got)
	}
	_ = resp.Body.Close()
}
