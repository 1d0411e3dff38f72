package mcp

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// sampling is a question with everything.
func sampling() *Sampling {
	warm := 0.7
	return &Sampling{
		Messages: []PromptMessage{
			{Role: "user", Block: Block{Text: []byte("hi")}},
			{Role: "assistant", Block: Block{Type: ImageBlock, Data: []byte{1}, MIMEType: "image/png"}},
			{Role: "user", Block: Block{Type: AudioBlock, Data: []byte{1}, MIMEType: "audio/wav"}},
			{Role: "user", Block: Block{Type: LinkBlock, Name: "n", URI: "a://b"}},
			{Role: "user", Block: Block{Type: ResourceBlock, URI: "a://b", Text: []byte("t")}},
			{Role: "user", Block: Block{Type: ResourceBlock, URI: "a://b", Data: []byte{1}, MIMEType: "image/gif"}},
			{Role: "user", Block: Block{Type: ResourceBlock, URI: "a://b", Data: []byte{1}, MIMEType: "application/pdf"}},
		},
		System: "be brief", MaxTokens: 100, Temperature: &warm, Stop: []string{"END"},
	}
}

func TestQuestionParams(t *testing.T) {
	form := Question{Key: "k", Kind: AskForm, Message: "m", Schema: []byte(`{"type":"object","properties":{"c":{"type":"string","title":"C","oneOf":[{"const":"a","title":"A"}],"default":"a"}}}`)}
	page := Question{Key: "k", Kind: AskURL, Message: "m", URL: "https://a.example/?b=c&d"}
	named := page
	named.ElicitationID = "e1"
	model := Question{Key: "k", Kind: AskModel, Sampling: sampling()}
	roots := Question{Key: "k", Kind: AskRoots}
	audio := `{"role":"user","content":{"type":"audio","data":"AQ==","mimeType":"audio/wav"}},`
	messages := func(audio string) string {
		return `{"messages":[{"role":"user","content":{"type":"text","text":"hi"}},{"role":"assistant","content":{"type":"image","data":"AQ==","mimeType":"image/png"}},` +
			audio + `{"role":"user","content":{"type":"text","text":"n: a://b"}},{"role":"user","content":{"type":"text","text":"t"}},` +
			`{"role":"user","content":{"type":"image","data":"AQ==","mimeType":"image/gif"}},{"role":"user","content":{"type":"text","text":"(a://b: application/pdf)"}}],` +
			`"maxTokens":100,"systemPrompt":"be brief","temperature":0.7,"stopSequences":["END"]}`
	}
	tests := []struct {
		name string
		q    *Question
		r    Revision
		want string
	}{
		{"form", &form, Rev20260728, `{"mode":"form","message":"m","requestedSchema":` + string(form.Schema) + `}`},
		{"form", &form, Rev20251125, `{"mode":"form","message":"m","requestedSchema":` + string(form.Schema) + `}`},
		{"form", &form, Rev20250618, `{"message":"m","requestedSchema":{"type":"object","properties":{"c":{"type":"string","title":"C","default":"a","enum":["a"],"enumNames":["A"]}}}}`},
		{"url", &page, Rev20260728, `{"mode":"url","message":"m","url":"https://a.example/?b=c&d"}`},
		{"url", &page, Rev20251125, `{"mode":"url","message":"m","url":"https://a.example/?b=c&d","elicitationId":"k"}`},
		{"url", &named, Rev20251125, `{"mode":"url","message":"m","url":"https://a.example/?b=c&d","elicitationId":"e1"}`},
		{"sampling", &model, Rev20260728, messages(audio)},
		{"sampling", &model, Rev20250326, messages(audio)},
		{"sampling", &model, Rev20241105, messages(`{"role":"user","content":{"type":"text","text":"(audio: audio/wav)"}},`)},
		{"roots", &roots, Rev20241105, `{}`},
	}
	for _, test := range tests {
		if got := string(test.q.AppendParams(nil, test.r)); got != test.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", test.name, test.r, got, test.want)
		}
	}
	least := &Question{Kind: AskModel, Sampling: &Sampling{MaxTokens: 1}}
	if got := string(least.AppendParams(nil, Newest)); got != `{"messages":[],"maxTokens":1}` {
		t.Errorf("the least: %s", got)
	}
}

func TestQuestionMethods(t *testing.T) {
	tests := []struct {
		kind               QuestionKind
		method, capability string
		since              Revision
	}{
		{AskForm, "elicitation/create", "elicitation", Rev20250618},
		{AskURL, "elicitation/create", "elicitation.url", Rev20251125},
		{AskModel, "sampling/createMessage", "sampling", Rev20241105},
		{AskRoots, "roots/list", "roots", Rev20241105},
	}
	for _, test := range tests {
		q := &Question{Kind: test.kind}
		if q.Method() != test.method || q.Capability() != test.capability {
			t.Errorf("%d: %s, %s", test.kind, q.Method(), q.Capability())
		}
		for _, r := range Revisions() {
			if q.Supported(r) != (r >= test.since) {
				t.Errorf("%s in %s: %v", test.capability, r, q.Supported(r))
			}
		}
	}
}

func TestAppendServerRequest(t *testing.T) {
	if got := string(AppendServerRequest(nil, ID(`"q1"`), "roots/list", []byte(`{}`))); got != `{"jsonrpc":"2.0","id":"q1","method":"roots/list","params":{}}` {
		t.Error(got)
	}
	if got := string(AppendServerRequest(nil, ID(`1`), "ping", nil)); got != `{"jsonrpc":"2.0","id":1,"method":"ping"}` {
		t.Error(got)
	}
}

// TestQuestionParamsAreJSON encodes questions of any text in all revisions.
func TestQuestionParamsAreJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		q := &Question{
			Key: text.Draw(t, "key"), Kind: QuestionKind(rapid.IntRange(0, 3).Draw(t, "kind")),
			Message: text.Draw(t, "message"), URL: text.Draw(t, "url"), Schema: []byte(`{"type":"object","properties":{}}`),
			Sampling: &Sampling{System: text.Draw(t, "system"), Stop: []string{text.Draw(t, "stop")}, Messages: []PromptMessage{{
				Role: "user", Block: Block{
					Type: BlockType(rapid.IntRange(0, 4).Draw(t, "type")),
					Text: []byte(text.Draw(t, "text")), URI: text.Draw(t, "uri"), MIMEType: text.Draw(t, "mime"),
				},
			}}},
		}
		r := rapid.SampledFrom(Revisions()).Draw(t, "revision")
		out := AppendServerRequest(nil, ID("1"), q.Method(), q.AppendParams(nil, r))
		if !json.Valid(out) {
			t.Fatalf("no JSON: %s", out)
		}
	})
}
