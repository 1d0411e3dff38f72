package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// DevKey is a key pair that signs tokens for development (ES256). It stands in
// for an authorization server where there is none.
type DevKey struct {
	private *ecdsa.PrivateKey
	kid     string
	x, y    string // of the public key, as a JWK has them
}

// DevClaims are what a development token says.
type DevClaims struct {
	Issuer   string
	Audience string
	Subject  string
	Client   string   // azp; left out if empty
	Roles    []string // the claim roles; left out if empty
	Scopes   []string // the claim scope; left out if empty
	// TTL is how long the token holds; an hour if zero.
	TTL time.Duration
}

// NewDevKey makes a new key pair.
func NewDevKey() (*DevKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return devKeyOf(private)
}

// LoadDevKey reads a key pair that Save wrote, or any P-256 key in PKCS #8
// PEM. An error that errors.Is fs.ErrNotExist means that there is none yet.
func LoadDevKey(path string) (*DevKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the development key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s holds no PKCS #8 private key", path)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%s holds no P-256 key", path)
	}
	return devKeyOf(private)
}

// devKeyOf gives the key the id of RFC 7638: its thumbprint.
func devKeyOf(private *ecdsa.PrivateKey) (*DevKey, error) {
	b, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	half := (len(b) - 1) / 2 // behind the byte that says "uncompressed"
	k := &DevKey{
		private: private,
		x:       base64.RawURLEncoding.EncodeToString(b[1 : 1+half]),
		y:       base64.RawURLEncoding.EncodeToString(b[1+half:]),
	}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + k.x + `","y":"` + k.y + `"}`))
	k.kid = base64.RawURLEncoding.EncodeToString(sum[:])
	return k, nil
}

// JWKS returns the key set (RFC 7517) that holds the public key.
func (k *DevKey) JWKS() []byte {
	return []byte(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"` + k.kid +
		`","x":"` + k.x + `","y":"` + k.y + `"}]}` + "\n")
}

// Sign makes a token (RFC 9068).
func (k *DevKey) Sign(c DevClaims) (string, error) {
	if c.Issuer == "" || c.Audience == "" || c.Subject == "" {
		return "", errors.New("a token needs issuer, audience and subject")
	}
	if c.TTL < 0 {
		return "", errors.New("a token's life can't be negative")
	}
	if c.TTL == 0 {
		c.TTL = time.Hour
	}
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": c.Issuer, "aud": c.Audience, "sub": c.Subject,
		"iat": now.Unix(), "exp": now.Add(c.TTL).Unix(), "jti": rand.Text(),
	}
	if c.Client != "" {
		claims["azp"] = c.Client
	}
	if len(c.Roles) > 0 {
		claims["roles"] = c.Roles
	}
	if len(c.Scopes) > 0 {
		claims["scope"] = strings.Join(c.Scopes, " ")
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["typ"] = "at+jwt"
	t.Header["kid"] = k.kid
	text, err := t.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return text, nil
}

// Save writes the private key as PEM, readable by its owner only, and the key
// set. An empty path leaves that file out. Files are replaced whole.
func (k *DevKey) Save(pemPath, jwksPath string) error {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return fmt.Errorf("encode the private key: %w", err)
	}
	if pemPath != "" {
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if err := replace(pemPath, text, 0o600); err != nil {
			return err
		}
	}
	if jwksPath != "" {
		return replace(jwksPath, k.JWKS(), 0o644)
	}
	return nil
}

// replace writes a file beside its place and moves it there, so that nobody
// reads half of it.
func replace(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Chmod(mode)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
