package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"
)

// FuzzParseToken compares the strict reader with two lenient ones: what it
// accepts they must read, and read alike.
func FuzzParseToken(f *testing.F) {
	claims := `{"iss":"i","aud":["a"],"exp":1900000000,"sub":"s"}`
	for _, header := range []string{`{"alg":"ES256","kid":"k"}`, `{"alg":"none"}`, `{"alg":"ES256","crit":[]}`, `[]`} {
		f.Add(header, claims, "c2ln")
	}
	f.Add(`{"alg":"ES256"}`, `{"exp":1,"exp":2}`, "c2ln")
	f.Add(`{"alg":"ES256"}`, `{"exp":1e999}`, "!")
	f.Fuzz(func(t *testing.T, header, claims, signature string) {
		text := part(header) + "." + part(claims) + "." + signature
		got, err := parseToken(text)
		if err != nil {
			return
		}
		for _, data := range []string{header, claims} {
			if !jsontext.Value(data).IsValid() { // refuses duplicates and bad UTF-8
				t.Fatalf("accepted what jsontext refuses: %q", data)
			}
		}
		other := jwt.MapClaims{}
		unverified, _, err := jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithJSONNumber()).ParseUnverified(text, other)
		if err != nil && !strings.Contains(err.Error(), "alg") && !strings.Contains(err.Error(), "signature") {
			t.Fatalf("accepted what golang-jwt refuses: %v", err)
		}
		if unverified.Header["alg"] != got.alg || got.kid != "" && unverified.Header["kid"] != got.kid {
			t.Fatalf("read alg %q and kid %q, golang-jwt %v", got.alg, got.kid, unverified.Header)
		}
		exp, err := other.GetExpirationTime()
		if err != nil || exp == nil || exp.Unix() != got.expires.Unix() {
			t.Fatalf("read exp %v, golang-jwt %v, %v", got.expires, exp, err)
		}
		if iss, _ := other.GetIssuer(); iss != got.issuer {
			t.Fatalf("read iss %q, golang-jwt %q", got.issuer, iss)
		}
	})
}

// FuzzParseTokenText feeds the reader with anything.
func FuzzParseTokenText(f *testing.F) {
	f.Add("a.b.c")
	f.Add(loose(part(`{"alg":"ES256"} `)) + "." + part(`{"exp":1}`) + ".c2ln")
	f.Add(part(`{"alg":"ES256"}`) + "." + loose(part(`{"exp":1} `)) + ".c2ln")
	f.Add(part(`{"alg":"ES256"}`) + "." + part(`{"exp":1}`) + ".c2ln")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parseToken(text); err != nil {
			return
		}
		parts := strings.Split(text, ".")
		if len(parts) != 3 || len(text) > maxToken {
			t.Fatalf("accepted %q", text)
		}
		for _, p := range parts[:2] { // one encoding only for one value
			data, err := base64.RawURLEncoding.DecodeString(p)
			if err != nil || base64.RawURLEncoding.EncodeToString(data) != p {
				t.Fatalf("accepted a second encoding: %q", p)
			}
		}
	})
}

// FuzzParseKeySet feeds the reader of key sets with anything.
func FuzzParseKeySet(f *testing.F) {
	f.Add(keySetOf(newSigner("ES256", "k").jwk(), newSigner("EdDSA", "e").jwk()))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, _, err := parseKeySet(data)
		if err != nil {
			return
		}
		if len(set.keys) == 0 || !json.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
		for _, alg := range []string{"HS256", "HS384", "HS512", "none", ""} {
			for _, k := range set.keys {
				if set.find(k.kid, alg) != nil {
					t.Fatalf("a public key verifies %q", alg)
				}
			}
		}
	})
}

// TestAnyChangeIsRefused changes a good token in one place; it must never be
// accepted, cached or not.
func TestAnyChangeIsRefused(t *testing.T) {
	c := newClock()
	es, ed := newSigner("ES256", "k"), newSigner("EdDSA", "e")
	a := tokensOf(t, fileIssuer(t, keySetOf(es.jwk(), ed.jwk())), c)
	tokens := []string{es.sign(goodClaims(c.Now()), nil), ed.sign(goodClaims(c.Now()), nil)}
	for _, token := range tokens {
		accepted(t, a, bearer(token))
	}
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.SampledFrom(tokens).Draw(t, "token")
		at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
		with := rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9_\-]`), rapid.StringN(0, 3, 8)).Draw(t, "with")
		changed := token[:at] + with + token[at+1:]
		if rapid.Bool().Draw(t, "insert") {
			changed = token[:at] + with + token[at:]
		}
		if changed == token {
			return
		}
		forgive(a)
		if p, err := a.Authenticate(t.Context(), bearer(changed)); p != nil || err == nil {
			t.Fatalf("accepted with byte %d changed to %q", at, with)
		}
	})
}
