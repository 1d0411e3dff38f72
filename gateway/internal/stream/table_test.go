package stream

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

func TestSessionIsMadeOnFirstNeed(t *testing.T) {
	table, _ := newTable(t, Limits{})
	if table.Find(nonce(1)) != nil || table.Sessions() != 0 {
		t.Fatal("there is a session before it was needed")
	}
	s := newSession(t, table, 1)
	if table.Find(nonce(1)) != s || newSession(t, table, 1) != s || table.Sessions() != 1 {
		t.Error("the session is not the same afterwards")
	}
	if s.Principal() != "alice" || s.Nonce() != nonce(1) {
		t.Errorf("the session is %q's, %v", s.Principal(), s.Nonce())
	}
}

func TestLevel(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	if s.Level() != mcp.LevelInfo {
		t.Errorf("the default is %v", s.Level())
	}
	s.SetLevel(mcp.LevelError)
	if s.Level() != mcp.LevelError {
		t.Errorf("the level is %v", s.Level())
	}
}

func TestIdleSessionsGiveWay(t *testing.T) {
	table, clock := newTable(t, Limits{Sessions: 4})
	var all []*Session
	for i := range 4 {
		clock.pass(time.Second)
		all = append(all, newSession(t, table, i))
	}
	listening, asked := all[0], all[1]
	sink := &fakeSink{}
	if err := listening.Listen(sink.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	asked.Open((&fakeSink{}).opener(), true).Send(message(1))
	clock.pass(time.Second)
	table.Find(nonce(2))
	newSession(t, table, 4)
	for i, want := range []bool{true, true, true, false, true} {
		if got := table.Find(nonce(i)) != nil; got != want {
			t.Errorf("session %d is there: %v, want %v", i, got, want)
		}
	}
	if _, open := <-all[3].Done(); open {
		t.Error("the session that gave way has not ended")
	}
}

func TestSessionsInUseDontGiveWay(t *testing.T) {
	table, _ := newTable(t, Limits{Sessions: 2})
	sinks := []*fakeSink{{}, {}}
	for i, sink := range sinks {
		if err := newSession(t, table, i).Listen(sink.opener(), "", true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := table.Session(nonce(2), "bob", time.Time{}); !errors.Is(err, ErrLimit) {
		t.Errorf("a third session: %v", err)
	}
	sinks[0].End()
	if _, err := table.Session(nonce(2), "bob", time.Time{}); err != nil {
		t.Errorf("a third session after the first one's stream ended: %v", err)
	}
}

func TestManySessionsStayWithinTheLimit(t *testing.T) {
	table, clock := newTable(t, Limits{Sessions: 64})
	for i := range 5000 {
		clock.pass(time.Millisecond)
		newSession(t, table, i)
		if n := table.Sessions(); n > 64 {
			t.Fatalf("%d sessions", n)
		}
	}
	if table.Find(nonce(4999)) == nil || table.Find(nonce(4990)) == nil {
		t.Error("the newest gave way")
	}
}

func TestExpiredSessionsEnd(t *testing.T) {
	table, clock := newTable(t, Limits{})
	s := newSession(t, table, 1)
	busy := newSession(t, table, 2)
	sink, answer := &fakeSink{}, &fakeSink{}
	if err := s.Listen(sink.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	channel := busy.Open(answer.opener(), true)
	channel.Send(message(1))
	clock.pass(time.Hour)
	table.sweep()
	if table.Find(nonce(1)) != nil || !sink.over() {
		t.Error("the session outlived its time")
	}
	if table.Find(nonce(2)) == nil || answer.over() {
		t.Error("a session ended in the middle of an answer")
	}
	channel.Finish(message(2))
	table.sweep()
	if table.Find(nonce(2)) != nil {
		t.Error("the session outlived its answer")
	}
	wantMessages(t, "answer", answer.messages(), `{"n":1}`, `{"n":2}`)
}

func TestEndClosesEverything(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	sinks := []*fakeSink{{}, {}, {}}
	if err := s.Listen(sinks[0].opener(), "", true); err != nil {
		t.Fatal(err)
	}
	resumable, plain := s.Open(sinks[1].opener(), true), s.Open(sinks[2].opener(), false)
	resumable.Send(message(1))
	plain.Send(message(2))
	late := s.Open((&fakeSink{}).opener(), true)
	cancelled := 0
	if err := s.Subscribe("a:b", func() func() { return func() { cancelled++ } }); err != nil {
		t.Fatal(err)
	}
	if table.Streams() != 3 {
		t.Errorf("%d streams are open, want 3", table.Streams())
	}
	table.End(nonce(1))
	table.End(nonce(1))
	for i, sink := range sinks {
		if !sink.over() {
			t.Errorf("stream %d is still open", i)
		}
	}
	if cancelled != 1 || table.Streams() != 0 || table.Sessions() != 0 || table.held.Load() != 0 || table.subscribed.Load() != 0 {
		t.Errorf("left over: %d cancelled, %d streams, %d sessions, %d bytes", cancelled, table.Streams(), table.Sessions(), table.held.Load())
	}
	late.Send(message(3))
	if late.Finish(message(4)) || !resumable.Finish(message(4)) || late.Poll() {
		t.Error("a channel that was opened answers on its stream, another one doesn't")
	}
	if err := s.Listen(sinks[0].opener(), "", true); !errors.Is(err, ErrEnded) {
		t.Errorf("listen: %v", err)
	}
	if err := s.Subscribe("a:b", func() func() { t.Error("started"); return nil }); !errors.Is(err, ErrEnded) {
		t.Errorf("subscribe: %v", err)
	}
	s.Push(message(5))
}

func TestSubscriptions(t *testing.T) {
	table, _ := newTable(t, Limits{Subscriptions: 2, TotalSubscriptions: 3})
	a, b := newSession(t, table, 1), newSession(t, table, 2)
	running := map[string]int{}
	subscribe := func(s *Session, uri string) error {
		return s.Subscribe(uri, func() func() {
			running[uri]++
			return func() { running[uri]-- }
		})
	}
	for _, step := range []struct {
		s    *Session
		uri  string
		want error
	}{{a, "x", nil}, {a, "x", nil}, {a, "y", nil}, {a, "z", ErrLimit}, {b, "v", nil}, {b, "w", ErrLimit}} {
		if err := subscribe(step.s, step.uri); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.uri, err, step.want)
		}
	}
	if !a.Unsubscribe("x") || a.Unsubscribe("x") || a.Subscribed("x") || !a.Subscribed("y") {
		t.Error("unsubscribing is wrong")
	}
	if err := subscribe(b, "w"); err != nil {
		t.Errorf("after one ended: %v", err)
	}
	for uri, want := range map[string]int{"x": 0, "y": 1, "z": 0, "v": 1, "w": 1} {
		if running[uri] != want {
			t.Errorf("%s: %d are running, want %d", uri, running[uri], want)
		}
	}
}

// TestUnsubscribedWhileStarting ends a subscription before its start is over.
func TestUnsubscribedWhileStarting(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	cancelled := 0
	err := s.Subscribe("x", func() func() {
		s.Unsubscribe("x")
		return func() { cancelled++ }
	})
	if err != nil || cancelled != 1 || table.subscribed.Load() != 0 {
		t.Errorf("%v, cancelled %d times, %d count", err, cancelled, table.subscribed.Load())
	}
}

func TestLogsOfAllSessionsAreBounded(t *testing.T) {
	table, clock := newTable(t, Limits{TotalBytes: 64 << 10})
	text := make([]byte, 1<<10)
	for i := range 200 {
		clock.pass(time.Second)
		newSession(t, table, i).Push(text)
		if held := table.held.Load(); held > 64<<10 {
			t.Fatalf("%d bytes are held", held)
		}
	}
	sink := &fakeSink{}
	if err := newSession(t, table, 199).Listen(sink.opener(), "", true); err != nil || len(sink.messages()) != 1 {
		t.Errorf("the newest session lost its message: %v", err)
	}
}

func TestEachHoldsNoLock(t *testing.T) {
	table, _ := newTable(t, Limits{})
	for i := range 10 {
		newSession(t, table, i)
	}
	table.Each(func(s *Session) { table.End(s.Nonce()) })
	if table.Sessions() != 0 {
		t.Errorf("%d sessions are left", table.Sessions())
	}
}

func TestDrain(t *testing.T) {
	table, _ := newTable(t, Limits{})
	s := newSession(t, table, 1)
	general, old, answer := &fakeSink{}, &fakeSink{}, &fakeSink{}
	if err := s.Listen(general.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(old.opener(), "", false); err != nil {
		t.Fatal(err)
	}
	channel := s.Open(answer.opener(), true)
	channel.Send(message(1))
	table.Drain()
	if !general.over() || !old.over() || answer.over() {
		t.Error("general streams end, and answers go on")
	}
	if err := s.Listen((&fakeSink{}).opener(), "", true); !errors.Is(err, ErrEnded) {
		t.Errorf("listen: %v", err)
	}
	answer.End()
	again := &fakeSink{}
	if err := s.Listen(again.opener(), answer.lastID(), true); err != nil {
		t.Errorf("resuming an answer: %v", err)
	}
	channel.Finish(message(2))
	wantMessages(t, "answer", again.messages(), `{"n":2}`)
	table.Close()
	if _, err := table.Session(nonce(2), "bob", time.Time{}); !errors.Is(err, ErrEnded) {
		t.Errorf("after close: %v", err)
	}
}

// TestSweepRuns has the table's own goroutine end what is over.
func TestSweepRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{MaxStream: time.Minute}, time.Now)
		defer table.Close()
		s, err := table.Session(nonce(1), "alice", time.Now().Add(10*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		sink := &fakeSink{}
		if err := s.Listen(sink.opener(), "", true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if sink.over() {
			t.Error("the stream ended too early")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !sink.over() || table.Streams() != 0 || table.waiting.taken.Load() != 0 {
			t.Error("the stream is open for too long")
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if table.Sessions() != 0 {
			t.Error("the session outlived its time")
		}
		table.SetLimits(Limits{})
	})
}

func TestConcurrentUse(t *testing.T) {
	table := New(Limits{Sessions: 8, Replay: 4, MaxStream: time.Millisecond, TotalBytes: 2000}, time.Now)
	defer table.Close()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 200 {
				s, err := table.Session(nonce((worker+i)%12), "alice", time.Now().Add(time.Hour))
				if err != nil {
					continue
				}
				sink := &fakeSink{rude: i%7 == 0}
				channel := s.Open(sink.opener(), i%2 == 0)
				channel.Send(message(i))
				_ = s.Listen((&fakeSink{}).opener(), sink.lastID(), i%3 == 0)
				table.Each(func(s *Session) { s.Push(message(i)) })
				_ = s.Subscribe("x", func() func() { return func() {} })
				channel.Finish(message(i))
				if i%17 == 0 {
					table.End(s.Nonce())
				}
			}
		})
	}
	wg.Wait()
	table.Close()
	if table.Streams() != 0 || table.waiting.taken.Load() != 0 || table.held.Load() != 0 || table.subscribed.Load() != 0 {
		t.Errorf("left over: %d streams, %d slots, %d bytes, %d subscriptions",
			table.Streams(), table.waiting.taken.Load(), table.held.Load(), table.subscribed.Load())
	}
}
