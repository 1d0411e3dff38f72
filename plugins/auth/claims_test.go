package auth

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// TestAccepted tries every way in which a token may be good.
func TestAccepted(t *testing.T) {
	c := newClock()
	keys := map[string]signer{
		"ES256": newSigner("ES256", "e1"), "ES384": newSigner("ES384", "e2"),
		"RS256": newSigner("RS256", "r1"), "EdDSA": newSigner("EdDSA", "o1"),
	}
	var jwks []map[string]any
	for _, k := range keys {
		jwks = append(jwks, k.jwk())
	}
	i := fileIssuer(t, keySetOf(jwks...))
	i.Algorithms = []string{"ES256", "ES384", "RS256", "PS256", "EdDSA"}
	i.Audience = append(i.Audience, "second")
	a := tokensOf(t, i, c)
	for alg, k := range keys {
		p := accepted(t, a, bearer(k.sign(goodClaims(c.Now()), nil)))
		if p.Subject != "ann" || p.Issuer != testIssuer || p.Anonymous {
			t.Errorf("%s: got %+v", alg, p)
		}
	}
	accepted(t, a, bearer(signer{alg: "PS256", kid: "r1", private: keys["RS256"].private}.sign(goodClaims(c.Now()), nil)))

	es, now := keys["ES256"], c.Now().Unix()
	for name, changes := range map[string]map[string]any{
		"aud list":         {"aud": []string{"other", testAudience}},
		"second audience":  {"aud": "second"},
		"exp in leeway":    {"exp": now - 29},
		"nbf in leeway":    {"nbf": now + 29},
		"iat in leeway":    {"iat": now + 29},
		"exp a fraction":   {"exp": float64(now) + 60.5},
		"exp far":          {"exp": int64(maxTime)},
		"no iat":           {"iat": nil},
		"unknown claims":   {"x": map[string]any{"y": []any{1, nil, true}}},
		"sub missing":      {"sub": nil},
		"similar to a dup": {"SUB": "root"},
	} {
		t.Run(name, func(t *testing.T) { accepted(t, a, bearer(es.sign(with(goodClaims(c.Now()), changes), nil))) })
	}
	for name, header := range map[string]map[string]any{
		"no typ": {"typ": nil}, "at+jwt": {"typ": "at+jwt"}, "media type": {"typ": "application/at+JWT"},
		"no kid, one fits": {"kid": nil}, "jku is not looked at": {"jku": "https://evil.example"},
	} {
		t.Run(name, func(t *testing.T) { accepted(t, a, bearer(es.sign(goodClaims(c.Now()), header))) })
	}
}

// TestNoKidIsAmbiguous refuses to guess among several keys.
func TestNoKidIsAmbiguous(t *testing.T) {
	c := newClock()
	one, two := newSigner("ES256", "a"), newSigner("ES256", "b")
	a := tokensOf(t, fileIssuer(t, keySetOf(one.jwk(), two.jwk())), c)
	accepted(t, a, bearer(one.sign(goodClaims(c.Now()), nil)))
	refused(t, a, bearer(one.sign(goodClaims(c.Now()), map[string]any{"kid": nil})), reasonUnknownKey)
}

