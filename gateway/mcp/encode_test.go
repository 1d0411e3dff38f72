package mcp

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAppendCallResult(t *testing.T) {
	half := 0.5
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	all := &Result{
		Content: []Block{
			{Type: TextBlock, Text: []byte("a\"b\n"), Annotations: &Annotations{Audience: []string{"user", "assistant"}, Priority: &half, LastModified: "2026-01-01T00:00:00Z"}},
			{Type: ImageBlock, Data: []byte{0, 1}, MIMEType: "image/png"},
			{Type: AudioBlock, Data: []byte{2}, MIMEType: "audio/wav"},
			{Type: ResourceBlock, URI: "a://b", MIMEType: "text/plain", Text: []byte("t")},
			{Type: ResourceBlock, URI: "a://c", Data: []byte{}},
			{Type: LinkBlock, URI: "https://x", Name: "n", Title: "t", Description: "d", MIMEType: "text/html", Size: 3},
		},
		Structured: []byte(`[1]`),
	}
	blocks := `{"type":"text","text":"a\"b\n","annotations":{"audience":["user","assistant"],"priority":0.5,"lastModified":"2026-01-01T00:00:00Z"}},` +
		`{"type":"image","data":"AAE=","mimeType":"image/png"},`
	audio := `{"type":"audio","data":"Ag==","mimeType":"audio/wav"},`
	resources := `{"type":"resource","resource":{"uri":"a://b","mimeType":"text/plain","text":"t"}},{"type":"resource","resource":{"uri":"a://c","blob":""}},`
	link := `{"type":"resource_link","uri":"https://x","name":"n","title":"t","description":"d","mimeType":"text/html","size":3}`
	tests := map[Revision]string{
		Rev20260728: `{"jsonrpc":"2.0","id":"x","result":{"resultType":"complete","content":[` + blocks + audio + resources + link +
			`],"structuredContent":[1],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}`,
		Rev20251125: `{"jsonrpc":"2.0","id":"x","result":{"content":[` + blocks + audio + resources + link + `],"structuredContent":{"result":[1]}}}`,
		Rev20250326: `{"jsonrpc":"2.0","id":"x","result":{"content":[` + blocks + audio + resources + `{"type":"text","text":"n: https://x"}]}}`,
		Rev20241105: `{"jsonrpc":"2.0","id":"x","result":{"content":[` + blocks +
			`{"type":"resource","resource":{"uri":"sallyport://audio","mimeType":"audio/wav","blob":"Ag=="}},` + resources + `{"type":"text","text":"n: https://x"}]}}`,
	}
	for revision, want := range tests {
		if got := string(e.AppendCallResult(nil, revision, ID(`"x"`), all)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", revision, got, want)
		}
	}
	failed := ErrorResult("no")
	want := `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"no"}],"isError":true}}`
	if got := string(e.AppendCallResult(nil, Rev20250618, ID("1"), failed)); got != want {
		t.Errorf("error: got %s", got)
	}
}

// TestAppendCallResultIsJSON encodes any text and bytes: what comes out is
// JSON, and holds the text.
func TestAppendCallResultIsJSON(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		name := rapid.String().Draw(t, "name")
		revision := rapid.SampledFrom(Revisions()).Draw(t, "revision")
		result := &Result{Content: []Block{
			{Type: TextBlock, Text: []byte(text)},
			{Type: LinkBlock, URI: "a://b", Name: name, MIMEType: text},
			{Type: ResourceBlock, URI: name, Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data")},
		}}
		var decoded struct {
			Result struct {
				Content []struct {
					Text string `json:"text"`
				} `json:"content"`
			} `json:"result"`
		}
		out := e.AppendCallResult(nil, revision, ID("1"), result)
		if err := json.Unmarshal(out, &decoded); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got := decoded.Result.Content[0].Text; got != text {
			t.Fatalf("text %q came out as %q", text, got)
		}
	})
}

func TestAppendTool(t *testing.T) {
	yes := true
	d := &ToolDefinition{
		Name: "t", Title: "T", Description: "d",
		InputSchema:  []byte(`{"type":"object","properties":{"any":true,"none":false},"additionalProperties":false}`),
		OutputSchema: []byte(`{"type":"array"}`),
		Annotations:  ToolAnnotations{ReadOnly: &yes},
	}
	modern := `{"name":"t","title":"T","description":"d","inputSchema":{"type":"object","properties":{"any":true,"none":false},"additionalProperties":false},"outputSchema":{"type":"array"},"annotations":{"readOnlyHint":true}}`
	legacy := `{"name":"t","title":"T","description":"d","inputSchema":{"type":"object","properties":{"any":{},"none":{"not":{}}},"additionalProperties":false},"outputSchema":{"type":"object","properties":{"result":{"type":"array"}},"required":["result"]},"annotations":{"readOnlyHint":true}}`
	if got := string(AppendTool(nil, d, true)); got != modern {
		t.Errorf("modern: %s", got)
	}
	if got := string(AppendTool(nil, d, false)); got != legacy {
		t.Errorf("legacy: %s", got)
	}
	d.OutputSchema = []byte(`{"anyOf":[{"type":"object"}]}`)
	if got := string(AppendTool(nil, d, false)); strings.Contains(got, "outputSchema") {
		t.Errorf("an output schema of an open type is shown to legacy clients: %s", got)
	}
}

func TestMissingCapability(t *testing.T) {
	e := MissingCapability(Rev20260728, []string{"sampling", "elicitation.url", "roots", "elicitation"})
	want := `{"requiredCapabilities":{"sampling":{},"roots":{},"elicitation":{"form":{},"url":{}}}}`
	if e.Status != 400 || e.Code != CodeMissingCapability || string(e.Data) != want {
		t.Errorf("%d %d %s", e.Status, e.Code, e.Data)
	}
	if e = MissingCapability(Rev20251125, []string{"sampling"}); e.Status != 200 || e.Code != CodeInvalidParams {
		t.Errorf("legacy: %d %d", e.Status, e.Code)
	}
}

func TestInitializeRevision(t *testing.T) {
	tests := map[string]Revision{
		`"2025-11-25"`: Rev20251125, `"2025-06-18"`: Rev20250618, `"2025-03-26"`: Rev20250326, `"2024-11-05"`: Rev20241105,
		`"2026-07-28"`: Rev20251125, `"2031-01-01"`: Rev20251125, `""`: Rev20251125,
	}
	for asked, want := range tests {
		p, err := DecodeInitializeParams(paramsOf(t, `{"protocolVersion":`+asked+`,"capabilities":{"sampling":{},"elicitation":{}}}`))
		if err != nil || p.Revision != want {
			t.Errorf("%s: %s, %v", asked, p.Revision, err)
		}
		if c := p.Capabilities; !c.Sampling || !c.Elicitation || c.ElicitationURL || c.Roots {
			t.Errorf("%s: capabilities %+v", asked, c)
		}
	}
	if _, err := DecodeInitializeParams(paramsOf(t, `{"protocolVersion":1}`)); err == nil {
		t.Error("a version that is no string was taken")
	}
}

// paramsOf splits a params object.
func paramsOf(t *testing.T, object string) Params {
	t.Helper()
	var m Message
	if err := m.Decode([]byte(`{"jsonrpc":"2.0","id":1,"method":"x","params":` + object + `}`)); err != nil {
		t.Fatal(err)
	}
	return m.Params
}
