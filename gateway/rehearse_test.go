package gateway_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// neverAsked is a service that fails the test when it is asked.
func neverAsked(t *testing.T) *backend {
	t.Helper()
	return newBackend(t, func(http.ResponseWriter, *http.Request) { t.Error("the service was asked") })
}

const mockedManifest = serverKeys + `
version: 1
auth: {anonymous: {roles: [public]}}
upstreams: {shop: {url: "${UPSTREAM}"}}
tools:
  get_order:
    description: Get an order.
    request: GET /orders/{id}
    input: {id: {type: string}, page: {type: integer, default: 1}}
    response: {select: '{id, total}', errors: {404: "No order ${{ args.id }}."}}
    examples:
      - {args: {id: bad}, upstream: {status: 404}}
      - {args: {id: o1}, upstream: {json: {id: o1, total: 1, more: x}}}
      - {args: {id: o1, page: 2}, upstream: {json: {id: o1, total: 2}}}
      - {args: {id: down}, upstream: {error: connect}}
  stock:
    description: Stock.
    request: GET /stock/{item}
    input: {item: {type: string}}
  can_order:
    description: Whether all is there.
    input: {items: {type: array, items: {type: string}}}
    steps: [{id: stock, for_each: args.items, tool: stock, args: {item: "${{ item }}"}}]
    response: {select: '[steps.stock[].left]'}
    examples:
      - {args: {items: [a]}, upstreams: {stock: [{args: {item: a}, json: {left: 3}}, {json: {left: 0}}]}}
  hidden:
    description: Hidden.
    roles: [admin]
    request: GET /hidden
    examples: [{upstream: {json: {}}}]
  made:
    description: Made of its schema.
    request: GET /made
    response: {schema: {type: object, properties: {id: {const: m1}}, required: [id]}}
  unknown:
    description: Nothing is known of its answers.
    request: POST /unknown
resources:
  "shop://orders": {name: orders, request: GET /orders}
`

func TestMockAnswersFromExamples(t *testing.T) {
	r := startOptions(t, gateway.Options{Parts: standard.Parts(), Mock: true}, mockedManifest, neverAsked(t).URL, nil)
	for name, c := range map[string]struct{ tool, args, want string }{
		"equal arguments":    {"get_order", `{"id":"o1","page":2}`, `"structuredContent":{"id":"o1","total":2}`},
		"defaults count":     {"get_order", `{"id":"o1","page":1}`, `"structuredContent":{"id":"o1","total":1}`},
		"same required":      {"get_order", `{"id":"o1","page":9}`, `"structuredContent":{"id":"o1","total":1}`},
		"first that is fine": {"get_order", `{"id":"zzz"}`, `"structuredContent":{"id":"o1","total":1}`},
		"an error":           {"get_order", `{"id":"bad"}`, `No order bad.`},
		"no connection":      {"get_order", `{"id":"down"}`, `can't be reached`},
		"invalid arguments":  {"get_order", `{"id":1,"x":2}`, `/x is not an argument`},
		"steps":              {"can_order", `{"items":["a","b"]}`, `"structuredContent":[3,0]`},
		"of another's steps": {"stock", `{"item":"a"}`, `"left":3`},
		"policies hold":      {"hidden", `{}`, `Unknown tool`},
		"made of the schema": {"made", `{}`, `"structuredContent":{"id":"m1"}`},
		"nothing is known":   {"unknown", `{}`, "no example matches: add `examples:` to tool"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := r.call(c.tool, c.args, nil); !strings.Contains(a.body, c.want) {
				t.Errorf("got %s\nwant %s", a.body, c.want)
			}
		})
	}
	if a := r.modern("resources/read", "shop://orders", `"uri":"shop://orders"`, nil); !strings.Contains(a.body, "add `examples:`") {
		t.Errorf("a resource: %s", a.body)
	}
	if log := r.log.String(); !strings.Contains(log, "mock mode") {
		t.Errorf("the log doesn't say so: %s", log)
	}
	r.replace(strings.Replace(mockedManifest, "json: {id: o1, total: 2}", "json: {id: o1, total: 3}", 1))
	if _, err := r.g.Reload(); err != nil {
		t.Fatal(err)
	}
	if a := r.call("get_order", `{"id":"o1","page":2}`, nil); !strings.Contains(a.body, `"total":3`) {
		t.Errorf("after a reload: %s", a.body)
	}
}

