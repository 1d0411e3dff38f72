package expr_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
	"pgregory.net/rapid"
)

// conditional is a scope with every name.
func conditional() expr.Scope {
	return expr.Scope{
		Arguments: []string{"amount", "n", "big", "items", "note", "text", "regexp", "a-b"},
		Names:     []string{expr.NameArgs, expr.NameCaller, expr.NameStatus, expr.NameHeaders},
		Steps:     []string{"pay", "stock"}, Loads: []string{"customer"}, Item: true, Value: true,
	}
}

func decoded(t testing.TB, text string) map[string]any {
	t.Helper()
	v, err := strictjson.Decode([]byte(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	object, _ := v.(map[string]any)
	return object
}

func conditionValues(t testing.TB) *expr.Values {
	typed := "ab"
	return &expr.Values{
		Args: decoded(t, `{"amount":5.0,"n":5,"big":18446744073709551615,"text":"äbc","regexp":"(","a-b":true,"items":[{"a":true,"p":1},{"a":true,"p":2.5}]}`),
		Caller: &plugins.Principal{
			Subject: "alice", Client: "app", Roles: []string{"sales", "admin"}, Scopes: []string{"orders:read"},
			Claims: map[string]any{"limit": json.Number("100"), "tenant": "t1", "groups": []string{"g"}, "score": 1.5},
		},
		Capabilities: mcp.ClientCapabilities{Sampling: true},
		Status:       200,
		Header: func(name string) string {
			if strings.EqualFold(name, "X-Total") {
				return "7"
			}
			return ""
		},
		Steps: decoded(t, `{"pay":{"id":"p1"},"stock":[{"available":true},{"available":false}]}`),
		Load:  decoded(t, `{"customer":{"name":"A"}}`),
		Item:  decoded(t, `{"product_id":"x"}`),
		Value: &typed,
	}
}

func TestCondition(t *testing.T) {
	for text, want := range map[string]bool{
		"true": true, "false": false,
		// Numbers compare by value, whatever they are written like.
		"args.amount == 5": true, "args.n == 5.0": true, "args.amount <= caller.claims.limit": true, "args.n in [1, 5]": true,
		"args.big > 5": true, "args.big == 18446744073709551615u": true, "args.big > 9223372036854775807": true, "args.big < 0": false,
		"args.n + 1 == 6": true, "args.amount * 2.0 == 10.0": true, "caller.claims.score < 2": true, "args.items[1].p > args.items[0].p": true,
		// What is missing, or of another type, is no.
		"args.note == 'x'": false, "args.note != 'x'": false, "!(args.note == 'x')": false, "has(args.note)": false, "!has(args.note)": true,
		"args.note == 'x' || args.n == 5": true, "args.text > 5": false, "args.n": false, "args.items": false, "args.text": false,
		"caller.claims.nope == 1": false, "args.items[7].a": false, "int(args.text) == 1": false, "1 / (args.n - 5) == 1": false,
		// Names.
		"caller.subject == 'alice' && caller.client == 'app'": true, "'admin' in caller.roles": true, "'x' in caller.roles": false,
		"'g' in caller.claims.groups": true, "caller.capabilities.sampling": true, "caller.capabilities['elicitation.url']": false,
		"steps.pay.id == 'p1'": true, "steps.stock.all(s, s.available)": false, "steps.stock.exists(s, s.available)": true,
		"steps.stock.exists_one(s, s.available)": true, "steps.stock.filter(s, s.available).size() == 1": true,
		"load.customer.name == 'A'": true, "item.product_id == 'x'": true, "value == 'ab'": true, "status == 200": true,
		"headers['X-Total'] == '7'": true, "headers['X-No'] == ''": false, "'X-Total' in headers": true, "'X-No' in headers": false,
		"args['a-b']": true, "args[args.text] == 1": false,
		// A macro's variable may hide a name.
		"args.items.all(steps, steps.a)": true, "args.items.map(x, x.p) == [1, 2.5]": true,
		// Text.
		"args.text.size() == 3": true, "args.text.startsWith('ä')": true, "args.text.matches('^.b')": true, "args.text.upperAscii() == 'äBC'": true,
		"args.text.matches(args.regexp)": false, "type(args.n) == int": true, "duration('1s') < duration('1m')": true,
	} {
		c, err := expr.ParseCondition(text, conditional())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Eval(context.Background(), conditionValues(t)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// Nothing is known: every condition that needs something is false, and none
// panics.
func TestConditionWithoutValues(t *testing.T) {
	for _, text := range []string{
		"args.n == 5", "caller.claims.x == 1", "'a' in caller.roles", "steps.pay.id == 1", "load.customer == 1",
		"item.a", "value == ''", "headers['X'] == ''", "caller.capabilities.roots",
	} {
		c, err := expr.ParseCondition(text, conditional())
		if err != nil {
			t.Fatal(err)
		}
		if c.Eval(context.Background(), &expr.Values{}) {
			t.Errorf("%s is true of nothing", text)
		}
	}
}

func TestConditionRefused(t *testing.T) {
	narrow := expr.Scope{Arguments: []string{"amount", "note"}, Names: []string{expr.NameArgs, expr.NameCaller}}
	for _, tt := range []struct {
		text, message, hint string
		offset              int
		scope               expr.Scope
	}{
		{"args.nope > 1", `there is no argument "nope"`, `did you mean "note"?`, 5, conditional()},
		{"'ä' == args . nope", `there is no argument "nope"`, `did you mean "note"?`, 14, conditional()},
		{"true &&\n  args['nope'] == 1", `there is no argument "nope"`, `did you mean "note"?`, 16, conditional()},
		{"has(args.amont)", `there is no argument "amont"`, `did you mean "amount"?`, 9, narrow},
		{"'amont' in args", `there is no argument "amont"`, `did you mean "amount"?`, 1, narrow},
		{"steps.sock.all(s, s.available)", `there is no step "sock" before this`, `did you mean "stock"?`, 6, conditional()},
		{"load.custmer == 1", `nothing named "custmer" is loaded`, `did you mean "customer"?`, 5, conditional()},
		{"caller.rolls == 1", `caller has no "rolls"`, `did you mean "roles"?`, 7, narrow},
		{"steps.pay", `"steps" is not known here`, "known here: args, caller", 0, narrow},
		{"item.a", `"item" is not known here`, "an item is known where there is for_each", 0, narrow},
		{"value == 'a'", `"value" is not known here`, "what is typed is known in complete", 0, narrow},
		{"amount > 4", `unknown name "amount"`, "write args.amount", 0, narrow},
		{"callr.roles == 1", `unknown name "callr"`, `did you mean "caller"?`, 0, narrow},
		{"args.note.all(s, x.a)", `unknown name "x"`, "known here: args, caller", 17, narrow},
		{"args.note.exist(s, s.a)", `unknown function "exist"`, `did you mean "exists"?`, 10, narrow},
		{"args.note.all(s)", `the function "all" takes other arguments`, "", 10, narrow},
		{"length(args.note) > 1", `unknown function "length"`, "write size(...)", 0, narrow},
		{"headers", "headers must be asked for one by name", `write headers["Content-Type"]`, 0, conditional()},
		{"'abc'", "a condition is true or false, this is a text", "compare it with something", 0, narrow},
		{"1 + 'a' == 2", `CEL: "+" does not work on (int, string)`, "", 2, narrow},
		{"args.amount >", "the condition ends too early", "", 13, narrow},
		{"args.amount = 1", `CEL: unexpected "="`, "write ==", 12, narrow},
		{"args.amount == 1 and true", `CEL: unexpected "and"`, "write &&", 17, narrow},
		{"args.amount == 1 or true", `CEL: unexpected "or"`, "write ||", 17, narrow},
		{"not args.note", `CEL: unexpected "args.note"`, "write !", 4, narrow},
		{"args.note | length", `CEL: unexpected "|"`, "this is CEL, not jq: write functions around what they work on, e.g. size(args.items)", 10, narrow},
		{" ${{ args.note }}", "want a CEL condition, found a hole", "a condition is bare CEL: take ${{ }} away", 0, narrow},
		{"google.api.Expr{} == 1", `unknown type "google.api.Expr"`, "", 15, narrow},
		{" ", "the condition is empty", "write a CEL expression that is true or false", 0, narrow},
		{strings.Repeat("a", 70_000), "the condition is too long", "", 0, narrow},
	} {
		_, err := expr.ParseCondition(tt.text, tt.scope)
		var field *plugins.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%.40s: %v", tt.text, err)
			continue
		}
		if field.Message != tt.message || field.Hint != tt.hint || field.Offset != tt.offset {
			t.Errorf("%.40q:\n got %q, %q at %d\nwant %q, %q at %d", tt.text, field.Message, field.Hint, field.Offset, tt.message, tt.hint, tt.offset)
		}
	}
}

// All mistakes are told at once, in the order of the text.
func TestConditionRefusedAll(t *testing.T) {
	_, err := expr.ParseCondition("args.x1 == args.y1 || foo(1) || bar", expr.Scope{Arguments: []string{"a"}, Names: []string{expr.NameArgs}})
	var all plugins.FieldErrors
	if !errors.As(err, &all) || len(all) != 4 || all[0].Offset != 5 || all[1].Offset != 16 || all[2].Offset != 22 || all[3].Offset != 32 {
		t.Errorf("got %v", err)
	}
}

func TestConditionUses(t *testing.T) {
	for _, tt := range []struct {
		text        string
		caller      bool
		onlyCaller  bool
		members     string
		wholeCaller bool
	}{
		{"true", false, true, "", false},
		{"args.n == 1", false, false, "", false},
		{"'a' in caller.roles && caller.claims.x == 1", true, true, "roles claims", false},
		{"caller.subject == args.note", true, false, "subject", false},
		{"caller[args.note] == 1", true, false, "", true},
		{"size(caller) == 1", true, true, "", true},
	} {
		c, err := expr.ParseCondition(tt.text, conditional())
		if err != nil {
			t.Fatal(err)
		}
		members, whole := c.Caller()
		if c.UsesCaller() != tt.caller || c.UsesOnly(expr.NameCaller) != tt.onlyCaller || strings.Join(members, " ") != tt.members || whole != tt.wholeCaller {
			t.Errorf("%s: %v, %v, %v, %v", tt.text, c.UsesCaller(), c.UsesOnly(expr.NameCaller), members, whole)
		}
	}
}

// An endless condition ends, and is false.
func TestConditionIsBounded(t *testing.T) {
	list := make([]any, 3000)
	for i := range list {
		list[i] = json.Number("1")
	}
	for _, text := range []string{
		"args.l.all(a, args.l.all(b, args.l.all(c, a == b && b == c)))",
		"args.l.map(a, args.l.map(b, args.l)).size() == 3000",
		"args.l.map(a, args.s + args.s).size() == 3000 && args.l.map(a, args.s.replace('a', args.s)).size() == 0",
	} {
		c, err := expr.ParseCondition(text, expr.Scope{Names: []string{expr.NameArgs}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if c.Eval(context.Background(), &expr.Values{Args: map[string]any{"l": list, "s": strings.Repeat("a", 1000)}}) {
			t.Errorf("%s is true", text)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %s", text, took)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, err := expr.ParseCondition("args.l.all(a, a == 1)", expr.Scope{Names: []string{expr.NameArgs}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Eval(ctx, &expr.Values{Args: map[string]any{"l": list}}) {
		t.Error("a cancelled call's condition is decided")
	}
}

// Numbers of JSON compare as numbers do.
func TestConditionComparesNumbers(t *testing.T) {
	c, err := expr.ParseCondition("args.a <= args.b", expr.Scope{Names: []string{expr.NameArgs}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		number := func(n int64) json.Number { return json.Number(jsonOf(n)) }
		v := &expr.Values{Args: map[string]any{"a": number(a), "b": number(b)}}
		if got := c.Eval(context.Background(), v); got != (a <= b) {
			t.Fatalf("%d <= %d: %v", a, b, got)
		}
	})
}

func jsonOf(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func FuzzParseCondition(f *testing.F) {
	for _, seed := range []string{
		"args.amount <= caller.claims.limit", "steps.stock.all(s, s.available)", "'a' in caller.roles && has(args.note)",
		"headers['X'] == 'a' ? true : false", "args.note.matches('a+')", "\x00", "ä", "((((", "args.\n.x", "1u + 1.5e400",
	} {
		f.Add(seed)
	}
	v := conditionValues(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := expr.ParseCondition(text, conditional())
		if err == nil {
			c.Eval(context.Background(), v)
			return
		}
		var all plugins.FieldErrors
		var one *plugins.FieldError
		if errors.As(err, &one) && !errors.As(err, &all) {
			all = plugins.FieldErrors{one}
		}
		if len(all) == 0 {
			t.Fatalf("%v has no place", err)
		}
		for _, e := range all {
			if e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("offset %d of %q", e.Offset, text)
			}
		}
	})
}

func BenchmarkCondition(b *testing.B) {
	c, err := expr.ParseCondition("args.amount <= caller.claims.limit && 'sales' in caller.roles", conditional())
	if err != nil {
		b.Fatal(err)
	}
	v := conditionValues(b)
	b.ReportAllocs()
	for b.Loop() {
		one := *v
		if !c.Eval(context.Background(), &one) {
			b.Fatal("false")
		}
	}
}
