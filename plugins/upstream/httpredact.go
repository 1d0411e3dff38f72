package upstream

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// needle is one form of a secret to look for.
type needle struct {
	text []byte
	// anchor is where its byte stands that answers have least often.
	anchor int
}

// redactor overwrites the credentials of an upstream in its answers: a service
// that echoes its request (a debug page, an error with the request in it) must
// not hand them to a client. It finds them as they were sent, percent-encoded,
// and as JSON, HTML and XML escape them; it does not find parts of them, other
// encodings (base64 of a token, UTF-16), other cases, or what is inside of
// binary formats.
type redactor []needle

// minSecret is the length of the shortest secret that is looked for: a shorter
// one stands in answers by chance.
const minSecret = 8

// newRedactor makes the redactor for the secrets of the settings.
func newRedactor(s *HTTPSettings) redactor {
	forms := map[string]bool{}
	for _, secret := range s.secrets() {
		if len(secret) < minSecret {
			continue
		}
		for _, form := range secretForms(secret) {
			forms[form] = true
		}
	}
	r := make(redactor, 0, len(forms))
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		r = append(r, needle{[]byte(form), rarest(form)})
	}
	// A secret may be part of another one: the longer goes first, whole.
	slices.SortStableFunc(r, func(a, b needle) int { return len(b.text) - len(a.text) })
	return r
}

// redact overwrites in place.
func (r redactor) redact(text []byte) {
	for i := range r {
		n := &r[i]
		for from := 0; ; {
			at := n.index(text[from:])
			if at < 0 {
				break
			}
			end := from + at + len(n.text)
			for j := from + at; j < end; j++ {
				text[j] = '*'
			}
			from = end
		}
	}
}

// redact overwrites credentials in the body and in the values of headers.
func (a *answer) redact(r redactor) {
	if len(r) == 0 {
		return
	}
	r.redact(a.body)
	if len(a.fields) == 0 {
		return
	}
	head := a.buf[a.fields[0].name:a.fields[len(a.fields)-1].valueEnd]
	if !slices.ContainsFunc(r, func(n needle) bool { return n.index(head) >= 0 }) {
		return
	}
	for _, f := range a.fields {
		r.redact(a.buf[f.value:f.valueEnd])
	}
}

// index is bytes.Index, made for texts that have the needle's rarest byte
// seldom: it passes over all others many at a time.
func (n *needle) index(text []byte) int {
	last := len(text) - len(n.text)
	rare := n.text[n.anchor]
	for from, misses := 0, 0; from <= last; misses++ {
		if misses > 8+from/16 { // not rare here
			at := bytes.Index(text[from:], n.text)
			if at < 0 {
				return -1
			}
			return from + at
		}
		at := bytes.IndexByte(text[from+n.anchor:last+n.anchor+1], rare)
		if at < 0 {
			return -1
		}
		if from += at; bytes.Equal(text[from:from+len(n.text)], n.text) {
			return from
		}
		from++
	}
	return -1
}

// rarest returns the index of the byte that JSON and text have least often.
func rarest(s string) int {
	const common = "\"etaoinsr,: hl0d1cu{}.2mp/f-3g4y5w678b9v_TAESk"
	best, rank := 0, -1
	for i := range len(s) {
		r := strings.IndexByte(common, s[i])
		if r < 0 {
			return i
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best
}
