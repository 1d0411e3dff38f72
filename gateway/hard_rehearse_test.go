package gateway_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// secretsManifest has a secret wherever one can be.
const secretsManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
upstreams:
  bearer: {url: "${UPSTREAM}", auth: {bearer: "${BEARER}"}, breaker: none}
  basic:  {url: "${UPSTREAM}", auth: {basic: {user: gateway, password: "${PASSWORD}"}}, breaker: none}
  query:  {url: "${UPSTREAM}", auth: {query: {name: key, value: "${QUERY}"}}, breaker: none}
  header: {url: "${UPSTREAM}", headers: {X-Own: "${HEADER}"}, breaker: none}
defaults: {rate_limit: none}
tools:
  bearer: {description: d, upstream: bearer, request: "POST /{p}", input: {p: {type: string}, v: {type: string}, password: {type: string, pattern: "^[a-z-]+$"}}}
  basic:  {description: d, upstream: basic, request: "GET /{p}", input: {p: {type: string}, v: {type: string}}}
  query:  {description: d, upstream: query, request: "GET /{p}", input: {p: {type: string}, v: {type: string}}}
  header: {description: d, upstream: header, request: {method: POST, path: "/{p}", headers: {X-Claim: "${{ caller.claims.email }}"}}, input: {p: {type: string}, v: {type: string}}}
  part:   {description: d, upstream: bearer, request: {method: POST, path: "/{p}", multipart: {v: "${{ args.v }}", claim: "${{ caller.claims.email }}"}}, input: {p: {type: string}, v: {type: string}}}
  fails:  {description: d, upstream: bearer, request: "GET /fails/{p}", input: {p: {type: string}, v: {type: string}}}
`

// TestRecordingHoldsNoSecret records calls of a service that echoes all it gets
// in many ways: no secret of the manifest's, no claim and no argument that is
// one is in any file, and there is no file beside the folder.
func TestRecordingHoldsNoSecret(t *testing.T) {
	canaries := map[string]string{"BEARER": "canary-bearer-8f3a1c", "PASSWORD": "canary-password/7+d2=", "QUERY": "canary query & 5b\"é", "HEADER": "canary-header-19ab77"}
	const email, own, password = "canary-claim@acme.example", "canary-subject-55aa", "canary-argument-secret"
	all := []string{email, own, password}
	for _, v := range canaries {
		all = append(all, v)
	}
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		pair := "gateway:" + canaries["PASSWORD"]
		seen := []string{req.RequestURI, string(body), pair, url.QueryEscape(canaries["QUERY"])}
		for _, values := range req.Header {
			seen = append(seen, values...)
		}
		told := all
		if !strings.Contains(string(body), password) {
			told = append([]string(nil), all...)
			told[2] = own
		}
		for _, v := range append(told, pair, "Bearer "+canaries["BEARER"], "x"+canaries["BEARER"], "xy"+canaries["BEARER"]+"z") {
			seen = append(seen, v, base64.StdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)), hex.EncodeToString([]byte(v)), strings.ToUpper(hex.EncodeToString([]byte(v))), url.QueryEscape(v), url.PathEscape(v), "a "+v+" b")
		}
		w.Header().Set("Link", "</x?key="+url.QueryEscape(canaries["QUERY"])+`>; rel="next"`)
		w.Header().Set("Location", "/x/"+url.PathEscape(canaries["BEARER"]))
		w.Header().Set("Set-Cookie", "s="+canaries["HEADER"])
		switch {
		case strings.Contains(req.URL.Path, "text"):
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, strings.Join(seen, "\n"))
		case strings.Contains(req.URL.Path, "fails"):
			w.WriteHeader(http.StatusUnprocessableEntity)
			fallthrough
		default:
			w.Header().Set("Content-Type", "application/json")
			names := map[string]any{"list": seen, "deep": map[string]any{"x": map[string]any{"y": seen}}}
			for _, v := range told {
				names[v] = v
			}
			_ = json.NewEncoder(w).Encode(names)
		}
	})
	parent := t.TempDir()
	folder := filepath.Join(parent, "recorded")
	outside := filepath.Join(parent, "outside.yaml")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(folder, "bearer.yaml")); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SECRET": sharedSecret}
	for name, v := range canaries {
		env[name] = v
	}
	r := startOptions(t, gateway.Options{Parts: standard.Parts(), Record: folder}, secretsManifest, b.URL, env)
	raw, _ := json.Marshal(email)
	h := bearerWith(own, `,"email":`+string(raw))
	for _, tool := range []string{"bearer", "basic", "query", "header", "part", "fails"} {
		for _, p := range []string{"json", "text", canaries["BEARER"], email} {
			arguments := map[string]string{"p": p, "v": canaries["BEARER"] + email}
			if tool == "bearer" {
				arguments["password"] = password
			}
			text, _ := json.Marshal(arguments)
			if a := r.call(tool, string(text), h); a.status != 200 || len(b.requests()) == 0 {
				t.Fatalf("%s: %d %s", tool, a.status, a.body)
			}
		}
	}
	if err := r.g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(parent, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		data, err := os.ReadFile(path)
		if files++; filepath.Dir(path) != folder {
			t.Errorf("%s was written", path)
		}
		for _, v := range all {
			forms := []string{v, base64.StdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)), hex.EncodeToString([]byte(v)), url.QueryEscape(v), url.PathEscape(v)}
			for shift := range 3 { // inside of something else, e.g. user:password
				inner := base64.StdEncoding.EncodeToString([]byte("xyz"[:shift] + v))
				forms = append(forms, inner[4:len(inner)-4])
			}
			for i, form := range forms {
				if strings.Contains(strings.ToLower(string(data)), strings.ToLower(form)) {
					t.Errorf("%s holds %s in form %d", filepath.Base(path), v, i)
				}
			}
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("%d files were written: %v", files, err)
	}
	for _, v := range all[1:] {
		if v != own && strings.Contains(r.log.String(), v) {
			t.Errorf("the log holds %s", v)
		}
	}
}

// mockManifest has everything that asks a service.
const mockManifest = serverKeys + `
version: 1
upstreams:
  crm: {url: "${UPSTREAM}"}
