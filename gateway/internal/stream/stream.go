// Package stream is the live side of talking to clients: event stream framing,
// legacy sessions with their streams, replay and requests of the server's, and
// the listen streams of modern clients. It does no I/O: it writes to sinks.
//
// Locks are taken in one order: the table's, then one session's. A sink is
// called with its session's lock held at most, so it must not block; it may
// call back from within any of its methods.
package stream

import (
	"errors"
	"time"
)

// Sink is a connection's answer that is sent piece by piece.
type Sink interface {
	// Send queues bytes, and never blocks. They are handed over: neither side
	// changes them afterwards. False says that the client is gone or too slow;
	// the bytes are not sent then.
	Send(p []byte) bool
	// End closes the answer after what is queued.
	End()
	// OnEnd has a function called once the client is gone or the answer over;
	// at once, if it is already.
	OnEnd(f func())
}

// The errors of this package. Those of a bound wrap ErrLimit.
var (
	// ErrLimit says that a bound is reached; a later try may go well.
	ErrLimit = errors.New("limit reached")
	// ErrEnded says that the session, or the table, has ended.
	ErrEnded = errors.New("session ended")
	// ErrGone says that the client can't be reached any more.
	ErrGone = errors.New("client gone")
	// ErrUnknownEvent says that a Last-Event-ID names nothing that could be
	// resumed.
	ErrUnknownEvent = errors.New("unknown event id")
	// ErrNoSession says that a client without a session can't be asked.
	ErrNoSession = errors.New("no session")
)

// Limits bound what a table holds. Zero means the default.
type Limits struct {
	// Sessions bounds sessions with a live side (default 10000).
	Sessions int
	// Streams bounds streams that wait for news: general streams, resumed
	// ones, listen streams (default 10000).
	Streams int
	// Replay bounds the messages a session keeps for resumption (default 256);
	// below zero none is kept.
	Replay int
	// ReplayBytes bounds the same in bytes (default 1 MiB). One larger response
	// of up to 8 MiB is kept besides.
	ReplayBytes int
	// TotalBytes bounds what all sessions keep together (default 64 MiB).
	TotalBytes int
	// Subscriptions bounds a session's (default 1000), TotalSubscriptions those
	// of all sessions (default 100000).
	Subscriptions, TotalSubscriptions int
	// Requests bounds the open requests to one client (default 64).
	Requests int
	// Retry is what clients are told to wait before they come back (default 1 s).
	Retry time.Duration
	// MaxStream is the longest that a resumable stream stays open before its
	// client is sent away to come back; zero means forever.
	MaxStream time.Duration
}

const (
	// maxResponse bounds a response kept for resumption, in bytes.
	maxResponse = 8 << 20
	// maxGeneral bounds a session's general streams: one more ends the oldest.
	maxGeneral = 8
)

func (l Limits) orDefaults() *Limits {
	for _, one := range []struct {
		value   *int
		instead int
	}{
		{&l.Sessions, 10000}, {&l.Streams, 10000}, {&l.Replay, 256}, {&l.ReplayBytes, 1 << 20},
		{&l.TotalBytes, 64 << 20}, {&l.Subscriptions, 1000}, {&l.TotalSubscriptions, 100000}, {&l.Requests, 64},
	} {
		if *one.value == 0 {
			*one.value = one.instead
		}
	}
	l.Replay = max(l.Replay, 0)
	if l.Retry <= 0 {
		l.Retry = time.Second
	}
	return &l
}

// sweepEvery is how often a table looks for what is over.
func (l *Limits) sweepEvery() time.Duration {
	if l.MaxStream <= 0 {
		return 15 * time.Second
	}
	return min(max(l.MaxStream/20, 25*time.Millisecond), 5*time.Second)
}
