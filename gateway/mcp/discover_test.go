package mcp

import "testing"

func TestCapabilities(t *testing.T) {
	all := Capabilities{Tools: true, Prompts: true, Resources: true, Subscribe: true, ListChanged: true, Completions: true, Logging: true, Tasks: true}
	const lists = `"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},`
	tests := []struct {
		r    Revision
		c    Capabilities
		want string
	}{
		{Rev20260728, all, `{` + lists + `"completions":{},"logging":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}`},
		{Rev20251125, all, `{` + lists + `"completions":{},"logging":{}}`},
		{Rev20250326, all, `{` + lists + `"completions":{},"logging":{}}`},
		{Rev20241105, all, `{` + lists + `"logging":{}}`},
		{Rev20260728, Capabilities{}, `{}`},
		{Rev20260728, Capabilities{ListChanged: true, Subscribe: true}, `{}`},
		{Rev20260728, Capabilities{Tools: true}, `{"tools":{}}`},
		{Rev20260728, Capabilities{Resources: true, ListChanged: true}, `{"resources":{"listChanged":true}}`},
		{Rev20260728, Capabilities{Prompts: true, Tasks: true}, `{"prompts":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}`},
		{Rev20251125, Capabilities{Logging: true, Tasks: true}, `{"logging":{}}`},
	}
	for _, test := range tests {
		if got := string(appendCapabilities(nil, test.r, &test.c)); got != test.want {
			t.Errorf("%s %+v:\n got %s\nwant %s", test.r, test.c, got, test.want)
		}
	}
}

func TestHello(t *testing.T) {
	info := ServerInfo{Name: "s", Version: "1", Title: "S", Description: "d", WebsiteURL: "https://w", Icons: []Icon{{Src: "https://i"}}}
	const server = `{"name":"s","version":"1","title":"S","description":"d","websiteUrl":"https://w","icons":[{"src":"https://i"}]}`
	want := `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":` + server + `,"instructions":"Be kind."}`
	if got := string(InitializeResult(Rev20251125, info, Capabilities{Tools: true}, "Be kind.")); got != want {
		t.Errorf("initialize:\n got %s\nwant %s", got, want)
	}
	want = `{"resultType":"complete","ttlMs":0,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":` + server +
		`},"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`
	if got := string(NewEncoder(info).DiscoverResult(Capabilities{Tools: true}, "")); got != want {
		t.Errorf("discover:\n got %s\nwant %s", got, want)
	}
}
