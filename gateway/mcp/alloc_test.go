package mcp

import (
	"testing"
	"time"
)

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

// TestEncodeMoreAllocs is the budget of the other messages that are sent often.
func TestEncodeMoreAllocs(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	total := 100.0
	progress := &Progress{Progress: 12.5, Total: &total, Message: "On the way."}
	log := &LogMessage{Level: LevelInfo, Logger: "l", Data: []byte(`"x"`)}
	blocks := []Block{{Type: TextBlock, Text: []byte("a"), MIMEType: "text/plain"}}
	contents := ResourceContents(nil, "a://b", blocks)
	messages := []PromptMessage{{Role: "user", Block: blocks[0]}}
	values := []string{"a", "b"}
	task := &Task{ID: "t", Status: TaskWorking, CreatedAt: time.Unix(1, 0), UpdatedAt: time.Unix(2, 0), TTL: time.Hour, PollInterval: time.Second}
	question := []Question{{Key: "k", Message: "m", Schema: []byte(`{"type":"object","properties":{}}`)}}
	heard := &Subscription{Tools: true, URIs: values}
	buffer, id := make([]byte, 0, 4096), ID("7")
	tests := map[string]func(){
		"progress":     func() { AppendProgress(buffer, ProgressToken(id), progress) },
		"log":          func() { AppendLog(buffer, log) },
		"list changed": func() { AppendListChanged(buffer, Tools, id) },
		"updated":      func() { AppendResourceUpdated(buffer, "a://b", id) },
		"acknowledged": func() { AppendAcknowledged(buffer, id, heard) },
		"read":         func() { e.AppendReadResult(buffer, Newest, id, contents, time.Second, Public) },
		"prompt":       func() { e.AppendGetPromptResult(buffer, Newest, id, "d", messages) },
		"completion":   func() { e.AppendCompletion(buffer, Newest, id, values, 2, false) },
		"task":         func() { e.AppendTask(buffer, id, task) },
		"questions":    func() { e.AppendInputRequired(buffer, id, question, "state") },
		"listened":     func() { e.AppendListenResult(buffer, id) },
	}
	for name, encode := range tests {
		if allocs := testing.AllocsPerRun(100, encode); allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
