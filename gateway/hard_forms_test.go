package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// formsManifest puts arguments into each form that a request can have.
const formsManifest = serverKeys + `
version: 1
upstreams:
  crm: {url: "${UPSTREAM}", breaker: none}
defaults: {rate_limit: none}
tools:
  part:     {description: d, request: {method: POST, path: /multipart, multipart: {fix: fixed, v: "${{ args.v }}"}}, input: {v: {type: string}}}
  file:     {description: d, request: POST /multipart, input: {v: {type: string, in: file}, fix: {value: fixed, in: form}}}
  named:    {description: d, request: {method: POST, path: /multipart, multipart: {fix: fixed, v: {text: x, filename: "${{ args.v }}"}}}, input: {v: {type: string}}}
  typed:    {description: d, request: {method: POST, path: /multipart, multipart: {fix: fixed, v: {text: x, media_type: "${{ args.v }}"}}}, input: {v: {type: string}}}
  object:   {description: d, request: POST /multipart, input: {v: {type: object, in: file}, fix: {value: fixed, in: form}}}
  element:  {description: d, request: {method: POST, path: /xml, xml: {r: {v: "${{ args.v }}", fix: fixed}}}, input: {v: {type: string}}}
  attribute: {description: d, request: {method: POST, path: /xml, xml: {r: {"@v": "${{ args.v }}", fix: fixed}}}, input: {v: {type: string}}}
  tree:     {description: d, request: {method: POST, path: /xml, xml: {r: {t: "${{ args.v }}", fix: fixed}}}, input: {v: {}}}
  soap:     {description: d, request: {method: POST, path: /xml, soap: {body: {r: {v: "${{ args.v }}", fix: fixed}}}}, input: {v: {type: string}}}
  graphql:  {description: d, request: {method: POST, path: /json, graphql: "query($v: String!) { customer(id: $v) { name } }"}, input: {v: {type: string}}}
  text:     {description: d, request: {method: POST, path: /text, text: "before ${{ args.v }} after"}, input: {v: {type: string}}}
  bytes:    {description: d, request: {method: POST, path: /text, bytes: "${{ args.v }}"}, input: {v: {type: string}}}
`

// formsSeen is what an upstream reads of a request in a form.
type formsSeen struct {
	mu   sync.Mutex
	seen []string
}

func (f *formsSeen) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.seen
	f.seen = nil
	return out
}

// ServeHTTP reads the value v, wherever it is, and checks that all else is as
// the manifest says.
func (f *formsSeen) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	value, err := readForm(req)
	if err != nil {
		value = "BROKEN: " + err.Error()
	}
	for name := range req.Header {
		switch name {
		case "Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "X-Request-Id", "Soapaction", "Traceparent":
		default:
			value = "BROKEN: header " + name
		}
	}
	f.mu.Lock()
	f.seen = append(f.seen, value)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ok":true}`)
}

func readForm(req *http.Request) (string, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return "", fmt.Errorf("body: %w", err)
	}
	switch req.URL.Path {
	case "/multipart":
		return readParts(req.Header.Get("Content-Type"), string(body))
	case "/xml":
		return readElements(string(body))
	case "/json":
		var got struct {
			Query     string
			Variables map[string]any
		}
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil || len(got.Variables) != 1 || got.Query != "query($v: String!) { customer(id: $v) { name } }" {
			return "", fmt.Errorf("graphql %s: %w", body, err)
		}
		return fmt.Sprint(got.Variables["v"]), nil
	}
	return string(body), nil
}

func readParts(contentType, body string) (string, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", fmt.Errorf("%s: %w", contentType, err)
	}
	value, fixed, n := "", "", 0
	r := multipart.NewReader(strings.NewReader(body), params["boundary"])
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("part: %w", err)
		}
		n++
		content, err := io.ReadAll(part)
		if err != nil {
			return "", fmt.Errorf("part: %w", err)
		}
		for name := range part.Header {
			if name != "Content-Disposition" && name != "Content-Type" {
				return "", fmt.Errorf("header %s", name)
			}
		}
		switch part.FormName() {
		case "fix":
			fixed = string(content)
		case "v":
			value = string(content)
			if value == "x" && strings.Contains(part.Header.Get("Content-Disposition"), "filename") {
				value = "name " + strings.NewReplacer("%22", `"`, "%0D", "\r", "%0A", "\n").Replace(cutOut(part.Header.Get("Content-Disposition"), `filename="`, `"`))
			} else if value == "x" {
				value = "type " + part.Header.Get("Content-Type")
			}
		default:
			return "", fmt.Errorf("part %q", part.FormName())
		}
	}
	if n != 2 || fixed != "fixed" {
		return "", fmt.Errorf("%d parts, fix is %q", n, fixed)
	}
	return value, nil
}

