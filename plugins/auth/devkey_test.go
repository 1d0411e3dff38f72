package auth

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDevKey signs with a key that was saved and loaded, and verifies with the
// key set that was saved beside it.
func TestDevKey(t *testing.T) {
	dir := t.TempDir()
	private, jwks := filepath.Join(dir, "key.pem"), filepath.Join(dir, "jwks.json")
	first := must(NewDevKey())
	if err := first.Save(private, jwks); err != nil {
		t.Fatal(err)
	}
	if info := must(os.Stat(private)); info.Mode().Perm() != 0o600 {
		t.Errorf("the private key has mode %v", info.Mode())
	}
	key := must(LoadDevKey(private))
	if !bytes.Equal(key.JWKS(), must(os.ReadFile(jwks))) {
		t.Error("the key set changed on the way")
	}
	if left := must(os.ReadDir(dir)); len(left) != 2 {
		t.Errorf("files left behind: %v", left)
	}
	env, _ := testEnv(t)
	a := must(JWT().New(JWTSettings{{Issuer: testIssuer, Audience: []string{testAudience}, JWKSFile: jwks}}, env))
	p := accepted(t, a, bearer(must(key.Sign(DevClaims{
		Issuer: testIssuer, Audience: testAudience, Subject: "ann", Client: "cli",
		Roles: []string{"sales", "admin"}, Scopes: []string{"a", "b"}, TTL: time.Minute,
	}))))
	if p.Subject != "ann" || p.Client != "cli" || !p.HasRole("admin") || !p.HasScope("b") {
		t.Errorf("got %+v", p)
	}
	if left := time.Until(p.Expires); left > time.Minute || left < 50*time.Second {
		t.Errorf("it holds for %v, want a minute", left)
	}
	refused(t, a, bearer(must(must(NewDevKey()).Sign(DevClaims{
		Issuer: testIssuer, Audience: testAudience, Subject: "ann",
	}))), reasonUnknownKey)
}

func TestDevKeyErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadDevKey(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	for name, text := range map[string]string{"empty": "", "text": "hello", "pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadDevKey(path); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	key := must(NewDevKey())
	if err := key.Save(filepath.Join(dir, "no", "folder"), ""); err == nil {
		t.Error("saved into a folder that isn't there")
	}
	for _, c := range []DevClaims{
		{Audience: "a", Subject: "s"}, {Issuer: "i", Subject: "s"}, {Issuer: "i", Audience: "a"},
		{Issuer: "i", Audience: "a", Subject: "s", TTL: -1},
	} {
		if _, err := key.Sign(c); err == nil {
			t.Errorf("%+v: signed", c)
		}
	}
}
