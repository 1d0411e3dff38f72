package policy

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// sent calls with these arguments and returns those that arrive.
func sent(t *testing.T, p plugins.Policy, call *plugins.Call, text []byte) (map[string]any, error) {
	t.Helper()
	call.Arguments = text
	var got map[string]any
	_, err := p.Wrap(func(_ context.Context, c *plugins.Call) (*mcp.Result, error) {
		got = c.Args
		return &mcp.Result{}, nil
	})(context.Background(), call)
	return got, err
}

func TestArgumentsArrive(t *testing.T) {
	tl := tool(t)
	p := build(t, ArgumentsPart(), struct{}{}, envFor(tl))
	for _, c := range []struct {
		text    string
		want    map[string]any
		coerced int
	}{
		{`{"customer_id":"a"}`, map[string]any{"customer_id": "a", "limit": json.Number("10")}, 0},
		{`{"customer_id":"a","limit":5}`, map[string]any{"customer_id": "a", "limit": json.Number("5")}, 0},
		{`{"customer_id":"a","limit":"5","deep":"true"}`, map[string]any{"customer_id": "a", "limit": json.Number("5"), "deep": true}, 2},
	} {
		call := callOf(tl, "alice")
		got, err := sent(t, p, call, []byte(c.text))
		if err != nil || !reflect.DeepEqual(got, c.want) || call.Record.Coerced != c.coerced {
			t.Errorf("%s: %v, %v, %d coerced; want %v, %d", c.text, got, err, call.Record.Coerced, c.want, c.coerced)
		}
		if call.Args != nil {
			t.Error("the call that came in was changed")
		}
	}
}

func TestArgumentsAllViolationsAtOnce(t *testing.T) {
	tl := tool(t)
	p := build(t, ArgumentsPart(), struct{}{}, envFor(tl))
	for _, c := range []struct{ text, want string }{
		{`{"customer_id":[],"limit":0,"x":1}`, "/customer_id: expected string, got array of 0 items\n- /limit: expected integer >= 1, got number 0\n- /x is not an argument; there are \"customer_id\", \"deep\", \"limit\""},
		{`{"custmer_id":"a","limit":"0"}`, "/customer_id is required: string\n- /limit: expected integer >= 1, got string \"0\"\n- /custmer_id is not an argument; did you mean \"customer_id\"?"},
	} {
		got, err := sent(t, p, callOf(tl, "alice"), []byte(c.text))
		e := wantKind(t, err, plugins.KindInvalid)
		if want := "The arguments of get_customer don't fit its input schema:\n- " + c.want; e.Message != want || got != nil {
			t.Errorf("%s: message\n%s\nwant\n%s", c.text, e.Message, want)
		}
	}
}

func TestArgumentsOfOtherShapes(t *testing.T) {
	tl := tool(t)
	p := build(t, ArgumentsPart(), struct{}{}, envFor(tl))
	for _, text := range []string{`{"customer_id":"a","customer_id":"b"}`, `{"customer_id":`, `[]`, `null`, `5`, ``} {
		_, err := sent(t, p, callOf(tl, "alice"), []byte(text))
		wantKind(t, err, plugins.KindInvalid)
	}
	_, err := sent(t, p, callOf(tl, "alice"), nil)
	wantKind(t, err, plugins.KindInvalid) // customer_id is missing

	free := tool(t)
	free.Input, free.Arguments = compiled(t, `true`), nil
	p = build(t, ArgumentsPart(), struct{}{}, envFor(free))
	if got, err := sent(t, p, callOf(free, "alice"), nil); err != nil || got == nil || len(got) != 0 {
		t.Errorf("no arguments: %v, %v; want an empty object", got, err)
	}
	_, err = sent(t, p, callOf(free, "alice"), []byte(`[1]`))
	wantKind(t, err, plugins.KindInvalid)
}

func TestArgumentsRefuseABadDefault(t *testing.T) {
	tl := tool(t)
	tl.Input = compiled(t, `{"type":"object","properties":{"a/b":{"type":"integer","default":"ten"}}}`)
	tl.Arguments = []plugins.Argument{{Name: "a/b", Schema: []byte(`{"type":"integer","default":"ten"}`)}}
	_, err := ArgumentsPart().New(nil, envFor(tl))
	wantMistake(t, err, "input.a/b.default", "breaks its own schema")
	tl.Arguments[0].Schema = []byte(`{`)
	if _, err = ArgumentsPart().New(nil, envFor(tl)); err == nil {
		t.Error("an unreadable schema is taken")
	}
}

func TestArgumentsAreAlwaysOn(t *testing.T) {
	if part := ArgumentsPart(); !part.Always || part.Key != "" {
		t.Errorf("%+v can be left out", part)
	}
}
