package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestOldMessagesHaveTheirOwnRights posts to a stream of HTTP+SSE with a token
// that may less than the one that opened it.
func TestOldMessagesHaveTheirOwnRights(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	c := r.beginOld(bearerWith("ann", `,"roles":["admin"]`))
	c.say(legacyCall("first", "own"))
	if text := c.stream.nextMessage(t); !strings.Contains(text, "ok") {
		t.Fatalf("who may: %s", text)
	}
	c.headers = with(c.headers, "Authorization", bearerWith("ann", "")["Authorization"])
	c.say(legacyCall("second", "own"))
	if text := c.stream.nextMessage(t); !strings.Contains(text, "Unknown tool") {
		t.Errorf("a token without the role, on a stream opened by one with it: %s", text)
	}
}

// TestOldMessagesCountOnce shows that a message of HTTP+SSE is one request for
// the limit over all requests.
func TestOldMessagesCountOnce(t *testing.T) {
	b := newShop(t)
	r := start(t, strings.Replace(sessionManifest, "http_sse: true", "http_sse: true, rate_limit: 6/h burst 6", 1), b.URL, crowdEnv())
	c := r.beginOld(bearerWith("ann", ""))
	for n := range 4 {
		if a := c.say(legacyCall(fmt.Sprint(n), "plain")); a.status != 202 {
			t.Fatalf("message %d of 6: %d %s", n+3, a.status, a.body)
		}
		if text := c.stream.nextMessage(t); !strings.Contains(text, `"result"`) {
			t.Errorf("message %d of 6: %s", n+3, text)
		}
	}
	if a := c.say(legacyCall("more", "plain")); a.status != 429 {
		t.Errorf("one more: %d %s", a.status, a.body)
	}
}

// TestRefusedRetriesMayComeAgain refuses a retry because the gateway is busy:
// its state is good for the next one.
func TestRefusedRetriesMayComeAgain(t *testing.T) {
	b := newShop(t)
	r := start(t, strings.Replace(askManifest, "server: {", "server: {max_concurrent_calls: 1, ", 1), b.URL, crowdEnv())
	call := toolRounds("order", `{}`)
	state := r.asked(call)
	body, headers := (&rounds{method: "tools/call", name: "slow", params: `"name":"slow"`}).message("")
	hangUp := r.background(t, body, headers)
	<-b.begun
	for range 3 {
		if a := r.round(call, retry(state, yes)); a.status != 503 {
			t.Fatalf("busy: %d %s", a.status, a.body)
		}
	}
	close(b.finish)
	until(t, "a place comes free", func() bool { return r.call("plain", "{}", nil).status == 200 })
	hangUp()
	if a := r.round(call, retry(state, yes)); !strings.Contains(a.body, "Charged") {
		t.Errorf("the retry once more: %d %s", a.status, a.body)
	}
}

// TestRetriesRefusedByPolicies refuses a retry because too many call the tool at
// once: its state is good for the next one.
func TestRetriesRefusedByPolicies(t *testing.T) {
	b := newShop(t)
	manifest := strings.NewReplacer(
		"  order: &order\n    description: d\n", "  order: &order\n    description: d\n    concurrency: 1\n",
		"      - {id: pay, tool: charge}\n    response: {text: \"Charged", "      - {tool: slow}\n      - {id: pay, tool: charge}\n    response: {text: \"Charged").Replace(askManifest)
	r := start(t, manifest, b.URL, crowdEnv())
	one, two := toolRounds("order", `{"who":"one"}`), toolRounds("order", `{"who":"two"}`)
	first, second := r.asked(one), r.asked(two)
	body, headers := one.message(retry(first, yes))
	hangUp := r.background(t, body, headers)
	<-b.begun
	if a := r.round(two, retry(second, yes)); a.status != 503 {
		t.Fatalf("too many at once: %d %s", a.status, a.body)
	}
	close(b.finish)
	until(t, "the first is done", func() bool { return b.count("POST /charge") == 1 })
	hangUp()
	if a := r.round(two, retry(second, yes)); !strings.Contains(a.body, "Charged") {
		t.Errorf("the retry once more: %d %s", a.status, a.body)
	}
	if a := r.round(two, retry(second, yes)); !strings.Contains(a.body, "-32602") || b.count("POST /charge") != 2 {
		t.Errorf("and again: %d %s", a.status, a.body)
	}
}

