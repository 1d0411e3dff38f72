package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// streamManifest has calls that say much before they answer.
const streamManifest = `
version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", http_sse: true}
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
  anonymous: {roles: [public]}
upstreams: {shop: {url: "${UPSTREAM}", retry: none, breaker: none}}
tools:
  echo: {description: d, request: "POST /echo", input: {v: {type: string}}, response: {select: .v}}
  slow: {description: d, request: "POST /slow"}
  held: {description: d, steps: [{log: info, message: begun}, {tool: slow}], response: {text: held}}
  ask: {description: d, steps: [{log: info, message: begun}, {id: ok, ask: {message: "Sure?", schema: {sure: {type: boolean}}}}, {log: info, message: asked}], response: {text: done}}
  tell:
    description: d
    input: {v: {type: string}}
    steps:
      - {id: got, tool: echo, args: {v: "${{ args.v }}"}}
      - {log: warning, message: "${{ steps.got }}", logger: test, data: {v: "${{ steps.got }}"}}
      - {progress: 50, total: 100, message: "${{ steps.got }}"}
    response: {text: "${{ steps.got }}"}
  one: {description: d, input: {n: {type: integer}, pad: {type: string}}, steps: [{log: info, message: "${{ args.n }} ${{ args.pad }}"}], response: {text: x}}
  flood:
    description: d
    input: {count: {type: integer}, pad: {type: string, default: ""}}
    steps: [{for_each: "[range(args.count)]", parallel: 1, tool: one, args: {n: "${{ item }}", pad: "${{ args.pad }}"}}]
    response: {text: all told}
resources:
  "shop://stock": {name: stock, description: d, text: x}
`

func newEcho(t *testing.T) *shop {
	t.Helper()
	s := &shop{finish: make(chan struct{}), begun: make(chan struct{}, 2048)}
	s.backend = newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		switch req.URL.Path {
		case "/slow":
			s.begun <- struct{}{}
			select {
			case <-s.finish:
			case <-req.Context().Done():
			}
		case "/echo":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
			return
		}
		ok(w, req)
	})
	return s
}

// loud is the _meta of a modern client that wants to hear everything.
const loud = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/logLevel":"debug","progressToken":"p"}`

// loudCall is a call of such a client.
func loudCall(id, tool, arguments string) (string, map[string]string) {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":"tools/call","params":{"name":%q,"arguments":%s,%s}}`, id, tool, arguments, loud),
		with(envelopeHeaders(), "Mcp-Name", tool, "Accept", "application/json, text/event-stream")
}

// injections are texts that break framing which is made by pasting.
func injections() []string {
	return []string{
		"a\n\nid: evil\ndata: {\"evil\":1}\n\n", "a\r\n\r\nevent: endpoint\r\ndata: /evil\r\n\r\n", "a\rdata: evil\r\r", "\n", "\r", "\r\n\r\n",
		"\u2028\u2029\u0085data: evil", "\u0000id: evil", "\ufeffdata: evil", ": keep-alive\n\n", "retry: 1\n\n", "data: [DONE]\n\n",
		"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "\x1b[2J\x07", "}\n{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}\n", strings.Repeat("\n\n", 5000), "\\n\\u000a\\",
	}
}

var streamLine = regexp.MustCompile(`^(?:event: message|id: [a-z0-9]+-[0-9]+|retry: [0-9]+|data: .*|: keep-alive|)$`)

// checkFraming says what is wrong with the bytes of a stream, which has some
// messages in it.
func checkFraming(body string, messages int) string {
	events := 0
	for line := range strings.SplitSeq(body, "\n") {
		if !streamLine.MatchString(line) || strings.ContainsAny(line, "\r\x00") {
			return fmt.Sprintf("the line %.200q", line)
		}
		if data, isData := strings.CutPrefix(line, "data: "); isData && data != "" {
			events++
			var m map[string]any
			if json.Unmarshal([]byte(data), &m) != nil || m["jsonrpc"] != "2.0" || m["evil"] != nil {
				return fmt.Sprintf("the event %.200q", data)
			}
		}
	}
	if events != messages || !strings.HasSuffix(body, "\n\n") {
		return fmt.Sprintf("%d messages, want %d, in %.400q", events, messages, body)
	}
	return ""
}

