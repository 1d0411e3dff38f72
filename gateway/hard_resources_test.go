package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

const resourceManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
upstreams: {shop: {url: "${UPSTREAM}/base", retry: none, breaker: none}}
defaults: {rate_limit: none}
tools:
  plain: {description: d, request: POST /plain}
resources:
  "shop://things/{id}": {name: thing, description: d, request: "GET /things/{id}", complete: {id: [one, two]}}
  "shop://pairs/{a}/of/{b}.txt":
    name: pair
    description: d
    request: {method: GET, path: "/pairs/{a}", query: {b: "${{ args.b }}"}, headers: {X-Fixed: same}}
  "shop://notes/{id}": {name: note, description: d, response: {text: "Note ${{ args.id }}."}}
  "shop://page": {name: page, description: d, file: "${PAGE}"}
  "shop://hidden": {name: hidden, description: d, text: secret, roles: [admin]}
  "shop://hidden/{id}": {name: hiddens, description: d, request: "GET /hidden/{id}", roles: [admin], watch: 60s, complete: {id: [one, two]}}
  "shop://gated": {name: gated, description: d, text: secret, when: "caller.subject == 'root'"}
  "shop://gated/{id}": {name: gates, description: d, request: "GET /gated/{id}", when: "caller.subject == 'root'", watch: 60s, complete: {id: [one, two]}}
prompts:
  open: {description: d, arguments: {id: {description: d, complete: [one, two]}}, messages: [{role: user, text: "${{ args.id }}"}]}
  hidden: {description: d, roles: [admin], arguments: {id: {description: d, complete: [one, two]}}, messages: [{role: user, text: secret}]}
  gated: {description: d, when: "caller.subject == 'root'", arguments: {id: {description: d, complete: [one, two]}}, messages: [{role: user, text: secret}]}
