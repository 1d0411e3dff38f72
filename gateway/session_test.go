package gateway

import (
	"encoding/base64"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/internal/seal"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// testSessions are sessions with a key, and a clock that the test moves.
type testSessions struct {
	*sessions
	ring *seal.Ring
	time time.Time
}

func newTestSessions(t *testing.T) *testSessions {
	t.Helper()
	ring, err := seal.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &testSessions{sessions: newSessions(), ring: ring, time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	s.now = func() time.Time { return s.time }
	return s
}

// seal makes the id of a new session of ann's that lasts an hour.
func (s *testSessions) seal(t *testing.T, r mcp.Revision, c mcp.ClientCapabilities) string {
	t.Helper()
	nonce, err := newNonce()
	if err != nil {
		t.Fatal(err)
	}
	one := session{nonce: nonce, expires: s.time.Add(time.Hour), revision: r, capabilities: c, home: "http://10.0.0.1:8080"}
	return one.seal(s.ring, "ann")
}

func (s *testSessions) open(id, principal string) (session, error) {
	return s.sessions.open(s.ring, id, principal)
}

// checklist: 32
func TestSessionRoundTrip(t *testing.T) {
	s := newTestSessions(t)
	caps := mcp.ClientCapabilities{Sampling: true, ElicitationURL: true}
	for _, r := range mcp.Revisions() {
		id := s.seal(t, r, caps)
		for _, c := range id {
			if c < 0x21 || c > 0x7e {
				t.Fatalf("id %q is not visible ASCII", id)
			}
		}
		got, err := s.open(id, "ann")
		if err != nil || got.revision != r || got.capabilities != caps || got.home != "http://10.0.0.1:8080" {
			t.Errorf("%s: %+v, %v", r, got, err)
		}
		if _, err = s.open(id, "ben"); err == nil {
			t.Error("another caller opened the session")
		}
		s.time = s.time.Add(time.Hour)
		if _, err = s.open(id, "ann"); err == nil {
			t.Error("the session outlived its time")
		}
	}
	other := newTestSessions(t)
	id := s.seal(t, mcp.Rev20251125, caps)
	if _, err := other.open(id, "ann"); err == nil {
		t.Error("a session sealed with another key was opened")
	}
}

// TestSessionTampered changes any byte: the session is unknown.
//
// checklist: 32
func TestSessionTampered(t *testing.T) {
	s := newTestSessions(t)
	id := s.seal(t, mcp.Rev20251125, mcp.ClientCapabilities{})
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		changed := append([]byte(nil), raw...)
		changed[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		if _, err := s.open(base64.RawURLEncoding.EncodeToString(changed), "ann"); err == nil {
			t.Fatal("a changed id was opened")
		}
		if _, err := s.open(rapid.String().Draw(t, "text"), "ann"); err == nil {
			t.Fatal("any text was opened")
		}
	})
}

// TestEndedSessionsAreBounded ends more sessions than are remembered: those
// that would expire first are forgotten first.
func TestEndedSessionsAreBounded(t *testing.T) {
	s := newTestSessions(t)
	const limit = 8
	var last session
	for range 3 * limit {
		s.time = s.time.Add(time.Second)
		id := s.seal(t, mcp.Rev20251125, mcp.ClientCapabilities{})
		var err error
		if last, err = s.open(id, "ann"); err != nil {
			t.Fatal(err)
		}
		s.end(last, limit)
		if _, err = s.open(id, "ann"); err == nil {
			t.Fatal("an ended session was opened")
		}
	}
	if len(s.ended) != limit {
		t.Errorf("%d ended sessions are remembered", len(s.ended))
	}
	s.time = s.time.Add(2 * time.Hour)
	last.nonce[0]++
	s.end(last, limit)
	if len(s.ended) != 0 || len(s.order) != 0 {
		t.Errorf("%d ended sessions are remembered after they expired", len(s.ended))
	}
}