func cutOut(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	if i := strings.LastIndex(s, after); i >= 0 {
		s = s[:i]
	}
	return s
}

// readElements is the value of the element or attribute v.
func readElements(body string) (string, error) {
	d := xml.NewDecoder(strings.NewReader(body))
	var path []string
	value, fixed := "", ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", body, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			switch token.Name.Local {
			case "r", "v", "fix", "Envelope", "Body", "t":
			default:
				if len(path) < 2 || path[1] != "t" {
					return "", fmt.Errorf("element %q", token.Name.Local)
				}
			}
			for _, a := range token.Attr {
				if a.Name.Local == "v" && token.Name.Local == "r" {
					value = a.Value
				} else if a.Name.Space != "xmlns" && path[len(path)-1] != "t" {
					return "", fmt.Errorf("attribute %q", a.Name.Local)
				}
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			switch path[max(0, len(path)-1):][0] {
			case "v":
				value += string(token)
			case "fix":
				fixed += string(token)
			}
		case xml.Comment, xml.Directive:
			return "", fmt.Errorf("%T in %s", token, body)
		}
	}
	if fixed != "fixed" {
		return "", fmt.Errorf("fix is %q in %s", fixed, body)
	}
	return value, nil
}

// TestFormsHoldTheirValues sends wicked and random values into each form: the
// upstream's parser reads exactly that value there and nothing else beside it,
// or the call is a tool error and the upstream saw nothing.
func TestFormsHoldTheirValues(t *testing.T) {
	f := &formsSeen{}
	b := newBackend(t, f.ServeHTTP)
	r := start(t, formsManifest, b.URL, nil)
	for tool, want := range map[string]func(string) string{
		"part": nil, "file": nil, "element": nil, "attribute": nil, "soap": nil, "graphql": nil,
		"named": func(v string) string { return "name " + v },
		"typed": func(v string) string { return "type " + v },
		"text":  func(v string) string { return "before " + v + " after" },
		"bytes": func(v string) string {
			b, _ := base64.RawStdEncoding.DecodeString(strings.TrimRight(v, "="))
			return string(b)
		},
	} {
		t.Run(tool, func(t *testing.T) {
			arrived := 0
			try := func(v string) string {
				raw, err := json.Marshal(map[string]string{"v": v})
				if err != nil {
					return err.Error()
				}
				a := r.call(tool, string(raw), nil)
				got := f.take()
				expected := v
				if want != nil {
					expected = want(v)
				}
				switch {
				case !strings.Contains(a.body, `"result":`) || !json.Valid([]byte(a.body)):
					return "answer " + a.body
				case strings.Contains(a.body, `"isError":true`) && len(got) == 0:
					return ""
				case len(got) != 1:
					return fmt.Sprintf("the upstream saw it %d times: %s", len(got), a.body)
				case got[0] != expected && !(tool == "named" && v == "" || tool == "typed"):
					return fmt.Sprintf("arrived as %.300q", got[0])
				case strings.HasPrefix(got[0], "BROKEN"):
					return got[0]
				}
				arrived++
				return ""
			}
			extra := []string{"--boundary", "\r\n--boundary--\r\n", "--boundary\r\nContent-Disposition: form-data; name=\"fix\"\r\n\r\nevil\r\n", "</v><fix>evil</fix><v>", "<![CDATA[x]]>", "<?xml?>", "&lt;", "&amp;", "<!DOCTYPE r [<!ENTITY x \"y\">]>&x;",
				"\") { secret } }", "$v", "{__typename}", "image/png\r\nX-Evil: 1", "image/png; a=\"b\"", "text/plain", "a.png\"; name=\"fix", "..\\..\\x", "CON", strings.Repeat("a", 300), "YWJj", "YWJj\r\n", "file:///etc/passwd", "data:,x"}
			for _, v := range append(wicked(), extra...) {
				if why := try(v); why != "" {
					t.Errorf("%.80q: %s", v, why)
				}
			}
			if arrived < 2 {
				t.Errorf("only %d values arrived: refusing all proves nothing", arrived)
			}
			rapid.Check(t, func(t *rapid.T) {
				v := value().Draw(t, "v")
				if why := try(v); why != "" {
					t.Fatal(why)
				}
			})
		})
	}
}

