package load

import (
	"bytes"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
)

// Pattern is a message, a request or an answer, in which only the call's id
// and its customer's id change.
type Pattern struct {
	text      []byte
	ids       []int
	customers []int
}

// NewPattern makes the pattern of a message that was made for call.
func NewPattern(message []byte, call fixture.Call) *Pattern {
	return &Pattern{
		text:      bytes.Clone(message),
		ids:       positions(message, call.ID[:]),
		customers: positions(message, call.Customer[:]),
	}
}

// Instance is a buffer of one worker in which a pattern is filled in.
type Instance struct {
	*Pattern
	buf []byte
}

// Instance makes a buffer for the pattern.
func (p *Pattern) Instance() *Instance {
	return &Instance{Pattern: p, buf: bytes.Clone(p.text)}
}

// For returns the message for call, valid until the next For.
func (i *Instance) For(call *fixture.Call) []byte {
	for _, at := range i.ids {
		copy(i.buf[at:], call.ID[:])
	}
	for _, at := range i.customers {
		copy(i.buf[at:], call.Customer[:])
	}
	return i.buf
}

func positions(text, part []byte) []int {
	var at []int
	for from := 0; ; {
		i := bytes.Index(text[from:], part)
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(part)
	}
}
