package policy

import (
	"context"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Scopes are the OAuth scopes a caller's token must all have been granted.
type Scopes []string

// List returns the scopes.
func (s Scopes) List() []string { return s }

// Validate refuses an empty list and what isn't a scope (RFC 6749,
// section 3.3).
func (s Scopes) Validate() error {
	if err := named(s, "scope"); err != nil {
		return err
	}
	var mistakes []*plugins.FieldError
	for i, scope := range s {
		if at := strings.IndexFunc(scope, notInScope); at >= 0 {
			mistakes = append(mistakes, &plugins.FieldError{
				Path:    []string{strconv.Itoa(i)},
				Message: "a scope is printable ASCII without spaces, quotes and backslashes",
				Hint:    "write several scopes as a list",
				Offset:  at,
			})
		}
	}
	return all(mistakes...)
}

func notInScope(r rune) bool {
	return r <= ' ' || r > '~' || r == '"' || r == '\\'
}

// ScopesPart declares the key `scopes`.
func ScopesPart() plugins.PolicyPart {
	return plugins.NewPolicyPart("scopes",
		"OAuth scopes that the caller's token must all have; without them a call is answered with HTTP 403 insufficient_scope.",
		plugins.OnTool|plugins.OnResource|plugins.OnPrompt, newScopes)
}

// scopes lets calls pass whose token was granted all of the scopes. A caller
// who lacks some can get them, so the tool stays visible.
type scopes struct {
	allOf   []string
	lacking *plugins.Error
}

func newScopes(allOf Scopes, _ plugins.Env) (plugins.Policy, error) {
	if err := allOf.Validate(); err != nil {
		return nil, err
	}
	return &scopes{allOf: allOf, lacking: &plugins.Error{
		Kind:    plugins.KindScope,
		Message: "This call needs a token with all of these scopes: " + strings.Join(allOf, " ") + ".",
		Scopes:  allOf,
	}}, nil
}

// Wrap implements plugins.Policy.
func (s *scopes) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		for _, scope := range s.allOf {
			if !call.Principal.HasScope(scope) {
				return nil, s.lacking
			}
		}
		return next(ctx, call)
	}
}
