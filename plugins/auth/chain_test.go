package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func addr(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

func hexHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func TestAPIKeys(t *testing.T) {
	env, _ := testEnv(t)
	a := must(APIKeys().New(APIKeySettings{
		{Name: "ci", SHA256: hexHash("key-one"), Roles: []string{"support"}, Scopes: []string{"x"}},
		{Name: "cd", SHA256: strings.ToUpper(hexHash("key.two.x"))},
	}, env))
	for _, c := range []*plugins.Credentials{{APIKey: "key-one"}, {Bearer: "key-one"}} {
		p := accepted(t, a, c)
		if p.Key != "api_key:ci" || p.Subject != "ci" || !p.HasRole("support") || !p.HasScope("x") {
			t.Errorf("%+v: got %+v", c, p)
		}
	}
	accepted(t, a, &plugins.Credentials{APIKey: "key.two.x"})
	for _, key := range []string{"key-on", "key-one ", "KEY-ONE", hexHash("key-one"), strings.Repeat("k", 1<<16)} {
		refused(t, a, &plugins.Credentials{APIKey: key}, reasonAPIKey)
		refused(t, a, &plugins.Credentials{Bearer: key}, reasonAPIKey)
	}
	if p, err := a.Authenticate(t.Context(), &plugins.Credentials{}); p != nil || err != nil {
		t.Errorf("nothing presented: got %v, %v", p, err)
	}
}

func TestAPIKeySettings(t *testing.T) {
	good := hexHash("k")
	for name, row := range map[string]struct {
		settings APIKeySettings
		paths    []string
	}{
		"good":        {APIKeySettings{{Name: "a", SHA256: good}}, nil},
		"no name":     {APIKeySettings{{SHA256: good}}, []string{"0.name"}},
		"short hash":  {APIKeySettings{{Name: "a", SHA256: good[1:]}}, []string{"0.sha256"}},
		"no hex":      {APIKeySettings{{Name: "a", SHA256: "g" + good[1:]}}, []string{"0.sha256"}},
		"empty key":   {APIKeySettings{{Name: "a", SHA256: hexHash("")}}, []string{"0.sha256"}},
		"same name":   {APIKeySettings{{Name: "a", SHA256: good}, {Name: "a", SHA256: hexHash("l")}}, []string{"1.name"}},
		"same hash":   {APIKeySettings{{Name: "a", SHA256: good}, {Name: "b", SHA256: strings.ToUpper(good)}}, []string{"1.sha256"}},
		"all at once": {APIKeySettings{{}, {Name: "b", SHA256: "x"}}, []string{"0.name", "0.sha256", "1.sha256"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pathsOf(row.settings.Validate()); !reflect.DeepEqual(got, row.paths) {
				t.Errorf("got %q, want %q", got, row.paths)
			}
		})
	}
}

// pathsOf are the places an error names.
func pathsOf(err error) []string {
	var paths []string
	var list plugins.FieldErrors
	var one *plugins.FieldError
	if errors.As(err, &list) {
		for _, e := range list {
			paths = append(paths, strings.Join(e.Path, "."))
		}
	} else if errors.As(err, &one) {
		paths = append(paths, strings.Join(one.Path, "."))
	}
	return paths
}

func TestChain(t *testing.T) {
	c := newClock()
	es := newSigner("ES256", "k")
	env, _ := testEnv(t)
	jwt := must(newTokens(JWTSettings{fileIssuer(t, keySetOf(es.jwk()))}, env, defaultFetching(), c.Now))
	keys := must(APIKeys().New(APIKeySettings{{Name: "ci", SHA256: hexHash("key")}, {Name: "dots", SHA256: hexHash("a.b.c")}}, env))
	anon := must(Anonymous().New(AnonymousSettings{}, env))
	good := es.sign(goodClaims(c.Now()), nil)
	old := es.sign(with(goodClaims(c.Now()), map[string]any{"exp": 1}), nil)

	type presented = plugins.Credentials
	type verdicts map[*presented]string // key of the principal, or "!" and the reason
	nothing := &presented{}
	for name, row := range map[string]struct {
		auths []plugins.Authenticator
		want  verdicts
	}{
		"all, in the wrong order": {[]plugins.Authenticator{anon, keys, jwt}, verdicts{
			nothing: "anon:unknown", {Bearer: good}: "jwt:" + testIssuer + "#ann",
			{APIKey: "key"}: "api_key:ci", {Bearer: "key"}: "api_key:ci", {Bearer: "a.b.c"}: "api_key:dots",
			{Bearer: old}: "!expired", {Bearer: "nonsense"}: "!api_key", {Bearer: "x.y.z"}: "!api_key",
			{APIKey: good}: "!api_key", {Bearer: good, APIKey: "key"}: "!malformed", {Bearer: old, APIKey: "key"}: "!malformed",
		}},
		"tokens only": {[]plugins.Authenticator{jwt}, verdicts{
			nothing: "!missing", {Bearer: old}: "!expired", {Bearer: "nonsense"}: "!malformed", {APIKey: "key"}: "!api_key",
		}},
		"keys only":      {[]plugins.Authenticator{keys}, verdicts{nothing: "!missing", {Bearer: good}: "!api_key"}},
		"anonymous only": {[]plugins.Authenticator{anon}, verdicts{nothing: "anon:unknown", {Bearer: good}: "!malformed", {APIKey: "key"}: "!api_key"}},
		"nobody":         {nil, verdicts{nothing: "!missing", {Bearer: good}: "!malformed"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := Chain(row.auths)
			for creds, want := range row.want {
				if reason, refusal := strings.CutPrefix(want, "!"); refusal {
					refused(t, a, creds, reason)
				} else if p := accepted(t, a, creds); p.Key != want {
					t.Errorf("%+v: got %s, want %s", creds, p.Key, want)
				}
			}
			_, trusts := a.(plugins.Issuers)
			if want := strings.Contains(name, "all") || strings.Contains(name, "tokens"); trusts != want {
				t.Errorf("it is plugins.Issuers: %v, want %v", trusts, want)
			}
		})
	}
	var e *plugins.Error
	_, err := Chain(nil).Authenticate(context.Background(), nothing)
	if !errors.As(err, &e) || e.Kind != plugins.KindUnauthenticated || e.Message != "no credentials" || e.Cause != nil {
		t.Errorf("nothing presented: got %#v", err)
	}
	issuers := Chain([]plugins.Authenticator{anon, jwt}).(plugins.Issuers)
	if got := issuers.Issuers(); !reflect.DeepEqual(got, []string{testIssuer}) || issuers.Ready() != nil {
		t.Errorf("got issuers %q, ready %v", got, issuers.Ready())
	}
}

func TestReason(t *testing.T) {
	for want, err := range map[string]error{
		"":          nil,
		"other":     errors.New("x"),
		"missing":   &plugins.Error{Kind: plugins.KindUnauthenticated},
		"signature": refuse(reasonSignature, "m", errors.New("x")),
	} {
		if got := Reason(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}
