package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// realm is the path of the provider's issuer.
const realm = "/realms/acme"

// provider signs tokens, and tells where its keys are (OpenID Connect
// Discovery 1.0, section 4).
type provider struct {
	issuer string

	mu      sync.Mutex
	key     *rsa.PrivateKey
	kid     string
	fetched int // how often the key set was fetched
}

func newProvider(issuer string) (*provider, error) {
	p := &provider{issuer: issuer}
	return p, p.rotate()
}

// rotate signs with a new key from now on, and forgets the one before.
func (p *provider) rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, rand.Text()
	return nil
}

// sign makes a token.
func (p *provider) sign(claims jwt.MapClaims) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = p.kid
	text, err := token.SignedString(p.key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return text, nil
}

// ServeHTTP answers with the metadata, or with the key set.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case realm + "/.well-known/openid-configuration":
		base := strings.TrimSuffix(p.issuer, realm)
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, p.issuer, base+realm+"/certs")
	case realm + "/certs", "/partners/jwks.json":
		p.fetched++
		encode := base64.RawURLEncoding.EncodeToString
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":%q,"n":%q,"e":%q}]}`,
			p.kid, encode(p.key.N.Bytes()), encode(big.NewInt(int64(p.key.E)).Bytes()))
	default:
		http.NotFound(w, r)
	}
}
