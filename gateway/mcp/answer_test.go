package mcp

import (
	"reflect"
	"strings"
	"testing"
)

func TestDecodeAnswer(t *testing.T) {
	tests := []struct {
		name string
		kind QuestionKind
		raw  string
		want *Answer // nil: refused
	}{
		{"accepted", AskForm, `{"action":"accept","content":{"a":"x","b":1.5,"c":true,"d":["y"],"e":[]}}`,
			&Answer{Action: "accept", Content: []byte(`{"a":"x","b":1.5,"c":true,"d":["y"],"e":[]}`)}},
		{"nothing filled in", AskForm, `{"action":"accept"}`, &Answer{Action: "accept", Content: []byte(`{}`)}},
		{"null filled in", AskForm, `{"action":"accept","content":null}`, &Answer{Action: "accept", Content: []byte(`{}`)}},
		{"declined", AskForm, `{"action":"decline","content":{"a":"x"}}`, &Answer{Action: "decline"}},
		{"cancelled", AskURL, `{"action":"cancel"}`, &Answer{Action: "cancel"}},
		{"page", AskURL, `{"action":"accept","content":{"a":"x"}}`, &Answer{Action: "accept"}},
		{"no action", AskForm, `{"content":{}}`, nil},
		{"unknown action", AskForm, `{"action":"ok"}`, nil},
		{"action of another type", AskForm, `{"action":true}`, nil},
		{"content is a list", AskForm, `{"action":"accept","content":[]}`, nil},
		{"content is a string", AskForm, `{"action":"accept","content":"x"}`, nil},
		{"nested", AskForm, `{"action":"accept","content":{"a":{}}}`, nil},
		{"null inside", AskForm, `{"action":"accept","content":{"a":null}}`, nil},
		{"list of numbers", AskForm, `{"action":"accept","content":{"a":[1]}}`, nil},
		{"no object", AskForm, `"accept"`, nil},
		{"null", AskForm, `null`, nil},

		{"model", AskModel, `{"role":"assistant","model":"m","stopReason":"endTurn","content":{"type":"text","text":"Paris"}}`,
			&Answer{Text: "Paris", Model: "m", StopReason: "endTurn", Content: []byte(`{"type":"text","text":"Paris"}`)}},
		{"model, several blocks", AskModel, `{"role":"assistant","model":"m","content":[{"type":"text","text":"a"},{"type":"image","data":"","mimeType":"image/png"},{"type":"text","text":""},{"type":"text","text":"b"}]}`,
			&Answer{Text: "a\n\nb", Model: "m", Content: []byte(`[{"type":"text","text":"a"},{"type":"image","data":"","mimeType":"image/png"},{"type":"text","text":""},{"type":"text","text":"b"}]`)}},
		{"model, picture", AskModel, `{"role":"assistant","model":"m","stopReason":null,"content":{"type":"image","data":"AQ==","mimeType":"image/png"}}`,
			&Answer{Model: "m", Content: []byte(`{"type":"image","data":"AQ==","mimeType":"image/png"}`)}},
		{"model, unknown block", AskModel, `{"role":"assistant","model":"m","content":{"type":"tool_use","name":"x"}}`,
			&Answer{Model: "m", Content: []byte(`{"type":"tool_use","name":"x"}`)}},
		{"model without a role", AskModel, `{"model":"m","content":{"type":"text","text":"a"}}`, nil},
		{"model of another role", AskModel, `{"role":"system","model":"m","content":{"type":"text","text":"a"}}`, nil},
		{"model without a model", AskModel, `{"role":"assistant","content":{"type":"text","text":"a"}}`, nil},
		{"model, no content", AskModel, `{"role":"assistant","model":"m"}`, nil},
		{"model, content is a string", AskModel, `{"role":"assistant","model":"m","content":"a"}`, nil},
		{"model, text is missing", AskModel, `{"role":"assistant","model":"m","content":{"type":"text"}}`, nil},
		{"model, type is missing", AskModel, `{"role":"assistant","model":"m","content":{"text":"a"}}`, nil},
		{"model, image without data", AskModel, `{"role":"assistant","model":"m","content":{"type":"image","mimeType":"image/png"}}`, nil},
		{"model, a bad block among good ones", AskModel, `{"role":"assistant","model":"m","content":[{"type":"text","text":"a"},1]}`, nil},
		{"model, reason of another type", AskModel, `{"role":"assistant","model":"m","stopReason":1,"content":{"type":"text","text":"a"}}`, nil},

		{"roots", AskRoots, `{"roots":[{"uri":"file:///a","name":"A"},{"uri":"file:///b"},{"uri":"file:///c","name":null}]}`,
			&Answer{Roots: []Root{{URI: "file:///a", Name: "A"}, {URI: "file:///b"}, {URI: "file:///c"}}}},
		{"no roots", AskRoots, `{"roots":[]}`, &Answer{Roots: []Root{}}},
		{"roots are missing", AskRoots, `{}`, nil},
		{"roots are an object", AskRoots, `{"roots":{}}`, nil},
		{"root of another scheme", AskRoots, `{"roots":[{"uri":"https://a"}]}`, nil},
		{"root without a URI", AskRoots, `{"roots":[{"name":"a"}]}`, nil},
		{"root is a string", AskRoots, `{"roots":["file:///a"]}`, nil},
		{"name of another type", AskRoots, `{"roots":[{"uri":"file:///a","name":1}]}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodeAnswer(test.kind, []byte(test.raw))
			if test.want == nil {
				if err == nil || err.Code != CodeInvalidParams || !reflect.DeepEqual(got, Answer{}) {
					t.Fatalf("got %+v, %v", got, err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, *test.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// FuzzDecodeAnswer decodes any strict JSON: no panic, and what is taken obeys
// its types.
func FuzzDecodeAnswer(f *testing.F) {
	for _, raw := range []string{
		`{"action":"accept","content":{"a":["x"]}}`, `{"role":"assistant","model":"m","content":[{"type":"text","text":"a"}]}`,
		`{"roots":[{"uri":"file:///a","name":"A"}]}`, `{}`, `null`, `[1]`,
	} {
		f.Add(uint8(0), []byte(raw))
		f.Add(uint8(2), []byte(raw))
		f.Add(uint8(3), []byte(raw))
	}
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		if CheckSyntax(raw) != nil {
			return
		}
		answer, err := DecodeAnswer(QuestionKind(kind%4), raw)
		if err != nil {
			return
		}
		switch QuestionKind(kind % 4) {
		case AskModel:
			if answer.Content == nil {
				t.Error("a message without content")
			}
		case AskRoots:
			for _, root := range answer.Roots {
				if !strings.HasPrefix(root.URI, "file://") {
					t.Errorf("root %q", root.URI)
				}
			}
		default:
			if answer.Action != "accept" && answer.Content != nil || answer.Action == "" {
				t.Errorf("action %q with %s", answer.Action, answer.Content)
			}
		}
	})
}

func TestRestoreAnswer(t *testing.T) {
	q := &Question{Kind: AskForm, Schema: []byte(`{"type":"object","properties":{"many":{"type":"array","items":{"enum":["a","b"]}},"one":{"type":"string"}}}`)}
	tests := []struct {
		r         Revision
		raw, want string
	}{
		{Rev20250618, `{"action":"accept","content":{"one":"a","many":"b"}}`, `{"action":"accept","content":{"one":"a","many":["b"]}}`},
		{Rev20250618, `{"action":"accept","content":{"many":["b"]}}`, `{"action":"accept","content":{"many":["b"]}}`},
		{Rev20250618, `{"action":"decline"}`, `{"action":"decline"}`},
		{Rev20250618, `{"action":"accept","content":7}`, `{"action":"accept","content":7}`},
		{Rev20250618, `7`, `7`},
		{Rev20251125, `{"action":"accept","content":{"many":"b"}}`, `{"action":"accept","content":{"many":"b"}}`},
	}
	for _, test := range tests {
		if got := string(q.RestoreAnswer(test.r, []byte(test.raw))); got != test.want {
			t.Errorf("%s, %s: %s", test.r, test.raw, got)
		}
	}
	model := &Question{Kind: AskModel}
	if got := string(model.RestoreAnswer(Rev20241105, []byte(`{"content":"x"}`))); got != `{"content":"x"}` {
		t.Errorf("a model's answer became %s", got)
	}
}
