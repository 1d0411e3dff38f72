package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// soundManifest is one that reloads start from.
const soundManifest = `version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0"}
upstreams:
  crm: {url: "${UPSTREAM}", breaker: {min_calls: 2, open: 1h}}
tools:
  get:
    description: Get.
    request: GET /old/{id}
    input: {id: {type: string}}
    timeout: 20s
  limited:
    description: Seldom.
    request: GET /limited
    rate_limit: 1/h burst 1
  failing:
    description: Fails.
    request: POST /fail
`

// brokenManifests are ways to break it.
func brokenManifests() map[string]string {
	edit := func(old, replacement string) string { return strings.Replace(soundManifest, old, replacement, 1) }
	return map[string]string{
		"empty":                   "",
		"a word":                  "hello",
		"a list":                  "- 1\n",
		"NUL":                     "\x00",
		"bad UTF-8":               edit("Get.", "\xff\xfe"),
		"tab":                     edit("  get:", "\tget:"),
		"unclosed":                edit("{id: {type: string}}", "{id: {type: string"),
		"second document":         soundManifest + "---\nversion: 1\n",
		"unknown key":             edit("    request: GET /old", "    requst: GET /old"),
		"key twice":               edit("    request: GET /old/{id}", "    request: GET /old/{id}\n    request: GET /new/{id}"),
		"tool twice":              soundManifest + "  get: {description: d, request: GET /x}\n",
		"alias bomb":              "version: 1\na: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\ntools: {x: *c}\n",
		"another version":         edit("version: 1", "version: 2"),
		"no version":              edit("version: 1\n", ""),
		"bad method":              edit("GET /old", "GRAB /old"),
		"bad template":            edit("/old/{id}", "/old/{id"),
		"undeclared argument":     edit("/old/{id}", "/old/{nobody}"),
		"argument nowhere":        edit("/old/{id}", "/old"+"?x={id}&y={z}"),
		"bad duration":            edit("timeout: 20s", "timeout: 20 parsecs"),
		"negative duration":       edit("timeout: 20s", "timeout: -1s"),
		"bad rate":                edit("1/h burst 1", "1/fortnight"),
		"bad schema":              edit("{type: string}", "{type: strng}"),
		"bad pattern":             edit("{type: string}", "{type: string, pattern: '['}"),
		"bad jq":                  edit("    timeout: 20s", "    response: {select: '.['}"),
		"unknown upstream":        edit("    timeout: 20s", "    upstream: nobody"),
		"bad URL":                 edit("${UPSTREAM}", "ftp://x"),
		"missing variable":        edit("${UPSTREAM}", "${NOBODY}"),
		"missing secret file":     edit("breaker:", "auth: {bearer: {file: /nowhere/at/all}}, breaker:"),
		"include outside":         "include: [../../etc/*.yaml]\n" + soundManifest,
		"a header of the framing": edit("    timeout: 20s", "    request: {method: GET, path: \"/{id}\", headers: {Host: x}}"),
		"bad tool name":           edit("  limited:", "  \"li mited\":"),
		"listen":                  edit("127.0.0.1:0", "127.0.0.1:1"),
		"open to all":             edit(`listen: "127.0.0.1:0"`, `listen: "0.0.0.0:0"`),
		"no admin":                edit(`admin: "127.0.0.1:0"`, `admin: off`),
	}
}

// TestRefusedReloads breaks the manifest in many ways: each reload is refused
// with places, and the gateway goes on as it was.
func TestRefusedReloads(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, soundManifest, b.URL, nil)
	session := r.begin("2025-06-18", nil)
	list := r.modern("tools/list", "", "", nil).body
	was := r.g.Generation()
	for name, manifest := range brokenManifests() {
		r.replace(manifest)
		a := r.askAdmin(t, "POST", "/reload")
		var told struct {
			Error    string `json:"error"`
			Problems []struct {
				File    string `json:"file"`
				Line    int    `json:"line"`
				Column  int    `json:"column"`
				Message string `json:"message"`
			} `json:"problems"`
		}
		if err := json.Unmarshal([]byte(a.body), &told); err != nil || a.status != 422 || len(told.Problems) == 0 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		for _, p := range told.Problems {
			if p.File != "manifest.yaml" || p.Line < 1 || p.Column < 1 || p.Message == "" {
				t.Errorf("%s: a problem without a place: %s", name, a.body)
			}
		}
		if now := r.g.Generation(); now != was {
			t.Errorf("%s: generation %+v, was %+v", name, now, was)
		}
		if got := r.modern("tools/list", "", "", nil).body; got != list {
			t.Errorf("%s: the list changed to %s", name, got)
		}
		if a = r.call("get", `{"id":"x"}`, nil); !strings.Contains(a.body, `"ok":true`) {
			t.Errorf("%s: a call: %s", name, a.body)
		}
	}
	if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, session); a.status != 200 {
		t.Errorf("the session: %d %s", a.status, a.body)
	}
	if text := r.askAdmin(t, "GET", "/metrics").body; !strings.Contains(text, "sallyport_config_last_reload_successful 0") {
		t.Error("the metric says that the last reload succeeded")
	}
	r.replace(soundManifest)
	if a := r.askAdmin(t, "POST", "/reload"); a.status != 200 || r.g.Generation().Number != was.Number+1 {
		t.Errorf("mended: %d %s", a.status, a.body)
	}
}