`

// startResources starts a gateway with the resources.
func startResources(t *testing.T, manifest, upstream string) *rig {
	t.Helper()
	page := filepath.Join(t.TempDir(), "page.txt")
	if err := os.WriteFile(page, []byte("a page"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := crowdEnv()
	env["PAGE"] = page
	return start(t, manifest, upstream, env)
}

// read reads a resource as a modern client.
func (r *rig) read(uri string, headers map[string]string) answer {
	r.t.Helper()
	text, err := json.Marshal(uri)
	if err != nil {
		r.t.Fatal(err)
	}
	name := "=?base64?" + base64.StdEncoding.EncodeToString([]byte(uri)) + "?="
	return r.modern("resources/read", name, `"uri":`+string(text), headers)
}

// tryURI reads a URI of the template shop://things/{id} and says what is wrong
// with what the upstream saw.
func tryURI(r *rig, w *witness, uri string, headers map[string]string) string {
	a := r.read(uri, headers)
	if a.status == http.StatusRequestHeaderFieldsTooLarge && len(uri) > 8000 && len(w.take()) == 0 {
		return "" // Mcp-Name repeats it
	}
	if a.status != 200 || !json.Valid([]byte(a.body)) {
		return fmt.Sprintf("%d %.300s", a.status, a.body)
	}
	requests := w.take()
	if len(requests) == 0 {
		if strings.Contains(a.body, `"contents"`) {
			return "there is content, and the upstream saw nothing: " + a.body
		}
		return ""
	}
	value, err := url.PathUnescape(strings.TrimPrefix(uri, "shop://things/"))
	one := requests[0]
	if len(requests) > 1 || err != nil || len(one.Path) != 4 || one.Path[1] != "base" || one.Path[2] != "things" ||
		pathText(one.Path[3]) != value || one.Query != nil || one.Path[3] == "." || one.Path[3] == ".." {
		return fmt.Sprintf("%d requests, path %q, query %q, for %q", len(requests), one.Path, one.Query, value)
	}
	return ""
}

// TestTemplatesStayWhole reads URIs of every kind: the value arrives as what it
// is in its place, or not at all.
func TestTemplatesStayWhole(t *testing.T) {
	w := &witness{}
	b := newBackend(t, w.ServeHTTP)
	r := startResources(t, resourceManifest, b.URL)
	ann := bearerWith("ann", "")
	uris := []string{
		"shop://things/a", "shop://things/..", "shop://things/.", "shop://things/../things/a", "shop://things/%2e%2e", "shop://things/%2e%2e%2fhidden", "shop://things/..%2f..%2fadmin",
		"shop://things/%252e%252e%252f", "shop://things/a%2Fb", "shop://things/a%5cb", "shop://things/a\\b", "shop://things/a;b=c", "shop://things/a%3fx=1", "shop://things/a?x=1", "shop://things/a#f", "shop://things/a%23f",
		"shop://things/%00", "shop://things/a%00b", "shop://things/a\x00b", "shop://things/%0d%0aX-Evil:%201", "shop://things/a\r\nX: 1", "shop://things/%ff", "shop://things/%c0%ae", "shop://things/%ed%a0%80",
		"shop://things/%", "shop://things/%zz", "shop://things/%u002e", "shop://things/", "shop://things", "shop:///things/a", "shop://things//a", "SHOP://things/a", "Shop://Things/a", "shop:things/a",
		"http://127.0.0.1/things/a", "file:///etc/passwd", "file://things/a", "javascript:alert(1)", "", " shop://things/a", "shop://things/a ", "shop://user@things/a", "shop://things:80/a",
		"shop://things/é", "shop://things/%C3%A9", "shop://things/e\u0301", "shop://things/\u2028", "shop://things/\u202e", "shop://things/😀", "shop://things/{id}", "shop://things/%7Bid%7D", "shop://things/${{args.id}}",
		"shop://things/{{x}}", "shop://things/~", "shop://things/+", "shop://things/%20", "shop://things/a%26b=c", "shop://things/*", "shop://things/-", "shop://things/%7f",
		"shop://things/" + strings.Repeat("a", 9000), "shop://things/" + strings.Repeat("%41", 3000), "shop://" + strings.Repeat("../", 3000),
	}
	for _, uri := range uris {
		if uri == "" || !utf8.ValidString(uri) {
			continue
		}
		if why := tryURI(r, w, uri, ann); why != "" {
			t.Errorf("%.80q: %s", uri, why)
		}
	}
	for _, v := range wicked() {
		if why := tryURI(r, w, "shop://things/"+url.PathEscape(v), ann); why != "" {
			t.Errorf("%.80q: %s", v, why)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		v := value().Draw(rt, "v")
		uri := "shop://things/" + url.PathEscape(v)
		if rapid.Bool().Draw(rt, "as it is") {
			uri = "shop://things/" + v
		}
		if why := tryURI(r, w, uri, ann); why != "" {
			rt.Errorf("%.80q: %s", uri, why)
		}
	})
	raw := r.modern("resources/read", "x", "\"uri\":\"shop://things/\xff\"", ann)
	if raw.status != 400 || len(w.take()) != 0 {
		t.Errorf("bad UTF-8: %d %s", raw.status, raw.body)
	}
}

// TestTwoValuesStayApart reads URIs with two values: what is between them can't
// be moved.
func TestTwoValuesStayApart(t *testing.T) {
	w := &witness{}
	b := newBackend(t, w.ServeHTTP)
	r := startResources(t, resourceManifest, b.URL)
	ann := bearerWith("ann", "")
	for _, x := range wicked() {
		for _, y := range []string{"b", x, "/of/", "b.txt", "a&c=d", "\r\nX: 1"} {
			uri := "shop://pairs/" + url.PathEscape(x) + "/of/" + url.PathEscape(y) + ".txt"
			a := r.read(uri, ann)
			requests := w.take()
			if a.status == http.StatusRequestHeaderFieldsTooLarge && len(uri) > 8000 && requests == nil {
				continue
			}
			if a.status != 200 || len(requests) > 1 {
				t.Fatalf("%q: %d, %d requests", uri, a.status, len(requests))
			}
			if len(requests) == 0 {
				continue
			}
			one := requests[0]
			if got := []any{len(one.Path), pathText(one.Path[len(one.Path)-1]), one.query("b"), len(one.Query)}; fmt.Sprint(got) != fmt.Sprint([]any{4, x, y, 0}) {
				t.Errorf("%q: the upstream saw %q", uri, got)
			}
		}
	}
}

// TestFilesCantBeLeft shows that no URI reaches another file than the one the
// manifest names, and that a hostile name in an error stays text.
func TestFilesCantBeLeft(t *testing.T) {
	b := newBackend(t, ok)
	r := startResources(t, resourceManifest, b.URL)
	ann := bearerWith("ann", "")
	if a := r.read("shop://page", ann); !strings.Contains(a.body, "a page") {
		t.Fatalf("the file: %s", a.body)
	}
	for _, uri := range []string{
		"shop://page/", "shop://page/..", "shop://page/../page.txt", "shop://page?x", "shop://page#x", "shop://page%00", "shop://./page", "page", "./page.txt", "../page.txt", "/etc/passwd", "file:///etc/passwd",
		"shop://page\x00.txt", "shop://x\",\"evil\":\"", "shop://\r\nid: evil\r\n", "<script>alert(1)</script>", strings.Repeat("x", 9000),
	} {
		a := r.read(uri, ann)
		if a.status != 200 || !json.Valid([]byte(a.body)) || !strings.Contains(a.body, `"code":-32602`) || strings.Contains(a.body, "a page") || strings.Contains(a.body, `"evil":"`) {
			t.Errorf("%.60q: %d %.300s", uri, a.status, a.body)
		}
	}
	if n := len(b.requests()); n != 0 {
		t.Errorf("the upstream saw %d requests", n)
	}
}