// TestTreesStayInTheirPlace sends objects to an element: names of members are
// names of elements and attributes there, or the call is refused.
func TestTreesStayInTheirPlace(t *testing.T) {
	f := &formsSeen{}
	b := newBackend(t, f.ServeHTTP)
	r := start(t, formsManifest, b.URL, nil)
	arrived := 0
	for _, v := range []string{
		`{"a":"b"}`, `{"a":{"b":["c","d"]}}`, `{"@id":"1","#text":"x"}`, `{"a b":"c"}`, `{"a><evil":"c"}`, `{"a/":"c"}`, `{"/t":"c"}`, `{"":"c"}`, `{"@":"c"}`, `{"@a b":"c"}`, `{"@a\"":"c"}`, `{"@xmlns":"evil"}`, `{"@xmlns:a":"evil"}`,
		`{"x:y":"c"}`, `{"soap:Body":"c"}`, `{"xml:lang":"c"}`, `{"?xml":"c"}`, `{"!--":"c"}`, `{"!DOCTYPE":"c"}`, `{"#comment":"c"}`, `{"a":[["b"]]}`, `{"a":"\u0000"}`, `{"a":"\u001b"}`, `{"1a":"c"}`, `{"a\r\nb":"c"}`, `{"@a":{"b":"c"}}`, `{"#text":{"b":"c"}}`,
		`[{"a":"b"},{"a":"c"}]`, `"text"`, `5`, `null`, `true`, `{"__proto__":"c"}`, `{"é":"c"}`, `{"a":"` + strings.Repeat("<", 1000) + `"}`, strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat("}", 40),
	} {
		a := r.call("tree", `{"v":`+v+`}`, nil)
		got := f.take()
		switch {
		case strings.Contains(a.body, `"isError":true`) && len(got) == 0:
		case len(got) != 1 || strings.HasPrefix(got[0], "BROKEN"):
			t.Errorf("%.80s: %q %.300s", v, got, a.body)
		default:
			arrived++
		}
	}
	if arrived < 8 {
		t.Errorf("only %d arrived", arrived)
	}
}

// TestFilesOfObjects sends files with names and types of the caller's.
func TestFilesOfObjects(t *testing.T) {
	f := &formsSeen{}
	b := newBackend(t, f.ServeHTTP)
	r := start(t, formsManifest, b.URL, nil)
	arrived := 0
	for _, v := range []string{
		`{"data":"x"}`, `{"data":"x","name":"a.png"}`, `{"data":"x","name":"a\".png"}`, `{"data":"x","name":"../a"}`, `{"data":"x","name":"a\r\nX-Evil: 1"}`, `{"data":"x","name":"a\u0000"}`, `{"data":"x","name":"a\"; name=\"fix"}`,
		`{"data":"x","mime_type":"image/png"}`, `{"data":"x","mime_type":"image/png\r\nX-Evil: 1"}`, `{"data":"x","mime_type":"x"}`, `{"data":"x","mime_type":"multipart/form-data; boundary=b"}`, `{"data":"x","evil":"y"}`, `{"data":{"a":1}}`,
		`{"data":"x","uri":"file:///etc/passwd"}`, `{"uri":"file:///etc/passwd"}`, `{"uri":"http://169.254.169.254/"}`, `{"uri":"crm://x"}`, `{"uri":""}`, `{"uri":"data:,x"}`, `{"uri":"data:image/png\r\nX-Evil: 1,x"}`, `{"uri":"data:text/plain;base64,!!"}`, `{"uri":"data:%zz,%zz"}`, `{}`,
	} {
		a := r.call("object", `{"v":`+v+`}`, nil)
		got := f.take()
		switch {
		case strings.Contains(a.body, `"isError":true`) && len(got) == 0:
		case len(got) != 1 || strings.HasPrefix(got[0], "BROKEN"):
			t.Errorf("%s: %q %s", v, got, a.body)
		default:
			arrived++
		}
	}
	if arrived < 3 {
		t.Errorf("only %d arrived", arrived)
	}
}

// attachManifest sends resources as files.
const attachManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
upstreams:
  crm: {url: "${UPSTREAM}", breaker: none}
defaults: {rate_limit: none, timeout: 2s}
tools:
  attach: {description: d, request: POST /multipart, input: {v: {type: string, format: uri, in: file}, fix: {value: fixed, in: form}}}
  copy:   {description: d, request: {method: POST, path: /text, bytes: "${{ args.v }}"}, input: {v: {type: string, format: uri}}}
