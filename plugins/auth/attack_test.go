package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// attacker has what an attacker has: public keys, a key pair of his own, and a
// good token whose parts can be moved about.
type attacker struct {
	es, es384, rs, ed signer // the issuer's
	own               signer // the attacker's, with the id of one of the issuer's
	now               time.Time
	trap              string // URL of a key set of the attacker's
}

func (x attacker) claims(changes map[string]any) string {
	return x.es.sign(with(goodClaims(x.now), changes), nil)
}

func (x attacker) header(changes map[string]any) string {
	return x.es.sign(goodClaims(x.now), changes)
}

// pem is the public RSA key as text, the secret of the HS/RS confusion.
func (x attacker) pem() []byte {
	der := must(x509.MarshalPKIXPublicKey(x.rs.private.(crypto.Signer).Public()))
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// attackGroups are tokens by the reason for which they must be refused.
func attackGroups(x attacker) map[string]map[string]string {
	good := x.es.sign(goodClaims(x.now), nil)
	parts := strings.Split(good, ".")
	claimsText := string(must(json.Marshal(goodClaims(x.now))))
	unix := x.now.Unix()
	own := x.own
	return map[string]map[string]string{
		reasonAlgorithm: {
			"none":               part(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2],
			"None":               part(`{"alg":"None","kid":"e1"}`) + "." + parts[1] + "." + parts[2],
			"lower case":         x.header(map[string]any{"alg": "es256"}),
			"HS256, RSA as PEM":  signer{alg: "HS256", kid: "r1", private: x.pem()}.sign(goodClaims(x.now), nil),
			"HS256, empty key":   signer{alg: "HS256", kid: "e1", private: []byte{}}.sign(goodClaims(x.now), nil),
			"not listed: ES384":  x.es384.sign(goodClaims(x.now), nil),
			"not listed: RS512":  signer{alg: "RS512", kid: "r1", private: x.rs.private}.sign(goodClaims(x.now), nil),
			"unknown to anybody": x.header(map[string]any{"alg": "XS256"}),
		},
		reasonUnknownKey: {
			"kid of an RSA key":       x.header(map[string]any{"kid": "r1"}),
			"kid of another EC curve": x.header(map[string]any{"kid": "e384"}),
			"kid of an Ed25519 key":   x.header(map[string]any{"kid": "o1"}),
			"ES256 kid, RS256 alg":    signer{alg: "RS256", kid: "e1", private: x.rs.private}.sign(goodClaims(x.now), nil),
			"kid as path":             x.header(map[string]any{"kid": "../../../../dev/null"}),
			"kid as URL":              own.sign(goodClaims(x.now), map[string]any{"kid": x.trap}),
			"kid as SQL":              x.header(map[string]any{"kid": "' UNION SELECT 'key' --"}),
			"kid in another case":     x.header(map[string]any{"kid": "E1"}),
			"kid with a space":        x.header(map[string]any{"kid": "e1 "}),
		},
		reasonSignature: {
			"forged":            own.sign(goodClaims(x.now), nil),
			"jku":               own.sign(goodClaims(x.now), map[string]any{"jku": x.trap}),
			"x5u":               own.sign(goodClaims(x.now), map[string]any{"x5u": x.trap}),
			"jwk":               own.sign(goodClaims(x.now), map[string]any{"jwk": own.jwk()}),
			"x5c":               own.sign(goodClaims(x.now), map[string]any{"x5c": []string{"MIIB"}}),
			"other claims":      parts[0] + "." + part(string(must(json.Marshal(with(goodClaims(x.now), map[string]any{"sub": "root"}))))) + "." + parts[2],
			"zero signature":    parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
			"ASN.1 signature":   parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(asn1Signature(x.es, parts[0]+"."+parts[1])),
			"short signature":   parts[0] + "." + parts[1] + "." + parts[2][:80],
			"PS256 by ES256":    signer{alg: "PS256", kid: "r1", private: newSigner("RS256", "").private}.sign(goodClaims(x.now), nil),
			"EdDSA of others":   newSigner("EdDSA", "o1").sign(goodClaims(x.now), nil),
			"RS256 sig as PS":   strings.Join(append(strings.Split(x.rs.sign(goodClaims(x.now), map[string]any{"alg": "PS256"}), ".")[:2], "AAAA"), "."),
			"RS256 of PS token": x.rs.sign(goodClaims(x.now), map[string]any{"alg": "PS256"}),
		},
		reasonIssuer: {
			"another":      x.claims(map[string]any{"iss": "https://evil.example"}),
			"final slash":  x.claims(map[string]any{"iss": testIssuer + "/"}),
			"upper case":   x.claims(map[string]any{"iss": "https://ID.example"}),
			"none":         x.claims(map[string]any{"iss": nil}),
			"list":         x.claims(map[string]any{"iss": []string{testIssuer}}),
			"prefix":       x.claims(map[string]any{"iss": testIssuer + ".evil.example"}),
			"another name": x.claims(map[string]any{"iss": nil, "ISS": testIssuer}),
		},
		reasonAudience: {
			"another":      x.claims(map[string]any{"aud": "https://other.example/mcp"}),
			"none":         x.claims(map[string]any{"aud": nil}),
			"empty":        x.claims(map[string]any{"aud": ""}),
			"empty list":   x.claims(map[string]any{"aud": []string{}}),
			"prefix":       x.claims(map[string]any{"aud": testAudience + "/x"}),
			"origin only":  x.claims(map[string]any{"aud": "https://mcp.example"}),
			"upper case":   x.claims(map[string]any{"aud": strings.ToUpper(testAudience)}),
			"other in azp": x.claims(map[string]any{"aud": "x", "azp": testAudience}),
		},
		reasonExpired: {
			"yesterday":  x.claims(map[string]any{"exp": unix - 86400}),
			"at leeway":  x.claims(map[string]any{"exp": unix - 30}),
			"long ago":   x.claims(map[string]any{"exp": 1}),
			"a fraction": x.claims(map[string]any{"exp": 0.5}),
		},
		reasonNotYetValid: {
			"nbf tomorrow": x.claims(map[string]any{"nbf": unix + 86400}),
			"nbf":          x.claims(map[string]any{"nbf": unix + 31}),
			"iat":          x.claims(map[string]any{"iat": unix + 31}),
		},
		reasonMalformed: malformed(x, good, parts, claimsText),
	}
}

// malformed are tokens that a strict reader refuses, though many are signed.
func malformed(x attacker, good string, parts []string, claimsText string) map[string]string {
	header := `{"alg":"ES256","kid":"e1"}`
	at := func(claims string) string { return x.es.signText(header, claims) }
	body := strings.TrimSuffix(claimsText, "}")
	return map[string]string{
		"no dots":               strings.ReplaceAll(good, ".", ""),
		"one dot":               parts[0] + "." + parts[1],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"no header":             "." + parts[1] + "." + parts[2],
		"three dots":            good + "." + parts[2],
		"many dots":             strings.Repeat(".", 10_000),
		"JWE":                   "a.b.c.d.e",
		"huge":                  good + strings.Repeat("A", maxToken),
		"huge, two dots":        x.claims(map[string]any{"x": strings.Repeat("y", maxToken)}),
		"line break inside":     good[:10] + "\n" + good[10:],
		"padding":               good + "==",
		"standard alphabet":     parts[0] + "." + part(`{"a":"???"}`)[:4] + "+/." + parts[2],
		"loose bits, header":    loose(parts[0]) + "." + parts[1] + "." + parts[2],
		"loose bits, signature": parts[0] + "." + parts[1] + "." + loose(parts[2]),
		"crit":                  x.header(map[string]any{"crit": []string{"exp"}}),
		"empty crit":            x.header(map[string]any{"crit": []string{}}),
		"b64":                   x.header(map[string]any{"b64": false}),
		"kid number":            x.header(map[string]any{"kid": 1}),
		"kid list":              x.header(map[string]any{"kid": []string{"e1"}}),
		"kid null":              x.es.signText(`{"alg":"ES256","kid":null}`, claimsText),
		"kid empty":             x.header(map[string]any{"kid": ""}),
		"kid huge":              x.header(map[string]any{"kid": strings.Repeat("e", maxKeyID+1)}),
		"alg missing":           x.header(map[string]any{"alg": nil}),
		"alg list":              x.header(map[string]any{"alg": []string{"ES256"}}),
		"typ of logout tokens":  x.header(map[string]any{"typ": "logout+jwt"}),
		"typ of proofs":         x.header(map[string]any{"typ": "dpop+jwt"}),
		"typ number":            x.header(map[string]any{"typ": 1}),
		"duplicate alg":         x.es.signText(`{"alg":"none","alg":"ES256","kid":"e1"}`, claimsText),
		"duplicate escaped alg": x.es.signText(`{"alg":"none","\u0061lg":"ES256","kid":"e1"}`, claimsText),
		"duplicate sub":         at(body + `,"sub":"root"}`),
		"duplicate exp":         at(body + `,"exp":9999999999}`),
		"duplicate inside":      at(body + `,"realm_access":{"roles":[],"roles":["admin"]}}`),
		"header list":           x.es.signText(`[]`, claimsText),
		"claims list":           at(`[]`),
		"claims text":           at(`"x"`),
		"claims null":           at(`null`),
		"claims cut":            at(body),
		"two values":            at(claimsText + claimsText),
		"bad UTF-8":             at(body + `,"name":"` + "\xff" + `"}`),
		"lone surrogate":        at(body + `,"name":"\ud800"}`),
		"deep claims":           at(body + `,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`),
		"exp missing":           x.claims(map[string]any{"exp": nil}),
		"exp text":              x.claims(map[string]any{"exp": "9999999999"}),
		"exp null":              at(strings.Replace(claimsText, `"exp":`, `"exp":null,"e":`, 1)),
		"exp huge":              at(strings.Replace(claimsText, `"exp":`, `"exp":1e300,"e":`, 1)),
		"exp beyond numbers":    at(strings.Replace(claimsText, `"exp":`, `"exp":1e999,"e":`, 1)),
		"exp negative":          x.claims(map[string]any{"exp": -1}),
		"exp zero":              x.claims(map[string]any{"exp": 0}),
		"exp in capitals":       x.claims(map[string]any{"exp": nil, "EXP": 9999999999}),
		"nbf text":              x.claims(map[string]any{"nbf": "0"}),
		"iat object":            x.claims(map[string]any{"iat": map[string]any{}}),
		"aud number":            x.claims(map[string]any{"aud": 1}),
		"aud object":            x.claims(map[string]any{"aud": map[string]any{testAudience: true}}),
		"aud mixed list":        x.claims(map[string]any{"aud": []any{testAudience, 1}}),
		"aud nested":            x.claims(map[string]any{"aud": []any{[]string{testAudience}}}),
		"sub number":            x.claims(map[string]any{"sub": 1}),
		"sub empty":             x.claims(map[string]any{"sub": ""}),
		"sub huge":              x.claims(map[string]any{"sub": strings.Repeat("s", maxName+1)}),
		"no sub, no client":     x.claims(map[string]any{"sub": nil, "azp": nil}),
	}
}

// asn1Signature signs as most libraries do, but JWS does not.
func asn1Signature(s signer, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.private.(*ecdsa.PrivateKey), sum[:])
	return must(asn1.Marshal(struct{ R, S *big.Int }{must(r, err), v}))
}

