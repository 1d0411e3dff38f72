package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// cacheKey stands for all that an answer depends on.
type cacheKey [sha256.Size]byte

// key makes the key of a call; ok is false if its arguments can't be written.
func (c *cache) key(call *plugins.Call) (key cacheKey, ok bool) {
	w := keyWriter{buf: make([]byte, 0, 512)}
	w.text(noun(call.Tool))
	w.text(call.Tool.Name)
	w.text(call.Tool.Fingerprint)
	w.text(c.Scope)
	can := call.Capabilities
	for _, declared := range []bool{can.Elicitation, can.ElicitationURL, can.Sampling, can.Roots, can.Tasks} {
		w.flag(declared)
	}
	if !c.Shared() {
		w.caller(call.Principal)
	}
	at := w.begin()
	var err error
	if w.buf, err = strictjson.Append(w.buf, call.Args); err != nil {
		return key, false
	}
	w.end(at)
	return sha256.Sum256(w.buf), true
}

// keyWriter joins texts so that no two lists of texts are the same.
type keyWriter struct{ buf []byte }

func (w *keyWriter) begin() int {
	w.buf = append(w.buf, 0, 0, 0, 0)
	return len(w.buf)
}

func (w *keyWriter) end(at int) {
	binary.LittleEndian.PutUint32(w.buf[at-4:], uint32(len(w.buf)-at))
}

func (w *keyWriter) text(s string) {
	at := w.begin()
	w.buf = append(w.buf, s...)
	w.end(at)
}

func (w *keyWriter) flag(set bool) {
	if set {
		w.buf = append(w.buf, 1)
	} else {
		w.buf = append(w.buf, 0)
	}
}

func (w *keyWriter) list(l []string) {
	at := w.begin()
	for _, s := range l {
		w.text(s)
	}
	w.end(at)
}

// caller writes who calls, and what it may: the same subject with another
// tenant or with fewer roles is answered for itself.
func (w *keyWriter) caller(p *plugins.Principal) {
	if p == nil {
		return
	}
	w.text(p.Key)
	w.text(p.Client)
	w.list(p.Roles)
	w.list(p.Scopes)
	for _, name := range slices.Sorted(maps.Keys(p.Claims)) {
		if ofToken(name) {
			continue
		}
		w.text(name)
		at := w.begin()
		claim := p.Claims[name]
		if buf, err := strictjson.Append(w.buf, claim); err == nil {
			w.buf = buf
		} else {
			w.buf = fmt.Appendf(w.buf[:at], "%#v", claim)
		}
		w.end(at)
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
