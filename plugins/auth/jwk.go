package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

const (
	maxKeySet  = 1 << 20 // bytes of a key set
	maxKeys    = 256     // keys of a key set that are looked at
	minRSABits = 2048    // RFC 7518, section 3.3
	maxRSABits = 8192    // larger keys make a verification a denial of service
)

// keyType is what a signature algorithm wants of a key.
type keyType string

// The key types; for elliptic curves the curve belongs to the type, since an
// algorithm takes one curve only (RFC 7518, section 3.4).
const (
	keyTypeSecret  keyType = "oct"
	keyTypeRSA     keyType = "RSA"
	keyTypeP256    keyType = "EC P-256"
	keyTypeP384    keyType = "EC P-384"
	keyTypeP521    keyType = "EC P-521"
	keyTypeEd25519 keyType = "OKP Ed25519"
)

// keyTypeOf returns the type of key that an algorithm takes, if it is known.
func keyTypeOf(alg string) (keyType, bool) {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return keyTypeRSA, true
	case "ES256":
		return keyTypeP256, true
	case "ES384":
		return keyTypeP384, true
	case "ES512":
		return keyTypeP521, true
	case "EdDSA":
		return keyTypeEd25519, true
	case "HS256", "HS384", "HS512":
		return keyTypeSecret, true
	default:
		return "", false
	}
}

// key is one key that verifies signatures.
type key struct {
	kid    string
	kind   keyType
	alg    string // the only algorithm it may be used with; empty for any that fits
	public any    // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, []byte
}

// fits reports whether the key may verify signatures of that algorithm.
func (k *key) fits(alg string) bool {
	kind, known := keyTypeOf(alg)
	return known && kind == k.kind && (k.alg == "" || k.alg == alg)
}

// keySet is the keys in force of an issuer. It is never changed.
type keySet struct {
	keys []*key
	// digest tells sets apart: what was verified under one holds for another
	// of the same digest only.
	digest [sha256.Size]byte
}

// secretKeys makes the set of one shared secret.
func secretKeys(secret string) *keySet {
	return &keySet{
		keys:   []*key{{kind: keyTypeSecret, public: []byte(secret)}},
		digest: sha256.Sum256([]byte(secret)),
	}
}

// find returns the one key that may verify a token with that algorithm and key
// id. A token without an id is verified only if a single key fits; a secret has
// no id, whatever the token says.
func (s *keySet) find(kid string, alg string) any {
	if s == nil {
		return nil
	}
	var found any
	for _, k := range s.keys {
		if !k.fits(alg) || kid != "" && kid != k.kid && k.kind != keyTypeSecret {
			continue
		}
		if found != nil {
			return nil
		}
		found = k.public
	}
	return found
}

// parseKeySet reads a JWK set (RFC 7517, section 5). Keys that can't verify
// signatures here are left out, and said in skipped: private and symmetric
// keys (they have no place in a public document), keys for encryption, unknown
// types, weak keys, and a second key with the id and type of an earlier one.
// A set without a usable key is an error.
func parseKeySet(data []byte) (set *keySet, skipped []string, err error) {
	if len(data) > maxKeySet {
		return nil, nil, errors.New("the key set is larger than 1 MiB")
	}
	doc, err := strictjson.Decode(data, 16)
	if err != nil {
		return nil, nil, fmt.Errorf("the key set is not strict JSON: %w", err)
	}
	object, _ := doc.(map[string]any)
	list, ok := object["keys"].([]any)
	if !ok {
		return nil, nil, errors.New(`the key set has no list "keys"`)
	}
	if len(list) > maxKeys {
		return nil, nil, fmt.Errorf("the key set has more than %d keys", maxKeys)
	}
	set = &keySet{}
	for i, item := range list {
		k, err := parseKey(item)
		if err == nil && set.has(k) {
			err = errors.New("an earlier key has the same id and type")
		}
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("key %d: %s", i, err))
			continue
		}
		set.keys = append(set.keys, k)
	}
	if len(set.keys) == 0 {
		return nil, skipped, errors.New("the key set has no usable key")
	}
	set.digest, err = digestOf(set.keys)
	return set, skipped, err
}