tools:
  plain:  {description: d, request: "GET /plain/{v}", input: {v: {type: string}}, examples: [{args: {v: a}, upstream: {json: {a: MOCKED}}}]}
  bare:   {description: d, request: GET /bare}
  schema: {description: d, request: GET /schema, response: {schema: {type: object, properties: {a: {type: string}}}}}
  paged:  {description: d, request: GET /paged, response: {paginate: {items: .items, next: link}}, examples: [{args: {}, upstream: {json: {items: [1]}, headers: {Link: "</next>; rel=next"}}}]}
  steps:  {description: d, steps: [{id: a, tool: plain, args: {v: a}}, {id: b, tool: bare, optional: true}]}
  wide:   {description: d, request: "GET /wide", examples: [{args: {}, upstream: {headers: {X: "a"}, status: 302, text: "${UPSTREAM}"}}]}
resources:
  "crm://r": {name: r, request: GET /r, watch: 1s}
  "crm://t/{id}": {name: t, request: "GET /t/{id}", complete: {id: {request: "GET /c?p={value}", select: ".[].id"}}}
prompts:
  p: {description: d, arguments: {a: {complete: {tool: plain, args: {v: "${{ value }}"}, select: ".a"}}}, load: {l: {tool: bare, optional: true}}, messages: [{role: user, text: "${{ load.l }}"}]}
`

// TestMocksAskNobody shows that in mock mode nothing is asked of a service, by
// whatever way.
func TestMocksAskNobody(t *testing.T) {
	b := newBackend(t, func(http.ResponseWriter, *http.Request) {})
	r := startOptions(t, gateway.Options{Parts: standard.Parts(), Mock: true}, mockManifest, b.URL, nil)
	if a := r.call("plain", `{"v":"a"}`, nil); !strings.Contains(a.body, "MOCKED") {
		t.Errorf("plain: %s", a.body)
	}
	for _, call := range [][2]string{{"plain", `{"v":"other"}`}, {"plain", `{"v":"../x"}`}, {"bare", `{}`}, {"schema", `{}`}, {"paged", `{}`}, {"steps", `{}`}, {"wide", `{}`}} {
		if a := r.call(call[0], call[1], nil); a.status != 200 || !json.Valid([]byte(a.body)) || strings.Contains(a.body, b.URL) && call[0] != "wide" {
			t.Errorf("%s: %d %s", call[0], a.status, a.body)
		}
	}
	for _, uri := range []string{"crm://r", "crm://t/1"} {
		if a := r.modern("resources/read", uri, `"uri":"`+uri+`"`, nil); !json.Valid([]byte(a.body)) {
			t.Errorf("%s: %s", uri, a.body)
		}
	}
	r.modern("prompts/get", "p", `"name":"p","arguments":{"a":"x"}`, nil)
	r.modern("completion/complete", "", `"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"c"}`, nil)
	r.modern("completion/complete", "", `"ref":{"type":"ref/resource","uri":"crm://t/{id}"},"argument":{"name":"id","value":"c"}`, nil)
	h := r.begin("2025-11-25", nil)
	r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"crm://r"}}`, h)
	reload(t, r)
	if a := r.call("plain", `{"v":"a"}`, nil); !strings.Contains(a.body, "MOCKED") {
		t.Errorf("after a reload: %s", a.body)
	}
	if seen := b.requests(); len(seen) > 0 {
		t.Errorf("the service was asked: %v", seen)
	}
}
