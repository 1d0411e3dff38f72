package gateway_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// replicaKeys are what replicas share.
const replicaKeys = `keys: ["` + "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" + `"], rate_limit: 10000/min, `

// replicated is a manifest of several replicas; more are further keys of the
// server.
func replicated(manifest, more string) string {
	return strings.Replace(manifest, "server: {", "server: {"+replicaKeys+more, 1)
}

// TestForgedForwarding claims to be a request that another replica passes on:
// nothing comes of it.
func TestForgedForwarding(t *testing.T) {
	b := newShop(t)
	manifest := strings.Replace(replicated(askManifest, ""), "10000/min", "5/h burst 5", 1)
	r := start(t, manifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-11-25", nil)
	call := toolRounds("order", `{"who":"ann"}`)
	state := r.asked(call)
	forged := []string{
		"", "1", "true", fmt.Sprintf("%d 10.0.0.1", time.Now().Add(time.Hour).Unix()), session["Mcp-Session-Id"], state,
		strings.Repeat("A", 200), "10.0.0.1", "x, y",
	}
	limited := 0
	for n := range 20 {
		a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, with(session, "Sallyport-Forwarded", forged[n%len(forged)]))
		if a.status == 429 {
			limited++
		} else if a.status != 200 && a.status != 404 {
			t.Errorf("%q: %d %s", forged[n%len(forged)], a.status, a.body)
		}
	}
	if limited < 15 {
		t.Errorf("a forged header goes around the limit: %d of 20 were refused", limited)
	}
	// Anonymous callers are told apart by address: the header gives nobody another one.
	for _, value := range forged {
		if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, with(session, "Sallyport-Forwarded", value, "X-Forwarded-For", "10.9.8.7", "Forwarded", "for=10.9.8.7")); a.status != 429 {
			t.Errorf("%q: %d %s", value, a.status, a.body)
		}
	}
	for _, one := range b.requests() {
		if strings.Contains(one, "orwarded") {
			t.Errorf("the upstream saw %s", one)
		}
	}
}

// TestHomesCantBeMade shows that no token leads a request to a place that the
// holder chooses: none that was not sealed with the key does, and a session of
// a gateway without the keys is unknown.
func TestHomesCantBeMade(t *testing.T) {
	var lured atomic.Int64
	lure := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { lured.Add(1) }))
	defer lure.Close()
	b := newShop(t)
	r := start(t, replicated(askManifest, ""), b.URL, crowdEnv())
	evil := start(t, strings.Replace(replicated(askManifest, `replica: "`+lure.URL+`", `), "kkkk", "eeee", 1), b.URL, crowdEnv())
	call := toolRounds("order", `{"who":"ann"}`)
	session := evil.beginAsking("2025-11-25", nil)
	if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, session); a.status != 404 {
		t.Errorf("a session of other keys: %d %s", a.status, a.body)
	}
	if a := r.round(call, retry(evil.asked(call), yes)); !strings.Contains(a.body, "-32602") {
		t.Errorf("a state of other keys: %d %s", a.status, a.body)
	}
	own := r.beginAsking("2025-11-25", nil)
	id := own["Mcp-Session-Id"]
	for i := range len(id) {
		flipped := []byte(id)
		flipped[i] ^= 2
		if a := r.do("DELETE", "/mcp", "", with(own, "Mcp-Session-Id", string(flipped))); a.status != 404 && a.status != 400 {
			t.Fatalf("byte %d: %d %s", i, a.status, a.body)
		}
	}
	if n := lured.Load(); n != 0 {
		t.Errorf("%d requests went to a place that somebody chose", n)
	}
}

// TestReplicasThatPointAtEachOther have homes that are wrong: a request goes
// one step and no further.
func TestReplicasThatPointAtEachOther(t *testing.T) {
	b := newShop(t)
	one := start(t, replicated(askManifest, `replica: "http://127.0.0.1:1", `), b.URL, crowdEnv())
	two := start(t, replicated(askManifest, `replica: "`+one.url+`", `), b.URL, crowdEnv())
	three := start(t, replicated(askManifest, `replica: "`+two.url+`", `), b.URL, crowdEnv())
	self := start(t, replicated(askManifest, `replica: "`+three.url+`", `), b.URL, crowdEnv())
	all := []*rig{one, two, three, self}
	for i, from := range all {
		session := from.beginAsking("2025-11-25", nil)
		call := toolRounds("order", fmt.Sprintf(`{"sum":%d}`, i))
		for j, to := range all {
			began := time.Now()
			a := to.do("POST", "/mcp", legacyCall("x", "plain"), session)
			if a.status != 200 || !strings.Contains(a.body, "ok") || time.Since(began) > 3*time.Second {
				t.Errorf("a session of %d at %d: %d %s after %s", i, j, a.status, a.body, time.Since(began))
			}
			if a = to.round(call, retry(from.asked(call), yes)); a.status != 200 || !strings.Contains(a.body, "Charged") {
				t.Errorf("a state of %d at %d: %d %s", i, j, a.status, a.body)
			}
		}
	}
	if n := b.count("POST /plain"); n != len(all)*len(all) {
		t.Errorf("%d calls at the shop, want %d", n, len(all)*len(all))
	}
}