// TestHiddenIsUnknown asks in every way for what one may not see, and for what
// does not exist: no answer tells the difference.
func TestHiddenIsUnknown(t *testing.T) {
	b := newBackend(t, ok)
	r := startResources(t, resourceManifest, b.URL)
	ann := bearerWith("ann", "")
	session := r.begin("2025-11-25", ann)
	legacy := func(method, params string) answer {
		return r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+`}}`, session)
	}
	listen := func(params string) answer {
		body, headers := listenBody()
		body = strings.Replace(body, `"toolsListChanged":true`, params, 1)
		h := r.open("POST", body, with(headers, "Authorization", ann["Authorization"])).begun(t)
		defer h.drop()
		return answer{status: h.status, header: h.header, body: h.nextMessage(t)}
	}
	ways := map[string]func(name, uri string) answer{
		"read":            func(_, uri string) answer { return r.read(uri, ann) },
		"read one":        func(_, uri string) answer { return r.read(uri+"/x", ann) },
		"legacy read":     func(_, uri string) answer { return legacy("resources/read", `"uri":"`+uri+`"`) },
		"legacy read one": func(_, uri string) answer { return legacy("resources/read", `"uri":"`+uri+`/x"`) },
		"subscribe":       func(_, uri string) answer { return legacy("resources/subscribe", `"uri":"`+uri+`/x"`) },
		"subscribe fixed": func(_, uri string) answer { return legacy("resources/subscribe", `"uri":"`+uri+`"`) },
		"unsubscribe":     func(_, uri string) answer { return legacy("resources/unsubscribe", `"uri":"`+uri+`/x"`) },
		"listen":          func(_, uri string) answer { return listen(`"resourceSubscriptions":["` + uri + `/x","` + uri + `"]`) },
		"get": func(name, _ string) answer {
			return r.modern("prompts/get", name, `"name":"`+name+`","arguments":{"id":"x"}`, ann)
		},
		"get without": func(name, _ string) answer { return r.modern("prompts/get", name, `"name":"`+name+`"`, ann) },
		"legacy get":  func(name, _ string) answer { return legacy("prompts/get", `"name":"`+name+`","arguments":{"id":"x"}`) },
		"complete prompt": func(name, _ string) answer {
			return legacy("completion/complete", `"ref":{"type":"ref/prompt","name":"`+name+`"},"argument":{"name":"id","value":"o"}`)
		},
		"complete wrong": func(name, _ string) answer {
			return legacy("completion/complete", `"ref":{"type":"ref/prompt","name":"`+name+`"},"argument":{"name":"nope","value":"o"}`)
		},
		"complete uri": func(_, uri string) answer {
			return legacy("completion/complete", `"ref":{"type":"ref/resource","uri":"`+uri+`/{id}"},"argument":{"name":"id","value":"o"}`)
		},
		"modern complete": func(_, uri string) answer {
			return r.modern("completion/complete", "", `"ref":{"type":"ref/resource","uri":"`+uri+`/{id}"},"argument":{"name":"id","value":"o"}`, ann)
		},
		"complete a fixed": func(_, uri string) answer {
			return legacy("completion/complete", `"ref":{"type":"ref/resource","uri":"`+uri+`"},"argument":{"name":"id","value":"o"}`)
		},
	}
	for way, ask := range ways {
		none := ask("nobody", "shop://nobody")
		for _, name := range []string{"hidden", "gated"} {
			a := ask(name, "shop://"+name)
			a.body = strings.ReplaceAll(a.body, name, "nobody")
			for _, header := range []string{"Date", "X-Request-Id", "Content-Length"} {
				a.header.Del(header)
				none.header.Del(header)
			}
			if a.status != none.status || a.body != none.body || fmt.Sprint(a.header) != fmt.Sprint(none.header) {
				t.Errorf("%s of %s: %d %s %v; of nothing: %d %s %v", way, name, a.status, a.body, a.header, none.status, none.body, none.header)
			}
		}
	}
	for _, list := range []string{"resources/list", "resources/templates/list", "prompts/list"} {
		for _, a := range []answer{r.modern(list, "", "", ann), legacy(list, "")} {
			if strings.Contains(a.body, "hidden") || strings.Contains(a.body, "gated") || a.status != 200 {
				t.Errorf("%s: %d %s", list, a.status, a.body)
			}
		}
	}
	if n := len(b.requests()); n != 0 {
		t.Errorf("the upstream saw %v", b.requests())
	}
	if a := r.read("shop://hidden", bearerWith("ann", `,"roles":["admin"]`)); !strings.Contains(a.body, "secret") {
		t.Errorf("who may: %s", a.body)
	}
	if a := r.read("shop://gated/1", bearerWith("root", "")); !strings.Contains(a.body, "contents") {
		t.Errorf("who may: %s", a.body)
	}
}

