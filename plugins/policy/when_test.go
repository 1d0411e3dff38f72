package policy

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// closed is get_customer, whose arguments are all declared.
func closed(t testing.TB, kind string) *plugins.Tool {
	t.Helper()
	tl := tool(t)
	tl.Kind, tl.InputSchema = kind, []byte(inputSchema)
	return tl
}

func TestWhenDecides(t *testing.T) {
	for _, kind := range []string{kindTool, kindResource, kindPrompt} {
		tl := closed(t, kind)
		p := build(t, WhenPart(), When("args.limit <= caller.claims.limit"), envFor(tl))
		if _, ok := p.(plugins.Admitter); ok {
			t.Error("a rule on arguments decides without them")
		}
		for _, c := range []struct {
			args, claims map[string]any
			pass         bool
		}{
			{map[string]any{"limit": json.Number("5")}, map[string]any{"limit": json.Number("5.0")}, true},
			{map[string]any{"limit": json.Number("6")}, map[string]any{"limit": json.Number("5.5")}, false},
			{map[string]any{"limit": json.Number("6")}, nil, false},
			{nil, map[string]any{"limit": json.Number("5")}, false},
			{map[string]any{"limit": json.Number("6")}, map[string]any{"limit": "7"}, false},
		} {
			call := callOf(tl, "alice").WithArgs(c.args)
			call.Principal.Claims = c.claims
			passed := false
			_, err := p.Wrap(func(context.Context, *plugins.Call) (*mcp.Result, error) {
				passed = true
				return &mcp.Result{}, nil
			})(context.Background(), call)
			if passed != c.pass || (err == nil) != c.pass {
				t.Errorf("%v, %v: passed %v, error %v", c.args, c.claims, passed, err)
			}
			if err == nil {
				continue
			}
			want := map[string]string{kindTool: "Unknown tool: get_customer", kindResource: "Resource not found", kindPrompt: "Unknown prompt: get_customer"}
			if e := wantKind(t, err, plugins.KindDenied); e.Message != want[kind] {
				t.Errorf("message %q tells what is denied from what isn't there", e.Message)
			}
		}
	}
}

// What a rule on the caller alone refuses isn't listed either.
func TestWhenHides(t *testing.T) {
	for _, c := range []struct {
		when           When
		hides, byRoles bool
	}{
		{"'admin' in caller.roles", true, true},
		{"caller.claims.tenant == 't1'", true, false},
		{"caller.subject == 'alice' && 'admin' in caller.roles", true, false},
		{"caller.capabilities.sampling", false, false},
		{"args.deep || 'admin' in caller.roles", false, false},
		{"size(caller) > 0", false, false},
	} {
		p := build(t, WhenPart(), c.when, envFor(closed(t, kindTool)))
		admitter, hides := p.(plugins.Admitter)
		_, byRoles := p.(plugins.RoleAdmitter)
		if hides != c.hides || byRoles != c.byRoles {
			t.Errorf("%s: admitter %v, by roles %v", c.when, hides, byRoles)
		}
		if !hides {
			continue
		}
		who := &plugins.Principal{Subject: "alice", Roles: []string{"admin"}, Claims: map[string]any{"tenant": "t1"}}
		if err := admitter.Admit(who); err != nil {
			t.Errorf("%s: %v", c.when, err)
		}
		wantKind(t, admitter.Admit(&plugins.Principal{Subject: "bob", Roles: []string{"sales"}}), plugins.KindDenied)
	}
}

func TestWhenIsChecked(t *testing.T) {
	for text, message := range map[When]string{
		"args.limt > 1":   `there is no argument "limt"`,
		"steps.a == 1":    `"steps" is not known here`,
		"status == 200":   `"status" is not known here`,
		"caller.claims.x": "",
		"'x'":             "true or false",
	} {
		_, err := WhenPart().New(text, envFor(closed(t, kindTool)))
		if message != "" {
			wantMistake(t, err, "", message)
		} else if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := WhenPart().New(When("args.anything == 1"), envFor(tool(t))); err != nil {
		t.Errorf("an open input: %v", err)
	}
}