// TestMockFailsLikeTheRealThing compares the words of canned faults with those
// of real ones.
func TestMockFailsLikeTheRealThing(t *testing.T) {
	hanging := newBackend(t, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	manifest := func(url, first, second string) string {
		return fmt.Sprintf(`version: 1
upstreams: {shop: {url: "http://127.0.0.1:1"}, slow: {url: %q, timeout: 50ms}}
tools:
  get: {description: d, upstream: shop, request: GET /x, examples: [%s]}
  post: {description: d, upstream: shop, request: POST /x, examples: [%s]}
  get_slow: {description: d, upstream: slow, request: GET /x, examples: [%s]}
  post_slow: {description: d, upstream: slow, request: POST /x, examples: [%s]}
`, url, first, first, second, second)
	}
	text := manifest(hanging.URL, "{upstream: {error: connect}}", "{upstream: {error: timeout}}")
	source := config.Source{Path: "m.yaml", Overlay: map[string][]byte{"m.yaml": []byte(text)}}
	ask := func(o gateway.Options, tool string) string {
		o.Source, o.Parts = source, standard.Parts()
		g, err := gateway.New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}()
		out, err := g.Invoke(t.Context(), tool, nil, gateway.Caller{})
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for _, tool := range []string{"get", "post", "get_slow", "post_slow"} {
		if actual, mocked := ask(gateway.Options{}, tool), ask(gateway.Options{Mock: true}, tool); actual != mocked {
			t.Errorf("%s: the real thing says\n%s\nthe mock says\n%s", tool, actual, mocked)
		}
	}
}

func TestMockAndRecordExclude(t *testing.T) {
	_, err := gateway.New(gateway.Options{Parts: standard.Parts(), Mock: true, Record: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "mocked") {
		t.Errorf("error %v", err)
	}
}

const recordedManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}"}
upstreams:
  shop:
    url: "${UPSTREAM}/base"
    auth: {bearer: "${BEARER}"}
    headers: {X-Team: "${TEAM}"}
tools:
  find:
    description: Find.
    roles: [sales]
    request: POST /find/{kind}
    input:
      kind: {type: string}
      password: {type: string, pattern: '^pw-[a-z]+$', optional: true}
      api_key: {type: string, optional: true}
      tenant: {type: string, in: header, as: X-Tenant, value: "${{ caller.claims.tenant }}"}
`

// TestRecordingHoldsNoSecrets plants secrets wherever a call can carry one, and
// looks for them in what was recorded.
func TestRecordingHoldsNoSecrets(t *testing.T) {
	const (
		bearer, team  = "canary-bearer-1b", "canary-team-2c"
		tenant, email = "canary-tenant-3d", "canary.mail@acme.example"
		jwt           = "eyJhbGciOi.eyJzdWIiOi.Y2FuYXJ5"
		aws           = "AKIACANARYCANARYCANA"
	)
	service := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Set-Cookie", "sid=canary-cookie-4e")
		w.Header().Set("X-Secret", "canary-header-5f")
		w.Header().Set("Link", `<http://x.example/?access_token=canary-link-6a>; rel="next"`)
		w.Header().Set("Content-Type", "application/json")
		out := map[string]any{
			"seen": req.Header, "echo": "the token was " + req.Header.Get("Authorization"), "tenant": req.Header.Get("X-Tenant"),
			"client_secret": "canary-member-7b", "notes": []any{"as " + email, jwt, aws, "https://ann:canary-8c@db.example/"},
			"coded": base64.StdEncoding.EncodeToString([]byte(bearer)), "card": map[string]any{"number": "4111 1111 1111 1111"},
			"text": `{"password": "canary-9d"}`, "free": "card 4111-1111-1111-1111", "fine": "this stays",
		}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Error(err)
		}
	})
	folder := t.TempDir()
	r := startOptions(t, gateway.Options{Parts: standard.Parts(), Record: folder}, recordedManifest, service.URL,
		map[string]string{"SECRET": sharedSecret, "BEARER": bearer, "TEAM": team})
	token := tokenWith("sub-of-ann", fmt.Sprintf(`,"tenant":%q,"email":%q,"roles":["sales"]`, tenant, email), time.Now().Add(time.Hour))
	args := `{"kind":"canary-tenant-3d","password":"pw-canary","api_key":"canary-key-0e"}`
	if a := r.call("find", args, map[string]string{"Authorization": "Bearer " + token}); !strings.Contains(a.body, "this stays") {
		t.Fatalf("the call: %s", a.body)
	}
	if err := r.g.Close(); err != nil { // writes what is recorded
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "find.yaml"))
	if err != nil {
		t.Fatalf("%v; log: %s", err, r.log.String())
	}
	if !strings.Contains(string(text), "this stays") {
		t.Errorf("not recorded: %s", text)
	}
	lower := strings.ToLower(string(text))
	for _, secret := range []string{"canary", "4111", "ann:", "y2fuyxj5", token, base64.StdEncoding.EncodeToString([]byte(bearer)), "sub-of-ann"} {
		if strings.Contains(lower, strings.ToLower(secret)) {
			t.Errorf("%s is in\n%s", secret, text)
		}
	}
}

