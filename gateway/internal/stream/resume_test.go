package stream

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lossySink takes what it is sent; how much of it arrives is for the client to
// say.
type lossySink struct {
	frames  []string
	refuses bool
	ended   bool
	onEnd   []func()
}

func (l *lossySink) Send(p []byte) bool {
	if l.ended || l.refuses {
		return false
	}
	l.frames = append(l.frames, string(p))
	return true
}

func (l *lossySink) End()           { l.ended = true }
func (l *lossySink) OnEnd(f func()) { l.onEnd = append(l.onEnd, f) }
func (l *lossySink) lose()          { l.ended = true; l.notice() }
func (l *lossySink) opener() Sink   { return l }
func (l *lossySink) notice() {
	calls := l.onEnd
	l.onEnd = nil
	for _, call := range calls {
		call()
	}
}

// follower is a client's side of one stream: it reads, loses its connection,
// and comes back with the last id it saw.
type follower struct {
	sink *lossySink
	read int // frames of the sink
	last string
	got  []string
}

// take reads up to n more frames.
func (f *follower) take(n int) {
	for ; n > 0 && f.read < len(f.sink.frames); n-- {
		for _, e := range parseStream(f.sink.frames[f.read]) {
			if e.lastID != "" {
				f.last = e.lastID
			}
			if e.data != "" {
				f.got = append(f.got, e.data)
			}
		}
		f.read++
	}
}

// comeBack opens a new connection; what the old one still had is lost.
func (f *follower) comeBack(t *rapid.T, s *Session) {
	f.sink, f.read = &lossySink{}, 0
	if err := s.Listen(f.sink.opener, f.last, true); err != nil {
		t.Fatalf("resuming after %q: %v", f.last, err)
	}
}

// conversation is a session, a client, and what each stream should carry.
type conversation struct {
	table    *Table
	clock    *clock
	session  *Session
	next     int
	channels []*Channel
	// follows and sent are by stream; the last one is the general stream.
	follows []*follower
	sent    [][]string
	done    []bool
}

const conversing = 3 // channels

func newConversation(t *rapid.T) *conversation {
	c := &conversation{clock: newClock()}
	c.table = New(Limits{MaxStream: time.Minute}, c.clock.read)
	s, err := c.table.Session(nonce(1), "alice", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c.session = s
	for i := range conversing + 1 {
		f := &follower{sink: &lossySink{}}
		c.follows = append(c.follows, f)
		c.sent = append(c.sent, nil)
		c.done = append(c.done, false)
		if i < conversing {
			c.channels = append(c.channels, s.Open(f.sink.opener, true))
			c.send(i)
		} else if err := s.Listen(f.sink.opener, "", true); err != nil {
			t.Fatal(err)
		}
		f.take(1) // with the first event it knows where to resume from
	}
	return c
}

func (c *conversation) message(i int) []byte {
	c.next++
	m := fmt.Sprintf(`{"n":%d}`, c.next)
	c.sent[i] = append(c.sent[i], m)
	return []byte(m)
}

func (c *conversation) send(i int) {
	switch {
	case i == conversing:
		c.session.Push(c.message(i))
	case !c.done[i]:
		c.channels[i].Send(c.message(i))
	}
}

func (c *conversation) finish(i int) {
	if i < conversing && !c.done[i] {
		c.done[i] = true
		c.channels[i].Finish(c.message(i))
	}
}

// step does one thing on one stream.
func (c *conversation) step(t *rapid.T) {
	i := rapid.IntRange(0, conversing).Draw(t, "stream")
	f := c.follows[i]
	switch rapid.SampledFrom([]string{"send", "send", "send", "take", "back", "back", "lose", "refuse", "poll", "late", "finish"}).Draw(t, "step") {
	case "send":
		c.send(i)
	case "take":
		f.take(rapid.IntRange(1, 5).Draw(t, "frames"))
	case "back":
		f.take(rapid.IntRange(0, 5).Draw(t, "frames"))
		if i == conversing || len(f.got) < len(c.sent[i]) || !c.done[i] {
			f.comeBack(t, c.session)
		}
	case "lose":
		f.sink.lose()
	case "refuse":
		f.sink.refuses = true
	case "poll":
		if i < conversing {
			c.channels[i].Poll()
		}
	case "late":
		c.clock.pass(40 * time.Second)
		c.table.sweep()
	case "finish":
		c.finish(i)
	}
}

// TestEachMessageArrivesOnce cuts connections anywhere: after coming back, the
// client has each message of each stream once, and in order.
func TestEachMessageArrivesOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newConversation(t)
		defer c.table.Close()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			c.step(t)
		}
		for i, f := range c.follows {
			c.finish(i)
			if i == conversing || len(f.got) < len(c.sent[i]) {
				f.comeBack(t, c.session)
			}
			f.take(1 << 20)
			if !slices.Equal(f.got, c.sent[i]) {
				t.Fatalf("stream %d: got %v, want %v", i, f.got, c.sent[i])
			}
			if i < conversing && !f.sink.ended {
				t.Fatalf("stream %d doesn't end with its response", i)
			}
		}
		if c.session.calls != 0 {
			t.Fatalf("%d calls are left", c.session.calls)
		}
	})
}