// TestNothingBreaksFraming has an upstream, and a client, say what would end an
// event, a line or a chunk if it were pasted.
func TestNothingBreaksFraming(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-11-25", nil)
	old := r.beginOld(nil)
	for n, text := range injections() {
		arguments, _ := json.Marshal(map[string]string{"v": text})
		body, headers := loudCall("m", "tell", string(arguments))
		a := r.do("POST", "/mcp", body, headers)
		if why := checkFraming(a.body, 3); why != "" {
			t.Errorf("%.40q, modern: %s", text, why)
		}
		legacy := fmt.Sprintf(`{"jsonrpc":"2.0","id":"l%d","method":"tools/call","params":{"name":"tell","arguments":%s,"_meta":{"progressToken":%q}}}`, n, arguments, "t\u2028\n\nid: evil")
		a = r.do("POST", "/mcp", legacy, session)
		if why := checkFraming(a.body, 3); why != "" {
			t.Errorf("%.40q, legacy: %s", text, why)
		}
		if a := old.say(legacy); a.status != 202 {
			t.Fatalf("old: %d %s", a.status, a.body)
		}
		for range 3 {
			e := old.stream.next(t)
			if !json.Valid([]byte(e.text)) || e.hasID || strings.ContainsAny(e.text, "\r\n") {
				t.Errorf("%.40q, old: %+v", text, e)
			}
		}
	}
	// The id of a request and a name come back as JSON.
	id := `"a\n\ndata: evil\r\n"`
	_, headers := loudCall("x", "tell", "{}")
	a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":`+id+`,"method":"tools/call","params":{"name":"tell","arguments":{"v":"x"},`+loud+`}}`, headers)
	if why := checkFraming(a.body, 3); why != "" || !strings.Contains(a.body, `"id":`+id) {
		t.Errorf("a hostile id: %s in %s", why, a.body)
	}
}

// TestFloodsOfMessages has a call say a thousand things: each comes, in order,
// and then the answer.
func TestFloodsOfMessages(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	body, headers := loudCall("f", "flood", `{"count":1000}`)
	session := r.beginAsking("2025-11-25", nil)
	legacy := `{"jsonrpc":"2.0","id":"f","method":"tools/call","params":{"name":"flood","arguments":{"count":1000}}}`
	for name, h := range map[string]*hearing{"modern": r.open("POST", body, headers), "legacy": r.open("POST", legacy, session)} {
		for n := range 1000 {
			if text := h.nextMessage(t); !strings.Contains(text, fmt.Sprintf(`"data":"%d "`, n)) {
				t.Fatalf("%s: message %d: %s", name, n, text)
			}
		}
		if text := h.ends(t, patience); !strings.Contains(text, "all told") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// descriptors counts the open files of the process.
func descriptors() int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(all)
}

// ownGoroutines counts the goroutines that run something of ours, tests left
// out. Idle workers of a server's pool are none.
func ownGoroutines() int {
	stacks := make([]byte, 8<<20)
	n := 0
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "sallyport-mcp/sallyport/") && !strings.Contains(stack, "gateway_test.") {
			n++
		}
	}
	return n
}

// keptFiles are the descriptors of the connections to an upstream that may be
// kept: 128, of which both ends are this process's.
const keptFiles = 2 * 128

// back waits until goroutines and descriptors are back to what they were, but
// for the connections to an upstream that are kept.
func back(t *testing.T, goroutines, files int) {
	t.Helper()
	var nowGoroutines, nowFiles int
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		nowGoroutines, nowFiles = ownGoroutines(), descriptors()
		if nowGoroutines <= goroutines+2 && nowFiles <= files+keptFiles {
			return
		}
	}
	stacks := make([]byte, 64<<10)
	t.Errorf("%d goroutines and %d files, %d and %d before\n%s", nowGoroutines, nowFiles, goroutines, files, stacks[:runtime.Stack(stacks, true)])
}

