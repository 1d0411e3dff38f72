package gateway

import (
	"context"
	"errors"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// authenticate finds out who is calling, or answers 401.
func (x *exchange) authenticate() bool {
	if x.remote, x.vouched = x.vouchedRemote(); !x.vouched {
		forwarded, _ := x.req.Header("X-Forwarded-For")
		x.remote = x.s.front.remote(x.req.Peer, forwarded)
	}
	credentials := plugins.Credentials{Remote: x.remote}
	if x.s.auth == nil {
		x.principal = &plugins.Principal{Key: "anonymous:" + credentials.Remote.String(), Anonymous: true}
		return true
	}
	if err := x.readCredentials(&credentials); err != nil {
		x.refuse(400, err.Error())
		return false
	}
	principal, err := x.s.auth.Authenticate(context.Background(), &credentials)
	if err == nil {
		x.principal = principal
		return true
	}
	failure := failureOf(err)
	x.g.observe.AuthFailed(reasonOf(err))
	if failure.Kind != plugins.KindUnauthenticated {
		x.fail(nil, failure)
		return false
	}
	challenge := x.e.challenge
	if !credentials.Empty() {
		challenge += challengeSeparator(challenge) + `error="invalid_token"`
	}
	x.resp.Set("WWW-Authenticate", challenge)
	x.fail(nil, failure)
	return false
}

// challengeSeparator stands before a further parameter of a challenge.
func challengeSeparator(challenge string) string {
	if strings.Contains(challenge, " ") {
		return ", "
	}
	return " "
}

// errBadAuthorization refuses an Authorization header that is no bearer token.
var errBadAuthorization = errors.New(`want "Authorization: Bearer <token>"`)

// errEmptyKey refuses an API key that is there and empty.
var errEmptyKey = errors.New("want an API key in X-API-Key, or no such header")

// readCredentials takes the credentials from the headers, never from the
// query.
func (x *exchange) readCredentials(c *plugins.Credentials) error {
	if authorization, ok := x.req.Header("Authorization"); ok {
		scheme, token, found := strings.Cut(authorization, " ")
		token = strings.Trim(token, " \t")
		if !found || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.IndexByte(token, ' ') >= 0 || strings.IndexByte(token, '\t') >= 0 {
			return errBadAuthorization
		}
		c.Bearer = token
	}
	key, ok := x.req.Header("X-API-Key")
	if ok && key == "" {
		return errEmptyKey // none is another thing than an empty one: no downgrade to anonymous
	}
	c.APIKey = key
	return nil
}

// challengeScopes tells which scopes a token needs (RFC 6750, section 3.1).
func (x *exchange) challengeScopes(scopes []string) {
	challenge, _, _ := strings.Cut(x.e.challenge, ", scope=")
	challenge += challengeSeparator(challenge) + `error="insufficient_scope", scope="` + strings.Join(scopes, " ") + `"`
	x.resp.Set("WWW-Authenticate", challenge)
}

// reasonOf is why credentials were refused, as a metric label.
func reasonOf(err error) string {
	var told interface{ Reason() string }
	if errors.As(err, &told) {
		return told.Reason()
	}
	return "missing"
}
