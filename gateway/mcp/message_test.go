package mcp

import "testing"

func TestDecodeReply(t *testing.T) {
	tests := []struct{ body, result, failure string }{
		{`{"jsonrpc":"2.0","id":"q1","result":{"action":"accept"}}`, `{"action":"accept"}`, ""},
		{`{"jsonrpc":"2.0","id":3,"error":{"code":-1,"message":"User rejected"}}`, "", `{"code":-1,"message":"User rejected"}`},
		{`{"jsonrpc":"2.0","id":3,"result":null}`, `null`, ""},
	}
	for _, test := range tests {
		var m Message
		if err := m.Decode([]byte(test.body)); err != nil {
			t.Fatalf("%s: %v", test.body, err)
		}
		if m.Kind != Reply || string(m.Result) != test.result || string(m.ReplyError) != test.failure {
			t.Errorf("%s: kind %d, result %s, error %s", test.body, m.Kind, m.Result, m.ReplyError)
		}
	}
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":3,"result":{},"error":{}}`,
		`{"jsonrpc":"2.0","id":3}`,
		`{"jsonrpc":"2.0","result":{}}`,
		`{"jsonrpc":"2.0","id":null,"error":{}}`,
		`{"jsonrpc":"2.0","id":3,"method":"a","result":{}}`,
	} {
		var m Message
		if err := m.Decode([]byte(body)); err == nil || err.Code != CodeInvalidRequest {
			t.Errorf("%s: %v", body, err)
		}
	}
	var m Message
	if err := m.Decode([]byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)); err != nil || m.Result != nil || m.ReplyError != nil {
		t.Errorf("a request holds a reply: %v", err)
	}
}
