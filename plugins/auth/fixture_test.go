package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testIssuer   = "https://id.example"
	testAudience = "https://mcp.example/mcp"
	testSecret   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// observed takes note of key set refreshes.
type observed struct {
	mu        sync.Mutex
	refreshes []error
	news      chan struct{}
}

func (o *observed) BreakerState(string, int)           {}
func (o *observed) Cache(string, bool)                 {}
func (o *observed) Breaker(string, func() int) func()  { return func() {} }
func (o *observed) UpstreamRequest(string, int, int64) {}
func (o *observed) Retry(string)                       {}
func (o *observed) KeySetRefresh(_ string, err error) {
	o.mu.Lock()
	o.refreshes = append(o.refreshes, err)
	o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
}

func (o *observed) all() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]error(nil), o.refreshes...)
}

// testEnv keeps values until the test ends.
func testEnv(t testing.TB) (plugins.Env, *observed) {
	t.Helper()
	o := &observed{news: make(chan struct{}, 1)}
	kept := map[string]io.Closer{}
	t.Cleanup(func() {
		for name, c := range kept {
			if err := c.Close(); err != nil {
				t.Errorf("close %s: %v", name, err)
			}
		}
	})
	return plugins.Env{
		Log:     slog.New(slog.DiscardHandler),
		Observe: o,
		Keep: func(name string, open func() (io.Closer, error)) (io.Closer, error) {
			if c, ok := kept[name]; ok {
				return c, nil
			}
			c, err := open()
			if err == nil {
				kept[name] = c
			}
			return c, err
		},
	}, o
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// signer makes tokens.
type signer struct {
	kid, alg string
	private  any
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newSigner(alg, kid string) signer {
	s := signer{kid: kid, alg: alg}
	switch alg {
	case "ES256":
		s.private = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case "ES384":
		s.private = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		s.private = must(private, err)
	case "RS256", "PS256":
		s.private = must(rsa.GenerateKey(rand.Reader, 2048))
	}
	return s
}

// jwk is the public key as it is published.
func (s signer) jwk() map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	m := map[string]any{"use": "sig"}
	if s.kid != "" {
		m["kid"] = s.kid
	}
	switch public := s.private.(crypto.Signer).Public().(type) {
	case *ecdsa.PublicKey:
		b := must(public.Bytes())
		half := (len(b) - 1) / 2
		m["kty"], m["crv"] = "EC", public.Curve.Params().Name
		m["x"], m["y"] = b64(b[1:1+half]), b64(b[1+half:])
	case ed25519.PublicKey:
		m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", b64(public)
	case *rsa.PublicKey:
		m["kty"], m["n"], m["e"] = "RSA", b64(public.N.Bytes()), b64(big.NewInt(int64(public.E)).Bytes())
	}
	return m
}

func keySetOf(keys ...map[string]any) []byte { return must(json.Marshal(map[string]any{"keys": keys})) }

// sign makes a token of these claims, with changes to the header.
func (s signer) sign(claims map[string]any, header map[string]any) string {
	h := map[string]any{"alg": s.alg, "typ": "JWT"}
	if s.kid != "" {
		h["kid"] = s.kid
	}
	maps.Copy(h, header)
	maps.DeleteFunc(h, func(_ string, v any) bool { return v == nil })
	return s.signText(string(must(json.Marshal(h))), string(must(json.Marshal(claims))))
}

// signText makes a token of header and claims as written.
func (s signer) signText(header, claims string) string {
	text := part(header) + "." + part(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(s.signature(text))
}

func (s signer) signature(text string) []byte {
	return must(jwt.GetSigningMethod(s.alg).Sign(text, s.private))
}

func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// goodClaims are what a good token says at that time.
func goodClaims(now time.Time) map[string]any {
	return map[string]any{
		"iss": testIssuer, "aud": testAudience, "sub": "ann", "azp": "app",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"roles": []string{"reader"}, "scope": "orders:read orders:write",
	}
}

// with returns the claims with changes; nil takes one away.
func with(claims map[string]any, changes map[string]any) map[string]any {
	next := maps.Clone(claims)
	maps.Copy(next, changes)
	maps.DeleteFunc(next, func(_ string, v any) bool { return v == nil })
	return next
}

// fileIssuer is an issuer whose keys are in a file.
func fileIssuer(t testing.TB, set []byte) Issuer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, set, 0o600); err != nil {
		t.Fatal(err)
	}
	return Issuer{Issuer: testIssuer, Audience: []string{testAudience}, JWKSFile: path, Leeway: 30 * time.Second}
}

// tokensOf builds the verifier of one issuer.
func tokensOf(t testing.TB, i Issuer, c *clock) *tokens {
	t.Helper()
	env, _ := testEnv(t)
	a, err := newTokens(JWTSettings{i}, env, defaultFetching(), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func bearer(token string) *plugins.Credentials {
	return &plugins.Credentials{Bearer: token, Remote: netip.MustParseAddr("192.0.2.1")}
}

// refused fails unless the token is refused for that reason, safely.
func refused(t testing.TB, a plugins.Authenticator, c *plugins.Credentials, reason string) {
	t.Helper()
	p, err := a.Authenticate(context.Background(), c)
	if err == nil || p != nil {
		t.Fatalf("got principal %+v and error %v, want a refusal", p, err)
	}
	if got := Reason(err); got != reason {
		t.Fatalf("refused for %q (%v: %v), want %q", got, err, causeOf(err), reason)
	}
	for _, text := range []string{err.Error(), fmt.Sprint(causeOf(err))} {
		if len(c.Bearer) > 20 && strings.Contains(text, c.Bearer[:20]) {
			t.Fatalf("the refusal echoes the token: %s", text)
		}
	}
}

func causeOf(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// accepted fails unless the token is accepted.
func accepted(t testing.TB, a plugins.Authenticator, c *plugins.Credentials) *plugins.Principal {
	t.Helper()
	p, err := a.Authenticate(context.Background(), c)
	if err != nil || p == nil {
		t.Fatalf("got %v and error %v (%v), want a principal", p, err, causeOf(err))
	}
	return p
}

// forgive forgets the failures of the address that bearer uses.
func forgive(a *tokens) { a.failures.cell(bearer("").Remote).Store(0) }
