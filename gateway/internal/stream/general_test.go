package stream

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestGeneralStream(t *testing.T) {
	table, _ := newTable(t, Limits{Retry: 2 * time.Second})
	s := newSession(t, table, 1)
	s.Push(message(1))
	s.Push(message(2))
	sink := &fakeSink{}
	if err := s.Listen(sink.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	s.Push(message(3))
	wantMessages(t, "what waited and what came", sink.messages(), `{"n":1}`, `{"n":2}`, `{"n":3}`)
	events := parseStream(sink.text())
	if first := events[0]; first.data != "" || first.lastID == "" || first.retry != 2000 {
		t.Errorf("the stream begins with %+v", first)
	}
	seen := map[string]bool{}
	for _, e := range events {
		if seen[e.lastID] {
			t.Errorf("two events are %s", e.lastID)
		}
		seen[e.lastID] = true
	}
}

func TestGeneralStreamOfOlderRevisions(t *testing.T) {
	table, clock := newTable(t, Limits{MaxStream: time.Minute})
	s := newSession(t, table, 1)
	sink := &fakeSink{}
	if err := s.Listen(sink.opener(), "", false); err != nil {
		t.Fatal(err)
	}
	if got := sink.text(); got != KeepAlive {
		t.Errorf("the stream begins with %q", got)
	}
	s.Push(message(1))
	clock.pass(time.Hour / 2)
	table.sweep()
	if sink.over() {
		t.Error("a client that doesn't know how to come back was sent away")
	}
	sink.End()
	s.Push(message(2))
	again := &fakeSink{}
	if err := s.Listen(again.opener(), sink.lastID(), false); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, "resumed", again.messages(), `{"n":2}`)
}

func TestOneStreamGetsAMessage(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	sinks := []*fakeSink{{}, {}, {}}
	for _, sink := range sinks {
		if err := s.Listen(sink.opener(), "", true); err != nil {
			t.Fatal(err)
		}
	}
	s.Push(message(1))
	sinks[2].End()
	s.Push(message(2))
	sinks[1].refuse()
	s.Push(message(3))
	sinks[0].rude = true
	s.Push(message(4))
	s.Push(message(5))
	for i, want := range [][]string{{`{"n":3}`}, {`{"n":2}`}, {`{"n":1}`}} {
		wantMessages(t, fmt.Sprint("stream ", i), sinks[i].messages(), want...)
	}
	if !sinks[1].over() {
		t.Error("a stream that is too slow is left open")
	}
	again := &fakeSink{}
	if err := s.Listen(again.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, "the next stream", again.messages(), `{"n":4}`, `{"n":5}`)
	if table.Streams() != 1 || table.waiting.taken.Load() != 1 {
		t.Errorf("%d streams, %d slots", table.Streams(), table.waiting.taken.Load())
	}
}

