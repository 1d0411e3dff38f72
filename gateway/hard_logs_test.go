package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// admin asks the admin listener.
func (r *rig) askAdmin(t *testing.T, method, path string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.adminURL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: string(data)}
}

// series are the names and labels of all metrics of ours.
func (r *rig) series(t *testing.T) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(r.askAdmin(t, "GET", "/metrics").body) {
		name, _, _ := strings.Cut(line, "} ")
		if strings.HasPrefix(line, "mcp_") || strings.HasPrefix(line, "sallyport_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// strange makes one request of every kind that names what no manifest names.
func (r *rig) strange(t *testing.T, n int, session map[string]string) {
	t.Helper()
	odd := fmt.Sprintf("odd-%d-%s", n, strings.Repeat("x", n%50))
	r.modern("tools/call", odd, fmt.Sprintf(`"name":%q`, odd), nil)
	r.modern("tools/"+odd, "", "", nil)
	r.modern("tools/list", "", "", map[string]string{"MCP-Protocol-Version": "2030-01-" + odd})
	r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"`+odd+`"}`, session)
	r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+odd+`"}}`, session)
	r.do("POST", "/mcp", `{"jsonrpc":"2.0","method":"notifications/`+odd+`"}`, session)
	r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+odd+`"}}`, map[string]string{"Content-Type": "application/json"})
	r.do("GET", "/"+odd, "", nil)
	r.do("PATCH", "/mcp?"+odd, "", map[string]string{"User-Agent": odd, "X-Request-ID": odd})
	// What is known, so that its labels are taken from requests as well.
	r.modern("tools/list", "", "", nil)
	r.modern("server/discover", "", "", nil)
	r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, session)
	r.do("POST", "/mcp", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, session)
}

// TestMetricsStayBounded shows that what clients name makes no series: not
// even where a buffer that a name was read from is used again.
func TestMetricsStayBounded(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, parserManifest, b.URL, nil)
	session := r.begin("2025-06-18", nil)
	r.strange(t, 0, session)
	before := r.series(t)
	for _, name := range before {
		if strings.Contains(name, "odd") {
			t.Errorf("a client named the series %s", name)
		}
	}
	for n := range 1000 {
		r.strange(t, n+1, session)
	}
	after := r.series(t)
	for _, name := range after {
		if !slices.Contains(before, name) {
			t.Errorf("a new series %s", name)
		}
	}
	if len(after) != len(before) || len(before) < 10 {
		t.Errorf("%d series, %d before", len(after), len(before))
	}
}

// TestLogsAreOneLineEach sends what would break lines, or fill disks, in every
// place that a log could take up.
func TestLogsAreOneLineEach(t *testing.T) {
	const longest = 4096
	b := newBackend(t, ok)
	r := start(t, parserManifest, b.URL, nil)
	const evil = "x\r\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\n\x1b[2J\u2028\u202e"
	quoted, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	long := `"` + strings.Repeat("m", 200_000) + `"`
	before := r.log.String()
	requests := 0
	for _, text := range []string{string(quoted), long} {
		plain := map[string]string{"Content-Type": "application/json"}
		for _, body := range []string{
			`{"jsonrpc":"2.0","id":1,"method":` + text + `}`,
			`{"jsonrpc":"2.0","method":` + text + `}`,
			`{"jsonrpc":"2.0","id":` + text + `,"method":"ping"}`,
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":` + text + `,"clientInfo":{"name":` + text + `,"version":` + text + `}}}`,
		} {
			r.do("POST", "/mcp", body, plain)
			requests++
		}
		meta := strings.Replace(modernMeta, `"_meta":{`, `"_meta":{"io.modelcontextprotocol/clientInfo":{"name":`+text+`,"version":`+text+`},"traceparent":`+text+`,`, 1)
		for _, params := range []string{
			`"name":"harmless","arguments":{` + text + `:1},` + meta, `"name":"harmless","arguments":{"a":` + text + `},` + meta,
		} {
			r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{`+params+`}}`, envelopeHeaders())
			requests++
		}
		r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":`+text+`,`+meta+`}}`, envelopeHeaders())
		requests++
	}
	for _, headers := range []map[string]string{
		{"X-Request-ID": `a"b`}, {"X-Request-ID": strings.Repeat("r", 3000)}, {"User-Agent": "a\"\\n{"}, {"Origin": "http://a\"b"},
		{"Mcp-Session-Id": "a\"b"}, {"X-Forwarded-For": "a\"b"}, {"Mcp-Name": strings.Repeat("n", 3000)}, {"Referer": "http://a\"b"},
	} {
		r.modern("tools/list", "", "", headers)
		requests++
	}
	lines := 0
	for line := range strings.Lines(strings.TrimPrefix(r.log.String(), before)) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["level"] == "ERROR" {
			t.Errorf("a broken line: %.300s", line)
		}
		if len(line) > longest {
			t.Errorf("a line of %d bytes: %.200s", len(line), line)
		}
		lines++
	}
	if lines < requests || lines > 2*requests {
		t.Errorf("%d lines for %d requests", lines, requests)
	}
}

// canaries are secrets planted everywhere a secret can stand.
func canaries() map[string]string {
	return map[string]string{
		"SECRET": "canary-jwt-secret-0123456789abcdef0123456789", "HEADER_KEY": "canary-header-key-01", "QUERY_KEY": "canary-query-key-02",
		"BEARER": "canary-bearer-03", "PASSWORD": "canary-password-04", "STATIC": "canary-static-05",
	}
}

