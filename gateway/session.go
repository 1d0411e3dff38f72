package gateway

import (
	"container/heap"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// errUnknownSession is the one answer to every session id that is not good:
// malformed, expired, ended, or another caller's.
var errUnknownSession = errors.New("unknown session")

// session is what a legacy session's id carries. Nothing is stored: any
// replica with the same key reads it.
type session struct {
	revision     mcp.Revision
	capabilities mcp.ClientCapabilities
	expires      time.Time
	nonce        [12]byte
}

// sessions seals sessions into their ids with AES-GCM, bound to the caller,
// and remembers which ones were ended.
type sessions struct {
	aead cipher.AEAD
	now  func() time.Time

	mu    sync.RWMutex
	ended map[[12]byte]bool
	// order has the ended sessions by expiry, the soonest first.
	order endedSessions
}

// endedSessions is a heap of ended sessions by expiry.
type endedSessions []session

func (e endedSessions) Len() int           { return len(e) }
func (e endedSessions) Less(i, j int) bool { return e[i].expires.Before(e[j].expires) }
func (e endedSessions) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *endedSessions) Push(x any) { *e = append(*e, x.(session)) } //nolint:forcetypeassert // only sessions are pushed

// Pop implements heap.Interface.
func (e *endedSessions) Pop() any {
	last := len(*e) - 1
	one := (*e)[last]
	*e = (*e)[:last]
	return one
}

func newSessions() (*sessions, error) {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("session key: %w", err)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("session key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("session key: %w", err)
	}
	return &sessions{aead: aead, now: time.Now, ended: make(map[[12]byte]bool)}, nil
}

// sessionPlain is the length of a sealed session's plain text: expiry,
// capabilities, revision.
const sessionPlain = 8 + 1 + 10

// seal makes the id of a new session.
func (s *sessions) seal(principal string, r mcp.Revision, c mcp.ClientCapabilities, ttl time.Duration) (string, error) {
	var nonce [12]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", fmt.Errorf("session id: %w", err)
	}
	var plain [sessionPlain]byte
	binary.BigEndian.PutUint64(plain[:8], uint64(s.now().Add(ttl).Unix()))
	plain[8] = packCapabilities(c)
	copy(plain[9:], r)
	bound := sha256.Sum256([]byte(principal))
	sealed := s.aead.Seal(nonce[:], nonce[:], plain[:], bound[:])
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open reads a session's id for a caller.
func (s *sessions) open(id, principal string) (session, error) {
	var space [12 + sessionPlain + 16]byte
	if base64.RawURLEncoding.DecodedLen(len(id)) != len(space) {
		return session{}, errUnknownSession
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(space[:], []byte(id)); err != nil {
		return session{}, errUnknownSession
	}
	var out session
	copy(out.nonce[:], space[:12])
	bound := sha256.Sum256([]byte(principal))
	plain, err := s.aead.Open(space[12:12], out.nonce[:], space[12:], bound[:])
	if err != nil {
		return session{}, errUnknownSession
	}
	out.expires = time.Unix(int64(binary.BigEndian.Uint64(plain[:8])), 0)
	out.capabilities = unpackCapabilities(plain[8])
	out.revision, _ = mcp.ParseRevision(plain[9:])
	if !s.now().Before(out.expires) || s.hasEnded(out.nonce) {
		return session{}, errUnknownSession
	}
	return out, nil
}

// end makes a session unknown from now on. At most limit ended sessions are
// remembered; of more, those that would expire soonest are forgotten.
func (s *sessions) end(one session, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended[one.nonce] {
		return
	}
	s.ended[one.nonce] = true
	heap.Push(&s.order, one)
	now := s.now()
	for len(s.order) > limit || !now.Before(s.order[0].expires) {
		first := heap.Pop(&s.order).(session) //nolint:forcetypeassert // only sessions are pushed
		delete(s.ended, first.nonce)
		if len(s.order) == 0 {
			return
		}
	}
}

func (s *sessions) hasEnded(nonce [12]byte) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ended[nonce]
}

func packCapabilities(c mcp.ClientCapabilities) byte {
	var b byte
	for i, has := range []bool{c.Elicitation, c.ElicitationURL, c.Sampling, c.Roots} {
		if has {
			b |= 1 << i
		}
	}
	return b
}

func unpackCapabilities(b byte) mcp.ClientCapabilities {
	return mcp.ClientCapabilities{
		Elicitation: b&1 != 0, ElicitationURL: b&2 != 0, Sampling: b&4 != 0, Roots: b&8 != 0,
	}
}