// pasted puts recorded examples below the tools of a manifest, as a person
// would.
func pasted(t testing.TB, manifest, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tool := strings.TrimSuffix(filepath.Base(file), ".yaml")
		head, examples, found := strings.Cut(string(text), "\n  "+tool+":\n")
		if !found {
			t.Fatalf("no tool after %q", head)
		}
		place := "  " + tool + ":\n"
		if strings.Count(manifest, place) != 1 {
			t.Fatalf("no place for %s", tool)
		}
		manifest = strings.Replace(manifest, place, place+examples, 1)
	}
	return manifest
}

const replayedManifest = `
version: 1
upstreams: {shop: {url: "${UPSTREAM}/base", auth: {bearer: "s3cret-of-shop"}}}
tools:
  shaped:
    description: Shaped.
    roles: [sales]
    scopes: [orders]
    request: GET /shaped/{id}
    input: {id: {type: string}, n: {optional: true}, token: {type: string, pattern: '^[a-z]{4,8}$', optional: true}}
    response: {select: '{body: ., id: args.id}', errors: {default: "It said ${{ status }}."}}
  plain:
    description: Plain.
    request: POST /plain
    confirm: Really?
    input: {id: {type: string}, n: {optional: true}, token: {type: string, optional: true}}
`

// TestRecordedExamplesPass records calls with any arguments and answers, and
// tries what was recorded.
func TestRecordedExamplesPass(t *testing.T) {
	var answer http.HandlerFunc
	passed := 0
	service := newBackend(t, func(w http.ResponseWriter, req *http.Request) { answer(w, req) })
	rapid.Check(t, func(r *rapid.T) {
		folder := t.TempDir()
		source := config.Source{Path: "m.yaml", Env: func(string) (string, bool) { return service.URL, true }}
		source.Overlay = map[string][]byte{"m.yaml": []byte(replayedManifest)}
		g, err := gateway.New(gateway.Options{Parts: standard.Parts(), Source: source, Record: folder})
		if err != nil {
			r.Fatal(err)
		}
		caller, made := gateway.Caller{Subject: "ann", Roles: []string{"sales"}, Scopes: []string{"orders"}}, 0
		for range rapid.IntRange(1, 5).Draw(r, "calls") {
			status := rapid.SampledFrom([]int{200, 201, 404, 500}).Draw(r, "status")
			body := encodeJSON(anyJSON(3).Draw(r, "body"))
			contentType := rapid.SampledFrom([]string{"application/json", "text/plain"}).Draw(r, "type")
			answer = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", contentType)
				w.WriteHeader(status)
				_, _ = w.Write(body)
			}
			args := map[string]any{"id": rapid.StringMatching(`[a-zA-Z0-9 $/?{}é-]{1,8}`).Draw(r, "id"), "n": anyJSON(1).Draw(r, "n")}
			if rapid.Bool().Draw(r, "with token") {
				args["token"] = rapid.StringMatching(`[a-z]{4,8}`).Draw(r, "token")
			}
			tool := rapid.SampledFrom([]string{"shaped", "plain"}).Draw(r, "tool")
			if _, err := g.Perform(context.Background(), &gateway.Invocation{Name: tool, Arguments: encodeJSON(args), Caller: caller, Ask: agrees}); err != nil {
				r.Fatal(err)
			}
			made++
		}
		if err = g.Close(); err != nil {
			r.Fatal(err)
		}
		text := pasted(t, replayedManifest, folder)
		source.Overlay = map[string][]byte{"m.yaml": []byte(text)}
		report, err := gateway.Rehearse(context.Background(), gateway.Options{Parts: standard.Parts(), Source: source}, &gateway.Rehearsal{})
		if err != nil {
			r.Fatalf("%v of\n%s", err, text)
		}
		if report.Failed > 0 || report.Passed > made {
			r.Fatalf("%d calls, %+v of\n%s", made, report, text)
		}
		passed += report.Passed
	})
	if passed < 50 {
		t.Errorf("only %d examples were tried", passed)
	}
}

// agrees confirms whatever is asked.
func agrees(context.Context, *mcp.Question) ([]byte, error) {
	return []byte(`{"action":"accept"}`), nil
}

