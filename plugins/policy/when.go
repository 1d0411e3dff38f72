package policy

import (
	"context"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// When is a condition in CEL.
type When string

// WhenPart declares the key `when`.
func WhenPart() plugins.PolicyPart {
	return plugins.NewPolicyPart("when",
		"A rule on arguments and identity, in CEL, e.g. args.amount <= caller.claims.limit. Calls for which it isn't true, or can't be decided, are answered as if there were nothing of that name; a rule on the caller alone hides it as well.",
		plugins.OnTool|plugins.OnResource|plugins.OnPrompt, newWhen)
}

// when lets calls pass for which a condition is true.
type when struct {
	condition *expr.Condition
	denied    *plugins.Error
}

// callerWhen is one whose condition looks at the caller alone.
type callerWhen struct{ when }

// roleWhen is one whose condition looks at the caller's roles alone.
type roleWhen struct{ callerWhen }

func newWhen(text When, env plugins.Env) (plugins.Policy, error) {
	condition, err := expr.ParseCondition(string(text), expr.Scope{
		Arguments: declared(env.Tool), Types: expr.TypesOf(env.Tool), Names: []string{expr.NameArgs, expr.NameCaller},
	})
	if err != nil {
		return nil, err
	}
	w := when{condition: condition, denied: denied(env)}
	members, whole := condition.Caller()
	known := callerWhen{w}
	if whole || !condition.UsesOnly(expr.NameCaller) {
		return &w, nil
	}
	byRole := true
	for _, member := range members {
		if member == "capabilities" { // is said by each request, not known of the caller
			return &w, nil
		}
		byRole = byRole && member == "roles"
	}
	if byRole {
		return &roleWhen{known}, nil
	}
	return &known, nil
}

// Wrap implements plugins.Policy.
func (w *when) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		values := &expr.Values{Args: call.Args, Caller: call.Principal, Capabilities: call.Capabilities}
		if !w.condition.Eval(ctx, values) {
			return nil, w.denied
		}
		return next(ctx, call)
	}
}

// Admit implements plugins.Admitter.
func (w *callerWhen) Admit(p *plugins.Principal) error {
	if w.condition.Eval(context.Background(), &expr.Values{Caller: p}) {
		return nil
	}
	return w.denied
}

// ByRoles implements plugins.RoleAdmitter.
func (w *roleWhen) ByRoles() {}
