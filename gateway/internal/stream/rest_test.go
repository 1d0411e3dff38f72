package stream

import (
	"testing"
	"time"
)

// TestSubscriptionsRest looks at nothing for a client that has gone without a
// word, and goes on when it comes back.
func TestSubscriptionsRest(t *testing.T) {
	table, clock := newTable(t, Limits{})
	s := newSession(t, table, 1)
	started, cancelled := 0, 0
	if err := s.Subscribe("a:b", func() func() {
		started++
		return func() { cancelled++ }
	}); err != nil {
		t.Fatal(err)
	}
	want := func(when string, wantStarted, wantCancelled int) {
		t.Helper()
		if started != wantStarted || cancelled != wantCancelled {
			t.Fatalf("%s: started %d, cancelled %d", when, started, cancelled)
		}
	}
	sink := &fakeSink{}
	if err := s.Listen(sink.opener(), "", true); err != nil {
		t.Fatal(err)
	}
	clock.pass(2 * restAfter)
	table.sweep()
	want("with a stream", 1, 0)
	sink.End()
	clock.pass(restAfter + time.Second)
	table.sweep()
	table.sweep()
	want("without one for long", 1, 1)
	if !s.Subscribed("a:b") {
		t.Error("the subscription is forgotten")
	}
	if err := s.Listen((&fakeSink{}).opener(), "", true); err != nil {
		t.Fatal(err)
	}
	want("when it comes back", 2, 1)
	s.Unsubscribe("a:b")
	want("after all", 2, 2)
}

// TestEndWhileResting cancels nothing twice.
func TestEndWhileResting(t *testing.T) {
	table, clock := newTable(t, Limits{})
	s := newSession(t, table, 1)
	cancelled := 0
	if err := s.Subscribe("a:b", func() func() { return func() { cancelled++ } }); err != nil {
		t.Fatal(err)
	}
	clock.pass(restAfter + time.Second)
	table.sweep()
	table.End(nonce(1))
	if cancelled != 1 {
		t.Errorf("cancelled %d times", cancelled)
	}
}
