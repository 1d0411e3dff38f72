package plugins

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// Digest stands for who calls and what it may: the same subject with another
// tenant, or with fewer roles, is another caller to those that keep answers.
// What every renewal of a token changes doesn't count.
func (p *Principal) Digest() [sha256.Size]byte {
	h := sha256.New()
	write(h, p.Key, p.Client)
	write(h, p.Roles...)
	write(h, p.Scopes...)
	for _, name := range slices.Sorted(maps.Keys(p.Claims)) {
		if ofToken(name) {
			continue
		}
		text, err := strictjson.Append(nil, p.Claims[name])
		if err != nil {
			text = fmt.Appendf(nil, "%#v", p.Claims[name])
		}
		write(h, name, string(text))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// write hashes texts so that no two lists of texts are the same.
func write(h hash.Hash, texts ...string) {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(texts)))
	h.Write(size[:])
	for _, text := range texts {
		binary.LittleEndian.PutUint64(size[:], uint64(len(text)))
		h.Write(size[:])
		h.Write([]byte(text))
	}
}

// ofToken reports whether a claim says something of its token alone, which
// every renewal changes (RFC 7519, section 4.1; RFC 9068, section 2.2.1).
func ofToken(claim string) bool {
	switch claim {
	case "exp", "iat", "nbf", "jti", "auth_time":
		return true
	}
	return false
}