// TestDrainingUnderOldMessages shuts down while clients of HTTP+SSE go on
// posting.
func TestDrainingUnderOldMessages(t *testing.T) {
	b := newEcho(t)
	for range 5 {
		r := start(t, streamManifest, b.URL, crowdEnv())
		var wait sync.WaitGroup
		for range 4 {
			c := r.beginOld(nil)
			wait.Go(func() {
				for {
					req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+c.post,
						strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"v":"x"}}}`))
					if err != nil {
						t.Error(err)
						return
					}
					req.Header.Set("Content-Type", "application/json")
					resp, err := r.client.Do(req)
					if err != nil {
						return // it is gone
					}
					_ = resp.Body.Close()
				}
			})
		}
		before := len(b.requests())
		until(t, "calls are made", func() bool { return len(b.requests()) > before+20 })
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		began := time.Now()
		if err := r.g.Shutdown(ctx); err != nil || time.Since(began) > 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		cancel()
		wait.Wait()
	}
}

// TestEndedSessionsAskNothing ends a session under a call that would ask next:
// it ends too, at once.
func TestEndedSessionsAskNothing(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-11-25", bearerWith("ann", ""))
	call := r.open("POST", legacyCall("c", "late"), session)
	<-b.begun
	r.do("DELETE", "/mcp", "", session)
	close(b.finish)
	if text := call.ends(t, 5*time.Second); strings.Contains(text, "elicitation/create") {
		t.Errorf("an ended session is asked: %s", text)
	}
}

// TestDetachedStepsKeepTheirOwn holds detached steps until many other requests
// have come and gone: what they send on is of their own call.
func TestDetachedStepsKeepTheirOwn(t *testing.T) {
	hold := make(chan bool)
	var mu sync.Mutex
	var notes []string
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		switch req.URL.Path {
		case "/hold":
			<-hold
		case "/note":
			mu.Lock()
			notes = append(notes, fmt.Sprint(req.Header.Get("X-Request-Id"), " ", req.Header.Get("Baggage")))
			mu.Unlock()
		}
		ok(w, req)
	})
	r := start(t, serverKeys+`
version: 1
upstreams: {shop: {url: "${UPSTREAM}", retry: none, breaker: none}}
tools:
  hold: {description: d, request: "POST /hold"}
  note: {description: d, request: "POST /note"}
  plain: {description: d, request: "POST /plain"}
  both: {description: d, steps: [{tool: hold}, {tool: note}], response: {text: x}}
  main: {description: d, steps: [{tool: both, detach: true}], response: {text: done}}
`, b.URL, nil)
	const many = 8
	for n := range many {
		if a := r.call("main", "{}", map[string]string{"X-Request-Id": fmt.Sprintf("own-request-%d", n), "baggage": fmt.Sprintf("own=%d", n), "traceparent": fmt.Sprintf("00-%032x-%016x-01", n+1, n+1)}); !strings.Contains(a.body, "done") {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	for n := range 300 {
		r.call("plain", "{}", map[string]string{"X-Request-Id": fmt.Sprintf("not-request-%d", n%10), "baggage": "not=1", "traceparent": fmt.Sprintf("00-%032x-%016x-01", n+99, n+99)})
	}
	close(hold)
	until(t, "the notes are taken", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(notes) == many
	})
	mu.Lock()
	defer mu.Unlock()
	all := strings.Join(notes, "\n")
	for n := range many {
		if want := fmt.Sprintf("own-request-%d own=%d", n, n); strings.Count(all, want) != 1 {
			t.Errorf("no note %q in\n%s", want, all)
		}
	}
}

// TestWatchingHasAnEnd has one client want to know of all there is: others may
// watch nevertheless, and what is acknowledged is watched.
func TestWatchingHasAnEnd(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, serverKeys+`
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
upstreams: {shop: {url: "${UPSTREAM}", retry: none, breaker: none}}
resources:
  "shop://s/{id}": {name: s, description: d, request: "GET /s/{id}", watch: 60s}
`, b.URL, crowdEnv())
	listen := func(who string, from int) string {
		uris := make([]string, 0, 1000)
		for n := range cap(uris) {
			uris = append(uris, fmt.Sprintf(`"shop://s/%d"`, from+n))
		}
		body, headers := listenBody()
		body = strings.Replace(body, `"toolsListChanged":true`, `"resourceSubscriptions":[`+strings.Join(uris, ",")+`]`, 1)
		return r.open("POST", body, with(headers, "Authorization", bearerWith(who, "")["Authorization"])).nextMessage(t)
	}
	acknowledged := 0
	for n := range 4 {
		acknowledged += strings.Count(listen("greedy", 1000*n), "shop://s/")
	}
	if acknowledged != 1000 {
		t.Errorf("one client watches %d resources", acknowledged)
	}
	if n := strings.Count(listen("modest", 5000), "shop://s/"); n != 1000 {
		t.Errorf("another one may watch %d", n)
	}
	session := r.begin("2025-11-25", bearerWith("greedy", ""))
	if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"shop://s/9999"}}`, session); strings.Contains(a.body, `"result":{}`) {
		t.Errorf("one more: %d %s", a.status, a.body)
	}
}

// TestWatchersOneByOne takes a watched resource away from one of two who watch
// it, and then from the other: who may still read it hears, the other doesn't.
func TestWatchersOneByOne(t *testing.T) {
	var mu sync.Mutex
	value := 0
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprint(w, value)
	})
	of := func(roles string) string {
		return strings.Replace(sessionManifest, "watch: 1s", "watch: 1s, roles: ["+roles+"]", 1)
	}
	r := start(t, of("a, b"), b.URL, crowdEnv())
	ears := make(map[string]*hearing)
	for _, role := range []string{"a", "b"} {
		session := r.beginAsking("2025-06-18", bearerWith("one-of-"+role, `,"roles":["`+role+`"]`))
		ears[role] = r.open("GET", "", session).begun(t)
		if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"shop://stock"}}`, session); !strings.Contains(a.body, `"result":{}`) {
			t.Fatalf("subscribe: %s", a.body)
		}
	}
	for _, step := range []struct{ roles, hears, not string }{{"b", "b", "a"}, {"a", "a", "b"}} {
		before := len(b.requests())
		r.replace(of(step.roles))
		reload(t, r)
		until(t, "it is looked at after the reload", func() bool { return len(b.requests()) > before })
		mu.Lock()
		value++
		mu.Unlock()
		for {
			if text := ears[step.hears].nextMessage(t); strings.Contains(text, "resources/updated") {
				break
			} else if !strings.Contains(text, "list_changed") {
				t.Fatalf("heard %s", text)
			}
		}
		for len(ears[step.not].heard) > 0 {
			if e := <-ears[step.not].heard; !strings.Contains(e.text, "list_changed") {
				t.Errorf("who may not read it heard %+v", e)
			}
		}
	}
}

// TestAHomeThatHangs has a home that takes connections and says nothing: its
// sessions are answered nevertheless, and others are not affected.
func TestAHomeThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open []net.Conn
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open = append(open, c)
		}
	}()
	defer func() {
		_ = l.Close()
		<-accepting
		for _, c := range open {
			_ = c.Close()
		}
	}()
	b := newShop(t)
	hung := start(t, replicated(askManifest, `call_timeout: 1s, replica: "http://`+l.Addr().String()+`", `), b.URL, crowdEnv())
	r := start(t, replicated(askManifest, "call_timeout: 1s, "), b.URL, crowdEnv())
	session := hung.beginAsking("2025-11-25", nil)
	began := time.Now()
	done := make(chan answer, 1)
	go func() {
		a, _ := r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, session)
		done <- a
	}()
	if a := r.call("plain", "{}", nil); a.status != 200 || time.Since(began) > time.Second {
		t.Errorf("another client: %d after %s", a.status, time.Since(began))
	}
	if a := <-done; a.status != 503 && a.status != 200 || time.Since(began) > 12*time.Second {
		t.Errorf("%d %s after %s", a.status, a.body, time.Since(began))
	}
}

// TestDrainingUndoes shuts down while a person is asked: what was done before
// is undone, the client is told, and nobody waits for the person.
func TestDrainingUndoes(t *testing.T) {
	b := newShop(t)
	r := start(t, askManifest, b.URL, crowdEnv())
	call := r.open("POST", legacyCall("c", "order"), r.beginAsking("2025-11-25", nil))
	call.question(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	began := time.Now()
	if err := r.g.Shutdown(ctx); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("the shutdown: %v after %s", err, time.Since(began))
	}
	if b.count("DELETE /reserve") != 1 || b.count("POST /charge") != 0 {
		t.Errorf("the shop saw %v", b.requests())
	}
	if text := call.ends(t, patience); !strings.Contains(text, `"id":"c","error"`) {
		t.Errorf("the client was told %s", text)
	}
}

// TestRefusedTasksUndo starts tasks beyond what one caller may have: what was
// done for those that are refused is undone.
func TestRefusedTasksUndo(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if req.URL.Path == "/job" {
			w.WriteHeader(http.StatusAccepted)
		}
		_, _ = io.WriteString(w, `{"id":"1"}`)
	})
	r := start(t, serverKeys+`
