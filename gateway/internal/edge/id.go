package edge

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
)

// idLength is the length of a request id made here.
const idLength = 32

// idSource makes request ids: unique, and cheap. They are names, not secrets.
type idSource struct {
	prefix  [8]byte
	counter atomic.Uint64
}

func newIDSource() *idSource {
	var seed [16]byte
	_, _ = rand.Read(seed[:]) // it never fails: it ends the program instead
	s := &idSource{prefix: [8]byte(seed[:8])}
	s.counter.Store(binary.LittleEndian.Uint64(seed[8:]))
	return s
}

// next writes a new id: a random number of this server's and a counter, mixed
// (splitmix64, which maps no two numbers to one).
func (s *idSource) next(dst *[idLength]byte) {
	z := s.counter.Add(0x9e3779b97f4a7c15)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	var b [16]byte
	copy(b[:8], s.prefix[:])
	binary.BigEndian.PutUint64(b[8:], z)
	hex.Encode(dst[:], b[:])
}

// saneID admits an id of a client's: 1 to 64 letters, digits, dots, hyphens
// and underscores.
func saneID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if classes[s[i]]&classHost == 0 {
			return false
		}
	}
	return true
}