const canaryManifest = serverKeys + `
version: 1
auth: {jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}"}, anonymous: {roles: []}}
upstreams:
  by_header: {url: "${UPSTREAM}", headers: {X-Static: "${STATIC}"}, auth: {header: {name: X-Key, value: "${HEADER_KEY}"}}}
  by_query:  {url: "${UPSTREAM}", auth: {query: {name: key, value: "${QUERY_KEY}"}}}
  by_bearer: {url: "${UPSTREAM}", auth: {bearer: "${BEARER}"}}
  by_basic:  {url: "${UPSTREAM}", auth: {basic: {user: me, password: "${PASSWORD}"}}}
  nowhere:   {url: "http://127.0.0.1:1", auth: {query: {name: key, value: "${QUERY_KEY}"}}}
defaults: {timeout: 500ms}
tools:
`

// canaryTools are tools of every upstream and every kind of answer.
func canaryTools() string {
	tools := &strings.Builder{}
	for _, upstream := range []string{"by_header", "by_query", "by_bearer", "by_basic", "nowhere"} {
		for _, as := range []string{"json", "text", "garbage", "500", "401", "cut", "redirect"} {
			fmt.Fprintf(tools, "  %s_%s: {description: d, upstream: %s, request: \"GET /%s/{v}\", input: {v: {type: string}}}\n", upstream, as, upstream, as)
		}
	}
	return tools.String()
}

// careless answers in many ways, but never with what it was sent.
func careless(w http.ResponseWriter, req *http.Request) {
	switch kind, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/"); kind {
	case "json":
		ok(w, req)
	case "text":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "fine")
	case "garbage":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{")
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	case "401":
		w.Header().Set("WWW-Authenticate", `Bearer realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	case "redirect":
		http.Redirect(w, req, "/json/x?"+req.URL.RawQuery, http.StatusFound)
	default:
		panic(http.ErrAbortHandler)
	}
}

// TestCanaries plants secrets and looks for them in all that the gateway says.
//
// checklist: 9 20 105
func TestCanaries(t *testing.T) {
	var mu sync.Mutex
	arrived := map[string]bool{}
	planted := canaries()
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		_, password, _ := req.BasicAuth()
		sent := fmt.Sprint(req.RequestURI, req.Header, password)
		mu.Lock()
		for name, value := range planted {
			if strings.Contains(sent, value) {
				arrived[name] = true
			}
		}
		mu.Unlock()
		careless(w, req)
	})
	r := start(t, canaryManifest+canaryTools(), b.URL, planted)
	told := map[string]string{"validate": fmt.Sprintf("%+v", r.g.Manifest())}
	manifest, err := json.Marshal(r.g.Manifest())
	told["manifest as JSON"] = string(manifest) + fmt.Sprint(err)
	for _, upstream := range []string{"by_header", "by_query", "by_bearer", "by_basic", "nowhere"} {
		for _, as := range []string{"json", "text", "garbage", "500", "401", "cut", "redirect"} {
			tool := upstream + "_" + as
			for _, arguments := range []string{`{"v":"x"}`, `{"v":".."}`, `{"v":1}`, `{}`} {
				a := r.call(tool, arguments, nil)
				told["answer of "+tool+" "+arguments] = fmt.Sprint(a.body, a.header)
				if a.status != 200 || a.header.Get("WWW-Authenticate") != "" || a.header.Get("Location") != "" {
					t.Errorf("%s: %d %v %s", tool, a.status, a.header, a.body)
				}
				note, dryErr := r.g.DryRun(tool, []byte(arguments), gatewayCaller())
				told["dry run of "+tool+" "+arguments] = asText(note) + fmt.Sprint(dryErr)
			}
			explained, explainErr := r.g.Explain(tool, []byte(`{"v":"x"}`), gatewayCaller())
			told["explain "+tool] = asText(explained) + fmt.Sprint(explainErr)
		}
	}
	r.replace(strings.ReplaceAll(canaryManifest, "request", "requezt") + strings.ReplaceAll(canaryTools(), "GET", "GTE"))
	told["refused reload"] = r.askAdmin(t, "POST", "/reload").body
	// Secrets where a mistake is, so that a message might quote them.
	r.replace(strings.NewReplacer("key, value: \"${QUERY_KEY}\"", "key, valu: \"${QUERY_KEY}\"", "secret: \"${SECRET}\"", "secret: \"${SECRET}\", leeway: \"${BEARER}\"",
		"{bearer: \"${BEARER}\"}", "{bearer: [\"${BEARER}\"]}").Replace(canaryManifest) + canaryTools() +
		"  bad: {description: d, upstream: by_header, request: \"GET /${BEARER} {\", timeout: \"${PASSWORD}\", rate_limit: \"${STATIC}\"}\n")
	told["refused reload with secrets in its mistakes"] = r.askAdmin(t, "POST", "/reload").body
	told["metrics"] = r.askAdmin(t, "GET", "/metrics").body
	told["health"] = r.askAdmin(t, "GET", "/health").body + r.askAdmin(t, "GET", "/health/ready").body
	told["log"] = r.log.String()
	for place, text := range told {
		for name, value := range planted {
			if strings.Contains(text, value) || strings.Contains(text, strings.ReplaceAll(value, "-", "%2D")) {
				t.Errorf("%s tells %s", place, name)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for name := range planted {
		if !arrived[name] && name != "SECRET" {
			t.Errorf("%s was not sent to the upstream: the test looks for nothing", name)
		}
	}
}

func asText(v any) string {
	text, err := json.Marshal(v)
	return string(text) + fmt.Sprintf("%+v %v", v, err)
}

func gatewayCaller() gateway.Caller { return gateway.Caller{Subject: "me"} }