// TestTruncatedAndVanishedFiles cuts the manifest at every byte, and takes it
// away: nothing breaks, and what is refused changes nothing.
func TestTruncatedAndVanishedFiles(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, soundManifest, b.URL, nil)
	for cut := range soundManifest {
		r.replace(soundManifest[:cut])
		before := r.g.Generation()
		after, err := r.g.Reload()
		if err != nil && r.g.Generation() != before {
			t.Fatalf("cut at %d: refused, but %+v", cut, r.g.Generation())
		}
		if err == nil && after.Tools == 0 {
			t.Fatalf("cut at %d: all tools are gone", cut)
		}
	}
	r.replace(soundManifest)
	if _, err := r.g.Reload(); err != nil {
		t.Fatal(err)
	}
	before := r.g.Generation()
	r.mu.Lock()
	delete(r.files, "manifest.yaml")
	r.mu.Unlock()
	if a := r.askAdmin(t, "POST", "/reload"); a.status == 200 || r.g.Generation() != before {
		t.Errorf("vanished: %d %s", a.status, a.body)
	}
	if a := r.call("get", `{"id":"x"}`, nil); !strings.Contains(a.body, `"ok":true`) {
		t.Errorf("a call: %s", a.body)
	}
}

// TestStateOutlivesReloads shows that breakers and limits go on over a reload.
func TestStateOutlivesReloads(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/fail" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		ok(w, req)
	})
	r := start(t, soundManifest, b.URL, nil)
	if a := r.call("limited", "{}", nil); a.status != 200 {
		t.Fatalf("limited: %d %s", a.status, a.body)
	}
	for range 4 {
		r.call("failing", "{}", nil)
	}
	check := func(when string) {
		t.Helper()
		if a := r.call("limited", "{}", nil); a.status != 429 {
			t.Errorf("%s, limited: %d %s", when, a.status, a.body)
		}
		if a := r.call("get", `{"id":"x"}`, nil); !strings.Contains(a.body, "left alone") {
			t.Errorf("%s, the breaker: %s", when, a.body)
		}
	}
	check("before")
	for n := range 5 {
		r.replace(strings.ReplaceAll(soundManifest, "Get.", fmt.Sprintf("Get, %d.", n)) + fmt.Sprintf("  new%d: {description: d, request: GET /x}\n", n))
		if _, err := r.g.Reload(); err != nil {
			t.Fatal(err)
		}
		check(fmt.Sprintf("after %d reloads", n+1))
		if a := r.modern("tools/list", "", "", nil); !strings.Contains(a.body, fmt.Sprintf("new%d", n)) || !strings.Contains(a.body, fmt.Sprintf("Get, %d.", n)) {
			t.Errorf("the list: %s", a.body)
		}
	}
	r.replace(strings.ReplaceAll(soundManifest, "min_calls: 2", "min_calls: 3"))
	if _, err := r.g.Reload(); err != nil {
		t.Fatal(err)
	}
	if a := r.call("get", `{"id":"x"}`, nil); !strings.Contains(a.body, `"ok":true`) {
		t.Errorf("a breaker with other settings starts afresh, but: %s", a.body)
	}
}

// TestCallsEndOnTheirConfiguration reloads everything a call in flight uses:
// it ends with the old mapping, the old timeout and the old upstream.
func TestCallsEndOnTheirConfiguration(t *testing.T) {
	begun, finish := make(chan string, 8), make(chan bool)
	closed := make(chan string, 8)
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		begun <- req.URL.Path
		if strings.HasPrefix(req.URL.Path, "/old/") {
			<-finish
		}
		ok(w, req)
	})
	r := start(t, strings.Replace(soundManifest, "    timeout: 20s", "    timeout: 20s\n    response: {text: 'the old way'}", 1), b.URL, nil)
	go func() {
		a, err := r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get","arguments":{"id":"x"},`+modernMeta+`}}`, with(envelopeHeaders(), "Mcp-Name", "get"))
		closed <- fmt.Sprint(a.status, " ", strings.Contains(a.body, "the old way"), " ", err)
	}()
	awaitText(t, begun, "/old/x")
	next := strings.NewReplacer("/old/", "/new/", "timeout: 20s", "timeout: 50ms", "crm:", "crm2:").Replace(soundManifest)
	r.replace(next)
	if _, err := r.g.Reload(); err != nil {
		t.Fatal(err)
	}
	if a := r.call("get", `{"id":"y"}`, nil); !strings.Contains(a.body, `"ok":true`) {
		t.Errorf("a new call: %s", a.body)
	}
	awaitText(t, begun, "/new/y")
	// Longer than the new timeout: it must not count for the old call.
	select {
	case got := <-closed:
		t.Errorf("the old call ended early: %s", got)
	case <-time.After(150 * time.Millisecond):
	}
	close(finish)
	awaitText(t, closed, "200 true <nil>")
}
