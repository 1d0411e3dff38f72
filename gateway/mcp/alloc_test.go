package mcp

import "testing"

// TestDecodeAllocs is the budget of decoding a call: nothing.
func TestDecodeAllocs(t *testing.T) {
	body := []byte(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_customer","arguments":{"customer_id":"cust_1"},` +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}}}}`)
	var headers Headers = headerMap{HeaderRevision: "2026-07-28", HeaderMethod: "tools/call", HeaderName: "get_customer"}
	var m Message
	allocs := testing.AllocsPerRun(200, func() {
		if err := CheckSyntax(body); err != nil {
			t.Fatal(err)
		}
		err := m.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		meta, err := DecodeMeta(m.Params)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Classify(&m, &meta, headers); err != nil {
			t.Fatal(err)
		}
		p, err := DecodeCallParams(m.Params)
		if err != nil {
			t.Fatal(err)
		}
		if err = CheckMethodHeaders(&m, p.Name, true, headers); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestEncodeAllocs is the budget of encoding a result into a buffer that is
// large enough: nothing.
func TestEncodeAllocs(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	body := []byte(`{"id":"cust_1","name":"Ann","tags":["a","b"]}`)
	result := &Result{Content: []Block{{Type: TextBlock, Text: body}}, Structured: body}
	buffer := make([]byte, 0, 4096)
	allocs := testing.AllocsPerRun(200, func() {
		e.AppendCallResult(buffer, Rev20260728, ID("7"), result)
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}
