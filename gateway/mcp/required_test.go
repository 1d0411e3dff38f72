package mcp

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestAppendInputRequired(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	const (
		head = `{"jsonrpc":"2.0","id":5,"result":{"resultType":"input_required"`
		meta = `,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}`
	)
	questions := []Question{
		{Key: "who\"", Kind: AskForm, Message: "Who?", Schema: []byte(`{"type":"object","properties":{}}`)},
		{Key: "r", Kind: AskRoots},
	}
	want := head + `,"inputRequests":{"who\"":{"method":"elicitation/create","params":{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{}}}},` +
		`"r":{"method":"roots/list","params":{}}},"requestState":"st"` + meta
	if got := string(e.AppendInputRequired(nil, ID("5"), questions, "st")); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if got := string(e.AppendInputRequired(nil, ID("5"), nil, "st")); got != head+`,"requestState":"st"`+meta {
		t.Errorf("state alone: %s", got)
	}
	if got := string(AppendInputRequests(nil, nil)); got != `{}` {
		t.Errorf("no questions: %s", got)
	}
}

func TestDecodeInputResponses(t *testing.T) {
	tests := []struct {
		params   string
		answers  map[string]string // nil: none
		state    string
		hasState bool
		bad      bool
	}{
		{params: `{}`},
		{params: `{"inputResponses":{}}`, answers: map[string]string{}},
		{params: `{"inputResponses":{"a":{"x":1},"b\n":{}},"requestState":"s"}`, answers: map[string]string{"a": `{"x":1}`, "b\n": `{}`}, state: "s", hasState: true},
		{params: `{"requestState":""}`, hasState: true},
		{params: `{"requestState":null}`, bad: true},
		{params: `{"requestState":7}`, bad: true},
		{params: `{"inputResponses":null}`, bad: true},
		{params: `{"inputResponses":[]}`, bad: true},
		{params: `{"inputResponses":"x"}`, bad: true},
		{params: `{"inputResponses":{"a":"x"}}`, bad: true},
		{params: `{"inputResponses":{"a":null}}`, bad: true},
		{params: `{"inputResponses":{"a":[]},"requestState":"s"}`, bad: true},
	}
	for _, test := range tests {
		in, err := DecodeInputResponses(paramsOf(t, test.params))
		if (err != nil) != test.bad {
			t.Errorf("%s: %v", test.params, err)
			continue
		}
		if test.bad {
			if err.Code != CodeInvalidParams || err.Status != 200 || in.Present() {
				t.Errorf("%s: %+v", test.params, err)
			}
			continue
		}
		if in.State != test.state || in.HasState != test.hasState || (in.Answers == nil) != (test.answers == nil) || len(in.Answers) != len(test.answers) {
			t.Errorf("%s: %+v", test.params, in)
		}
		if in.Present() != (test.hasState || test.answers != nil) {
			t.Errorf("%s: present %v", test.params, in.Present())
		}
		for key, want := range test.answers {
			if string(in.Answers[key]) != want {
				t.Errorf("%s: %s is %s", test.params, key, in.Answers[key])
			}
		}
	}
}

// TestInputRequiredIsJSON encodes questions under any key, and finds them
// again.
func TestInputRequiredIsJSON(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.String(), 0, 4, func(s string) string { return s }).Draw(t, "keys")
		questions := make([]Question, len(keys))
		for i, key := range keys {
			questions[i] = Question{Key: key, Kind: AskURL, Message: key, URL: key}
		}
		state := rapid.String().Draw(t, "state")
		var decoded struct {
			Result struct {
				InputRequests map[string]struct {
					Method string `json:"method"`
				} `json:"inputRequests"`
				RequestState string `json:"requestState"`
			} `json:"result"`
		}
		out := e.AppendInputRequired(nil, ID("1"), questions, state)
		if err := json.Unmarshal(out, &decoded); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if decoded.Result.RequestState != state || len(decoded.Result.InputRequests) != len(keys) {
			t.Fatalf("%s", out)
		}
		for _, key := range keys {
			if decoded.Result.InputRequests[key].Method != "elicitation/create" {
				t.Fatalf("no %q in %s", key, out)
			}
		}
	})
}
