package mcp

import (
	"reflect"
	"strings"
	"testing"
)

func TestDecodeListenParams(t *testing.T) {
	many := func(n int) string {
		return `{"notifications":{"resourceSubscriptions":[` + strings.TrimSuffix(strings.Repeat(`"a",`, n), ",") + `]}}`
	}
	tests := []struct {
		params string
		want   *Subscription // nil: refused
	}{
		{`{"notifications":{}}`, &Subscription{}},
		{`{"notifications":{"toolsListChanged":true,"promptsListChanged":false,"resourcesListChanged":true,"resourceSubscriptions":["a","b","a"],"later":7}}`,
			&Subscription{Tools: true, Resources: true, URIs: []string{"a", "b"}}},
		{`{"notifications":{"promptsListChanged":true,"resourceSubscriptions":[]}}`, &Subscription{Prompts: true, URIs: []string{}}},
		{many(1000), &Subscription{URIs: []string{"a"}}},
		{many(1001), nil},
		{`{}`, nil},
		{`{"notifications":null}`, nil},
		{`{"notifications":[]}`, nil},
		{`{"notifications":true}`, nil},
		{`{"notifications":{"toolsListChanged":1}}`, nil},
		{`{"notifications":{"promptsListChanged":"true"}}`, nil},
		{`{"notifications":{"resourcesListChanged":null}}`, nil},
		{`{"notifications":{"resourceSubscriptions":"a"}}`, nil},
		{`{"notifications":{"resourceSubscriptions":[1]}}`, nil},
	}
	for _, test := range tests {
		got, err := DecodeListenParams(paramsOf(t, test.params))
		if test.want == nil {
			if err == nil || err.Code != CodeInvalidParams || err.Status != 200 || !reflect.DeepEqual(got, Subscription{}) {
				t.Errorf("%.80s: %+v, %v", test.params, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, *test.want) {
			t.Errorf("%.80s: %+v, %v", test.params, got, err)
		}
	}
}

func TestAppendListenResult(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	want := `{"jsonrpc":"2.0","id":"l","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"},"io.modelcontextprotocol/subscriptionId":"l"}}}`
	if got := string(e.AppendListenResult(nil, ID(`"l"`))); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
