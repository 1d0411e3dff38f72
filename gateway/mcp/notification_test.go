package mcp

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestNotifications(t *testing.T) {
	total := 100.0
	const head = `{"jsonrpc":"2.0","method":"notifications/`
	all := &Subscription{Tools: true, Prompts: true, Resources: true, URIs: []string{"a://b", "c://\"d"}}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"progress", AppendProgress(nil, ProgressToken(`"t"`), &Progress{Progress: 50, Total: &total, Message: "Half."}),
			`progress","params":{"progressToken":"t","progress":50,"total":100,"message":"Half."}}`},
		{"progress alone", AppendProgress(nil, ProgressToken(`7`), &Progress{Progress: 0.25}), `progress","params":{"progressToken":7,"progress":0.25}}`},
		{"large progress", AppendProgress(nil, ProgressToken(`7`), &Progress{Progress: 1e6}), `progress","params":{"progressToken":7,"progress":1000000}}`},
		{"no number", AppendProgress(nil, ProgressToken(`7`), &Progress{Progress: math.NaN()}), `progress","params":{"progressToken":7,"progress":0}}`},
		{"infinity", AppendProgress(nil, ProgressToken(`7`), &Progress{Progress: math.Inf(-1)}), `progress","params":{"progressToken":7,"progress":0}}`},
		{"log", AppendLog(nil, &LogMessage{Level: LevelNotice, Logger: "l", Data: []byte(`{"a":[1]}`)}),
			`message","params":{"level":"notice","logger":"l","data":{"a":[1]}}}`},
		{"log of nothing", AppendLog(nil, &LogMessage{Level: LevelDebug}), `message","params":{"level":"debug","data":null}}`},
		{"tools", AppendListChanged(nil, Tools, nil), `tools/list_changed"}`},
		{"prompts, modern", AppendListChanged(nil, Prompts, ID(`"s"`)),
			`prompts/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}}}`},
		{"templates", AppendListChanged(nil, ResourceTemplates, nil), `resources/list_changed"}`},
		{"updated", AppendResourceUpdated(nil, "a://b", nil), `resources/updated","params":{"uri":"a://b"}}`},
		{"updated, modern", AppendResourceUpdated(nil, "a://b", ID(`3`)),
			`resources/updated","params":{"uri":"a://b","_meta":{"io.modelcontextprotocol/subscriptionId":3}}}`},
		{"acknowledged", AppendAcknowledged(nil, ID(`3`), all),
			`subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":3},"notifications":{"toolsListChanged":true,` +
				`"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["a://b","c://\"d"]}}}`},
		{"nothing honoured", AppendAcknowledged(nil, ID(`3`), &Subscription{}),
			`subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":3},"notifications":{}}}`},
		{"only resources", AppendAcknowledged(nil, ID(`3`), &Subscription{URIs: []string{"a:b"}}),
			`subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":3},"notifications":{"resourceSubscriptions":["a:b"]}}}`},
		{"elicitation", AppendElicitationComplete(nil, "e1"), `elicitation/complete","params":{"elicitationId":"e1"}}`},
		{"cancelled", AppendCancelled(nil, ID(`"q"`), "too late"), `cancelled","params":{"requestId":"q","reason":"too late"}}`},
	}
	for _, test := range tests {
		if got := string(test.got); got != head+test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, head+test.want)
		}
	}
}

// TestAppendNumber writes any number such that it reads as the same, and as
// JSON.
func TestAppendNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Float64().Draw(t, "number")
		var got float64
		if err := json.Unmarshal(appendNumber(nil, want), &got); err != nil || got != want {
			t.Fatalf("%v came out as %v, %v", want, got, err)
		}
	})
	for f, want := range map[float64]string{0: "0", 1e20: "100000000000000000000", -1e21: "-1e+21", 1e-7: "1e-07", -0.5: "-0.5", math.Inf(1): "0"} {
		if got := string(appendNumber(nil, f)); got != want {
			t.Errorf("%v: %s", f, got)
		}
	}
}
