package gateway

import (
	"container/heap"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/seal"
	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// errUnknownSession is the one answer to every session id that is not good:
// malformed, expired, ended, or another caller's.
var errUnknownSession = errors.New("unknown session")

// errForeignSession is that of an id that another replica may have made, with
// another key.
var errForeignSession = fmt.Errorf("%w: sealed with another key", errUnknownSession)

// session is what a legacy session's id carries: any replica with the same keys
// reads it.
type session struct {
	nonce        stream.Nonce
	expires      time.Time
	revision     mcp.Revision
	capabilities mcp.ClientCapabilities
	// home is the URL of the replica that has the session's streams; empty if
	// no other can reach it.
	home string
}

// purposeSession is what session ids are sealed for.
const purposeSession = "session"

// sessions remembers which sessions were ended.
type sessions struct {
	now func() time.Time

	mu    sync.RWMutex
	ended map[stream.Nonce]bool
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

func newSessions() *sessions {
	return &sessions{now: time.Now, ended: make(map[stream.Nonce]bool)}
}

// newNonce tells a session from all others.
func newNonce() (stream.Nonce, error) {
	var nonce stream.Nonce
	if _, err := rand.Read(nonce[:]); err != nil {
		return nonce, fmt.Errorf("random number: %w", err)
	}
	return nonce, nil
}

// sessionFixed is the length of a session's plain text before its home: nonce,
// expiry, capabilities, revision.
const sessionFixed = len(stream.Nonce{}) + 8 + 1 + 10

// seal makes the session's id for a caller.
func (one *session) seal(ring *seal.Ring, principal string) string {
	plain := make([]byte, 0, sessionFixed+len(one.home))
	plain = append(plain, one.nonce[:]...)
	plain = binary.BigEndian.AppendUint64(plain, uint64(one.expires.Unix()))
	plain = append(plain, packCapabilities(one.capabilities))
	plain = append(plain, one.revision...)
	plain = append(plain, one.home...)
	bound := sha256.Sum256([]byte(principal))
	return ring.SealString(purposeSession, plain, bound[:])
}

// open reads a session's id for a caller.
func (s *sessions) open(ring *seal.Ring, id, principal string) (session, error) {
	bound := sha256.Sum256([]byte(principal))
	plain, err := ring.OpenString(purposeSession, id, bound[:])
	if errors.Is(err, seal.ErrForeign) {
		return session{}, errForeignSession
	}
	if err != nil || len(plain) < sessionFixed {
		return session{}, errUnknownSession
	}
	var out session
	n := copy(out.nonce[:], plain)
	out.expires = time.Unix(int64(binary.BigEndian.Uint64(plain[n:])), 0)
	out.capabilities = unpackCapabilities(plain[n+8])
	out.revision, _ = mcp.ParseRevision(plain[n+9 : sessionFixed])
	out.home = string(plain[sessionFixed:])
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

func (s *sessions) hasEnded(nonce stream.Nonce) bool {
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