// dial sends a request over a connection of its own and leaves it open.
func (r *rig) dial(t testing.TB, method, path, body string, headers map[string]string) net.Conn {
	t.Helper()
	host := strings.TrimPrefix(r.url, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	text := method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n"
	for name, value := range headers {
		text += name + ": " + value + "\r\n"
	}
	if method == "POST" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	if _, err = io.WriteString(c, text+"\r\n"+body); err != nil {
		t.Fatal(err)
	}
	return c
}

// readUntil reads until a text has come, or the end.
func readUntil(c net.Conn, text string) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	lines := bufio.NewReader(c)
	for {
		line, err := lines.ReadString('\n')
		if err != nil || strings.Contains(line, text) {
			return
		}
	}
}

// listenBody asks for news of everything.
func listenBody() (string, map[string]string) {
	headers := with(envelopeHeaders(), "Mcp-Method", "subscriptions/listen", "Accept", "application/json, text/event-stream")
	delete(headers, "Mcp-Name")
	return `{"jsonrpc":"2.0","id":"listen","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true},` + modernMeta + `}}`, headers
}

// TestHangingUpAnywhere hangs up on every kind of stream at every point:
// nothing stays.
func TestHangingUpAnywhere(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-11-25", nil)
	general := with(session, "Accept", "text/event-stream")
	listen, listenHeaders := listenBody()
	held, heldHeaders := loudCall("h", "held", "{}")
	flood, floodHeaders := loudCall("f", "flood", `{"count":400,"pad":"`+strings.Repeat("x", 500)+`"}`)
	asking := `{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"ask","arguments":{}}}`
	r.call("echo", `{"v":"warm"}`, nil)
	time.Sleep(50 * time.Millisecond) // let what has just begun settle
	goroutines, files := ownGoroutines(), descriptors()
	for range 12 {
		for _, point := range []string{"", "HTTP/1.1", "event:", "data:", "id", "399", "begun", "s-", "all told"} {
			for _, c := range []net.Conn{
				r.dial(t, "POST", "/mcp", flood, floodHeaders),
				r.dial(t, "POST", "/mcp", held, heldHeaders),
				r.dial(t, "POST", "/mcp", listen, listenHeaders),
				r.dial(t, "GET", "/mcp", "", general),
				r.dial(t, "GET", "/sse", "", map[string]string{"Accept": "text/event-stream"}),
				r.dial(t, "POST", "/mcp", asking, session),
			} {
				if point == "HTTP/1.1" || point == "event:" {
					_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
					_, _ = c.Read(make([]byte, len(point))) // some say nothing before they are done
				}
				if tcp, isTCP := c.(*net.TCPConn); isTCP && len(point)%2 == 0 {
					_ = tcp.SetLinger(0) // a reset
				}
				_ = c.Close()
			}
		}
	}
	c := r.dial(t, "POST", "/mcp", flood, floodHeaders)
	readUntil(c, "399")
	_ = c.Close()
	if a := r.call("echo", `{"v":"still there"}`, nil); !strings.Contains(a.body, "still there") {
		t.Errorf("a call afterwards: %s", a.body)
	}
	r.do("DELETE", "/mcp", "", session) // whose calls wait for answers
	close(b.finish)
	back(t, goroutines, files)
}

// TestStreamsCutAtOnce opens many streams and cuts them all together.
func TestStreamsCutAtOnce(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	r.call("echo", `{"v":"warm"}`, nil)
	many := 300
	if isSoak() {
		many = 1000
	}
	goroutines, files := ownGoroutines(), descriptors()
	listen, listenHeaders := listenBody()
	all := make([]net.Conn, 0, many)
	for n := range many {
		var c net.Conn
		switch n % 3 {
		case 0:
			c = r.dial(t, "POST", "/mcp", listen, listenHeaders)
		case 1:
			c = r.dial(t, "GET", "/mcp", "", with(r.beginAsking("2025-11-25", nil), "Accept", "text/event-stream"))
		default:
			c = r.dial(t, "GET", "/sse", "", map[string]string{"Accept": "text/event-stream"})
		}
		readUntil(c, "data:")
		all = append(all, c)
	}
	for _, c := range all {
		_ = c.Close()
	}
	if a := r.call("echo", `{"v":"still there"}`, nil); !strings.Contains(a.body, "still there") {
		t.Errorf("a call afterwards: %s", a.body)
	}
	back(t, goroutines, files)
}

