package mcp

import (
	"testing"

	"pgregory.net/rapid"
)

func TestListResult(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	two := [][]byte{[]byte(`{"name":"a"}`), []byte(`{"name":"b"}`)}
	const head = `{"resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}},`
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"modern", e.ListResult(Tools, two, true, Private, "c"), head + `"tools":[{"name":"a"},{"name":"b"}],"nextCursor":"c"}`},
		{"legacy", e.ListResult(ResourceTemplates, two, false, Private, ""), `{"resourceTemplates":[{"name":"a"},{"name":"b"}]}`},
		{"empty", e.ListResult(Prompts, nil, true, Private, ""), head + `"prompts":[]}`},
		{"resources", e.ListResult(Resources, two[:1], false, Public, "d"), `{"resources":[{"name":"a"}],"nextCursor":"d"}`},
	}
	for _, test := range tests {
		if string(test.got) != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, test.got, test.want)
		}
	}
}

func TestToolExtras(t *testing.T) {
	d := &ToolDefinition{
		Name: "t", Description: "d", InputSchema: []byte(`{"type":"object"}`),
		Icons: []Icon{{Src: "https://i", Theme: "light"}}, Meta: []byte(`{"a.example/b":[1]}`),
	}
	want := `{"name":"t","description":"d","inputSchema":{"type":"object"},"icons":[{"src":"https://i","theme":"light"}],"_meta":{"a.example/b":[1]}}`
	for _, modern := range []bool{true, false} {
		if got := string(AppendTool(nil, d, modern)); got != want {
			t.Errorf("modern %v: %s", modern, got)
		}
	}
}

func TestCursor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.StringN(1, 40, -1).Draw(rt, "after")
		cursor := EncodeCursor(want)
		got, present, err := DecodeCursor(paramsOf(t, `{"cursor":"`+cursor+`"}`))
		if err != nil || !present || got != want {
			rt.Fatalf("%q came out as %q, %v, %v", want, got, present, err)
		}
	})
	tests := []struct {
		params  string
		present bool
		bad     bool
	}{
		{params: `{}`},
		{params: `{"cursor":""}`, present: true},
		{params: `{"cursor":null}`, bad: true},
		{params: `{"cursor":7}`, bad: true},
		{params: `{"cursor":"invalid"}`, bad: true},
		{params: `{"cursor":"AQ"}`, bad: true},    // no name
		{params: `{"cursor":"AmE"}`, bad: true},   // another version
		{params: `{"cursor":"AWE="}`, bad: true},  // padding
		{params: `{"cursor":"AWF"}`, bad: true},   // bits left over
		{params: `{"cursor":"AW\nE"}`, bad: true}, // a line end
		{params: `{"cursor":"Af8"}`, bad: true},   // no UTF-8
		{params: `{"cursor":"AWE","x":1}`, present: true},
	}
	for _, test := range tests {
		_, present, err := DecodeCursor(paramsOf(t, test.params))
		if present != test.present || (err != nil) != test.bad {
			t.Errorf("%s: %v, %v", test.params, present, err)
		}
		if err != nil && (err.Code != CodeInvalidParams || err.Status != 200) {
			t.Errorf("%s: %d, %d", test.params, err.Code, err.Status)
		}
	}
}
