package policy

import (
	"crypto/sha256"
	"encoding/binary"

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
	run := call.Run // answers for steps and suggestions are whole, those for models may be shortened
	w.flag(run != nil && run.Nesting != nil)
	w.flag(run != nil && run.Value != nil)
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

// caller writes who calls, and what it may.
func (w *keyWriter) caller(p *plugins.Principal) {
	if p == nil {
		return
	}
	digest := p.Digest()
	w.buf = append(w.buf, digest[:]...)
}
