package expr_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

func TestQueryRefused(t *testing.T) {
	request := expr.Scope{Arguments: []string{"customer_id"}, Names: []string{expr.NameArgs, expr.NameCaller}}
	for _, tt := range []struct {
		jq, message, hint string
		offset            int
		scope             expr.Scope
	}{
		{`args.custmer_id`, `there is no argument "custmer_id"`, `did you mean "customer_id"?`, 5, request},
		{`"x" + args["nope"]`, `there is no argument "nope"`, `declared: customer_id`, 12, request},
		{`status`, `"status" is not known here`, `known here: args, caller`, 0, request},
		{`.customer_id`, "there is no body here that `.customer_id` could be taken from", `write args.customer_id`, 0, request},
		{`[., 1]`, "there is no body here that `.` could be", ``, 1, request},
		{`caller.subjct`, `caller has no "subjct"`, `did you mean "subject"?`, 7, request},
		{`customer_id`, `unknown name "customer_id"`, `write args.customer_id`, 0, request},
		{`args.customer_id | asci_downcase`, `unknown name "asci_downcase"`, `did you mean "ascii_downcase"?`, 19, request},
		{`$args.x`, `unknown variable "$args"`, `write args`, 0, request},
		{`steps`, `"steps" is not known here`, `known here: args, caller`, 0, request},
		{`"steps" | .steps | steps`, `"steps" is not known here`, `known here: ., args, caller, status, headers`, 19, everything()},
		{`args.note | foozle(1)`, `unknown function "foozle"`, `known here: ., args, caller, status, headers, and jq's functions`, 12, everything()},
		{`.a | map`, `the function "map" takes another number of arguments than 0`, ``, 5, everything()},
		{`.a | @cvs`, `unknown format "@cvs"`, `did you mean "@csv"?`, 5, everything()},
		{`break $out`, `jq: label not defined: $out`, ``, 6, everything()},
		{`{status: args.status, s: status}`, `there is no argument "status"`, `declared: customer_id`, 14, expr.Scope{
			Arguments: []string{"customer_id"}, Names: []string{expr.NameArgs, expr.NameStatus},
		}},
		{`{status: args.customer_id, s: status}`, `"status" is not known here`, `known here: args, caller`, 30, request},
		{`"caller \(caller.subjct)"`, `caller has no "subjct"`, `did you mean "subject"?`, 17, request},
		{`$foo`, `unknown variable "$foo"`, `bind it first: ... as $foo | ...`, 0, request},
		{`args.customer_id |`, `jq: unexpected EOF`, ``, 18, request},
		{`args.customer_id ) 1`, `jq: unexpected token ")"`, ``, 17, request},
		{`headers`, `headers must be asked for one by name`, `write headers["Content-Type"]`, 0, everything()},
		{`env.HOME`, `"env" is not available in expressions`, ``, 0, everything()},
		{`$ENV.HOME`, `"$ENV" is not available in expressions`, ``, 0, everything()},
		{`[inputs]`, `"inputs" is not available in expressions`, ``, 1, everything()},
		{`input`, `"input" is not available in expressions`, ``, 0, everything()},
		{`debug`, `"debug" is not available in expressions`, ``, 0, everything()},
		{`input_filename`, `"input_filename" is not available in expressions`, ``, 0, everything()},
		{`halt`, `"halt" is not available in expressions`, ``, 0, everything()},
		{`import "a" as a; 1`, `modules are not available in expressions`, ``, 0, everything()},
		{`include "a"; 1`, `modules are not available in expressions`, ``, 0, everything()},
		{`def args: 1; args`, `"args" can't be defined anew`, `choose another name`, 4, everything()},
		{`$__args`, `"$__args" is not defined`, ``, 0, everything()},
		{``, `the expression is empty`, ``, 0, everything()},
	} {
		_, err := expr.ParseQuery(tt.jq, tt.scope)
		var field *plugins.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%s: %v", tt.jq, err)
			continue
		}
		if field.Message != tt.message || field.Hint != tt.hint || field.Offset != tt.offset {
			t.Errorf("%s:\n got %q, %q at %d\nwant %q, %q at %d", tt.jq, field.Message, field.Hint, field.Offset, tt.message, tt.hint, tt.offset)
		}
	}
}

// All mistakes of an expression are told at once, each at its place.
func TestQueryRefusedAll(t *testing.T) {
	request := expr.Scope{Arguments: []string{"customer_id"}, Names: []string{expr.NameArgs, expr.NameCaller}}
	for _, tt := range []struct {
		jq   string
		want []string
	}{
		{`foo + args.nope + bar(1; 2) + foo`, []string{
			`0 unknown name "foo"`, `11 there is no argument "nope"`, `18 unknown function "bar"`, `30 unknown name "foo"`,
		}},
		{`{a: args.x, b: args["y"], c: .d, e: args.x}`, []string{
			`9 there is no argument "x"`, `21 there is no argument "y"`,
			"29 there is no body here that `.d` could be taken from", `41 there is no argument "x"`,
		}},
		{`[status, caller.a, $b, env.HOME, input]`, []string{
			`1 "status" is not known here`, `16 caller has no "a"`, `19 unknown variable "$b"`,
			`23 "env" is not available in expressions`, `33 "input" is not available in expressions`,
		}},
		{`def f(x): x | y; [., f(1)] # y`, []string{"14 unknown name \"y\"", "18 there is no body here that `.` could be"}},
	} {
		_, err := expr.ParseQuery(tt.jq, request)
		var all plugins.FieldErrors
		if !errors.As(err, &all) {
			t.Errorf("%s: %v", tt.jq, err)
			continue
		}
		var got []string
		for _, e := range all {
			got = append(got, fmt.Sprint(e.Offset, " ", e.Message))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.jq, got, tt.want)
		}
	}
}
