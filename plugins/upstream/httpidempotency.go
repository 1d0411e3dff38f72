package upstream

import (
	"crypto/rand"
	"encoding/hex"
)

// idempotency makes ready the header by which the service knows a call that is
// sent again (draft-ietf-httpapi-idempotency-key-header).
func (p *planner) idempotency() {
	name := p.tool.IdempotencyHeader
	if name == "" {
		return
	}
	if err := p.headerName(name, true); err != nil {
		p.fail(err, "idempotency_key")
		return
	}
	p.op.idempotency = name
}

// idempotency writes the key of the call: the same for all of its attempts.
func (b *builder) idempotency() {
	b.out = append(append(b.out, b.op.idempotency...), ": "...)
	if b.masked {
		b.out = append(b.out, "[new for each call]\r\n"...)
		return
	}
	key := ""
	if b.call.Record != nil {
		key = b.call.Record.IdempotencyKey
	}
	if key == "" {
		key = newUUID()
		if b.call.Record != nil {
			b.call.Record.IdempotencyKey = key
		}
	}
	b.out = append(append(b.out, key...), "\r\n"...)
}

// newUUID makes a random UUID (RFC 9562, section 5.4).
func newUUID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for i := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, id[i:i+1])
	}
	return string(text)
}
