package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// maxNesting is how deep a message may nest.
const maxNesting = 64

// FuzzEnvelope compares what the envelope's decoder makes of a body with what
// another strict parser makes of it (RFC 8259, RFC 7493).
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1.0e5}}}`,
		`{"jsonrpc":"2.0","method":"tools/list","METHOD":"tools/call","paramſ":{}}`,
		`{"jsonrpc":"2.0","id":"\u0061","\u006dethod":"a","method":"b"}`,
		`{"jsonrpc":"2.0","id":12345678901234567890123,"method":"a","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}}`,
		`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `{"jsonrpc":"2.0","id":1,"result":{}}`,
		"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}", `{"method":"\ud800"}`, "\ufeff{}", `{"a":1}{"b":2}`, `{"a":01}`, `{"a":1,}`,
		strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		depth, valid := measure(body)
		accepted := mcp.CheckSyntax(body) == nil
		if accepted != (valid && depth <= maxNesting) {
			t.Fatalf("accepted: %v; another strict parser: valid %v, depth %d", accepted, valid, depth)
		}
		if !accepted {
			return
		}
		var m mcp.Message
		if err := m.Decode(body); err != nil {
			return
		}
		members, ok := objectOf(body)
		if !ok {
			t.Fatal("a message that is no object")
		}
		compareMessage(t, &m, members)
	})
}

// measure reads a text with another strict parser.
func measure(body []byte) (depth int, valid bool) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	if _, err := d.ReadToken(); err != nil {
		return 0, false
	}
	for depth = d.StackDepth(); d.StackDepth() > 0; depth = max(depth, d.StackDepth()) {
		if _, err := d.ReadToken(); err != nil {
			return depth, false
		}
	}
	_, err := d.ReadToken()
	return depth, errors.Is(err, io.EOF)
}

// objectOf splits an object with another strict parser.
func objectOf(body []byte) (map[string]jsontext.Value, bool) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, false
	}
	members := make(map[string]jsontext.Value)
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, false
		}
		text := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		members[text] = value.Clone()
	}
	return members, true
}

func textOf(v jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return "no string: " + string(v)
	}
	return string(text)
}

func compareMessage(t *testing.T, m *mcp.Message, members map[string]jsontext.Value) {
	t.Helper()
	if textOf(members["jsonrpc"]) != "2.0" {
		t.Fatalf("accepted jsonrpc %s", members["jsonrpc"])
	}
	if !bytes.Equal(m.ID, members["id"]) {
		t.Fatalf("id %s, in the text %s", m.ID, members["id"])
	}
	method, has := members["method"]
	if has != (m.Kind != mcp.Reply) || has && textOf(method) != m.Method {
		t.Fatalf("kind %d, method %q, in the text %s", m.Kind, m.Method, method)
	}
	params := map[string]jsontext.Value{}
	if raw, present := members["params"]; has && present {
		if params, has = objectOf(raw); !has {
			t.Fatalf("params are no object: %s", raw)
		}
	}
	if len(m.Params) != len(params) {
		t.Fatalf("%d params, %d in the text", len(m.Params), len(params))
	}
	for _, p := range m.Params {
		if !bytes.Equal(p.Value, params[p.Name]) {
			t.Fatalf("param %q is %s, in the text %s", p.Name, p.Value, params[p.Name])
		}
	}
	call, err := mcp.DecodeCallParams(m.Params)
	if err != nil {
		return
	}
	arguments := params["arguments"]
	if string(arguments) == "null" {
		arguments = nil
	}
	if call.Name != textOf(params["name"]) || !bytes.Equal(call.Arguments, arguments) {
		t.Fatalf("name %q, arguments %s; in the text %s, %s", call.Name, call.Arguments, params["name"], params["arguments"])
	}
}

// parserManifest has a tool that must never be called by accident.
const parserManifest = serverKeys + `
version: 1
upstreams:
  crm: {url: "${UPSTREAM}"}
tools:
  harmless: {description: d, request: POST /harmless, input: {a: {optional: true}, n: {optional: true}}}
  danger:   {description: d, request: POST /danger, input: {a: {optional: true}}}
`

// envelopeHeaders are those of a modern call of the tool harmless.
func envelopeHeaders() map[string]string {
	return map[string]string{
		"Content-Type": "application/json", "Accept": "application/json",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "harmless",
	}
}

// TestTwoParsers sends bodies that two parsers understand in two ways. Each is
// refused, or means what its exact, unique names say; danger is never called.
//
// checklist: 5
func TestTwoParsers(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, parserManifest, b.URL, nil)
	call := `"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"harmless","arguments":{},` + modernMeta + `}`
	const version, caps = `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`, `"io.modelcontextprotocol/clientCapabilities":{}`
	params := func(inside string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + inside + `}}`
	}
	tests := []struct {
		name, body string
		status     int
		code       string // wanted in the answer; a call of harmless if empty
	}{
		{"plain", "{" + call + "}", 200, ""},
		{"white space", " \t\r\n{" + call + "}\n ", 200, ""},
		{"method twice", `{"method":"tools/list",` + call + "}", 400, "-32700"},
		{"method twice, escaped", `{"\u006dethod":"tools/list",` + call + "}", 400, "-32700"},
		{"method in capitals", `{` + call + `,"METHOD":"initialize","Method":"x"}`, 200, ""},
		{"params with a long s", `{` + call + `,"paramſ":{"name":"danger"}}`, 200, ""},
		{"params twice", `{` + call + `,"params":{"name":"danger"}}`, 400, "-32700"},
		{"Params", `{` + call + `,"Params":{"name":"danger"}}`, 200, ""},
		{"only Params", `{"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{"name":"danger",` + modernMeta + `}}`, 400, "-32602"},
		{"id twice", `{"id":2,` + call + "}", 400, "-32700"},
		{"ID", `{"ID":2,` + call + "}", 200, ""},
		{"jsonrpc twice", `{"jsonrpc":"2.0",` + call + "}", 400, "-32700"},
		{"name twice", params(`"name":"harmless","name":"danger",` + modernMeta), 400, "-32700"},
		{"name twice, escaped", params(`"name":"harmless","n\u0061me":"danger",` + modernMeta), 400, "-32700"},
		{"Name", params(`"name":"harmless","Name":"danger","NAME":"danger",` + modernMeta), 200, ""},
		{"only Name", params(`"Name":"danger",` + modernMeta), 400, "-32602"},
		{"name with a NUL", params(`"name":"harmless\u0000",` + modernMeta), 400, "-32020"},
		{"name is a list", params(`"name":["danger"],` + modernMeta), 400, "-32602"},
		{"another name in the header", params(`"name":"danger",` + modernMeta), 400, "-32020"},
		{"arguments twice", params(`"name":"harmless","arguments":{},"arguments":{"a":1},` + modernMeta), 400, "-32700"},
		{"a twice", params(`"name":"harmless","arguments":{"a":1,"a":2},` + modernMeta), 400, "-32700"},
		{"a twice, deep", params(`"name":"harmless","arguments":{"a":[{"b":{"c":1,"\u0063":2}}]},` + modernMeta), 400, "-32700"},
		{"A", params(`"name":"harmless","arguments":{"A":1},` + modernMeta), 200, `"isError":true`},
		{"arguments is a list", params(`"name":"harmless","arguments":[],` + modernMeta), 200, "-32602"},
		{"_meta twice", params(`"name":"harmless",` + modernMeta + `,"_meta":{}`), 400, "-32700"},
		{"_META", params(`"name":"harmless",` + modernMeta + `,"_META":{"` + `io.modelcontextprotocol/protocolVersion":"2025-03-26"}`), 200, ""},
		{"version twice", params(`"name":"harmless","_meta":{` + version + `,` + caps + `,` + version + `}`), 400, "-32700"},
		{"version in other case", params(`"name":"harmless","_meta":{"io.modelcontextprotocol/ProtocolVersion":"2026-07-28",` + caps + `}`), 400, "-32602"},
		{"version twice, other case", params(`"name":"harmless","_meta":{` + version + `,` + caps + `,"IO.modelcontextprotocol/protocolVersion":"2025-03-26"}`), 200, ""},
		{"version is null", params(`"name":"harmless","_meta":{"io.modelcontextprotocol/protocolVersion":null,` + caps + `}`), 400, "-32602"},
		{"version is a list", params(`"name":"harmless","_meta":{"io.modelcontextprotocol/protocolVersion":["2026-07-28"],` + caps + `}`), 400, "-32602"},
		{"capabilities are null", params(`"name":"harmless","_meta":{` + version + `,"io.modelcontextprotocol/clientCapabilities":null}`), 400, "-32602"},
		{"_meta is a list", params(`"name":"harmless","_meta":[]`), 400, "-32602"},
		{"id null", `{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"harmless",` + modernMeta + `}}`, 400, "-32600"},
		{"id 1.0", `{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"harmless",` + modernMeta + `}}`, 400, "-32600"},
		{"id object", `{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{"name":"harmless",` + modernMeta + `}}`, 400, "-32600"},
		{"id true", `{"jsonrpc":"2.0","id":true,"method":"tools/call","params":{"name":"harmless",` + modernMeta + `}}`, 400, "-32600"},
		{"id too long", `{"jsonrpc":"2.0","id":"` + strings.Repeat("a", 2000) + `","method":"tools/call","params":{"name":"harmless",` + modernMeta + `}}`, 400, "-32600"},
		{"result as well", `{` + call + `,"result":{}}`, 400, "-32600"},
		{"version 2", `{"jsonrpc":2.0,"id":1,"method":"tools/call","params":{"name":"harmless",` + modernMeta + `}}`, 400, "-32600"},
		{"params is a list", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["danger"]}`, 400, "-32600"},
		{"two texts", "{" + call + "}{" + call + "}", 400, "-32700"},
		{"text behind", "{" + call + "}x", 400, "-32700"},
		{"byte order mark", "\ufeff{" + call + "}", 400, "-32700"},
		{"NUL behind", "{" + call + "}\x00", 400, "-32700"},
		{"bad UTF-8", "{" + call + ",\"x\":\"\xff\"}", 400, "-32700"},
		{"overlong UTF-8", "{" + call + ",\"x\":\"\xc0\xae\"}", 400, "-32700"},
		{"surrogate in UTF-8", "{" + call + ",\"x\":\"\xed\xa0\x80\"}", 400, "-32700"},
		{"lone surrogate", `{` + call + `,"x":"\udc00"}`, 400, "-32700"},
		{"control character", "{" + call + ",\"x\":\"\n\"}", 400, "-32700"},
		{"comment", "{" + call + "/*x*/}", 400, "-32700"},
		{"trailing comma", "{" + call + ",}", 400, "-32700"},
		{"NaN", "{" + call + `,"x":NaN}`, 400, "-32700"},
		{"octal", "{" + call + `,"x":010}`, 400, "-32700"},
		{"single quotes", "{'a':1}", 400, "-32700"},
		{"empty", "", 400, "-32700"},
		{"a string", `"tools/call"`, 400, "-32600"},
		{"UTF-16", string(append([]byte{0xff, 0xfe}, "{\x00}\x00"...)), 400, "-32700"},
		{"batch", "[{" + call + "}]", 400, "-32600"},
		{"empty batch", "[]", 400, "-32600"},
		{"nested batch", "[[{" + call + "}]]", 400, "-32600"},
		{"depth 64", "{" + call + `,"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + "}", 200, ""},
		{"depth 65", "{" + call + `,"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", 400, "-32700"},
		{"depth bomb", strings.Repeat("[", 500_000), 400, "-32700"},
		{"object bomb", strings.Repeat(`{"a":`, 150_000), 400, "-32700"},
		{"depth bomb in arguments", params(`"name":"harmless","arguments":{"a":` + strings.Repeat("[", 400_000) + strings.Repeat("]", 400_000) + `},` + modernMeta), 400, "-32700"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r.t = t
			before := len(b.requests())
			a := r.do("POST", "/mcp", test.body, envelopeHeaders())
			after := b.requests()
			want, calls := test.code, 0
			if want == "" {
				want, calls = `"ok":true`, 1
			}
			if a.status != test.status || !strings.Contains(a.body, want) || len(after)-before != calls {
				t.Errorf("got %d %.300s and %d upstream requests, want %d with %s", a.status, a.body, len(after)-before, test.status, want)
			}
			if !json.Valid([]byte(a.body)) || strings.Contains(strings.Join(after, " "), "danger") {
				t.Errorf("answer %.300s; the upstream saw %v", a.body, after)
			}
		})
	}
}

// TestDigitsAreKept shows that ids and numbers are passed on as they were
// written.
func TestDigitsAreKept(t *testing.T) {
	var got string
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		got = string(body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	r := start(t, parserManifest, b.URL, nil)
	for _, n := range []string{"9007199254740993", "123456789012345678901234567890", "-0", "1.10", "1E+2", "0.1e-7", "1e400", "3.0", "1.7976931348623157e+309"} {
		a := r.call("harmless", `{"n":`+n+`}`, nil)
		if want := `{"n":` + n + `}`; got != want || !strings.Contains(a.body, `"structuredContent":`+want) {
			t.Errorf("%s: the upstream got %s, the client %s", n, got, a.body)
		}
	}
	for _, id := range []string{`123456789012345678901234567890`, `-7`, `"\u0061\/b"`, `""`, `"😀"`, `0`} {
		a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":`+id+`,"method":"tools/call","params":{"name":"harmless",`+modernMeta+`}}`, envelopeHeaders())
		if !strings.Contains(a.body, `"id":`+id+`,`) {
			t.Errorf("id %s: %s", id, a.body)
		}
	}
}

