package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// counters are an upstream with a number for each tenant, "" for those without.
type counters struct {
	*backend
	mu     sync.Mutex
	values map[string]int
}

func newCounters(t *testing.T) *counters {
	t.Helper()
	c := &counters{values: make(map[string]int)}
	c.backend = newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, _ = fmt.Fprint(w, c.values[req.Header.Get("X-Tenant")])
	})
	return c
}

func (c *counters) count(tenant string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[tenant]++
}

// subscribed subscribes a session to the stock.
func (r *rig) subscribed(session map[string]string) {
	r.t.Helper()
	if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"shop://stock"}}`, session); !strings.Contains(a.body, `"result":{}`) {
		r.t.Fatalf("subscribe: %d %s", a.status, a.body)
	}
}

// TestTenantsHearOfTheirOwn has one subject watch a resource with the tokens of
// two tenants: each hears of its own content, once a change.
func TestTenantsHearOfTheirOwn(t *testing.T) {
	b := newCounters(t)
	r := start(t, strings.Replace(sessionManifest, "request: GET /stock, watch: 1s", `request: {method: GET, path: /stock, headers: {X-Tenant: "${{ caller.claims.tenant }}"}}, watch: 1s`, 1), b.URL, crowdEnv())
	ears := make(map[string]*hearing)
	for _, tenant := range []string{"one", "two"} {
		session := r.beginAsking("2025-06-18", bearerWith("ann", `,"tenant":"`+tenant+`"`))
		ears[tenant] = r.open("GET", "", session).begun(t)
		r.subscribed(session)
	}
	until(t, "both are looked at", func() bool { return len(b.requests()) >= 2 })
	b.count("two")
	if text := ears["two"].nextMessage(t); !strings.Contains(text, "resources/updated") {
		t.Errorf("heard %s", text)
	}
	looks := len(b.requests())
	until(t, "both are looked at again", func() bool { return len(b.requests()) >= looks+3 })
	for tenant, h := range ears {
		select {
		case e := <-h.heard:
			t.Errorf("%s heard though nothing of its own has changed: %+v", tenant, e)
		default:
		}
	}
}

// TestWatchingEndsWithTheToken shows that nothing is looked at as somebody
// whose token has ended, and that a newer token goes on.
func TestWatchingEndsWithTheToken(t *testing.T) {
	b := newCounters(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	ends := time.Now().Add(2 * time.Second).Truncate(time.Second)
	session := r.beginAsking("2025-06-18", map[string]string{"Authorization": "Bearer " + tokenWith("ann", "", ends)})
	r.subscribed(session)
	time.Sleep(time.Until(ends.Add(300 * time.Millisecond))) // a look may be under way
	looks := len(b.requests())
	time.Sleep(1300 * time.Millisecond) // what is tested is that nothing happens
	if now := len(b.requests()); now != looks {
		t.Errorf("%d looks as somebody whose token has ended", now-looks)
	}
	general := r.open("GET", "", with(session, "Authorization", bearerWith("ann", "")["Authorization"])).begun(t)
	until(t, "it is looked at with the newer token", func() bool { return len(b.requests()) > looks })
	b.count("")
	if text := general.nextMessage(t); !strings.Contains(text, "resources/updated") {
		t.Errorf("heard %s", text)
	}
}

// TestDeniedIsNotWatched subscribes to what a rule denies: it reads like what
// is not there, in both eras.
func TestDeniedIsNotWatched(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, strings.Replace(sessionManifest, `"shop://stock":`, `"shop://t/{id}": {name: t, description: d, request: "GET /t/{id}", watch: 1s, when: "args.id == caller.subject"}
  "shop://stock":`, 1), b.URL, crowdEnv())
	s := r.beginAsking("2025-11-25", bearerWith("ann", ""))
	subscribe := func(uri string) string {
		return r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"`+uri+`"}}`, s).body
	}
	if got := subscribe("shop://t/ann"); !strings.Contains(got, `"result":{}`) {
		t.Errorf("her own: %s", got)
	}
	denied, unknown := subscribe("shop://t/ben"), subscribe("shop://u/ben")
	if strings.ReplaceAll(denied, "/t/", "/u/") != unknown || !strings.Contains(denied, "-32002") {
		t.Errorf("denied %s, unknown %s", denied, unknown)
	}
	for _, got := range b.requests() {
		if strings.Contains(got, "ben") {
			t.Errorf("asked for %s", got)
		}
	}
}
