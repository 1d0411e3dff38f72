package docs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/plugins/policy"
)

// contractManifest is what the requests below are refused by.
const contractManifest = `version: 1
server: {listen: "${SALLYPORT_LISTEN}", admin: "${SALLYPORT_ADMIN}", max_body: 1KiB}
auth:
  jwt: {issuer: "https://id.example", audience: "https://mcp.example/mcp", jwks_file: "${JWKS}"}
upstreams:
  one: {url: "${UPSTREAM}", breaker: {min_calls: 2}}
tools:
  plain: {description: d, request: GET /plain, input: {n: {type: integer, optional: true}}}
  admins: {description: d, request: GET /plain, roles: [admin]}
  scoped: {description: d, request: GET /plain, scopes: [write]}
  rare: {description: d, request: GET /plain, rate_limit: 1/h}
  narrow: {description: d, request: GET /block, concurrency: 1}
  asks: {description: d, request: GET /plain, confirm: "Sure?"}
  failing: {description: d, request: GET /fail, upstream: one}
resources:
  "acme://terms": {name: terms, description: d, text: t}
`

// contract is a gateway and the requests that it refuses.
type contract struct {
	*exampletest.Gateway
	token string
	// entered gets a value when the request of narrow is at the service, which
	// answers when open is closed.
	entered, open chan struct{}
}

func startContract(t *testing.T) contract {
	t.Helper()
	c := contract{entered: make(chan struct{}, 1), open: make(chan struct{})}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fail":
			w.WriteHeader(http.StatusInternalServerError)
		case "/block":
			c.entered <- struct{}{}
			<-c.open
		}
	}))
	t.Cleanup(service.Close)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("manifest.yaml", []byte(contractManifest), 0o600); err != nil {
		t.Fatal(err)
	}
	key := exampletest.NewKey(t, "https://id.example", "https://mcp.example/mcp")
	c.token = key.Token("ann", "support")
	c.Gateway = exampletest.Start(t, map[string]string{"UPSTREAM": service.URL, "JWKS": key.Path()})
	return c
}

// post sends a body with good headers, changed as wanted; an empty value
// leaves one out.
func (c contract) post(body string, change map[string]string) exampletest.Answer {
	headers := map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer " + c.token,
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list",
	}
	for name, value := range change {
		if headers[name] = value; value == "" {
			delete(headers, name)
		}
	}
	return c.Do(http.MethodPost, "/mcp", body, headers)
}

// message is a request with all that 2026-07-28 wants.
func message(method, revision string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":{}}}}`, method, revision)
}

// legacy sends a request of the revision 2025-11-25.
func (c contract) legacy(method, session string) exampletest.Answer {
	return c.post(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		map[string]string{"MCP-Protocol-Version": "2025-11-25", "Mcp-Method": "", "Mcp-Session-Id": session})
}