// loose sets unused bits of the last character, which lax decoders ignore.
func loose(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last|1])
}

// TestAttacks tries tokens that must be refused, each for its reason: all else
// about it is good.
func TestAttacks(t *testing.T) {
	c := newClock()
	var asked atomic.Int64
	x := attacker{
		es: newSigner("ES256", "e1"), es384: newSigner("ES384", "e384"),
		rs: newSigner("RS256", "r1"), ed: newSigner("EdDSA", "o1"),
		own: newSigner("ES256", "e1"), now: c.Now(),
	}
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(keySetOf(x.own.jwk()))
	}))
	defer trap.Close()
	x.trap = trap.URL
	set := keySetOf(x.es.jwk(), x.es384.jwk(), x.rs.jwk(), x.ed.jwk())
	a := tokensOf(t, fileIssuer(t, set), c)
	if n := len(part(`{"alg":"ES256","kid":"e1","typ":"JWT"}`)) % 4; n == 0 {
		t.Fatal("the header's encoding has no loose bits; the row about them proves nothing")
	}
	for reason, group := range attackGroups(x) {
		for name, token := range group {
			t.Run(fmt.Sprintf("%s/%s", reason, name), func(t *testing.T) {
				forgive(a) // each row from another address, as it were
				refused(t, a, bearer(token), reason)
				refused(t, a, bearer(token), reason) // a refusal is never remembered as something else
				accepted(t, a, bearer(x.es.sign(goodClaims(x.now), nil)))
			})
		}
	}
	if asked.Load() != 0 {
		t.Errorf("a URL in a token was asked %d times", asked.Load())
	}
}

