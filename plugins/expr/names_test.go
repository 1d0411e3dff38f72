package expr_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// Steps, what is loaded, the item and what is typed are known like arguments,
// followed directly or computed.
func TestQueryNames(t *testing.T) {
	for text, want := range map[string]any{
		"steps.pay.id": "p1", "steps | .pay.id": "p1", `steps["pay"].id`: "p1", `[steps.stock[].available]`: []any{true, false},
		"load.customer.name": "A", "load | length": 1, "item.product_id": "x", "[item.product_id]": []any{"x"},
		"value": "ab", `value + "c"`: "abc", "steps.pay.nope": nil, "(steps.stock | length) + 1": 3,
	} {
		q, err := expr.ParseQuery(text, conditional())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := q.Run(context.Background(), conditionValues(t))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
}

// A name without a value is null or empty, never a failure.
func TestQueryNamesWithoutValues(t *testing.T) {
	for text, want := range map[string]any{
		"steps.pay": nil, "load.customer.name": nil, "item": nil, "value": nil,
		"[steps, load, item, value]": []any{map[string]any{}, map[string]any{}, nil, nil},
	} {
		q, err := expr.ParseQuery(text, conditional())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := q.Run(context.Background(), &expr.Values{}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestQueryNamesRefused(t *testing.T) {
	for _, tt := range []struct {
		text, message, hint string
		offset              int
		scope               expr.Scope
	}{
		{"steps.sock", `there is no step "sock" before this`, `did you mean "stock"?`, 6, conditional()},
		{`[steps["x"]]`, `there is no step "x" before this`, `declared: pay, stock`, 8, conditional()},
		{"load.custmer.name", `nothing named "custmer" is loaded`, `did you mean "customer"?`, 5, conditional()},
		{"item", `"item" is not known here`, "an item is known where there is for_each", 0, expr.Scope{Names: []string{expr.NameArgs}}},
		{"value", `"value" is not known here`, "what is typed is known in complete", 0, expr.Scope{}},
		{"status", `"status" is not known here`, "known here: args", 0, expr.Scope{Names: []string{expr.NameArgs}}},
		{"steps.pay", `there is no step "pay" before this`, "that step comes later, or runs beside this one", 6, expr.Scope{Steps: []string{"pai"}, Later: []string{"pay"}}},
		{"steps.a", `there is no step "a" before this`, "", 6, expr.Scope{Steps: []string{}}},
		{"def item: 1; item", `"item" can't be defined anew`, "choose another name", 4, conditional()},
	} {
		_, err := expr.ParseQuery(tt.text, tt.scope)
		var field *plugins.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if field.Message != tt.message || field.Hint != tt.hint || field.Offset != tt.offset {
			t.Errorf("%s: %q, %q at %d", tt.text, field.Message, field.Hint, field.Offset)
		}
	}
}

func TestRunAll(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string
		fail bool
	}{
		{"steps.stock[].available", "[true false]", false},
		{"item.product_id", "[x]", false},
		{"empty", "[]", false},
		{"1, 2, 3", "[1 2 3]", false},
		{"range(10000) | select(. > 9998)", "[9999]", false},
		{"[range(10000)] | length", "[10000]", false},
		{"range(10001)", "", true},
		{"range(10000) | select(. == 5 | not)", "", false},
		{`1, error("odd")`, "", true},
		{`range(20) | "abcdefgh" * 65536`, "", true},
		{"args.n[0]", "", true},
	} {
		q, err := expr.ParseQuery(tt.text, conditional())
		if err != nil {
			t.Fatal(err)
		}
		got, err := q.RunAll(context.Background(), conditionValues(t))
		if (err != nil) != tt.fail || !tt.fail && tt.want != "" && fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %d outputs, %v", tt.text, len(got), err)
		}
	}
}

func TestUsesCaller(t *testing.T) {
	for text, want := range map[string]bool{`{"a":"${{ args.n }}"}`: false, `{"a":["x ${{ caller.subject }}"]}`: true} {
		template, err := expr.ParseJSON([]byte(text), conditional())
		if err != nil {
			t.Fatal(err)
		}
		if template.UsesCaller() != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}
