package mcp

import "testing"

func TestAppendPrompt(t *testing.T) {
	tests := []struct {
		d    PromptDefinition
		want string
	}{
		{PromptDefinition{Name: "p"}, `{"name":"p"}`},
		{PromptDefinition{
			Name: "p", Title: "P", Description: "d", Icons: []Icon{{Src: "https://i"}}, Meta: []byte(`{}`),
			Arguments: []PromptArgument{{Name: "a", Title: "A", Description: "e", Required: true}, {Name: "b"}},
		}, `{"name":"p","title":"P","description":"d","arguments":[{"name":"a","title":"A","description":"e","required":true},{"name":"b","required":false}],` +
			`"icons":[{"src":"https://i"}],"_meta":{}}`},
	}
	for _, test := range tests {
		if got := string(AppendPrompt(nil, &test.d)); got != test.want {
			t.Errorf("\n got %s\nwant %s", got, test.want)
		}
	}
}

func TestAppendGetPromptResult(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	messages := []PromptMessage{
		{Role: "user", Block: Block{Text: []byte("hi")}},
		{Role: "assistant", Block: Block{Type: ResourceBlock, URI: "a://b", MIMEType: "text/plain", Text: []byte("t")}},
		{Role: "user", Block: Block{Type: LinkBlock, URI: "a://b", Name: "n"}},
		{Role: "user", Block: Block{Type: AudioBlock, Data: []byte{2}, MIMEType: "audio/wav"}},
	}
	const head = `{"jsonrpc":"2.0","id":1,"result":{`
	shared := `"messages":[{"role":"user","content":{"type":"text","text":"hi"}},` +
		`{"role":"assistant","content":{"type":"resource","resource":{"uri":"a://b","mimeType":"text/plain","text":"t"}}},`
	link, audio := `{"role":"user","content":{"type":"resource_link","uri":"a://b","name":"n"}},`, `{"role":"user","content":{"type":"audio","data":"Ag==","mimeType":"audio/wav"}}`
	tests := map[Revision]string{
		Rev20260728: head + `"resultType":"complete",` + shared + link + audio + `],"description":"d","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}`,
		Rev20250618: head + shared + link + audio + `],"description":"d"}}`,
		Rev20241105: head + shared + `{"role":"user","content":{"type":"text","text":"n: a://b"}},` +
			`{"role":"user","content":{"type":"resource","resource":{"uri":"sallyport://audio","mimeType":"audio/wav","blob":"Ag=="}}}],"description":"d"}}`,
	}
	for r, want := range tests {
		if got := string(e.AppendGetPromptResult(nil, r, ID("1"), "d", messages)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", r, got, want)
		}
	}
	if got := string(e.AppendGetPromptResult(nil, Rev20251125, ID("1"), "", nil)); got != head+`"messages":[]}}` {
		t.Errorf("nothing: %s", got)
	}
}

func TestDecodeGetPromptParams(t *testing.T) {
	tests := []struct {
		params, name, arguments string
		bad                     bool
	}{
		{params: `{"name":"p"}`, name: "p"},
		{params: `{"name":"p","arguments":null}`, name: "p"},
		{params: `{"name":"p","arguments":{}}`, name: "p", arguments: `{}`},
		{params: `{"name":"p","arguments":{"a":"x","b":"\u00e4"}}`, name: "p", arguments: `{"a":"x","b":"\u00e4"}`},
		{params: `{"name":"p","arguments":{"a":1}}`, bad: true},
		{params: `{"name":"p","arguments":{"a":null}}`, bad: true},
		{params: `{"name":"p","arguments":{"a":{}}}`, bad: true},
		{params: `{"name":"p","arguments":[]}`, bad: true},
		{params: `{"name":"p","arguments":"a"}`, bad: true},
		{params: `{"name":""}`, bad: true},
		{params: `{"name":7}`, bad: true},
		{params: `{}`, bad: true},
	}
	for _, test := range tests {
		got, err := DecodeGetPromptParams(paramsOf(t, test.params))
		if (err != nil) != test.bad || got.Name != test.name || string(got.Arguments) != test.arguments {
			t.Errorf("%s: %+v, %v", test.params, got, err)
		}
		if err != nil && (err.Code != CodeInvalidParams || err.Status != 200) {
			t.Errorf("%s: %d, %d", test.params, err.Code, err.Status)
		}
	}
}