// anyJSON makes JSON values.
func anyJSON(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(r *rapid.T) any {
		switch rapid.IntRange(0, 4+min(depth, 2)).Draw(r, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(r, "bool")
		case 2:
			return json.Number(rapid.SampledFrom([]string{"0", "-1", "1.50", "1e3", "12345678901234567890", "-0.0"}).Draw(r, "number"))
		case 3, 4:
			return rapid.SampledFrom([]string{"", "x", "$5 ${HOME} ${{ .x }} $$", "line\nline", "yes", "0", " a: b #c", "é\u2028\U0001f600", "sk_live_0123456789ab", "<<"}).Draw(r, "text")
		case 5:
			return rapid.SliceOfN(anyJSON(depth-1), 0, 3).Draw(r, "list")
		}
		return rapid.MapOfN(rapid.SampledFrom([]string{"id", "a b", "yes", "token", "data", "<<", "$x"}), anyJSON(depth-1), 0, 3).Draw(r, "object")
	})
}

func encodeJSON(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

// TestRecordingKeepsOutOfTheWay answers calls while the folder can't be written
// to.
func TestRecordingKeepsOutOfTheWay(t *testing.T) {
	service := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`fine`)) })
	folder := filepath.Join(t.TempDir(), "folder")
	manifest := serverKeys + `
version: 1
auth: {anonymous: {roles: []}}
upstreams: {shop: {url: "${UPSTREAM}"}}
tools: {get: {description: d, request: "GET /{id}", input: {id: {type: string}}}}
`
	r := startOptions(t, gateway.Options{Parts: standard.Parts(), Record: folder}, manifest, service.URL, nil)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if a := r.call("get", fmt.Sprintf(`{"id":"i%d"}`, i), nil); !strings.Contains(a.body, "fine") {
			t.Fatalf("call %d: %s", i, a.body)
		}
	}
	if err := r.g.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(r.log.String(), "can't write recorded examples"); n != 1 {
		t.Errorf("told %d times: %s", n, r.log.String())
	}
}

// TestLiveComparesWithTheService finds what has changed at the service.
func TestLiveComparesWithTheService(t *testing.T) {
	service := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch req.URL.Path {
		case "/same":
			_, _ = w.Write([]byte(`{"id":"other","lines":[{"n":7},{"n":8}],"new":true}`))
		case "/drifted":
			_, _ = w.Write([]byte(`{"id":5,"lines":[{"m":1}]}`))
		case "/gone":
			w.WriteHeader(http.StatusGone)
		}
	})
	manifest := `version: 1
upstreams: {shop: {url: "` + service.URL + `"}}
tools:
  same: {description: d, request: GET /same, examples: [{upstream: {json: {id: x, lines: [{n: 1}]}}}]}
  drifted: {description: d, request: GET /drifted, examples: [{upstream: {json: {id: x, lines: [{n: 1}]}}}]}
  gone: {description: d, request: GET /gone, examples: [{upstream: {json: {}}}]}
  broken: {description: d, request: GET /broken, examples: [{upstream: {status: 503}, expect: {error: failed}}]}
  change: {description: d, request: POST /change, examples: [{upstream: {json: {}}}]}
  both: {description: d, steps: [{tool: same}, {tool: change}], examples: [{expect: {}}]}
`
	source := config.Source{Path: "m.yaml", Overlay: map[string][]byte{"m.yaml": []byte(manifest)}}
	report, err := gateway.Rehearse(t.Context(), gateway.Options{Parts: standard.Parts(), Source: source}, &gateway.Rehearsal{Live: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tool := range report.Tools {
		one := tool.Examples[0]
		line := tool.Name + ": " + one.Outcome + " " + one.Reason
		for _, f := range one.Findings {
			line += " [" + f.What + ": " + strings.ReplaceAll(f.Message, "\n", "; ") + "]"
		}
		got = append(got, line+" "+strings.Join(one.Notes, "; "))
	}
	want := []string{
		"both: skip POST of change may change something; --unsafe sends it nevertheless ",
		"broken: skip the service can't be asked to fail ",
		"change: skip POST of change may change something; --unsafe sends it nevertheless ",
		"drifted: fail  [shape: /id: was string, is number; /lines/*/n: missing, was number] /lines/*/m: new, number",
		"gone: fail  [answer: an error came: The service failed (410). cause]",
		"same: pass  /new: new, boolean",
	}
	for i := range want {
		if want[i] == "" || i >= len(got) || got[i] != want[i] && !strings.HasPrefix(want[i], "gone: ") {
			t.Errorf("got  %q\nwant %q", got[min(i, len(got)-1)], want[i])
		}
	}
	if !strings.Contains(got[4], "[status: want status 200, got 410]") {
		t.Errorf("got %q", got[4])
	}
	if seen := strings.Join(service.requests(), ","); strings.Contains(seen, "change") || strings.Contains(seen, "broken") {
		t.Errorf("sent %s", seen)
	}
}