// refusals are the rows of the table, and how to get there.
func (c contract) refusals() map[string]func() exampletest.Answer {
	good, call := message("tools/list", "2026-07-28"), func(tool string, n any) func() exampletest.Answer {
		return func() exampletest.Answer { return c.Call(c.token, tool, map[string]any{"n": n}) }
	}
	bare := func(tool string) func() exampletest.Answer {
		return func() exampletest.Answer { return c.Call(c.token, tool, nil) }
	}
	with := func(body string, change map[string]string) func() exampletest.Answer {
		return func() exampletest.Answer { return c.post(body, change) }
	}
	return map[string]func() exampletest.Answer{
		"no token, or one that is bad":                     with(good, map[string]string{"Authorization": ""}),
		"a header `Authorization` that is no bearer token": with(good, map[string]string{"Authorization": "Basic YTpi"}),
		"a scope is missing":                               bare("scoped"),
		"a foreign Origin or Host":                         with(good, map[string]string{"Host": "evil.example"}),
		"another path": func() exampletest.Answer {
			return c.Do(http.MethodPost, "/other", good, map[string]string{"Authorization": "Bearer " + c.token})
		},
		"another method": func() exampletest.Answer {
			return c.Do(http.MethodPut, "/mcp", good, map[string]string{"Authorization": "Bearer " + c.token})
		},
		"a body that is not application/json":                 with(good, map[string]string{"Content-Type": "text/plain"}),
		"an Accept without JSON":                              with(good, map[string]string{"Accept": "text/html"}),
		"a body that is too large":                            with(strings.Repeat(" ", 2048), nil),
		"headers that are too large":                          with(good, map[string]string{"X-Long": strings.Repeat("x", 40<<10)}),
		"no JSON, duplicate names, bad UTF-8":                 with(`{"id":1,"id":2}`, nil),
		"no JSON-RPC request":                                 with(`{"id":1,"method":"tools/list"}`, nil),
		"`_meta` without a needed key":                        with(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`, nil),
		"a header that differs from the body":                 with(good, map[string]string{"Mcp-Method": "tools/call"}),
		"a revision that is not served":                       with(message("tools/list", "2031-01-01"), map[string]string{"MCP-Protocol-Version": "2031-01-01"}),
		"an unknown method, 2026-07-28":                       with(message("tools/paint", "2026-07-28"), map[string]string{"Mcp-Method": "tools/paint"}),
		"an unknown session, legacy":                          func() exampletest.Answer { return c.legacy("tools/list", "none") },
		"an unknown tool, or one that the caller may not see": bare("admins"),
		"arguments that don't fit":                            call("plain", "many"),
		"an unknown resource, 2026-07-28": func() exampletest.Answer {
			return c.Client(c.token).Read("acme://nothing").Answer
		},
		"a question that the client can't be asked": bare("asks"),
		"a state that is not this call's": func() exampletest.Answer {
			return c.Client(c.token).Request("tools/call", "asks", map[string]any{
				"name": "asks", "arguments": map[string]any{}, "inputResponses": map[string]any{}, "requestState": "forged",
			}).Answer
		},
		"an unknown method, legacy": func() exampletest.Answer {
			return c.legacy("tools/paint", c.legacy("initialize", "").Header.Get("Mcp-Session-Id"))
		},
		"a rate limit": func() exampletest.Answer {
			bare("rare")()
			return bare("rare")()
		},
		"too many calls at once": func() exampletest.Answer {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				bare("narrow")()
			}()
			<-c.entered
			a := bare("narrow")()
			close(c.open)
			<-ended
			return a
		},
	}
}

// TestContract demands that the first table of the explanation is true.
func TestContract(t *testing.T) {
	rows := contractRows(t)
	c := startContract(t)
	refusals := c.refusals()
	for what, want := range rows {
		refuse := refusals[what]
		switch {
		case what == "the breaker is open": // last, for it holds everything up
			continue
		case what == "HTTP that two readers could understand in two ways":
			continue // no HTTP client of Go's can say such things; the front's own tests do
		case refuse == nil:
			t.Errorf("nothing tries: %s", what)
			continue
		}
		if got := told(refuse()); got != want {
			t.Errorf("%s: %s, the table says %s", what, got, want)
		}
		delete(refusals, what)
	}
	for what := range refusals {
		t.Errorf("the table lacks: %s", what)
	}
	var last exampletest.Answer
	for range 12 { // the answers above count as well
		last = c.Call(c.token, "failing", nil)
	}
	if got := told(last); got != rows["the breaker is open"] || !strings.Contains(last.Text, "is left alone") {
		t.Errorf("the breaker is open: %s %s, the table says %s", got, last.Text, rows["the breaker is open"])
	}
}

// told is an answer as the table writes it.
func told(a exampletest.Answer) string {
	switch {
	case a.IsError:
		return fmt.Sprintf("%d tool error", a.Status)
	case a.Code == 0:
		return fmt.Sprintf("%d -", a.Status)
	}
	return fmt.Sprintf("%d %d", a.Status, a.Code)
}

// contractRows reads the first table below the heading: what, HTTP and code.
func contractRows(t *testing.T) map[string]string {
	t.Helper()
	_, text, ok := strings.Cut(readPage(t, "explanation.md").text, "## What is refused where")
	if !ok {
		t.Fatal("there is no such heading")
	}
	text, _, _ = strings.Cut(text, "And what happens once")
	rows := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \| (\d+) \| (.+?) \|`).FindAllStringSubmatch(text, -1) {
		rows[row[1]] = row[2] + " " + row[3]
	}
	return rows
}

// TestBursts demands that the table of rates is what the code makes of them.
func TestBursts(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (\d+)/min \| (\d+) \| (\d+) \|`).FindAllStringSubmatch(readPage(t, "explanation.md").text, -1)
	if len(rows) < 3 {
		t.Fatal("there is no table of rates")
	}
	for _, row := range rows {
		var rate policy.Rate
		if err := rate.UnmarshalText([]byte(row[1] + "/min")); err != nil {
			t.Fatal(err)
		}
		if want := row[1] + "/min burst " + row[2]; rate.String() != want {
			t.Errorf("%s/min is %s, the table says %s", row[1], rate, want)
		}
		var amount, burst, most int
		if _, err := fmt.Sscan(strings.Join(row[1:], " "), &amount, &burst, &most); err != nil || amount+burst != most {
			t.Errorf("%s/min: %d and %d are not %d (%v)", row[1], amount, burst, most, err)
		}
	}
}
