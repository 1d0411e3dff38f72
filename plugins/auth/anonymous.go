package auth

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// AnonymousSettings admit callers that present no credentials.
type AnonymousSettings struct {
	Roles []string `manifest:"roles" doc:"Roles of a caller without credentials."`
}

// Anonymous is the part auth.anonymous: it admits callers without credentials.
// Each is known by its address; IPv6 addresses of one /64 are one caller,
// since a single machine commonly has all of them.
func Anonymous() plugins.AuthPart {
	return plugins.NewAuthPart("anonymous",
		"Admits callers without credentials; a bad credential is still refused.",
		func(s AnonymousSettings, _ plugins.Env) (plugins.Authenticator, error) {
			if i := slices.Index(s.Roles, ""); i >= 0 {
				return nil, &plugins.FieldError{Path: []string{"roles"}, Message: "a role has no name"}
			}
			return &anonymous{roles: slices.Clone(s.Roles)}, nil
		})
}

type anonymous struct{ roles []string }

func (*anonymous) rank() int { return rankAnonymous }

// Authenticate returns a principal for a caller that presents nothing.
func (a *anonymous) Authenticate(_ context.Context, c *plugins.Credentials) (*plugins.Principal, error) {
	if !c.Empty() {
		return nil, nil
	}
	return &plugins.Principal{Key: "anon:" + place(c.Remote), Roles: a.roles, Anonymous: true}, nil
}

// place names the network that is taken for one caller.
func place(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case a.Is6():
		return netip.PrefixFrom(a, 64).Masked().String()
	case a.Is4():
		return a.String()
	default:
		return "unknown"
	}
}
