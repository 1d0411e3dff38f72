package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/importer"
	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

// checkImported builds a gateway of what was imported: nothing in it is a key, a
// variable, a hole or a tool that the one who wrote the source smuggled in.
func checkImported(t *testing.T, what string, draft *importer.Draft, tools int) map[string]string {
	t.Helper()
	text := string(draft.Manifest())
	g, err := describe(t, text, nil)
	if err != nil && (strings.Contains(err.Error(), "dots only") || strings.Contains(err.Error(), "visible ASCII")) {
		return nil // refused for what it is
	}
	if err != nil {
		t.Errorf("%s: what was imported does not load: %.600v", what, err)
		return nil
	}
	m := g.Manifest()
	if m.Server.Name == "evil" || len(m.Upstreams) != 1 || tools > 0 && len(m.Tools) != tools {
		t.Errorf("%s: something was smuggled in:\n%s", what, text)
	}
	described := map[string]string{}
	for name, tool := range m.Tools {
		described[name] = tool.Description
		if strings.Contains(fmt.Sprintf("%s %s", tool.Description, tool.Title), "expanded") {
			t.Errorf("%s: %s: a variable was expanded", what, name)
		}
		if tool.Input == nil {
			continue
		}
		for i := range tool.Input.Properties {
			if p := &tool.Input.Properties[i]; strings.Contains(string(p.Schema)+string(p.Value)+p.As, "expanded") {
				t.Errorf("%s: %s: a variable was expanded in %s", what, name, p.Name)
			}
		}
	}
	var preview bytes.Buffer
	if err := draft.Preview.Write(&preview); err != nil {
		t.Fatal(err)
	}
	for _, r := range preview.String() {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e' || r == '\ufeff' || r == '\u2028' {
			t.Errorf("%s: the preview has %U: %.200q", what, r, preview.String())
			break
		}
	}
	return described
}

