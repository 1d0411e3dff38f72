package exampletest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins/auth"
)

// Key is a key pair that signs tokens for one gateway.
type Key struct {
	t                *testing.T
	pair             *auth.DevKey
	issuer, audience string
	path             string
}

// NewKey makes a key pair, and a file with its key set.
func NewKey(t *testing.T, issuer, audience string) *Key {
	t.Helper()
	pair, err := auth.NewDevKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err = os.WriteFile(path, pair.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Key{t: t, pair: pair, issuer: issuer, audience: audience, path: path}
}

// Path is that of the file with the key set.
func (k *Key) Path() string { return k.path }

// Token signs a token for a caller with roles.
func (k *Key) Token(subject string, roles ...string) string {
	k.t.Helper()
	token, err := k.pair.Sign(auth.DevClaims{Issuer: k.issuer, Audience: k.audience, Subject: subject, Roles: roles})
	if err != nil {
		k.t.Fatal(err)
	}
	return token
}