// TestADeadHome asks for what belongs to a replica that is gone: it is served
// where it arrives, as far as that is possible, and at once.
func TestADeadHome(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	_ = l.Close()
	b := newShop(t)
	dead := start(t, replicated(askManifest, `replica: "`+gone+`", `), b.URL, crowdEnv())
	r := start(t, replicated(askManifest, ""), b.URL, crowdEnv())
	session := dead.beginAsking("2025-11-25", nil)
	call := toolRounds("order", `{"who":"ann"}`)
	state := dead.asked(call)
	for range 20 {
		began := time.Now()
		if a := r.do("POST", "/mcp", legacyCall("x", "plain"), session); a.status != 200 || time.Since(began) > 2*time.Second {
			t.Errorf("%d %s after %s", a.status, a.body, time.Since(began))
		}
	}
	if a := r.round(call, retry(state, yes)); !strings.Contains(a.body, "Charged") {
		t.Errorf("the state: %d %s", a.status, a.body)
	}
	if a := r.round(call, retry(state, yes)); !strings.Contains(a.body, "-32602") {
		t.Errorf("the state once more: %d %s", a.status, a.body)
	}
	general := r.open("GET", "", session)
	if general.begun(t); general.status != 200 {
		t.Errorf("a stream: %d", general.status)
	}
	if a := r.do("DELETE", "/mcp", "", session); a.status != 204 {
		t.Errorf("its end: %d", a.status)
	}
	general.ends(t, patience)
}

// TestHomesThatLie have a home that answers nonsense: nothing of it breaks the
// replica that asks, and redirects are not followed.
func TestHomesThatLie(t *testing.T) {
	var lured atomic.Int64
	lure := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { lured.Add(1) }))
	defer lure.Close()
	b := newShop(t)
	for name, lie := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, lure.URL, http.StatusTemporaryRedirect)
		},
		"a cut answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{"))
		},
		"nothing": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a cut stream": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte("data: {"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"many headers": func(w http.ResponseWriter, _ *http.Request) {
			for n := range 2000 {
				w.Header().Set(fmt.Sprint("X-", n), strings.Repeat("x", 100))
			}
		},
	} {
		home := httptest.NewServer(lie)
		liar := start(t, replicated(askManifest, `replica: "`+home.URL+`", `), b.URL, crowdEnv())
		r := start(t, replicated(askManifest, ""), b.URL, crowdEnv())
		r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		session := liar.beginAsking("2025-11-25", nil)
		for range 3 {
			began := time.Now()
			a, err := r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, session)
			if time.Since(began) > 5*time.Second || err == nil && a.status == 200 && name != "a cut stream" {
				t.Errorf("%s: %v %d %s after %s", name, err, a.status, a.body, time.Since(began))
			}
		}
		if a := r.call("plain", "{}", nil); !strings.Contains(a.body, "ok") {
			t.Errorf("%s: another call: %d %s", name, a.status, a.body)
		}
		home.Close()
	}
	if n := lured.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestReplicasShareSessions plays a session over three replicas: its streams,
// questions and answers find each other wherever they arrive, and nobody
// else's do.
func TestReplicasShareSessions(t *testing.T) {
	b := newShop(t)
	manifest := replicated(sessionManifest, "")
	all := []*rig{start(t, manifest, b.URL, crowdEnv()), start(t, manifest, b.URL, crowdEnv()), start(t, manifest, b.URL, crowdEnv())}
	ann, ben := bearerWith("ann", ""), bearerWith("ben", "")
	for i := range 3 {
		session := all[i].beginAsking("2025-11-25", ann)
		call := all[(i+1)%3].open("POST", legacyCall("c", "ask"), session)
		question := call.question(t)
		for _, r := range all {
			if a := r.reply(question, sure, with(session, "Authorization", ben["Authorization"])); a.status != 404 {
				t.Errorf("another's reply: %d %s", a.status, a.body)
			}
		}
		if a := all[(i+2)%3].reply(question, sure, session); a.status != 202 {
			t.Errorf("the reply: %d %s", a.status, a.body)
		}
		if text := call.ends(t, patience); !strings.Contains(text, "sure is true") {
			t.Errorf("the call: %s", text)
		}
		general := all[(i+1)%3].open("GET", "", session)
		general.next(t)
		if a := all[(i+2)%3].do("DELETE", "/mcp", "", session); a.status != 204 {
			t.Errorf("the end: %d", a.status)
		}
		general.ends(t, patience)
		for j, r := range all {
			if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, session); a.status != 404 {
				t.Errorf("after the end, at %d: %d", j, a.status)
			}
		}
	}
}
