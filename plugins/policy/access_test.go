package policy

import (
	"context"
	"slices"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestRolesAdmitAnyOf(t *testing.T) {
	tl := tool(t)
	p := build(t, RolesPart(), Roles{"sales", "admin"}, envFor(tl))
	admitter, ok := p.(plugins.Admitter)
	if !ok {
		t.Fatal("roles are no Admitter: denied tools would be listed")
	}
	for _, c := range []struct {
		roles []string
		admit bool
	}{
		{nil, false}, {[]string{"support"}, false}, {[]string{"Sales"}, false}, {[]string{"sale"}, false},
		{[]string{"sales"}, true}, {[]string{"support", "admin"}, true},
	} {
		call := callOf(tl, "alice")
		call.Principal.Roles = c.roles
		_, err := p.Wrap(fine)(context.Background(), call)
		if (err == nil) != c.admit || (admitter.Admit(call.Principal) == nil) != c.admit {
			t.Errorf("roles %v: error %v, want admitted %v", c.roles, err, c.admit)
		}
		if err != nil {
			if e := wantKind(t, err, plugins.KindDenied); e.Message != "Unknown tool: get_customer" {
				t.Errorf("message %q tells a denied tool from an unknown one", e.Message)
			}
		}
	}
}

func TestScopesDemandAllOf(t *testing.T) {
	tl := tool(t)
	p := build(t, ScopesPart(), Scopes{"orders:read", "orders:write"}, envFor(tl))
	if _, ok := p.(plugins.Admitter); ok {
		t.Error("scopes hide a tool from those who could get them")
	}
	for _, c := range []struct {
		scopes []string
		pass   bool
	}{
		{nil, false}, {[]string{"orders:write"}, false}, {[]string{"orders:read", "x"}, false},
		{[]string{"orders:write", "x", "orders:read"}, true},
	} {
		call := callOf(tl, "alice")
		call.Principal.Scopes = c.scopes
		_, err := p.Wrap(fine)(context.Background(), call)
		if (err == nil) != c.pass {
			t.Errorf("scopes %v: error %v", c.scopes, err)
		}
		if err != nil {
			if e := wantKind(t, err, plugins.KindScope); !slices.Equal(e.Scopes, []string{"orders:read", "orders:write"}) {
				t.Errorf("needed scopes %v, want all of them", e.Scopes)
			}
		}
	}
}

func TestListsOfNamesAreChecked(t *testing.T) {
	wantMistake(t, Roles{}.Validate(), "", "at least one role")
	wantMistake(t, Roles{"a", ""}.Validate(), "1", "name of a role")
	wantMistake(t, Scopes{}.Validate(), "", "at least one scope")
	wantMistake(t, Scopes{"a", "b c"}.Validate(), "1", "printable ASCII")
	wantMistake(t, Scopes{`"`}.Validate(), "0", "printable ASCII")
	if err := (Scopes{"https://x.example/a.b", "mcp:use"}).Validate(); err != nil {
		t.Error(err)
	}
	for _, part := range []plugins.PolicyPart{RolesPart(), ScopesPart()} {
		if _, err := part.New(nil, plugins.Env{}); err == nil {
			t.Errorf("%s without any is built", part.Key)
		}
	}
}