// digestOf identifies keys whatever their order: issuers shuffle them.
func digestOf(keys []*key) (digest [sha256.Size]byte, err error) {
	var each []string
	for _, k := range keys {
		der, err := x509.MarshalPKIXPublicKey(k.public)
		if err != nil {
			return digest, fmt.Errorf("encode a public key: %w", err)
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %x", k.kid, k.alg, der))
		each = append(each, string(sum[:]))
	}
	slices.Sort(each)
	return sha256.Sum256([]byte(strings.Join(each, ""))), nil
}

// has reports whether the set has a key that could be taken for k.
func (s *keySet) has(k *key) bool {
	return k.kid != "" && slices.ContainsFunc(s.keys, func(had *key) bool {
		return had.kid == k.kid && had.kind == k.kind && (had.alg == k.alg || had.alg == "" || k.alg == "")
	})
}

// parseKey reads one JWK (RFC 7517, section 4) that may verify signatures.
func parseKey(v any) (*key, error) {
	jwk, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, has := jwk[private]; has {
			return nil, errors.New("a private or symmetric key, which must not be published")
		}
	}
	if use, has := jwk["use"]; has && use != "sig" {
		return nil, errors.New("not for signatures")
	}
	if ops, has := jwk["key_ops"]; has {
		if list, _ := ops.([]any); !slices.Contains(list, any("verify")) {
			return nil, errors.New("not for verification")
		}
	}
	k := &key{}
	if kid, has := jwk["kid"]; has {
		if k.kid, ok = kid.(string); !ok || k.kid == "" || len(k.kid) > maxKeyID {
			return nil, errors.New("its kid is no usable string")
		}
	}
	if err := k.material(jwk); err != nil {
		return nil, err
	}
	if alg, has := jwk["alg"]; has {
		k.alg, _ = alg.(string)
		if k.alg == "Ed25519" { // RFC 9864 names what tokens call EdDSA
			k.alg = "EdDSA"
		}
		if !k.fits(k.alg) {
			return nil, errors.New("its alg is not supported, or doesn't fit its type")
		}
	}
	return k, nil
}

// material reads the key itself (RFC 7518, section 6; RFC 8037, section 2).
func (k *key) material(jwk map[string]any) (err error) {
	kty, _ := jwk["kty"].(string)
	crv, _ := jwk["crv"].(string)
	switch kty {
	case "RSA":
		k.kind = keyTypeRSA
		k.public, err = rsaKey(jwk)
	case "EC":
		k.kind = keyType("EC " + crv)
		k.public, err = ecKey(crv, jwk)
	case "OKP":
		k.kind = keyType("OKP " + crv)
		k.public, err = edKey(crv, jwk)
	default:
		err = errors.New("its kty is not supported")
	}
	return err
}

func rsaKey(jwk map[string]any) (any, error) {
	n, err := octets(jwk, "n")
	if err != nil {
		return nil, err
	}
	e, err := octets(jwk, "e")
	if err != nil {
		return nil, err
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if bits := modulus.BitLen(); bits < minRSABits || bits > maxRSABits || modulus.Bit(0) == 0 {
		return nil, fmt.Errorf("its modulus is not an odd number of %d to %d bits", minRSABits, maxRSABits)
	}
	if exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
		return nil, errors.New("its exponent is not an odd number from 3 to 2^31-1")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func ecKey(crv string, jwk map[string]any) (any, error) {
	curve, ok := map[string]elliptic.Curve{
		"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521(),
	}[crv]
	if !ok {
		return nil, errors.New("its curve is not supported")
	}
	point := []byte{4} // uncompressed, SEC 1 section 2.3.3
	for _, name := range []string{"x", "y"} {
		b, err := octets(jwk, name)
		if err != nil {
			return nil, err
		}
		if len(b) != (curve.Params().BitSize+7)/8 {
			return nil, errors.New("its coordinates don't have the curve's size")
		}
		point = append(point, b...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, errors.New("its point is not on the curve")
	}
	return public, nil
}

func edKey(crv string, jwk map[string]any) (any, error) {
	if crv != "Ed25519" {
		return nil, errors.New("its curve is not supported")
	}
	x, err := octets(jwk, "x")
	if err != nil {
		return nil, err
	}
	if len(x) != ed25519.PublicKeySize {
		return nil, errors.New("it has not the size of an Ed25519 key")
	}
	return ed25519.PublicKey(x), nil
}

// octets decodes a member of base64url octets.
func octets(jwk map[string]any, name string) ([]byte, error) {
	text, ok := jwk[name].(string)
	if !ok || text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("its member " + name + " is missing or no base64url text")
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("its member " + name + " is no base64url text")
	}
	return b, nil
}
