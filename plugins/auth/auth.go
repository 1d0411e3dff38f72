// Package auth holds the ways to know a caller: signed tokens of an
// authorization server (auth.jwt), API keys (auth.api_keys) and, only where
// the manifest says so, nobody in particular (auth.anonymous). Chain asks them
// in that order; a credential that is presented and bad is refused, never
// downgraded.
package auth

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// The order in which a chain asks.
const (
	rankJWT = iota + 1
	rankAPIKeys
	rankOther
	rankAnonymous
)

// ranked is an authenticator that knows its place in a chain.
type ranked interface{ rank() int }

// Chain makes one authenticator of several: tokens first, then API keys, then
// others, then anonymous callers. It never answers nil without an error:
// credentials that no one accepts are refused with the most telling reason,
// and a caller that presents none is refused unless anonymous callers are
// admitted. If one of them trusts issuers, the chain is a plugins.Issuers.
func Chain(auths []plugins.Authenticator) plugins.Authenticator {
	c := chain(slices.Clone(auths))
	slices.SortStableFunc(c, func(a, b plugins.Authenticator) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	for _, a := range c {
		if _, ok := a.(plugins.Issuers); ok {
			return issuerChain{c}
		}
	}
	return c
}

func rankOf(a plugins.Authenticator) int {
	if r, ok := a.(ranked); ok {
		return r.rank()
	}
	return rankOther
}

// chain asks its authenticators one after the other.
type chain []plugins.Authenticator

// Authenticate returns the principal of the first that knows the credentials.
func (l chain) Authenticate(ctx context.Context, c *plugins.Credentials) (*plugins.Principal, error) {
	if c.Bearer != "" && c.APIKey != "" {
		return nil, refuse(reasonMalformed, "present a bearer token or an API key, not both", nil)
	}
	var worst error
	for _, a := range l {
		p, err := a.Authenticate(ctx, c)
		if err == nil && p != nil {
			return p, nil
		}
		worst = tellingOf(worst, err)
	}
	if worst != nil {
		return nil, worst
	}
	switch {
	case c.APIKey != "":
		return nil, refuse(reasonAPIKey, "API keys are not accepted here", nil)
	case c.Bearer != "":
		return nil, refuse(reasonMalformed, "bearer tokens are not accepted here", nil)
	default:
		return nil, &plugins.Error{Kind: plugins.KindUnauthenticated, Message: "no credentials"}
	}
}

// tellingOf keeps the refusal that tells more: the first one, unless it only
// says that the credential doesn't look like one of its kind.
func tellingOf(had, err error) error {
	switch {
	case had == nil:
		return err
	case err != nil && Reason(had) == reasonMalformed:
		return err
	default:
		return had
	}
}

// issuerChain is a chain of which a member trusts issuers.
type issuerChain struct{ chain }

// Issuers returns the URLs of all trusted issuers.
func (l issuerChain) Issuers() []string {
	var all []string
	for _, a := range l.chain {
		if i, ok := a.(plugins.Issuers); ok {
			all = append(all, i.Issuers()...)
		}
	}
	return all
}

// Ready returns nil once every issuer's keys were loaded.
func (l issuerChain) Ready() error {
	var all []error
	for _, a := range l.chain {
		if i, ok := a.(plugins.Issuers); ok {
			all = append(all, i.Ready())
		}
	}
	return errors.Join(all...)
}