func TestResumedStreamGetsItsOwn(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	a, b := &fakeSink{}, &fakeSink{}
	if err := s.Listen(a.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	first := a.lastID()
	s.Push(message(1))
	if err := s.Listen(b.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	s.Push(message(2))
	again := &fakeSink{}
	if err := s.Listen(again.opener(), first, true); err != nil {
		t.Fatal(err)
	}
	if !a.over() {
		t.Error("the connection before is still open")
	}
	wantMessages(t, "resumed", again.messages(), `{"n":1}`)
	wantMessages(t, "the other", b.messages(), `{"n":2}`)
}

func TestLastEventIDs(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s, other := newSession(t, table, 1), newSession(t, table, 2)
	sink, answer, foreign, plain := &fakeSink{}, &fakeSink{}, &fakeSink{}, &fakeSink{}
	if err := s.Listen(sink.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	s.Open(answer.opener(), true).Send(message(1))
	other.Open(foreign.opener(), true).Send(message(1))
	s.Open(plain.opener(), false).Send(message(1))
	if strings.Contains(plain.text(), "id:") {
		t.Errorf("a stream that can't be resumed has ids: %q", plain.text())
	}
	plainLine := ""
	for name, l := range s.lines {
		if !l.ids {
			plainLine = name
		}
	}
	for _, c := range []struct {
		name, id string
		want     error
	}{
		{"none", "", nil},
		{"general", sink.lastID(), nil},
		{"general, of a life before", "gabcdefghij1-7", nil},
		{"general, not sent yet", strings.Replace(sink.lastID(), "-0", "-9", 1), nil},
		{"a request's", answer.lastID(), nil},
		{"a request's, not sent yet", strings.Replace(answer.lastID(), "-1", "-9", 1), ErrUnknownEvent},
		{"another session's", foreign.lastID(), ErrUnknownEvent},
		{"of a stream without ids", plainLine + "-0", ErrUnknownEvent},
		{"no number", "g", ErrUnknownEvent},
		{"negative", answer.lastID()[:len(answer.lastID())-1] + "-1", ErrUnknownEvent},
		{"empty name", "-1", ErrUnknownEvent},
		{"huge", "c1-99999999999999999999999", ErrUnknownEvent},
	} {
		opened := false
		err := s.Listen(func() Sink { opened = true; return &fakeSink{} }, c.id, true)
		if !errors.Is(err, c.want) || opened != (c.want == nil) {
			t.Errorf("%s (%q): %v, opened %v", c.name, c.id, err, opened)
		}
	}
	if err := s.Listen(func() Sink { return nil }, "", true); !errors.Is(err, ErrGone) {
		t.Errorf("without a sink: %v", err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	table, _ := newTable(t, Limits{Streams: 3})
	s := newSession(t, table, 1)
	sinks := []*fakeSink{{}, {}, {}}
	for _, sink := range sinks {
		if err := s.Listen(sink.opener(), "", true); err != nil {
			t.Fatal(err)
		}
	}
	opened := false
	if err := s.Listen(func() Sink { opened = true; return nil }, "", true); !errors.Is(err, ErrLimit) || opened {
		t.Errorf("a fourth: %v, opened %v", err, opened)
	}
	answer := &fakeSink{}
	channel := s.Open(answer.opener(), true)
	channel.Send(message(1))
	if table.Streams() != 4 {
		t.Error("answers are not bounded by it")
	}
	sinks[1].End()
	if err := s.Listen((&fakeSink{}).opener(), "", true); err != nil {
		t.Errorf("after one ended: %v", err)
	}
}

func TestOneSessionsGeneralStreamsAreBounded(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	sinks := make([]fakeSink, maxGeneral+3)
	for i := range sinks {
		if err := s.Listen(sinks[i].opener(), "", i%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	for i := range sinks {
		if sinks[i].over() != (i < 3) {
			t.Errorf("stream %d is over: %v", i, sinks[i].over())
		}
	}
	if len(s.lines) > maxGeneral+1 {
		t.Errorf("%d streams are remembered", len(s.lines))
	}
}

func TestReplayIsBounded(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		size   int
		want   int
	}{
		{"by messages", Limits{Replay: 10}, 10, 10},
		{"by bytes", Limits{ReplayBytes: 10 * (100 + eventCost)}, 100, 10},
		{"none", Limits{Replay: -1}, 10, 0},
		{"too large", Limits{ReplayBytes: 1000}, 1000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, _ := newTable(t, c.limits)
			s := newSession(t, table, 1)
			for i := range 100 {
				s.Push(bytes.Repeat([]byte{byte('a' + i%26)}, c.size))
			}
			sink := &fakeSink{}
			if err := s.Listen(sink.opener(), "", true); err != nil {
				t.Fatal(err)
			}
			got := sink.messages()
			if len(got) != c.want {
				t.Fatalf("%d messages waited, want %d", len(got), c.want)
			}
			for i, one := range got {
				if one[0] != byte('a'+(100-c.want+i)%26) {
					t.Errorf("message %d is %q", i, one[:1])
				}
			}
		})
	}
}

func TestLongStreamsAreSentAway(t *testing.T) {
	table, clock := newTable(t, Limits{MaxStream: 10 * time.Minute, Retry: 3 * time.Second})
	s := newSession(t, table, 1)
	early := nonce(2)
	early[0] = 255
	spread, err := table.Session(early, "bob", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	sink, sooner := &fakeSink{}, &fakeSink{}
	if err := s.Listen(sink.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	if err := spread.Listen(sooner.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	s.Push(message(1))
	clock.pass(9*time.Minute + 30*time.Second)
	table.sweep()
	if sink.over() || !sooner.over() {
		t.Errorf("after 9.5 minutes: over %v and %v", sink.over(), sooner.over())
	}
	clock.pass(30 * time.Second)
	table.sweep()
	events := parseStream(sink.text())
	last := events[len(events)-1]
	if !sink.over() || last.data != "" || last.retry != 3000 || last.lastID != events[1].lastID {
		t.Errorf("over %v, with %+v", sink.over(), last)
	}
	s.Push(message(2))
	again := &fakeSink{}
	if err := s.Listen(again.opener(), sink.lastID(), true); err != nil {
		t.Fatal(err)
	}
	wantMessages(t, "after coming back", again.messages(), `{"n":2}`)
}

// TestFanOut tells many clients of one change, one of them stuck.
func TestFanOut(t *testing.T) {
	table, _ := newTable(t, Limits{})
	sinks := make([]fakeSink, 10000)
	for i := range sinks {
		if err := newSession(t, table, i).Listen(sinks[i].opener(), "", true); err != nil {
			t.Fatal(err)
		}
	}
	sinks[17].refuse()
	change := message(1)
	start := time.Now()
	table.Each(func(s *Session) { s.Push(change) })
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	for i := range sinks {
		if want := i != 17; (len(sinks[i].messages()) == 1) != want {
			t.Fatalf("client %d got %q", i, sinks[i].messages())
		}
	}
}

func BenchmarkPush(b *testing.B) {
	table := New(Limits{}, time.Now)
	defer table.Close()
	s, err := table.Session(nonce(1), "alice", time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Listen(func() Sink { return deaf{} }, "", true); err != nil {
		b.Fatal(err)
	}
	change := []byte(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	b.ReportAllocs()
	for b.Loop() {
		s.Push(change)
	}
}

// deaf takes everything and keeps nothing.
type deaf struct{}

func (deaf) Send([]byte) bool { return true }
func (deaf) End()             {}
func (deaf) OnEnd(func())     {}