resources:
  "crm://open": {name: open, text: OPEN}
  "crm://admin": {name: admin, text: ADMIN, roles: [admin]}
  "crm://scoped": {name: scoped, text: SCOPED, scopes: [crm:read]}
  "crm://ruled": {name: ruled, text: RULED, when: "caller.subject == 'nobody'"}
  "crm://hidden": {name: hidden, text: HIDDEN, tags: [hidden]}
  "crm://fails": {name: fails, request: GET /status500}
  "crm://customers/{id}": {name: customer, request: "GET /customers/{id}"}
  "crm://loop/{u}":
    name: loop
    request: {method: GET, path: /loop, bytes: "${{ {uri: (\"crm://loop/\" + args.u)} }}"}
endpoints:
  /mcp: {}
  /mcp/support: {include: ["*", "crm://*"], exclude: ["tag:hidden"]}
`

// TestFilesOfResources shows that a resource sent as a file is read with the
// rights of the caller, at the endpoint of the call, and from nowhere else.
func TestFilesOfResources(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		mu.Lock()
		seen = append(seen, req.Method+" "+req.RequestURI+" "+string(body))
		mu.Unlock()
		if strings.Contains(req.URL.Path, "500") {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r := start(t, attachManifest, b.URL, map[string]string{"SECRET": sharedSecret})
	take := func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := seen
		seen = nil
		return out
	}
	attach := func(path, tool, uri string) (answer, []string) {
		h := bearerWith("ann", "")
		for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": modernRevision, "Mcp-Method": "tools/call", "Mcp-Name": tool} {
			h[k] = v
		}
		raw, _ := json.Marshal(uri)
		a := r.do("POST", path, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":{"v":`+string(raw)+`},`+modernMeta+`}}`, h)
		return a, take()
	}
	for _, tool := range []string{"attach", "copy"} {
		if a, got := attach("/mcp", tool, "crm://open"); len(got) != 1 || !strings.Contains(got[0], "OPEN") {
			t.Fatalf("%s: %q %s", tool, got, a.body)
		}
		if _, got := attach("/mcp", tool, "crm://hidden"); len(got) != 1 || !strings.Contains(got[0], "HIDDEN") {
			t.Errorf("%s: %q", tool, got)
		}
		for _, c := range [][2]string{
			{"/mcp", "crm://admin"}, {"/mcp", "crm://scoped"}, {"/mcp", "crm://ruled"}, {"/mcp/support", "crm://hidden"}, {"/mcp", "crm://nothing"},
			{"/mcp", "crm://OPEN"}, {"/mcp", "CRM://open"}, {"/mcp", "crm://open#x"}, {"/mcp", " crm://open"}, {"/mcp", "http://127.0.0.1:1/"}, {"/mcp", b.URL + "/ssrf"}, {"/mcp", "file:///etc/passwd"}, {"/mcp", "/etc/passwd"},
			{"/mcp", "crm://customers/../admin"}, {"/mcp", "crm://customers/a/b"}, {"/mcp", "crm://customers/"}, {"/mcp", "data:"}, {"/mcp", "data:;base64,!"}, {"/mcp", "sallyport://attach"},
		} {
			a, got := attach(c[0], tool, c[1])
			if !strings.Contains(a.body, `"isError":true`) && a.status != http.StatusForbidden || len(got) > 0 || strings.Contains(a.body, "ADMIN") || strings.Contains(a.body, b.URL) {
				t.Errorf("%s %s of %s: %q %d %.300s", tool, c[1], c[0], got, a.status, a.body)
			}
		}
		if a, got := attach("/mcp", tool, "crm://customers/..%2f..%2fadmin"); len(got) > 0 && !strings.HasPrefix(got[0], "GET /customers/..%2F..%2Fadmin") {
			t.Errorf("%s: %q %s", tool, got, a.body)
		}
		if a, got := attach("/mcp", tool, "crm://fails"); len(got) != 1 || !strings.Contains(a.body, `"isError":true`) || strings.Contains(a.body, "127.0.0.1") {
			t.Errorf("%s: %q %s", tool, got, a.body)
		}
		before := allocated()
		if a, got := attach("/mcp", tool, "data:,"+strings.Repeat("A", 900<<10)); len(got) != 1 || allocated()-before > 256<<20 {
			t.Errorf("%s: %d requests, %d MiB; %.200s", tool, len(got), (allocated()-before)>>20, a.body)
		}
	}
}

// TestResourcesThatReadThemselves shows that a resource whose request reads it
// ends in an error, and nothing more.
func TestResourcesThatReadThemselves(t *testing.T) {
	b := newBackend(t, func(http.ResponseWriter, *http.Request) {})
	r := start(t, attachManifest, b.URL, map[string]string{"SECRET": sharedSecret})
	a := r.modern("resources/read", "crm://loop/x", `"uri":"crm://loop/x"`, bearerWith("ann", ""))
	if !strings.Contains(a.body, `"error"`) || len(b.requests()) > 0 {
		t.Errorf("%d %.300s, %d requests", a.status, a.body, len(b.requests()))
	}
	if a = r.modern("resources/read", "crm://open", `"uri":"crm://open"`, bearerWith("ann", "")); !strings.Contains(a.body, "OPEN") {
		t.Errorf("afterwards: %s", a.body)
	}
}

