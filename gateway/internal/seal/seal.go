// Package seal makes tokens that only their makers can read or alter: session
// ids, request states, task ids, cursors. Their plain text is encrypted and
// authenticated (AES-256-GCM, NIST SP 800-38D), so it may pass through the
// hands of clients. Every replica with the same keys opens them.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// MinSecret is the least length of a secret in bytes. Tokens are in the hands
// of clients, who can try secrets on them as fast as they like.
const MinSecret = 32

// ErrInvalid says that a token was not made with a key of this ring, for this
// purpose and with these bound data. It doesn't say which of them differs.
var ErrInvalid = errors.New("invalid token")

// ErrForeign is an ErrInvalid of what looks like a token of a key that this
// ring doesn't have.
var ErrForeign = fmt.Errorf("%w: it was sealed with another key", ErrInvalid)

// A token is a header, a nonce and the sealed text with its tag. The header is
// the form (1 byte) and the id of the key (4 bytes); both are authenticated.
const (
	formPlain    = 1
	formDeflated = 2
	idSize       = 4
	headerSize   = 1 + idSize
	nonceSize    = 12
	tagSize      = 16
	overhead     = headerSize + nonceSize + tagSize
)

// Ring is a set of keys: the first one seals, all of them open. It is safe for
// concurrent use and never changes; Renew makes another one. Nonces are random,
// so a secret should be replaced before it has sealed 2^32 tokens of a purpose
// (SP 800-38D, section 8.3).
type Ring struct {
	keys []*key
	// process is the random key of this process, which seals if there are no
	// secrets; nil if it was never needed.
	process  *key
	deflater *deflater
}

// key is what is derived from one secret.
type key struct {
	secret []byte
	id     [idSize]byte
	// purposes holds a cipher.AEAD for each purpose used so far. Purposes are
	// constants of the program, so there are few.
	purposes sync.Map
}

// New makes a ring of secrets, each of MinSecret bytes or more. Without secrets
// the ring has one random key, so its tokens mean nothing to other processes.
func New(secrets []string) (*Ring, error) {
	return (&Ring{deflater: newDeflater()}).Renew(secrets)
}

// Renew makes the ring that follows this one when secrets change. The random
// key of the process, if there is one, is handed on: tokens sealed with it are
// opened as long as the process lives. Tokens of secrets that are gone are not.
func (r *Ring) Renew(secrets []string) (*Ring, error) {
	next := &Ring{process: r.process, deflater: r.deflater}
	for i, secret := range secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("key %d has %d bytes: use at least %d random ones, such as `openssl rand -base64 32` prints",
				i+1, len(secret), MinSecret)
		}
		each, err := newKey([]byte(secret))
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		next.keys = append(next.keys, each)
	}
	if len(next.keys) == 0 && next.process == nil {
		secret := make([]byte, MinSecret)
		_, _ = rand.Read(secret) // never fails, says its documentation
		var err error
		if next.process, err = newKey(secret); err != nil {
			return nil, err
		}
	}
	if next.process != nil {
		next.keys = append(next.keys, next.process)
	}
	return next, nil
}

func newKey(secret []byte) (*key, error) {
	id, err := hkdf.Key(sha256.New, secret, nil, "sallyport seal id", idSize)
	if err != nil {
		return nil, fmt.Errorf("derive the id of a key: %w", err)
	}
	k := &key{secret: secret}
	copy(k.id[:], id)
	// What can fail fails now and not at the first token.
	_, err = newAEAD(secret, "")
	return k, err
}

// newAEAD derives the cipher of a purpose, so that a token of one purpose is
// never one of another (RFC 5869, section 3.2).
func newAEAD(secret []byte, purpose string) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, secret, nil, "sallyport seal key "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return aead, nil
}