// TestEachHearsOfItsOwn has two callers watch a resource that is another one
// for each: of a change only the one hears whose it is.
func TestEachHearsOfItsOwn(t *testing.T) {
	var mu sync.Mutex
	values := make(map[string]int)
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(w, "%s has %d", req.Header.Get("X-Sub"), values[req.Header.Get("X-Sub")])
	})
	r := start(t, strings.Replace(sessionManifest, "request: GET /stock, watch: 1s", `request: {method: GET, path: /stock, headers: {X-Sub: "${{ caller.subject }}"}}, cache: {ttl: 1s}, watch: 1s`, 1), b.URL, crowdEnv())
	ears := make(map[string][]*hearing)
	for _, name := range []string{"ann", "ben"} {
		session := r.beginAsking("2025-11-25", bearerWith(name, ""))
		general := r.open("GET", "", session)
		general.next(t)
		if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"shop://stock"}}`, session); !strings.Contains(a.body, `"result":{}`) {
			t.Fatalf("subscribe: %s", a.body)
		}
		body, headers := listenBody()
		modern := r.open("POST", strings.Replace(body, `"toolsListChanged":true`, `"resourceSubscriptions":["shop://stock"]`, 1), with(headers, "Authorization", session["Authorization"]))
		modern.next(t)
		ears[name] = []*hearing{general, modern}
	}
	until(t, "both are looked at", func() bool { return len(b.requests()) >= 4 })
	mu.Lock()
	values["ann"]++
	mu.Unlock()
	for _, h := range ears["ann"] {
		if text := h.nextMessage(t); !strings.Contains(text, "resources/updated") {
			t.Errorf("ann heard %s", text)
		}
	}
	looks := len(b.requests())
	until(t, "ben's is looked at once more", func() bool { return len(b.requests()) >= looks+4 })
	for _, h := range ears["ben"] {
		select {
		case e := <-h.heard:
			t.Errorf("ben heard of ann's: %+v", e)
		default:
		}
	}
	for _, name := range []string{"ann", "ben"} {
		if a := r.read("shop://stock", bearerWith(name, "")); !strings.Contains(a.body, name+" has") {
			t.Errorf("%s reads %s", name, a.body)
		}
	}
}

// TestLimitsOfResourcesAndPrompts shows what counts: each reading, getting and
// asked completion; not the rounds after the first.
func TestLimitsOfResourcesAndPrompts(t *testing.T) {
	b := newShop(t)
	manifest := strings.NewReplacer("    name: order\n", "    name: order\n    rate_limit: 2/h burst 2\n", "prompts:\n  order:\n", "prompts:\n  order:\n    rate_limit: 2/h burst 2\n").Replace(askManifest)
	r := start(t, manifest, b.URL, crowdEnv())
	for name, c := range map[string]rounds{
		"a resource": {method: "resources/read", name: "shop://orders/1", params: `"uri":"shop://orders/1"`},
		"a prompt":   {method: "prompts/get", name: "order", params: `"name":"order","arguments":{"id":"1"}`},
	} {
		for n := range 2 {
			state := r.asked(c)
			if a := r.round(c, retry(state, yes)); a.status != 200 || strings.Contains(a.body, `"error"`) {
				t.Errorf("%s, call %d: %d %s", name, n, a.status, a.body)
			}
		}
		for range 10 {
			if a := r.round(c, ""); a.status != 429 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "retryAfter") {
				t.Errorf("%s, once more: %d %s", name, a.status, a.body)
			}
		}
		if a := r.round(c, `"inputResponses":`+yes); a.status != 429 {
			t.Errorf("%s, with answers that nobody asked for: %d %s", name, a.status, a.body)
		}
		other := c
		other.headers = bearerWith("ben", "")
		if a := r.round(other, ""); a.status != 200 {
			t.Errorf("%s, another caller: %d %s", name, a.status, a.body)
		}
	}
	if n := b.count("POST /charge"); n != 4 {
		t.Errorf("%d charges", n)
	}
}

// TestLimitsOfCompletions shows that completions which ask an upstream count
// against the limit of what they belong to.
func TestLimitsOfCompletions(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["one","two"]`)
	})
	r := start(t, serverKeys+`
version: 1
upstreams: {shop: {url: "${UPSTREAM}"}}
resources:
  "shop://t/{id}": {name: t, description: d, request: "GET /t/{id}", rate_limit: 3/h burst 3, complete: {id: {request: "GET /ids?prefix={value}", select: ".[]"}}}
`, b.URL, nil)
	statuses := ""
	for range 5 {
		a := r.modern("completion/complete", "", `"ref":{"type":"ref/resource","uri":"shop://t/{id}"},"argument":{"name":"id","value":"o"}`, nil)
		statuses += fmt.Sprint(a.status, " ")
	}
	if statuses != "200 200 200 429 429 " || len(b.requests()) != 3 {
		t.Errorf("%s; the upstream saw %v", statuses, b.requests())
	}
}
