package mcp

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestDecodeCompleteParams(t *testing.T) {
	const argument = `"argument":{"name":"a","value":"v"}`
	tests := []struct {
		params string
		want   *CompleteParams // nil: refused
	}{
		{`{"ref":{"type":"ref/prompt","name":"p"},` + argument + `}`, &CompleteParams{Of: "p", Argument: "a", Value: "v"}},
		{`{"ref":{"type":"ref/resource","uri":"a://{a}"},"argument":{"name":"a","value":""},"context":{}}`,
			&CompleteParams{Kind: ResourceReference, Of: "a://{a}", Argument: "a"}},
		{`{"ref":{"type":"ref/prompt","name":"p"},` + argument + `,"context":{"arguments":{"b":"w"}}}`,
			&CompleteParams{Of: "p", Argument: "a", Value: "v", Arguments: []byte(`{"b":"w"}`)}},
		{`{"ref":{"type":"ref/prompt","name":"p"},` + argument + `,"context":null}`, &CompleteParams{Of: "p", Argument: "a", Value: "v"}},
		{`{"ref":{"type":"ref/prompt","name":"p"},` + argument + `,"context":{"arguments":{"b":1}}}`, nil},
		{`{"ref":{"type":"ref/prompt","name":"p"},` + argument + `,"context":{"arguments":[]}}`, nil},
		{`{"ref":{"type":"ref/prompt","name":"p"},` + argument + `,"context":[]}`, nil},
		{`{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a"}}`, nil},
		{`{"ref":{"type":"ref/prompt","name":"p"},"argument":{"value":"v"}}`, nil},
		{`{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":1,"value":"v"}}`, nil},
		{`{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":1}}`, nil},
		{`{"ref":{"type":"ref/prompt","name":"p"},"argument":"a"}`, nil},
		{`{"ref":{"type":"ref/prompt","name":"p"}}`, nil},
		{`{"ref":{"type":"ref/prompt","uri":"p"},` + argument + `}`, nil},
		{`{"ref":{"type":"ref/resource","name":"p"},` + argument + `}`, nil},
		{`{"ref":{"type":"ref/tool","name":"p"},` + argument + `}`, nil},
		{`{"ref":{"name":"p"},` + argument + `}`, nil},
		{`{"ref":"p",` + argument + `}`, nil},
		{`{` + argument + `}`, nil},
	}
	for _, test := range tests {
		got, err := DecodeCompleteParams(paramsOf(t, test.params))
		if test.want == nil {
			if err == nil || err.Code != CodeInvalidParams || err.Status != 200 || !reflect.DeepEqual(got, CompleteParams{}) {
				t.Errorf("%s: %+v, %v", test.params, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, *test.want) {
			t.Errorf("%s: %+v, %v", test.params, got, err)
		}
	}
}

func TestAppendCompletion(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	const head = `{"jsonrpc":"2.0","id":1,"result":{`
	const meta = `,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}`
	if got := string(e.AppendCompletion(nil, Newest, ID("1"), []string{"a\"", "b"}, 2, false)); got !=
		head+`"resultType":"complete","completion":{"values":["a\"","b"],"total":2,"hasMore":false}`+meta {
		t.Errorf("modern: %s", got)
	}
	if got := string(e.AppendCompletion(nil, Rev20241105, ID("1"), nil, -1, true)); got != head+`"completion":{"values":[],"hasMore":true}}}` {
		t.Errorf("legacy: %s", got)
	}
	for _, test := range []struct{ given, total, values, wantTotal int }{{100, 100, 100, 100}, {101, 101, 100, 101}, {150, 0, 100, 150}, {150, 400, 100, 400}, {150, -1, 100, -1}} {
		values := slices.Repeat([]string{"v"}, test.given)
		var decoded struct {
			Result struct {
				Completion struct {
					Values  []string `json:"values"`
					Total   *int     `json:"total"`
					HasMore bool     `json:"hasMore"`
				} `json:"completion"`
			} `json:"result"`
		}
		out := e.AppendCompletion(nil, Newest, ID("1"), values, test.total, false)
		if err := json.Unmarshal(out, &decoded); err != nil {
			t.Fatal(err)
		}
		c := decoded.Result.Completion
		total := -1
		if c.Total != nil {
			total = *c.Total
		}
		if len(c.Values) != test.values || total != test.wantTotal || c.HasMore != (test.given > 100) {
			t.Errorf("%+v: %d values, total %d, more %v", test, len(c.Values), total, c.HasMore)
		}
	}
	if e := UnknownReference(); e.Code != CodeInvalidParams || e.Status != 200 {
		t.Errorf("%+v", e)
	}
}

// FuzzParams decodes any params for all methods: no panic, and refusals are of
// the one code.
func FuzzParams(f *testing.F) {
	for _, params := range []string{
		`{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"v"},"context":{"arguments":{"b":"w"}}}`,
		`{"name":"p","arguments":{"a":"x"},"uri":"a://b","taskId":"t","level":"info","cursor":"AWE"}`,
		`{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a"]}}`,
		`{"inputResponses":{"a":{}},"requestState":"s","taskId":"t"}`,
	} {
		f.Add([]byte(params))
	}
	f.Fuzz(func(t *testing.T, params []byte) {
		if CheckSyntax(params) != nil {
			return
		}
		members, ok := membersOf(params)
		if !ok {
			return
		}
		_, complete := DecodeCompleteParams(members)
		prompt, get := DecodeGetPromptParams(members)
		_, read := DecodeReadParams(members)
		_, listen := DecodeListenParams(members)
		_, retry := DecodeInputResponses(members)
		_, _, update := DecodeTaskUpdateParams(members)
		after, _, cursor := DecodeCursor(members)
		_, level := DecodeSetLevelParams(members)
		for _, err := range []*Error{complete, get, read, listen, retry, update, cursor, level} {
			if err != nil && (err.Code != CodeInvalidParams || err.Status != 200 || !strings.HasPrefix(err.Message, "Invalid params: ")) {
				t.Errorf("%d %d %s", err.Status, err.Code, err.Message)
			}
		}
		if cursor == nil && after != "" {
			if sent, _ := text(members.Get("cursor")); sent != EncodeCursor(after) {
				t.Errorf("cursor %q is taken for %q", sent, EncodeCursor(after))
			}
		}
		var arguments map[string]string
		if get == nil && prompt.Arguments != nil && json.Unmarshal(prompt.Arguments, &arguments) != nil {
			t.Errorf("arguments %s", prompt.Arguments)
		}
	})
}