version: 1
upstreams: {shop: {url: "${UPSTREAM}", retry: none, breaker: none}}
tools:
  job: {description: d, request: "POST /job", response: {poll: {status: "GET /jobs/{id}", until: ".done", every: 60s}}}
  reserve: {description: d, request: "POST /reserve"}
  free: {description: d, request: "DELETE /reserve"}
  long: {description: d, steps: [{id: a, tool: reserve, undo: {tool: free}}, {id: b, tool: job}], response: {text: x}}
`, b.URL, nil)
	var ids []string
	refused := 0
	for range 110 {
		a := r.taskRequest("tools/call", "long", `"name":"long"`, nil)
		if m := taskMember.FindStringSubmatch(a.body); m != nil {
			ids = append(ids, m[1])
		} else {
			refused++
		}
	}
	undone := func() int { return strings.Count(strings.Join(b.requests(), "\n"), "DELETE /reserve") }
	if refused == 0 || undone() != refused {
		t.Errorf("%d tasks were refused, %d undone", refused, undone())
	}
	for _, id := range ids {
		r.taskRequest("tasks/cancel", id, `"taskId":"`+id+`"`, nil)
	}
	until(t, "the cancelled ones are undone", func() bool { return undone() == 110 })
}

// TestManyQuestionsOverStdio has more calls wait for answers than are served at
// once: the answers are read nevertheless.
func TestManyQuestionsOverStdio(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	const many = 100
	for n := range many {
		c.say(legacyCall(fmt.Sprint("n", n), "ask") + "\n")
	}
	answered := 0
	for answered < many {
		line := c.next()
		if m, isRequest := requestIn(line); isRequest {
			c.say(`{"jsonrpc":"2.0","id":"` + m.id + `",` + sure + "}\n")
		} else if strings.Contains(line, `"id":"n`) {
			answered++
		}
	}
	c.end()
}

// TestLongLines writes a line beyond the limit of a message: it is refused, and
// the next one is served.
func TestLongLines(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	c.say(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", 3<<20) + `"}}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"ping"}` + "\n")
	if line := c.next(); !strings.Contains(line, `"error"`) || len(line) > 1000 {
		t.Errorf("a line of 3 MiB: %.300s", line)
	}
	if line := c.next(); !strings.Contains(line, `"id":2,"result":{}`) {
		t.Errorf("the next one: %s", line)
	}
	c.end()
}

// TestNobodyHears closes the output while the input stays open.
func TestNobodyHears(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	inReader, in := io.Pipe()
	outReader, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- r.g.ServeStdio(context.Background(), inReader, out, gatewayCaller()) }()
	_ = outReader.Close()
	_, _ = io.WriteString(in, hello)
	select {
	case err := <-done:
		if err == nil {
			t.Error("nobody can hear it, and it says nothing")
		}
	case <-time.After(5 * time.Second):
		t.Error("it goes on though nobody can hear it")
	}
	_ = in.Close()
}
