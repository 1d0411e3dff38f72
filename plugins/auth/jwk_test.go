package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

// TestParseKeySet reads sets of one strange key beside a good one: the strange
// one must be left out or fit one algorithm only, the good one must stay.
func TestParseKeySet(t *testing.T) {
	good, es384, ed := newSigner("ES256", "good"), newSigner("ES384", "x"), newSigner("EdDSA", "x")
	es, rs := newSigner("ES256", "x"), newSigner("RS256", "x")
	b64 := base64.RawURLEncoding.EncodeToString
	change := func(s signer, changes map[string]any) map[string]any { return with(s.jwk(), changes) }
	weak := must(rsa.GenerateKey(rand.Reader, 1024))
	huge := new(big.Int).Lsh(big.NewInt(1), maxRSABits+8)
	huge.SetBit(huge, 0, 1)
	for name, row := range map[string]struct {
		jwk  any
		algs string // algorithms that key x verifies
	}{
		"P-256":                {es.jwk(), "ES256"},
		"P-384":                {es384.jwk(), "ES384"},
		"Ed25519":              {ed.jwk(), "EdDSA"},
		"RSA":                  {rs.jwk(), "RS256 RS384 RS512 PS256 PS384 PS512"},
		"RSA of one algorithm": {change(rs, map[string]any{"alg": "PS256"}), "PS256"},
		"Ed25519 by RFC 9864":  {change(ed, map[string]any{"alg": "Ed25519"}), "EdDSA"},
		"no use":               {change(es, map[string]any{"use": nil}), "ES256"},
		"key_ops verify":       {change(es, map[string]any{"key_ops": []string{"verify"}}), "ES256"},
		"key_ops sign":         {change(es, map[string]any{"key_ops": []string{"sign"}}), ""},
		"key_ops text":         {change(es, map[string]any{"key_ops": "verify"}), ""},
		"use enc":              {change(rs, map[string]any{"use": "enc"}), ""},
		"use number":           {change(es, map[string]any{"use": 1}), ""},
		"private EC":           {change(es, map[string]any{"d": b64([]byte("x"))}), ""},
		"private RSA":          {change(rs, map[string]any{"p": b64([]byte("x"))}), ""},
		"symmetric":            {map[string]any{"kty": "oct", "kid": "x", "alg": "HS256", "k": b64([]byte(testSecret))}, ""},
		"symmetric without k":  {map[string]any{"kty": "oct", "kid": "x", "alg": "HS256"}, ""},
		"RSA, alg HS256":       {change(rs, map[string]any{"alg": "HS256"}), ""},
		"RSA, alg ES256":       {change(rs, map[string]any{"alg": "ES256"}), ""},
		"alg none":             {change(es, map[string]any{"alg": "none"}), ""},
		"alg number":           {change(es, map[string]any{"alg": 1}), ""},
		"alg of encryption":    {change(rs, map[string]any{"alg": "RSA-OAEP"}), ""},
		"RSA of 1024 bits":     {change(rs, map[string]any{"n": b64(weak.N.Bytes())}), ""},
		"RSA of 8200 bits":     {change(rs, map[string]any{"n": b64(huge.Bytes())}), ""},
		"RSA, even modulus":    {change(rs, map[string]any{"n": b64(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes())}), ""},
		"RSA, exponent 1":      {change(rs, map[string]any{"e": b64([]byte{1})}), ""},
		"RSA, even exponent":   {change(rs, map[string]any{"e": b64([]byte{4})}), ""},
		"RSA, huge exponent":   {change(rs, map[string]any{"e": b64([]byte{1, 0, 0, 0, 1})}), ""},
		"RSA, no exponent":     {change(rs, map[string]any{"e": nil}), ""},
		"EC, not on the curve": {change(es, map[string]any{"y": b64(make([]byte, 32))}), ""},
		"EC, short coordinate": {change(es, map[string]any{"x": b64(make([]byte, 31))}), ""},
		"EC, wrong curve":      {change(es, map[string]any{"crv": "P-384"}), ""},
		"EC, secp256k1":        {change(es, map[string]any{"crv": "secp256k1"}), ""},
		"EC as OKP":            {change(es, map[string]any{"kty": "OKP"}), ""},
		"X25519":               {change(ed, map[string]any{"crv": "X25519"}), ""},
		"Ed25519, short":       {change(ed, map[string]any{"x": b64(make([]byte, 31))}), ""},
		"padding":              {change(ed, map[string]any{"x": ed.jwk()["x"].(string) + "="}), ""},
		"line break":           {change(ed, map[string]any{"x": "\n" + ed.jwk()["x"].(string)}), ""},
		"kid number":           {change(es, map[string]any{"kid": 1}), ""},
		"kty unknown":          {map[string]any{"kty": "AKP", "kid": "x"}, ""},
		"kty missing":          {change(es, map[string]any{"kty": nil}), ""},
		"text":                 {"x", ""},
		"null":                 {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			data := must(json.Marshal(map[string]any{"keys": []any{row.jwk, good.jwk()}}))
			set, skipped, err := parseKeySet(data)
			if err != nil {
				t.Fatal(err)
			}
			var algs []string
			for _, alg := range strings.Fields("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA HS256 HS384 HS512 none") {
				if set.find("x", alg) != nil {
					algs = append(algs, alg)
				}
			}
			if got := strings.Join(algs, " "); got != row.algs {
				t.Errorf("it verifies %q, want %q", got, row.algs)
			}
			if (len(skipped) == 0) != (row.algs != "") {
				t.Errorf("left out: %q", skipped)
			}
			if set.find("good", "ES256") == nil {
				t.Error("the good key is gone")
			}
		})
	}
}

