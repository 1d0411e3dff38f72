package stream

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPlainAnswers(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	open := func() Sink { t.Error("a sink was made"); return nil }
	for name, c := range map[string]*Channel{"resumable": s.Open(open, true), "older": s.Open(open, false), "modern": table.Channel(open)} {
		if c.Opened() || c.Finish(message(1)) {
			t.Errorf("%s: the answer went onto a stream", name)
		}
		c.Send(message(2))
	}
	if table.Streams() != 0 || s.calls != 0 {
		t.Errorf("%d streams, %d calls", table.Streams(), s.calls)
	}
}

func TestChannelWithoutASink(t *testing.T) {
	table, _ := newTable(t, Limits{})
	c := newSession(t, table, 1).Open(func() Sink { return nil }, true)
	c.Send(message(1))
	if c.Poll() || c.Finish(message(2)) {
		t.Error("the answer went nowhere")
	}
}

func TestChannelsByRevision(t *testing.T) {
	table, _ := newTable(t, Limits{Retry: time.Second})
	s := newSession(t, table, 1)
	for _, c := range []struct {
		name           string
		make           func(open func() Sink) *Channel
		primes, hasIDs bool
	}{
		{"2025-11-25", func(open func() Sink) *Channel { return s.Open(open, true) }, true, true},
		{"older", func(open func() Sink) *Channel { return s.Open(open, false) }, false, false},
		{"modern", table.Channel, false, false},
	} {
		sink := &fakeSink{}
		channel := c.make(sink.opener())
		channel.Send(message(1))
		if !channel.Opened() || table.Streams() != 1 {
			t.Errorf("%s: the stream isn't open", c.name)
		}
		if !channel.Finish(message(2)) || !channel.Finish(message(3)) {
			t.Errorf("%s: the answer isn't on the stream", c.name)
		}
		channel.Send(message(4))
		wantMessages(t, c.name, sink.messages(), `{"n":1}`, `{"n":2}`)
		if !sink.over() || table.Streams() != 0 {
			t.Errorf("%s: the stream is still open", c.name)
		}
		events := parseStream(sink.text())
		primed := events[0].data == "" && events[0].lastID != "" && events[0].retry == 1000
		if primed != c.primes || strings.Contains(sink.text(), "id: ") != c.hasIDs || strings.Contains(sink.text(), "retry: ") != c.primes {
			t.Errorf("%s: %q", c.name, sink.text())
		}
	}
}

func TestCancelledRequestHasNoAnswer(t *testing.T) {
	table, _ := newTable(t, Limits{})
	sink := &fakeSink{}
	c := newSession(t, table, 1).Open(sink.opener(), true)
	c.Send(message(1))
	if !c.Finish(nil) || !sink.over() {
		t.Error("the stream is still open")
	}
	wantMessages(t, "stream", sink.messages(), `{"n":1}`)
}

func TestDisconnectedClientComesBack(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	sink := &fakeSink{}
	c := s.Open(sink.opener(), true)
	c.Send(message(1))
	sink.End()
	c.Send(message(2))
	again := &fakeSink{}
	if err := s.Listen(again.opener(), sink.lastID(), true); err != nil {
		t.Fatal(err)
	}
	s.Push(message(9)) // belongs to a general stream only
	c.Send(message(3))
	again.End()
	c.Finish(message(4))
	for _, want := range []string{"once", "and once more, for the connection may have broken"} {
		last := &fakeSink{}
		if err := s.Listen(last.opener(), again.lastID(), true); err != nil {
			t.Fatal(err)
		}
		if !last.over() {
			t.Errorf("%s: the stream doesn't end with the answer", want)
		}
		wantMessages(t, want, last.messages(), `{"n":4}`)
	}
	wantMessages(t, "in between", again.messages(), `{"n":2}`, `{"n":3}`)
	general := &fakeSink{}
	if err := s.Listen(general.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, "general", general.messages(), `{"n":9}`)
}

func TestAnswerOfAnOlderClientThatLeft(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	sink := &fakeSink{}
	c := s.Open(sink.opener(), false)
	c.Send(message(1))
	sink.End()
	c.Send(message(2))
	if !c.Finish(message(3)) || len(s.lines) != 0 || len(s.log) != 0 || s.calls != 0 {
		t.Errorf("left over: %d lines, %d messages, %d calls", len(s.lines), len(s.log), s.calls)
	}
}