// claimsManifest fills values of the caller's claims in.
const claimsManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
upstreams:
  crm: {url: "${UPSTREAM}", breaker: none}
defaults: {rate_limit: none}
tools:
  in_path:   {description: d, request: "GET /a/{v}/b", input: {v: {value: "${{ caller.claims.tenant }}"}}}
  in_query:  {description: d, request: "GET /a", input: {v: {value: "${{ caller.claims.tenant }}", in: query}}}
  in_header: {description: d, request: "GET /a", input: {v: {value: "${{ caller.claims.tenant }}", in: header, as: X-Tenant}}}
  in_cookie: {description: d, request: "GET /a", input: {v: {value: "${{ caller.claims.tenant }}", in: cookie}}}
  in_body:   {description: d, request: "POST /a", input: {v: {value: "${{ caller.claims.tenant }}"}}}
  in_part:   {description: d, request: {method: POST, path: /a, multipart: {}}, input: {v: {value: "${{ caller.claims.tenant }}", in: form}}}
  key:       {description: d, request: "POST /a", input: {v: {type: string}}, idempotency_key: header X-Key}
`

// TestClaimsStayInTheirPlace sends claims that break out of places: they arrive
// as that value in that place, or not at all, and callers can't give them.
func TestClaimsStayInTheirPlace(t *testing.T) {
	w := &witness{}
	b := newBackend(t, w.ServeHTTP)
	r := start(t, claimsManifest, b.URL, map[string]string{"SECRET": sharedSecret})
	claims := append(wicked(), "acme")
	for _, tool := range []string{"in_path", "in_query", "in_header", "in_cookie", "in_body", "in_part"} {
		arrived := 0
		for _, claim := range claims {
			if len(claim) > 3000 {
				continue
			}
			raw, _ := json.Marshal(claim)
			a := r.call(tool, `{}`, bearerWith("ann", `,"tenant":`+string(raw)))
			for _, got := range w.take() {
				arrived++
				what := ""
				switch tool {
				case "in_path":
					if len(got.Path) != 4 || got.Path[1] != "a" || got.Path[3] != "b" || pathText(got.Path[2]) != claim || claim == ".." || claim == "." || claim == "" {
						what = fmt.Sprint(got.Path)
					}
				case "in_query":
					if v := got.query("v"); v != claim || len(got.Query) > 0 {
						what = fmt.Sprint(v, got.Query)
					}
				case "in_header":
					if v := got.Header.Values("X-Tenant"); len(v) > 1 || strings.Join(v, "") != claim {
						what = fmt.Sprintf("%q", v)
					}
				case "in_cookie":
					if v := got.Header.Get("Cookie"); strings.Contains(v, ";") || !strings.HasPrefix(v, "v=") {
						what = v
					}
				case "in_body":
					if object, _ := got.JSON.(map[string]any); len(object) != 1 || object["v"] != claim {
						what = fmt.Sprint(got.JSON)
					}
				case "in_part":
					if strings.Count(got.Raw, "\r\nContent-Disposition: form-data") != 1 && !strings.Contains(got.Raw, claim) {
						what = got.Raw
					}
				}
				if what != "" || got.Header.Get("X-Evil") != "" {
					t.Errorf("%s %.60q: %.300s", tool, claim, what)
				}
			}
			if !json.Valid([]byte(a.body)) || a.status != 200 {
				t.Errorf("%s %.60q: %d %s", tool, claim, a.status, a.body)
			}
		}
		if arrived < 10 {
			t.Errorf("%s: only %d arrived", tool, arrived)
		}
		if a := r.call(tool, `{"v":"mine"}`, bearerWith("ann", `,"tenant":"acme"`)); !strings.Contains(a.body, `"isError":true`) || len(w.take()) > 0 {
			t.Errorf("%s takes the value from the caller: %s", tool, a.body)
		}
	}
	keys := map[string]bool{}
	for range 20 {
		r.call("key", `{"v":"x"}`, bearerWith("ann", ""))
		for _, got := range w.take() {
			keys[got.Header.Get("X-Key")] = true
		}
	}
	if len(keys) != 20 || keys[""] {
		t.Errorf("the keys of 20 calls are %d: %v", len(keys), keys)
	}
}