// TestBodySizes sends bodies at the limit and above it, with and without a
// length, and ones that are small on the wire but dear to parse.
func TestBodySizes(t *testing.T) {
	const limit = 1 << 20
	b := newBackend(t, ok)
	r := start(t, parserManifest, b.URL, nil)
	head := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"harmless",` + modernMeta + `,"x":`
	fill := func(open, item, end string, size int) string {
		n := (size - len(head) - len(open) - len(end) - 2) / len(item)
		body := head + open + strings.Repeat(item, n) + end + "}}"
		return body + strings.Repeat(" ", size-len(body))
	}
	members := &strings.Builder{}
	for i := 0; members.Len() < limit-1000; i++ {
		fmt.Fprintf(members, `"%d":0,`, i)
	}
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"at the limit", fill(`"`, "a", `"`, limit), 200},
		{"one above", fill(`"`, "a", `"`, limit+1), 413},
		{"far above", fill(`"`, "a", `"`, 8*limit), 413},
		{"many numbers", fill(`[`, "1,", `1]`, limit), 200},
		{"many objects", fill(`[`, "{},", `{}]`, limit), 200},
		{"many escapes", fill(`"`, `\u0061`, `"`, limit), 200},
		{"a long number", fill(``, `9`, ``, limit), 200},
		{"many members", head + "{" + members.String() + `"":0}}}`, 200},
		{"many equal members", fill(`{`, `"a":0,`, `"b":1}`, limit), 400},
	} {
		for _, length := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, length %v", test.name, length), func(t *testing.T) {
				a := r.post(t, test.body, length)
				if a.status != test.status || !json.Valid([]byte(a.body)) && a.body != "" {
					t.Errorf("got %d %.200s, want %d", a.status, a.body, test.status)
				}
			})
		}
	}
	if a := r.call("harmless", `{}`, nil); a.status != 200 {
		t.Errorf("a normal call afterwards: %d %s", a.status, a.body)
	}
}

// post sends a modern call, with its length or in chunks.
func (r *rig) post(t *testing.T, body string, length bool) answer {
	t.Helper()
	var from io.Reader = strings.NewReader(body)
	if !length {
		from = io.MultiReader(from)
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/mcp", from)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range envelopeHeaders() {
		req.Header.Set(name, value)
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
