package policy

import (
	"context"
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Roles are the roles of which a caller must hold at least one.
type Roles []string

// Validate refuses an empty list and empty names.
func (r Roles) Validate() error {
	return named(r, "role")
}

// RolesPart declares the key `roles`.
func RolesPart() plugins.PolicyPart {
	return plugins.NewPolicyPart("roles",
		"Roles of which the caller must hold at least one; to others it doesn't exist. Absent: any authenticated caller.",
		plugins.OnTool|plugins.OnResource|plugins.OnPrompt, newRoles)
}

// roles admits callers that hold one of the roles.
type roles struct {
	anyOf  []string
	denied *plugins.Error
}

func newRoles(anyOf Roles, env plugins.Env) (plugins.Policy, error) {
	if err := anyOf.Validate(); err != nil {
		return nil, err
	}
	return &roles{anyOf: anyOf, denied: denied(env)}, nil
}

// Admit implements plugins.Admitter.
func (r *roles) Admit(p *plugins.Principal) error {
	for _, role := range r.anyOf {
		if p.HasRole(role) {
			return nil
		}
	}
	return r.denied
}

// ByRoles implements plugins.RoleAdmitter.
func (r *roles) ByRoles() {}

// Wrap implements plugins.Policy.
func (r *roles) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		if err := r.Admit(call.Principal); err != nil {
			return nil, err
		}
		return next(ctx, call)
	}
}

// named refuses an empty list of names, empty names, and repeated ones.
func named(list []string, what string) error {
	if len(list) == 0 {
		return &plugins.FieldError{Message: "want at least one " + what, Hint: "leave the key out, or write none to switch a default off"}
	}
	var mistakes []*plugins.FieldError
	for i, name := range list {
		if name == "" {
			mistakes = append(mistakes, &plugins.FieldError{Path: []string{strconv.Itoa(i)}, Message: "want the name of a " + what})
		}
	}
	return all(mistakes...)
}
