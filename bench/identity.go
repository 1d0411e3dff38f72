package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

const (
	audience = "https://bench.example/mcp"
	role     = "support"
	keyID    = "bench-1"
	callers  = 16
)

// identity signs the callers' tokens.
type identity struct {
	key    *ecdsa.PrivateKey
	issuer string
}

func newIdentity(issuer string) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, fmt.Errorf("make a signing key: %w", err)
	}
	return identity{key: key, issuer: issuer}, nil
}

// keySet returns the JSON Web Key Set (RFC 7517) with the public key.
func (id identity) keySet() ([]byte, error) {
	point, err := id.key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	return json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": keyID,
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]),
		"y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}}})
}

// tokens returns a signed token (RFC 7519, ES256) for every caller. They are
// of one length, so that one prepared request suits them all.
func (id identity) tokens() ([]string, error) {
	list := make([]string, callers)
	for i := range list {
		token, err := id.token(fmt.Sprintf("caller-%02d", i))
		if err != nil {
			return nil, err
		}
		list[i] = token
	}
	return list, nil
}

// tokenOf returns a function that signs the n-th caller's token, once. It may
// be called by many goroutines.
func (id identity) tokenOf() func(n int) (string, error) {
	var known sync.Map
	return func(n int) (string, error) {
		if token, ok := known.Load(n); ok {
			return token.(string), nil //nolint:forcetypeassert // nothing else is stored
		}
		token, err := id.token(fmt.Sprintf("listener-%05d", n))
		known.Store(n, token)
		return token, err
	}
}

func (id identity) token(subject string) (string, error) {
	now := time.Now().Unix()
	header, err := json.Marshal(map[string]string{"alg": "ES256", "kid": keyID, "typ": "JWT"})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{
		"iss": id.issuer, "aud": audience, "sub": subject, "azp": "bench", "jti": subject + "-token",
		"iat": now - 60, "nbf": now - 60, "exp": now + 6*3600,
		"roles": []string{role}, "scope": "tools:call",
	})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, id.key, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
