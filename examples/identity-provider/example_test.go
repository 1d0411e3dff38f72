package main

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// rig is the example, running, and its identity provider.
type rig struct {
	*exampletest.Gateway
	t        *testing.T
	provider *provider
}

func start(t *testing.T) rig {
	t.Helper()
	p, err := newProvider("")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.mu.Lock() // no request comes before the gateway runs
	p.issuer = server.URL + realm
	p.mu.Unlock()
	return rig{t: t, provider: p, Gateway: exampletest.Start(t, map[string]string{
		"ISSUER": p.issuer, "PARTNERS_JWKS": server.URL + "/partners/jwks.json",
		"ACME_URL": exampletest.Acme(t).URL(),
	})}
}

// token signs the claims of a person, changed as the test wants.
func (r rig) token(i int, change map[string]any) string {
	r.t.Helper()
	claims := people()[i].claims(r.provider.issuer)
	for name, value := range change {
		claims[name] = value
	}
	return r.sign(claims)
}

func (r rig) sign(claims jwt.MapClaims) string {
	r.t.Helper()
	token, err := r.provider.sign(claims)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// TestRoles demands that nested and mapped roles decide what is seen.
func TestRoles(t *testing.T) {
	r := start(t)
	for name, c := range map[string]struct {
		token string
		want  []string
	}{
		"an agent":   {r.token(0, nil), []string{"cancel_order", "check_stock", "get_customer"}},
		"an admin":   {r.token(2, nil), []string{"cancel_order", "check_stock", "get_customer", "refund_payment"}},
		"no roles":   {r.token(0, map[string]any{"realm_access": map[string]any{}}), []string{"check_stock"}},
		"flat roles": {r.token(0, map[string]any{"realm_access": nil, "roles": []string{"support"}}), []string{"check_stock"}},
		"a partner who claims an employee's roles": {r.token(0, map[string]any{"iss": partners}), []string{"check_stock"}},
	} {
		if got := r.List(c.token); !slices.Equal(got, c.want) {
			t.Errorf("%s sees %v, want %v", name, got, c.want)
		}
	}
}

// TestScopes demands a 403 that names all the scopes a tool needs.
func TestScopes(t *testing.T) {
	r := start(t)
	arguments := map[string]any{"order_id": acme.FirstOrder}
	a := r.Call(r.token(0, nil), "cancel_order", arguments)
	challenge := a.Header.Get("WWW-Authenticate")
	if a.Status != 403 || a.Code != 40300 ||
		!strings.Contains(challenge, `error="insufficient_scope"`) || !strings.Contains(challenge, `scope="orders:write"`) {
		t.Errorf("without the scope: %+v", a)
	}
	if a = r.Call(r.token(1, nil), "cancel_order", arguments); !a.OK() {
		t.Errorf("with the scope: %+v", a)
	}
}

// TestRefusals demands a 401 that says where to log in.
func TestRefusals(t *testing.T) {
	r := start(t)
	good := r.token(0, nil)
	for name, token := range map[string]string{
		"none":              "",
		"expired":           r.token(0, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"another audience":  r.token(0, map[string]any{"aud": "https://other.example/mcp"}),
		"another issuer":    r.token(0, map[string]any{"iss": "https://other.example"}),
		"without an expiry": r.token(0, map[string]any{"exp": nil}),
		"tampered with":     good[:len(good)-4] + "AAAA",
	} {
		a := r.Call(token, "check_stock", map[string]any{"sku": acme.FirstSKU})
		if challenge := a.Header.Get("WWW-Authenticate"); a.Status != 401 ||
			!strings.Contains(challenge, `resource_metadata="http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp"`) ||
			(token != "") != strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("%s: %d %s", name, a.Status, challenge)
		}
	}
}

// TestRotation demands that a token signed with a new key passes at once, one
// signed with a key that is gone does no longer, and that nobody makes the
// gateway fetch again and again.
func TestRotation(t *testing.T) {
	r := start(t)
	before := r.token(0, nil)
	stock := map[string]any{"sku": acme.FirstSKU}
	if a := r.Call(before, "check_stock", stock); !a.OK() {
		t.Fatalf("before: %+v", a)
	}
	unused := r.token(1, nil) // signed with the first key, and not seen before
	if err := r.provider.rotate(); err != nil {
		t.Fatal(err)
	}
	if a := r.Call(r.token(0, nil), "check_stock", stock); !a.OK() {
		t.Errorf("with the new key: %+v", a)
	}
	if a := r.Call(unused, "check_stock", stock); a.Status != 401 {
		t.Errorf("with the key that is gone: %+v", a)
	}
	r.provider.mu.Lock()
	defer r.provider.mu.Unlock()
	if r.provider.fetched > 4 { // two issuers, at the start and for the new key
		t.Errorf("the key set was fetched %d times", r.provider.fetched)
	}
}
