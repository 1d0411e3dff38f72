package auth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// verify checks a token that is not in the cache: what is cheap comes before
// what is not, and an address whose tokens failed too often lately is refused
// without a look.
func (a *tokens) verify(ctx context.Context, c *plugins.Credentials, name *digest, now time.Time) (*plugins.Principal, error) {
	if strings.Count(c.Bearer, ".") != 2 {
		return nil, refuse(reasonMalformed, "the bearer token is not a JWT", nil)
	}
	if wait := a.failures.wait(c.Remote, now); wait > 0 {
		return nil, refuseLater(plugins.KindLimited, reasonLimited, "too many bad tokens; try again later", wait)
	}
	t, at, err := a.examine(c.Bearer, now)
	if err != nil {
		return nil, err
	}
	i := a.issuers[at]
	set, public, err := i.keyFor(ctx, t, now)
	if err == nil {
		err = i.checkSignature(c.Bearer, public)
	}
	if err != nil {
		if reason := Reason(err); reason == reasonSignature || reason == reasonUnknownKey {
			a.failures.charge(c.Remote, now)
		}
		return nil, err
	}
	p, err := i.principal(t)
	if err != nil {
		return nil, refuse(reasonMalformed, "the token does not name its caller", err)
	}
	until := min(t.expires.UnixNano(), now.Add(cacheTime).UnixNano())
	if until > now.UnixNano() {
		a.cache.put(name, verified{principal: p, issuer: at, keys: set.digest, until: until, weight: len(c.Bearer)})
	}
	return p, nil
}

// examine does all checks but that of the signature. It returns the place of
// the token's issuer.
func (a *tokens) examine(bearer string, now time.Time) (*token, int, error) {
	t, err := parseToken(bearer)
	if err != nil {
		return nil, 0, refuse(reasonMalformed, "the token is malformed", err)
	}
	at, known := a.byName[t.issuer]
	if !known {
		return nil, 0, refuse(reasonIssuer, "the token's issuer is not trusted here", nil)
	}
	i := a.issuers[at]
	if !slices.Contains(i.algorithms, t.alg) {
		return nil, 0, refuse(reasonAlgorithm, "the token's signature algorithm is not accepted", nil)
	}
	if !t.isFor(i.audiences) {
		return nil, 0, refuse(reasonAudience, "the token is meant for another audience", nil)
	}
	switch reason := t.inTime(now, i.leeway); reason {
	case "":
		return t, at, nil
	case reasonExpired:
		return nil, 0, refuse(reason, "the token has expired", nil)
	default:
		return nil, 0, refuse(reason, "the token is not valid yet", nil)
	}
}

// keyFor returns the key that must have signed the token, and the set it is
// in. Keys that are not in force are looked for anew, within limits.
func (i *issuer) keyFor(ctx context.Context, t *token, now time.Time) (*keySet, any, error) {
	set := i.keys.current(now)
	public := set.find(t.kid, t.alg)
	if public == nil {
		i.keys.renew(ctx, now)
		set = i.keys.current(now)
		public = set.find(t.kid, t.alg)
	}
	switch {
	case set == nil:
		return nil, nil, refuseLater(plugins.KindOverload, reasonNoKeys,
			"the keys of the token's issuer could not be loaded; try again later", 5*time.Second)
	case public == nil:
		return nil, nil, refuse(reasonUnknownKey, "the token is signed with an unknown key", nil)
	default:
		return set, public, nil
	}
}

// checkSignature verifies the token with that key and no other. The claims
// were checked before; the library checks them once more by its own reading.
func (i *issuer) checkSignature(bearer string, public any) error {
	_, err := i.parser.Parse(bearer, func(*jwt.Token) (any, error) { return public, nil })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrTokenExpired):
		return refuse(reasonExpired, "the token has expired", nil)
	case errors.Is(err, jwt.ErrTokenMalformed), errors.Is(err, jwt.ErrTokenInvalidClaims):
		return refuse(reasonMalformed, "the token is malformed", nil)
	default:
		return refuse(reasonSignature, "the token's signature is wrong", nil)
	}
}