func TestClaimPath(t *testing.T) {
	v, err := strictjson.Decode([]byte(`{
		"roles": "top", "realm_access": {"roles": "realm"}, "https://acme.example/roles": "url",
		"a.b": "exact", "a": {"b": "path", "c": {"d": "deep"}, "c.d": "half"},
		"resource_access": {"my.app": {"roles": "dotted"}}, "n": null}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"roles": "top", "realm_access.roles": "realm", "https://acme.example/roles": "url",
		"a.b": "exact", "a.c.d": "half", "resource_access.my.app.roles": "dotted", "n": nil,
	} {
		if got, ok := claim(v.(map[string]any), path); !ok || got != want {
			t.Errorf("%s: got %v, %v; want %v", path, got, ok, want)
		}
	}
	for _, path := range []string{"", ".", "..", "roles.x", "a.", ".a", "missing", "realm_access", "a.x.y"} {
		got, ok := claim(v.(map[string]any), path)
		if _, isObject := got.(map[string]any); ok && !isObject {
			t.Errorf("%q: got %v, want nothing", path, got)
		}
	}
}

// TestShapes reads roles and scopes in all shapes that issuers send, and in
// shapes that must grant nothing.
func TestShapes(t *testing.T) {
	i := &issuer{name: testIssuer, names: Claims{}.withDefaults(), roleMap: map[string][]string{
		"crm-admins": {"admin", "sales"}, "nobody": {},
	}}
	for _, row := range []struct {
		claims        string
		roles, scopes []string
	}{
		{`{"roles": ["a", "b"], "scope": "x y"}`, []string{"a", "b"}, []string{"x", "y"}},
		{`{"roles": "a b", "scope": ["x", "y"]}`, []string{"a b"}, []string{"x", "y"}},
		{`{"scope": " x  y x "}`, nil, []string{"x", "y"}},
		{`{"scp": ["x"]}`, nil, []string{"x"}},
		{`{"scope": "", "scp": ["x"]}`, nil, nil},
		{`{"roles": ["a", "a", "", "a"]}`, []string{"a"}, nil},
		{`{"roles": ["crm-admins", "admin", "other", "nobody"]}`, []string{"admin", "sales", "other"}, nil},
		{`{"roles": ["a", 1, null, true, {"name": "b"}, ["c"]]}`, []string{"a"}, nil},
		{`{"roles": {"admin": true}, "scope": {"x": true}}`, nil, nil},
		{`{"roles": {"0": "admin"}, "scope": 1}`, nil, nil},
		{`{"roles": [["admin"]], "scope": [["x"]]}`, nil, nil},
		{`{"roles": true, "scope": null}`, nil, nil},
		{`{"ROLES": ["a"], "Scope": "x"}`, nil, nil},
		{`{}`, nil, nil},
	} {
		v, err := strictjson.Decode([]byte(row.claims), 0)
		if err != nil {
			t.Fatal(err)
		}
		claims := v.(map[string]any)
		if got := i.roles(claims); len(got)+len(row.roles) > 0 && !reflect.DeepEqual(got, row.roles) {
			t.Errorf("%s: roles %q, want %q", row.claims, got, row.roles)
		}
		if got := i.scopes(claims); len(got)+len(row.scopes) > 0 && !reflect.DeepEqual(got, row.scopes) {
			t.Errorf("%s: scopes %q, want %q", row.claims, got, row.scopes)
		}
	}
}

func TestPrincipal(t *testing.T) {
	i := &issuer{name: testIssuer, names: Claims{Subject: "uid", Client: "app.id"}.withDefaults()}
	expires := time.Unix(1_900_000_000, 0)
	p, err := i.principal(&token{expires: expires, claims: map[string]any{
		"uid": "u1", "sub": "other", "app": map[string]any{"id": "portal"}, "limit": json.Number("12345678901234567890"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Key != "jwt:"+testIssuer+"#u1" || p.Subject != "u1" || p.Client != "portal" || !p.Expires.Equal(expires) {
		t.Errorf("got %+v", p)
	}
	if p.Claims["limit"] != json.Number("12345678901234567890") {
		t.Errorf("a number lost digits: %v", p.Claims["limit"])
	}
	app, err := i.principal(&token{expires: expires, claims: map[string]any{"app": map[string]any{"id": "u1"}}})
	if err != nil || app.Key == p.Key {
		t.Errorf("a client's key is a subject's: %+v, %v", app, err)
	}
}

func TestStandardClient(t *testing.T) {
	i := &issuer{names: Claims{}.withDefaults()}
	for want, claims := range map[string]map[string]any{
		"a": {"azp": "a", "client_id": "b"}, "b": {"client_id": "b"}, "": {"azp": 1, "client_id": "b"},
	} {
		if got := i.client(claims); got != want {
			t.Errorf("%v: got %q, want %q", claims, got, want)
		}
	}
}

func TestAnonymous(t *testing.T) {
	env, _ := testEnv(t)
	a := must(Anonymous().New(AnonymousSettings{Roles: []string{"public"}}, env))
	for remote, want := range map[string]string{
		"192.0.2.7": "anon:192.0.2.7", "::ffff:192.0.2.7": "anon:192.0.2.7",
		"2001:db8:1:2:3::4": "anon:2001:db8:1:2::/64", "2001:db8:1:2::9": "anon:2001:db8:1:2::/64",
		"fe80::1%eth0": "anon:fe80::/64", "": "anon:unknown",
	} {
		p := accepted(t, a, &plugins.Credentials{Remote: addr(remote)})
		if p.Key != want || !p.Anonymous || !p.HasRole("public") {
			t.Errorf("%s: got %+v, want key %s", remote, p, want)
		}
	}
	for _, c := range []*plugins.Credentials{{Bearer: "x"}, {APIKey: "x"}} {
		if p, err := a.Authenticate(t.Context(), c); p != nil || err != nil {
			t.Errorf("%+v: got %v, %v; a credential is none of its business", c, p, err)
		}
	}
	if _, err := Anonymous().New(AnonymousSettings{Roles: []string{""}}, env); err == nil {
		t.Error("a role without a name was accepted")
	}
}
