package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

const (
	maxToken   = 16 << 10 // bytes of a token
	maxKeyID   = 1024     // bytes of a kid
	maxNesting = 16       // depth of a token's claims
	// maxTime is the last second of the year 9999: a time beyond it is an
	// attempt at overflow, not a date.
	maxTime = 253402300799
)

// token is a JWT (RFC 7519) in compact form (RFC 7515, section 3.1) that was
// read strictly. Nothing in it is verified.
type token struct {
	alg, kid  string
	issuer    string
	audience  []string
	expires   time.Time
	notBefore time.Time // zero if absent
	issued    time.Time // zero if absent
	claims    map[string]any
}

// parseToken reads a token's header and claims with one strict parser, before
// anything costly is done with it. What two parsers could read in two ways is
// refused: duplicate names, bad UTF-8, characters that a lax decoder skips.
// The errors hold nothing of the token.
func parseToken(text string) (*token, error) {
	header, claims, err := splitToken(text)
	if err != nil {
		return nil, err
	}
	h, err := decodePart(header, 4)
	if err != nil {
		return nil, errors.New("the header is not strict base64url JSON")
	}
	c, err := decodePart(claims, maxNesting)
	if err != nil {
		return nil, errors.New("the claims are not strict base64url JSON")
	}
	t := &token{claims: c}
	if err := t.readHeader(h); err != nil {
		return nil, err
	}
	if err := t.readClaims(c); err != nil {
		return nil, err
	}
	return t, nil
}

// splitToken returns the encoded header and claims of a token that has the
// form of one: three parts, none empty, of the base64url alphabet.
func splitToken(text string) (header, claims string, err error) {
	if len(text) > maxToken {
		return "", "", errors.New("it is longer than 16 KiB")
	}
	if strings.Count(text, ".") != 2 {
		return "", "", errors.New("it has not three parts")
	}
	for i := range len(text) {
		// The standard library's decoder skips line breaks; nobody else does.
		if !isTokenByte(text[i]) {
			return "", "", errors.New("it has a character outside of base64url")
		}
	}
	header, rest, _ := strings.Cut(text, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	if header == "" || claims == "" || signature == "" {
		return "", "", errors.New("it has an empty part")
	}
	return header, claims, nil
}

func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.'
}

// decodePart decodes one part into an object.
func decodePart(part string, depth int) (map[string]any, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, err
	}
	v, err := strictjson.Decode(data, depth)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	return object, nil
}

// readHeader takes alg and kid. Keys that a header brings along or points to
// (jwk, jku, x5c, x5u) are never looked at.
func (t *token) readHeader(h map[string]any) error {
	var ok bool
	if t.alg, ok = h["alg"].(string); !ok || t.alg == "" {
		return errors.New("its alg is missing or no string")
	}
	if kid, has := h["kid"]; has {
		if t.kid, ok = kid.(string); !ok || t.kid == "" || len(t.kid) > maxKeyID {
			return errors.New("its kid is no usable string")
		}
	}
	// We know no extension, so a critical one must be refused (RFC 7515,
	// section 4.1.11); b64 would change what is signed (RFC 7797).
	for _, name := range []string{"crit", "b64"} {
		if _, has := h[name]; has {
			return errors.New("its header has " + name + ", which is not supported")
		}
	}
	if typ, has := h["typ"]; has && !isAccessType(typ) {
		return errors.New("its typ is not that of an access token")
	}
	return nil
}

// isAccessType reports whether a typ is one of access tokens (RFC 7519,
// section 5.1; RFC 9068, section 2.1) rather than of logout tokens, proofs of
// possession and other things that are signed with the same keys.
func isAccessType(typ any) bool {
	text, _ := typ.(string)
	text = strings.ToLower(text)
	if rest, cut := strings.CutPrefix(text, "application/"); cut {
		text = rest
	}
	return text == "jwt" || text == "at+jwt"
}

// readClaims takes the registered claims that are checked (RFC 7519, section
// 4.1).
func (t *token) readClaims(c map[string]any) (err error) {
	t.issuer, _ = c["iss"].(string)
	if t.audience, err = readAudience(c["aud"]); err != nil {
		return err
	}
	for name, at := range map[string]*time.Time{"exp": &t.expires, "nbf": &t.notBefore, "iat": &t.issued} {
		v, has := c[name]
		if !has {
			continue
		}
		if *at, err = readTime(v); err != nil {
			return errors.New("its " + name + " is no usable time")
		}
	}
	if t.expires.IsZero() {
		return errors.New("it has no exp")
	}
	return nil
}

// readAudience takes a string or a list of strings, and nothing else.
func readAudience(v any) ([]string, error) {
	wrong := errors.New("its aud is neither a string nor a list of strings")
	switch aud := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{aud}, nil
	case []any:
		list := make([]string, len(aud))
		for i, v := range aud {
			text, ok := v.(string)
			if !ok {
				return nil, wrong
			}
			list[i] = text
		}
		return list, nil
	default:
		return nil, wrong
	}
}

// readTime takes a NumericDate (RFC 7519, section 2) after 1970.
func readTime(v any) (time.Time, error) {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, errors.New("no number")
	}
	seconds, err := n.Float64()
	if err != nil || !(seconds > 0 && seconds <= maxTime) {
		return time.Time{}, errors.New("out of range")
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)), nil
}

// inTime reports for which reason a token can't be accepted at this time, or "".
func (t *token) inTime(now time.Time, leeway time.Duration) string {
	switch {
	case !now.Before(t.expires.Add(leeway)):
		return reasonExpired
	case now.Add(leeway).Before(t.notBefore), now.Add(leeway).Before(t.issued):
		return reasonNotYetValid
	default:
		return ""
	}
}

// isFor reports whether the token is meant for one of the audiences.
func (t *token) isFor(audiences []string) bool {
	return slices.ContainsFunc(t.audience, func(a string) bool { return slices.Contains(audiences, a) })
}