// TestWhoNeverReads has clients that take nothing of what they ask for: the
// others don't notice, and those are let go of.
func TestWhoNeverReads(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	flood, headers := loudCall("f", "flood", `{"count":900,"pad":"`+strings.Repeat("x", 40_000)+`"}`)
	r.call("echo", `{"v":"warm"}`, nil)
	goroutines, files := ownGoroutines(), descriptors()
	deaf := make([]net.Conn, 0, 4)
	for range cap(deaf) {
		deaf = append(deaf, r.dial(t, "POST", "/mcp", flood, headers))
	}
	slowest := time.Duration(0)
	for n := range 200 {
		before := time.Now()
		body, headers := loudCall(fmt.Sprint(n), "tell", `{"v":"hello"}`)
		if a := r.do("POST", "/mcp", body, headers); strings.Count(a.body, "hello") < 3 {
			t.Fatalf("another client: %s", a.body)
		}
		slowest = max(slowest, time.Since(before))
	}
	if slowest > 3*time.Second {
		t.Errorf("a call of another client took %s", slowest)
	}
	for _, c := range deaf {
		_ = c.Close()
	}
	back(t, goroutines, files)
}

// TestDrainingWithStreams shuts down under open streams: listeners get their
// last message, calls their answers, and it ends in time.
func TestDrainingWithStreams(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-11-25", nil)
	listen, listenHeaders := listenBody()
	held, heldHeaders := loudCall("h", "held", "{}")
	listeners := make([]*hearing, 0, 20)
	for range cap(listeners) {
		h := r.open("POST", listen, listenHeaders)
		if text := h.nextMessage(t); !strings.Contains(text, "acknowledged") {
			t.Fatalf("the first message: %s", text)
		}
		listeners = append(listeners, h)
	}
	general, old := r.open("GET", "", session), r.beginOld(nil)
	general.next(t)
	modern, legacy := r.open("POST", held, heldHeaders), r.open("POST", legacyCall("l", "held"), session)
	if a := old.say(legacyCall("o", "held")); a.status != 202 {
		t.Fatal(a)
	}
	for range 3 {
		<-b.begun
	}
	began, done := time.Now(), make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		done <- r.g.Shutdown(ctx)
	}()
	for _, h := range listeners {
		text := h.ends(t, patience)
		if !strings.Contains(text, `"id":"listen","result":{`) || strings.Count(text, "result\":") != 1 {
			t.Errorf("the end of a listener: %q", text)
		}
	}
	general.ends(t, patience)
	close(b.finish)
	for name, h := range map[string]*hearing{"modern": modern, "legacy": legacy, "old": old.stream} {
		if text := h.ends(t, patience); !strings.Contains(text, `"text":"held"`) {
			t.Errorf("%s: the call that was under way: %q", name, text)
		}
	}
	if err := <-done; err != nil || time.Since(began) > 8*time.Second {
		t.Errorf("the shutdown: %v after %s", err, time.Since(began))
	}
}

