package gateway

import (
	"encoding/base64"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// newTestSessions has a clock that the test moves.
func newTestSessions(t *testing.T) (*sessions, *time.Time) {
	t.Helper()
	s, err := newSessions()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	return s, &now
}

func TestSessionRoundTrip(t *testing.T) {
	s, now := newTestSessions(t)
	caps := mcp.ClientCapabilities{Sampling: true, ElicitationURL: true}
	for _, r := range mcp.Revisions() {
		id, err := s.seal("ann", r, caps, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range id {
			if c < 0x21 || c > 0x7e {
				t.Fatalf("id %q is not visible ASCII", id)
			}
		}
		got, err := s.open(id, "ann")
		if err != nil || got.revision != r || got.capabilities != caps {
			t.Errorf("%s: %+v, %v", r, got, err)
		}
		if _, err = s.open(id, "ben"); err == nil {
			t.Error("another caller opened the session")
		}
		*now = now.Add(time.Hour)
		if _, err = s.open(id, "ann"); err == nil {
			t.Error("the session outlived its time")
		}
	}
	other, _ := newTestSessions(t)
	id, err := s.seal("ann", mcp.Rev20251125, caps, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = other.open(id, "ann"); err == nil {
		t.Error("a session sealed with another key was opened")
	}
}

// TestSessionTampered changes any byte: the session is unknown.
func TestSessionTampered(t *testing.T) {
	s, _ := newTestSessions(t)
	id, err := s.seal("ann", mcp.Rev20251125, mcp.ClientCapabilities{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
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
	s, now := newTestSessions(t)
	const limit = 8
	var last session
	for range 3 * limit {
		*now = now.Add(time.Second)
		id, err := s.seal("ann", mcp.Rev20251125, mcp.ClientCapabilities{}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
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
	*now = now.Add(2 * time.Hour)
	last.nonce[0]++
	s.end(last, limit)
	if len(s.ended) != 0 || len(s.order) != 0 {
		t.Errorf("%d ended sessions are remembered after they expired", len(s.ended))
	}
}