// TestRepeatedKeyID takes the first of two keys of one id and type.
func TestRepeatedKeyID(t *testing.T) {
	one, two, rs := newSigner("ES256", "k"), newSigner("ES256", "k"), newSigner("RS256", "k")
	set, skipped, err := parseKeySet(keySetOf(one.jwk(), two.jwk(), one.jwk(), rs.jwk()))
	if err != nil || len(skipped) != 2 || len(set.keys) != 2 {
		t.Fatalf("got %v, %q, %v", set, skipped, err)
	}
	if got := set.find("k", "ES256"); got != set.keys[0].public {
		t.Error("the later key took the place of the earlier one")
	}
	if set.find("k", "RS256") == nil {
		t.Error("a key of another type was left out")
	}
}

// TestDigestIgnoresOrder checks that a shuffled set is no news, and that any
// other difference is.
func TestDigestIgnoresOrder(t *testing.T) {
	one, two := newSigner("ES256", "a"), newSigner("ES256", "b")
	digest := func(keys ...map[string]any) [32]byte {
		set, _, err := parseKeySet(keySetOf(keys...))
		if err != nil {
			t.Fatal(err)
		}
		return set.digest
	}
	base := digest(one.jwk(), two.jwk())
	if digest(two.jwk(), one.jwk()) != base {
		t.Error("the order of keys changes the digest")
	}
	for _, other := range [][32]byte{
		digest(one.jwk()), digest(one.jwk(), with(two.jwk(), map[string]any{"kid": "c"})),
		digest(one.jwk(), with(two.jwk(), map[string]any{"alg": "ES256"})),
		digest(one.jwk(), newSigner("ES256", "b").jwk()),
	} {
		if other == base {
			t.Error("another set has the same digest")
		}
	}
}

// TestKeySetBounds reads sets that are too large.
func TestKeySetBounds(t *testing.T) {
	var keys []map[string]any
	for range maxKeys + 1 {
		keys = append(keys, map[string]any{"kty": "oct"})
	}
	if _, _, err := parseKeySet(keySetOf(keys...)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
	padded := append(keySetOf(newSigner("ES256", "k").jwk()), bytes.Repeat([]byte(" "), maxKeySet)...)
	if _, _, err := parseKeySet(padded); err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Errorf("got %v", err)
	}
}