// TestOnlyThoseAffectedHear reloads again and again: who may see what has
// changed hears it each time, once, and nobody else does.
func TestOnlyThoseAffectedHear(t *testing.T) {
	b := newEcho(t)
	variant := func(n int) string {
		return strings.Replace(streamManifest, "tools:\n", fmt.Sprintf("prompts: {p: {description: d%d, roles: [b], messages: [{role: user, text: x}]}}\ntools:\n  secret: {description: d%d, roles: [a], request: GET /x}\n", n, n), 1)
	}
	r := start(t, variant(-1), b.URL, crowdEnv())
	type ear struct {
		name string
		h    *hearing
		want string // tools, prompts, resources heard of
	}
	var ears []ear
	add := func(name, want string, headers map[string]string) {
		body, h := listenBody()
		modern := r.open("POST", body, with(h, "Authorization", headers["Authorization"]))
		modern.next(t)
		legacy := r.open("GET", "", r.beginAsking("2025-11-25", headers))
		legacy.next(t)
		ears = append(ears, ear{name + " modern", modern, want}, ear{name + " legacy", legacy, want}, ear{name + " old", r.beginOld(headers).stream, want})
	}
	add("a", "tools", bearerWith("ann", `,"roles":["a"]`))
	add("b", "prompts", bearerWith("ben", `,"roles":["b"]`))
	add("both", "tools prompts", bearerWith("cat", `,"roles":["a","b"]`))
	add("none", "", bearerWith("dan", ""))
	const reloads = 20
	for n := range reloads {
		r.replace(variant(n))
		reload(t, r)
	}
	reload(t, r) // nothing has changed
	r.replace(strings.Replace(streamManifest, "description: d, text: x}", "description: d, text: y}", 1))
	reload(t, r) // the two are gone; the text of a resource is no change of a list
	for _, e := range ears {
		heard := make(map[string]int)
		want := len(strings.Fields(e.want)) * (reloads + 1)
		for range want {
			text := e.h.nextMessage(t)
			kind := regexp.MustCompile(`notifications/(\w+)/list_changed`).FindStringSubmatch(text)
			if kind == nil {
				t.Fatalf("%s: %s", e.name, text)
			}
			heard[kind[1]]++
		}
		for _, kind := range strings.Fields(e.want) {
			if heard[kind] != reloads+1 {
				t.Errorf("%s heard %v", e.name, heard)
			}
		}
		select {
		case more := <-e.h.heard:
			t.Errorf("%s heard besides: %+v", e.name, more)
		default:
		}
	}
}

// TestStreamsEndWithTheirToken shows that nobody listens longer than his token
// is good.
func TestStreamsEndWithTheirToken(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	ends := time.Now().Add(2 * time.Second).Truncate(time.Second).Add(time.Second)
	headers := map[string]string{"Authorization": "Bearer " + tokenWith("ann", "", ends)}
	body, h := listenBody()
	listener := r.open("POST", body, with(h, "Authorization", headers["Authorization"]))
	session := r.beginAsking("2025-11-25", headers)
	general, old := r.open("GET", "", session), r.beginOld(headers)
	longer := r.open("GET", "", with(r.beginAsking("2025-11-25", bearerWith("ann", ""))))
	longer.next(t)
	var wait sync.WaitGroup
	for name, h := range map[string]*hearing{"listen": listener, "general": general, "old": old.stream} {
		wait.Go(func() {
			h.ends(t, 6*time.Second)
			if now := time.Now(); now.Before(ends.Add(-time.Second)) || now.After(ends.Add(2*time.Second)) {
				t.Errorf("%s ended %s after its token", name, now.Sub(ends))
			}
		})
	}
	wait.Wait()
	select {
	case e, more := <-longer.heard:
		t.Errorf("a stream of a token that is good: %+v %v", e, more)
	default:
	}
}

// TestAsManyStreamsAsAllowed opens one stream too many.
func TestAsManyStreamsAsAllowed(t *testing.T) {
	b := newEcho(t)
	r := start(t, strings.Replace(streamManifest, "http_sse: true", "http_sse: true, max_streams: 3", 1), b.URL, crowdEnv())
	listen, listenHeaders := listenBody()
	session := r.beginAsking("2025-11-25", nil)
	one, two, three := r.open("POST", listen, listenHeaders), r.open("GET", "", session), r.beginOld(nil)
	one.next(t)
	two.next(t)
	for range 20 {
		for name, a := range map[string]answer{
			"listen":  r.do("POST", "/mcp", listen, listenHeaders),
			"general": r.do("GET", "/mcp", "", with(r.beginAsking("2025-11-25", nil), "Accept", "text/event-stream")),
		} {
			if a.status != 503 || a.header.Get("Retry-After") == "" {
				t.Fatalf("%s: %d %v %s", name, a.status, a.header, a.body)
			}
		}
	}
	body, headers := loudCall("t", "tell", `{"v":"hello"}`)
	if a := r.do("POST", "/mcp", body, headers); strings.Count(a.body, "hello") < 3 {
		t.Errorf("a call that tells: %d %s", a.status, a.body)
	}
	one.drop()
	three.stream.drop()
	until(t, "a place comes free", func() bool {
		h := r.open("POST", listen, listenHeaders).begun(t)
		return h.status == 200
	})
}