func TestPoll(t *testing.T) {
	table, _ := newTable(t, Limits{Retry: 500 * time.Millisecond})
	s := newSession(t, table, 1)
	sink := &fakeSink{}
	c := s.Open(sink.opener(), true)
	if !c.Poll() || !sink.over() || c.Poll() {
		t.Error("the client isn't sent away, once")
	}
	events := parseStream(sink.text())
	if len(sink.messages()) != 0 || events[0].lastID == "" || events[len(events)-1].retry != 500 {
		t.Errorf("the client got %+v", events)
	}
	c.Finish(message(1))
	again := &fakeSink{}
	if err := s.Listen(again.opener(), sink.lastID(), true); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, "after coming back", again.messages(), `{"n":1}`)
	older := s.Open((&fakeSink{}).opener(), false)
	older.Send(message(1))
	if older.Poll() {
		t.Error("a client that doesn't know how to come back was sent away")
	}
}

func TestAnswersOutliveNotifications(t *testing.T) {
	table, _ := newTable(t, Limits{Replay: 4})
	s := newSession(t, table, 1)
	done, running := &fakeSink{}, &fakeSink{}
	first, second := s.Open(done.opener(), true), s.Open(running.opener(), true)
	first.Send(message(0))
	second.Send(message(0))
	done.End()
	running.End()
	first.Finish(message(1))
	for i := range 20 {
		second.Send(message(i))
	}
	again, rest := &fakeSink{}, &fakeSink{}
	if err := s.Listen(again.opener(), done.lastID(), true); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, "finished", again.messages(), `{"n":1}`)
	if err := s.Listen(rest.opener(), running.lastID(), true); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, "with a gap", rest.messages(), `{"n":17}`, `{"n":18}`, `{"n":19}`)
}

func TestAnswerThatIsNotKept(t *testing.T) {
	table, _ := newTable(t, Limits{Replay: 2})
	s := newSession(t, table, 1)
	var sinks [4]fakeSink
	for i := range sinks {
		c := s.Open(sinks[i].opener(), true)
		c.Send(message(0))
		sinks[i].End()
		c.Finish(message(i))
	}
	for i, want := range []error{ErrUnknownEvent, ErrUnknownEvent, nil, nil} {
		if err := s.Listen((&fakeSink{}).opener(), sinks[i].lastID(), true); !errors.Is(err, want) {
			t.Errorf("answer %d: %v, want %v", i, err, want)
		}
	}
	if len(s.lines) != 2 {
		t.Errorf("%d streams are remembered", len(s.lines))
	}
}

func TestLargeAnswers(t *testing.T) {
	table, _ := newTable(t, Limits{ReplayBytes: 10 << 10})
	s := newSession(t, table, 1)
	answer := func(size int) *fakeSink {
		sink := &fakeSink{}
		c := s.Open(sink.opener(), true)
		c.Send(message(0))
		live := &fakeSink{}
		id := sink.lastID()
		if err := s.Listen(live.opener(), id, true); err != nil {
			t.Fatal(err)
		}
		c.Finish(bytes.Repeat([]byte("x"), size))
		if got := live.messages(); len(got) != 1 || len(got[0]) != size {
			t.Errorf("an answer of %d bytes did not arrive", size)
		}
		return sink
	}
	first, small, second, huge := answer(1<<20), answer(100), answer(maxResponse), answer(maxResponse+1)
	for _, c := range []struct {
		name string
		sink *fakeSink
		want error
	}{{"gave way to another large one", first, ErrUnknownEvent}, {"small", small, nil}, {"large", second, nil}, {"too large", huge, ErrUnknownEvent}} {
		again := &fakeSink{}
		if err := s.Listen(again.opener(), c.sink.lastID(), true); !errors.Is(err, c.want) || err == nil && len(again.messages()) != 1 {
			t.Errorf("%s: %v, %d messages", c.name, err, len(again.messages()))
		}
	}
	table.End(nonce(1))
	if held := table.held.Load(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
}

// TestSinkThatEndsFromWithin has sinks call back while the session's lock is
// held.
func TestSinkThatEndsFromWithin(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	sink := &fakeSink{rude: true}
	c := s.Open(sink.opener(), true)
	c.Send(message(1))
	gone := &fakeSink{}
	gone.End()
	if err := s.Listen(gone.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	s.Push(message(2))
	table.sweep()
	if table.Streams() != 0 || len(s.general) != 0 {
		t.Errorf("%d streams are open, %d general", table.Streams(), len(s.general))
	}
	again := &fakeSink{}
	if err := s.Listen(again.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, "general", again.messages(), `{"n":2}`)
}