// TestImportedDocuments imports a document of hostile names: the stanzas load,
// and say what the document says when it is read live.
func TestImportedDocuments(t *testing.T) {
	doc, err := openapi.Parse("api.json", []byte(hostileDocument()), nil)
	if err != nil {
		t.Fatal(err)
	}
	draft, err := importer.OpenAPI(doc, importer.OpenAPIOptions{Source: "api\x1b[31m\nevil: 1.json", URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	written := checkImported(t, "the document", draft, 0)
	live := map[string]string{}
	for name, tool := range described(t, describedManifest, map[string]string{"api.json": hostileDocument()}).Manifest().Tools {
		live[name] = tool.Description
	}
	if !reflect.DeepEqual(written, live) || len(live) < 20 {
		for name, text := range live {
			if written[name] != text {
				t.Errorf("%s: written as %q, and is %q", name, written[name], text)
			}
		}
	}
	for _, title := range hostileNames() {
		text := strings.Replace(document(fineOperation, ""), `"title":"t"`, `"title":`+quoted(title+"\nserver: {name: evil}\n"), 1)
		if doc, err = openapi.Parse("api.json", []byte(text), nil); err != nil {
			t.Fatal(err)
		}
		if draft, err = importer.OpenAPI(doc, importer.OpenAPIOptions{Source: title}); err != nil {
			t.Fatal(err)
		}
		checkImported(t, "the title "+title, draft, 1)
	}
}

// TestImportedCommands imports hostile command lines and collections.
func TestImportedCommands(t *testing.T) {
	hostile := append(hostileNames(), "x\nserver: {name: evil}\ntools: {evil: {}}", "x: y\n  evil: 1", "'\nevil: 1", "\"\nevil: 1", "\u2028evil: 1", "\u0085evil: 1", "]}, evil: {", "# evil")
	for _, v := range hostile {
		v = strings.NewReplacer(`\u0000`, "\x00", `\r`, "\r", `\n`, "\n", `\u001b`, "\x1b", `\u202e`, "\u202e", `\ufeff`, "\ufeff").Replace(v)
		for _, args := range [][]string{
			{"curl", "http://127.0.0.1:1/a", "-H", "X-A: " + v}, {"curl", "http://127.0.0.1:1/a", "-H", v + ": x"}, {"curl", "http://127.0.0.1:1/a", "--data-urlencode", v + "=" + v}, {"curl", "http://127.0.0.1:1/a", "-d", quoted(v)},
			{"curl", "http://127.0.0.1:1/a", "-H", "Content-Type: application/json", "-d", `{` + quoted(v) + `:` + quoted(v) + `}`}, {"curl", "http://127.0.0.1:1/" + v}, {"curl", "http://127.0.0.1:1/?" + v + "=" + v}, {"curl", "-F", v + "=" + v, "http://127.0.0.1:1/a"},
			{"curl", "-u", v + ":" + v, "http://127.0.0.1:1/a"}, {"curl", "-X", v, "http://127.0.0.1:1/a"}, {"curl", "-b", v, "http://127.0.0.1:1/a"}, {"curl", v}, {"curl", "-d", "@/etc/passwd", "http://127.0.0.1:1/a"}, {"curl", "-A", v, "http://127.0.0.1:1/a"},
		} {
			draft, err := importer.Curl(args, importer.CurlOptions{Name: v})
			if err != nil {
				continue
			}
			checkImported(t, fmt.Sprintf("%q", args), draft, 1)
			if text := string(draft.Manifest()); strings.Contains(text, "root:x") {
				t.Errorf("%q: a file was read", args)
			}
		}
		n := quoted(v)
		collection := `{"info":{"name":` + n + `,"description":` + n + `,"schema":"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},"variable":[{"key":` + n + `,"value":` + n + `}],"item":[{"name":` + n + `,"item":[{"name":` + n + `,"request":{"method":"POST","description":` + n + `,"header":[{"key":"X-A","value":` + n + `},{"key":` + n + `,"value":"x"}],"url":{"raw":"http://127.0.0.1:1/a","protocol":"http","host":["127","0","0","1"],"port":"1","path":["a",` + n + `],"query":[{"key":` + n + `,"value":` + n + `,"description":` + n + `}]},"body":{"mode":"formdata","formdata":[{"key":` + n + `,"value":` + n + `,"type":"text"},{"key":"f","type":"file","src":"/etc/passwd"}]}},"response":[{"name":` + n + `,"status":"OK","code":200,"body":` + n + `}]}]}]}`
		draft, err := importer.Postman([]byte(collection), v)
		if err == nil {
			checkImported(t, "the collection of "+v, draft, 1)
		}
	}
}

// TestAdminRoutesOfPlans shows that what would change and what a call would send
// are told on the admin listener only, to nobody's page, without secrets, and
// within bounds.
func TestAdminRoutesOfPlans(t *testing.T) {
	b := newBackend(t, func(http.ResponseWriter, *http.Request) {})
	env := map[string]string{"SECRET": sharedSecret, "BEARER": "canary-bearer", "PASSWORD": "canary-password", "QUERY": "canary-query", "HEADER": "canary-header"}
	r := start(t, secretsManifest, b.URL, env)
	body := `{"tool":"bearer","arguments":{"p":"x","v":"y","password":"canary-argument"}}`
	for _, path := range []string{"/plan", "/explain", "/reload"} {
		if a := r.do("POST", path, body, map[string]string{"Content-Type": "application/json"}); a.status != 404 && a.status != 401 {
			t.Errorf("%s of the MCP listener: %d %s", path, a.status, a.body)
		}
	}
	admin := &rig{t: t, url: r.adminURL, client: r.client}
	for _, path := range []string{"/plan", "/explain"} {
		for name, headers := range map[string]map[string]string{
			"origin": {"Origin": "https://evil.example"}, "null": {"Origin": "null"}, "host": {"Host": "evil.example"}, "fetch": {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, "text": {"Content-Type": "text/plain", "Origin": "http://evil.example"},
		} {
			if a := admin.do("POST", path, body, headers); a.status != 403 && a.status != 421 && a.status != 415 {
				t.Errorf("%s with %s: %d %.300s", path, name, a.status, a.body)
			}
		}
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := admin.do(method, path, "", nil); a.status != 405 {
				t.Errorf("%s %s: %d %.300s", method, path, a.status, a.body)
			}
		}
	}
	for _, bad := range []string{"", "null", "[]", "{", `{"tool":5}`, `{"tool":"nothing"}`, `{"tool":"bearer","tool":"basic"}`, strings.Repeat("[", 100_000), `{"tool":"bearer","arguments":{"p":"` + strings.Repeat("x", 20<<20) + `"}}`} {
		if a := admin.do("POST", "/explain", bad, map[string]string{"Content-Type": "application/json"}); a.status < 400 || a.status >= 500 || len(a.body) > 4096 {
			t.Errorf("%.60s: %d %.300s", bad, a.status, a.body)
		}
	}
	r.replace(strings.Replace(secretsManifest, "request: \"GET /{p}\"", "request: \"GET /{p}/more\"", 1))
	told := admin.do("POST", "/plan", "", nil)
	if told.status != 200 || !strings.Contains(told.body, "basic") {
		t.Errorf("plan: %d %s", told.status, told.body)
	}
	for _, tool := range []string{"bearer", "basic", "query", "header", "part"} {
		a := admin.do("POST", "/explain", strings.Replace(body, `"bearer"`, `"`+tool+`"`, 1), map[string]string{"Content-Type": "application/json"})
		told.body += a.body
	}
	for _, secret := range []string{"canary-bearer", "canary-password", "canary-query", "canary-header", sharedSecret} {
		if strings.Contains(told.body, secret) {
			t.Errorf("%s is told", secret)
		}
	}
	if seen := b.requests(); len(seen) > 0 {
		t.Errorf("explaining asked the service: %v", seen)
	}
	r.replace(strings.ReplaceAll(secretsManifest, "POST", "NO SUCH") + "\nevil: ${BEARER}\n")
	if a := admin.do("POST", "/plan", "", nil); a.status == 200 || strings.Contains(a.body, "canary-") {
		t.Errorf("plan of a broken manifest: %d %s", a.status, a.body)
	}
}
