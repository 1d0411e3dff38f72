package mcp

import (
	"testing"
)

// headerMap are request headers.
type headerMap map[string]string

func (h headerMap) Header(name string) (string, bool) {
	v, ok := h[name]
	return v, ok
}

// TestClassify plays the routing of eras: the body decides, the header is a
// cross-check, and the earliest failure wins.
func TestClassify(t *testing.T) {
	const (
		revision = `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`
		caps     = `"io.modelcontextprotocol/clientCapabilities":{}`
	)
	body := func(method, meta string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{"_meta":{` + meta + `}}}`
	}
	modern := headerMap{HeaderRevision: "2026-07-28"}
	legacy := headerMap{HeaderRevision: "2025-11-25"}
	tests := []struct {
		name, body string
		headers    headerMap
		want       Revision
		code       int
	}{
		{"modern", body("tools/list", revision+","+caps), modern, Rev20260728, 0},
		{"modern notification", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"_meta":{` + revision + "," + caps + `}}}`, modern, Rev20260728, 0},
		{"no capabilities", body("tools/list", revision), modern, "", CodeInvalidParams},
		{"capabilities of another type", body("tools/list", revision+`,"io.modelcontextprotocol/clientCapabilities":[]`), modern, "", CodeInvalidParams},
		{"version of another type", body("tools/list", `"io.modelcontextprotocol/protocolVersion":20260728,`+caps), modern, "", CodeInvalidParams},
		{"bad envelope beats a differing header", body("tools/list", revision), legacy, "", CodeInvalidParams},
		{"header differs", body("tools/list", revision+","+caps), legacy, "", CodeHeaderMismatch},
		{"header missing", body("tools/list", revision+","+caps), nil, "", CodeHeaderMismatch},
		{"version not served", body("tools/list", `"io.modelcontextprotocol/protocolVersion":"2099-01-01",`+caps), headerMap{HeaderRevision: "2099-01-01"}, "", CodeUnsupportedVersion},
		{"legacy version in _meta", body("tools/list", `"io.modelcontextprotocol/protocolVersion":"2025-11-25",`+caps), legacy, "", CodeUnsupportedVersion},
		{"header differs beats version not served", body("tools/list", `"io.modelcontextprotocol/protocolVersion":"2099-01-01",`+caps), modern, "", CodeHeaderMismatch},
		{"no client info is fine", body("tools/list", revision+","+caps), modern, Rev20260728, 0},
		{"client info of another type", body("tools/list", revision+","+caps+`,"io.modelcontextprotocol/clientInfo":"x"`), modern, "", CodeInvalidParams},
		{"a bad trace is dropped", body("tools/list", revision+","+caps+`,"traceparent":7`), modern, Rev20260728, 0},
		{"no claim, modern header", body("tools/list", ""), modern, "", CodeInvalidParams},
		{"no params, modern header", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, modern, "", CodeInvalidParams},
		{"no claim, unknown later header", body("tools/list", ""), headerMap{HeaderRevision: "2099-01-01"}, "", CodeInvalidParams},
		{"no claim, legacy header", body("tools/list", ""), legacy, "", 0},
		{"no claim, no header", body("tools/list", ""), nil, "", 0},
		{"initialize", body("initialize", ""), nil, "", 0},
		{"initialize, modern header", body("initialize", ""), modern, "", CodeHeaderMismatch},
		{"initialize with a claim", body("initialize", revision+","+caps), modern, Rev20260728, 0},
		{"notification, modern header", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, modern, Rev20260728, 0},
		{"notification, later header", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, headerMap{HeaderRevision: "2099-01-01"}, "", CodeUnsupportedVersion},
		{"response, modern header", `{"jsonrpc":"2.0","id":1,"result":{}}`, modern, "", CodeInvalidRequest},
		{"response, legacy header", `{"jsonrpc":"2.0","id":1,"result":{}}`, legacy, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := CheckSyntax([]byte(test.body)); err != nil {
				t.Fatal(err)
			}
			var m Message
			err := m.Decode([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			meta, err := DecodeMeta(m.Params)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Classify(&m, &meta, test.headers)
			code := 0
			if err != nil {
				code = err.Code
			}
			if got != test.want || code != test.code {
				t.Errorf("got %q, code %d (%v); want %q, code %d", got, code, err, test.want, test.code)
			}
			if err != nil && err.Status != 400 {
				t.Errorf("status %d", err.Status)
			}
		})
	}
}

func TestCheckMethodHeaders(t *testing.T) {
	m := &Message{Method: "tools/call"}
	tests := []struct {
		name, tool string
		headers    headerMap
		fine       bool
	}{
		{"same", "get", headerMap{HeaderMethod: "tools/call", HeaderName: "get"}, true},
		{"no method", "get", headerMap{HeaderName: "get"}, false},
		{"another method", "get", headerMap{HeaderMethod: "tools/list", HeaderName: "get"}, false},
		{"another case", "get", headerMap{HeaderMethod: "Tools/Call", HeaderName: "get"}, false},
		{"no name", "get", headerMap{HeaderMethod: "tools/call"}, false},
		{"another name", "get", headerMap{HeaderMethod: "tools/call", HeaderName: "set"}, false},
		{"base64", "größe", headerMap{HeaderMethod: "tools/call", HeaderName: "=?base64?Z3LDtsOfZQ==?="}, true},
		{"base64 of another", "grösse", headerMap{HeaderMethod: "tools/call", HeaderName: "=?base64?Z3LDtsOfZQ==?="}, false},
		{"bad padding", "größe", headerMap{HeaderMethod: "tools/call", HeaderName: "=?base64?Z3LDtsOfZQ=?="}, false},
		{"bad alphabet", "größe", headerMap{HeaderMethod: "tools/call", HeaderName: "=?base64?Z3LDts-fZQ==?="}, false},
		{"not UTF-8", "\xff", headerMap{HeaderMethod: "tools/call", HeaderName: "=?base64?/w==?="}, false},
		{"half a sentinel is literal", "=?base64?Z2V0", headerMap{HeaderMethod: "tools/call", HeaderName: "=?base64?Z2V0"}, true},
		{"sentinels in another case are literal", "=?BASE64?Z2V0?=", headerMap{HeaderMethod: "tools/call", HeaderName: "=?BASE64?Z2V0?="}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := CheckMethodHeaders(m, test.tool, true, test.headers)
			if (err == nil) != test.fine {
				t.Errorf("got %v", err)
			}
			if err != nil && (err.Code != CodeHeaderMismatch || err.Status != 400) {
				t.Errorf("code %d, status %d", err.Code, err.Status)
			}
		})
	}
}
