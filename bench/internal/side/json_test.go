package side

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "a\"b\\c", "\x00\x1f\n\r\t", "Zoë \u2028", "{\"a\":1}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var got string
		if err := json.Unmarshal(appendString(nil, []byte(s)), &got); err != nil || got != s {
			t.Fatalf("%q became %q (%v)", s, got, err)
		}
	})
}

func TestScanRequest(t *testing.T) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get","arguments":{"customer_id":"c1"},"_meta":{"a":{},"b":[1,{"id":2}]}}}`,
		`{"params":{"_meta":{"name":"no","x":"}\"{"},"arguments":{"x":null,"customer_id":"c1"},"name":"get"},"method":"tools/call","id":7}`,
		" { \"id\" : 7 , \"method\" : \"tools/call\" ,\n\"params\" : { \"name\" : \"get\" , \"arguments\" : { \"customer_id\" : \"c1\" } } } ",
	} {
		r, ok := scanRequest([]byte(text))
		if !ok || string(r.id) != "7" || string(r.method) != "tools/call" || string(r.tool) != "get" || string(r.customer) != "c1" {
			t.Errorf("%s: %q %q %q %q, %v", text, r.id, r.method, r.tool, r.customer, ok)
		}
	}
}

func FuzzScanRequest(f *testing.F) {
	f.Add([]byte(`{"id":7,"method":"x"}`))
	f.Add([]byte(`{"id":[}`))
	f.Add([]byte(`{"a":"\`))
	f.Fuzz(func(_ *testing.T, text []byte) { scanRequest(text) }) // must end, without a panic
}