func (k *key) aead(purpose string) cipher.AEAD {
	if known, ok := k.purposes.Load(purpose); ok {
		return known.(cipher.AEAD) //nolint:forcetypeassert // nothing else is stored
	}
	made, err := newAEAD(k.secret, purpose)
	if err != nil {
		panic(err) // it worked when the key was made, and depends on lengths only
	}
	known, _ := k.purposes.LoadOrStore(purpose, made)
	return known.(cipher.AEAD) //nolint:forcetypeassert // nothing else is stored
}

// Seal appends the token for plain to dst. It opens only for the same purpose
// and the same bound data, which are not in the token. Its length tells that of
// plain.
func (r *Ring) Seal(dst []byte, purpose string, plain, bound []byte) []byte {
	return r.seal(dst, formPlain, purpose, plain, bound)
}

// SealCompact is Seal for longer texts: they are compressed if that makes them
// shorter. The length of the token then depends on what is in plain, so that
// somebody who chooses one part of it may guess at another part: use it only if
// the token's holder may know all of plain.
func (r *Ring) SealCompact(dst []byte, purpose string, plain, bound []byte) []byte {
	if short, ok := r.deflater.deflate(plain); ok {
		return r.seal(dst, formDeflated, purpose, short, bound)
	}
	return r.seal(dst, formPlain, purpose, plain, bound)
}

func (r *Ring) seal(dst []byte, form byte, purpose string, plain, bound []byte) []byte {
	first := r.keys[0]
	dst = slices.Grow(dst, len(plain)+overhead)
	dst = append(dst, form)
	dst = append(dst, first.id[:]...)
	associated := associate(dst[len(dst)-headerSize:], bound)
	return first.aead(purpose).Seal(dst, nil, plain, associated) //nolint:gosec // G407: nil because the cipher draws the nonce itself
}

// Open returns the plain text of a token, or ErrInvalid.
func (r *Ring) Open(purpose string, token, bound []byte) ([]byte, error) {
	if len(token) < overhead {
		return nil, ErrInvalid
	}
	header := token[:headerSize]
	if header[0] != formPlain && header[0] != formDeflated {
		return nil, ErrInvalid
	}
	associated := associate(header, bound)
	known := false
	for _, each := range r.keys {
		if string(each.id[:]) != string(header[1:]) {
			continue
		}
		known = true
		plain, err := each.aead(purpose).Open(nil, nil, token[headerSize:], associated)
		if err != nil {
			continue // another key may have the same id
		}
		if header[0] == formDeflated {
			return inflate(plain)
		}
		return plain, nil
	}
	if !known {
		return nil, ErrForeign
	}
	return nil, ErrInvalid
}

// associate joins the header, whose length is fixed, and the bound data.
func associate(header, bound []byte) []byte {
	return append(slices.Clone(header), bound...)
}

// SealString is Seal as base64url without padding (RFC 4648, section 5).
func (r *Ring) SealString(purpose string, plain, bound []byte) string {
	return base64.RawURLEncoding.EncodeToString(r.Seal(nil, purpose, plain, bound))
}

// SealCompactString is SealCompact as base64url without padding.
func (r *Ring) SealCompactString(purpose string, plain, bound []byte) string {
	return base64.RawURLEncoding.EncodeToString(r.SealCompact(nil, purpose, plain, bound))
}

// OpenString opens what SealString or SealCompactString made: exactly one text
// is the text of a token.
func (r *Ring) OpenString(purpose, token string, bound []byte) ([]byte, error) {
	// The decoder would skip them (RFC 4648, section 3.3).
	if strings.ContainsAny(token, "\r\n") {
		return nil, ErrInvalid
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, ErrInvalid
	}
	return r.Open(purpose, raw, bound)
}

// Bind makes bound data of several parts. Other parts make other data, however
// they are cut: ("ab", "c") is not ("a", "bc").
func Bind(parts ...string) []byte {
	hash := sha256.New()
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		hash.Write(size[:])
		hash.Write([]byte(part))
	}
	return hash.Sum(nil)
}