// TestSecretAttacks tries to confuse an issuer with a shared secret.
func TestSecretAttacks(t *testing.T) {
	c := newClock()
	i := Issuer{Issuer: testIssuer, Audience: []string{testAudience}, Secret: plugins.NewSecret(testSecret), Leeway: 30 * time.Second}
	a := tokensOf(t, i, c)
	hs := signer{alg: "HS256", private: []byte(testSecret)}
	accepted(t, a, bearer(hs.sign(goodClaims(c.Now()), nil)))
	accepted(t, a, bearer(hs.sign(goodClaims(c.Now()), map[string]any{"kid": "any"})))
	refused(t, a, bearer(signer{alg: "HS256", private: []byte(testSecret[1:])}.sign(goodClaims(c.Now()), nil)), reasonSignature)
	refused(t, a, bearer(signer{alg: "HS256", private: []byte{}}.sign(goodClaims(c.Now()), nil)), reasonSignature)
	refused(t, a, bearer(signer{alg: "HS512", private: []byte(testSecret)}.sign(goodClaims(c.Now()), nil)), reasonAlgorithm)
	refused(t, a, bearer(newSigner("ES256", "").sign(goodClaims(c.Now()), nil)), reasonAlgorithm)
}

// TestOneIssuerForAnother has one trusted issuer sign in the name of another.
func TestOneIssuerForAnother(t *testing.T) {
	c := newClock()
	first, second := newSigner("ES256", "k"), newSigner("ES256", "k")
	one, two := fileIssuer(t, keySetOf(first.jwk())), fileIssuer(t, keySetOf(second.jwk()))
	two.Issuer = "https://partner.example"
	env, _ := testEnv(t)
	a, err := newTokens(JWTSettings{one, two}, env, defaultFetching(), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	theirs := with(goodClaims(c.Now()), map[string]any{"iss": two.Issuer})
	if accepted(t, a, bearer(first.sign(goodClaims(c.Now()), nil))).Key == accepted(t, a, bearer(second.sign(theirs, nil))).Key {
		t.Error("the same subject of two issuers has one key")
	}
	refused(t, a, bearer(second.sign(goodClaims(c.Now()), nil)), reasonSignature)
	refused(t, a, bearer(first.sign(theirs, nil)), reasonSignature)
}
