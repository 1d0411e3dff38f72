package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// thing is something to look at.
type thing struct {
	content atomic.Int64
	fails   atomic.Bool
	mu      sync.Mutex
	looks   []time.Time
	befores []State
}

func (s *thing) look(_ context.Context, before State) (State, error) {
	s.mu.Lock()
	s.looks = append(s.looks, time.Now())
	s.befores = append(s.befores, before)
	s.mu.Unlock()
	if s.fails.Load() {
		return State{}, errors.New("upstream failed")
	}
	content := byte(s.content.Load())
	return State{ETag: fmt.Sprint(content), LastModified: "then", Hash: [32]byte{content}}, nil
}

func (s *thing) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.looks)
}

func (s *thing) gap(i int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looks[i].Sub(s.looks[i-1])
}

func (s *thing) before(i int) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.befores[i]
}

func (s *thing) every(d time.Duration) Source { return Source{Every: d, Look: s.look} }

// inBubble runs a test with a hub in a synctest bubble, which fails if the hub
// leaves a goroutine behind.
func inBubble(t *testing.T, limits Limits, test func(t *testing.T, h *Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := New(limits)
		defer h.Close()
		test(t, h)
	})
}

func subscribe(t *testing.T, h *Hub, key string, source Source) (told *atomic.Int64, cancel func()) {
	t.Helper()
	told = new(atomic.Int64)
	cancel, err := h.Subscribe(key, source, func() { told.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	return told, cancel
}

func want(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// pass lets time pass, and what happens then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestEachChangeIsToldOnce(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		first, _ := subscribe(t, h, "k", s.every(time.Minute))
		synctest.Wait()
		want(t, "looks at once", s.count(), 1)
		second, _ := subscribe(t, h, "k", s.every(time.Minute))
		pass(67 * time.Second)
		want(t, "looks of two subscribers in an interval", s.count(), 2)
		want(t, "told before a change", int(first.Load()+second.Load()), 0)
		s.content.Store(1)
		pass(10 * time.Minute)
		want(t, "first told", int(first.Load()), 1)
		want(t, "second told", int(second.Load()), 1)
		s.content.Store(2)
		pass(67 * time.Second)
		want(t, "told of the next change", int(first.Load()), 2)
		if got := h.Stats(); got.Changes != 2 || got.Keys != 1 || got.Subscribers != 2 || int(got.Looks) != s.count() {
			t.Errorf("%+v after %d looks", got, s.count())
		}
	})
}

func TestLooksGetTheStateBefore(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		s.content.Store(7)
		subscribe(t, h, "k", s.every(time.Minute))
		pass(2 * time.Minute)
		if s.before(0) != (State{}) {
			t.Errorf("first look: %+v", s.before(0))
		}
		if want := (State{ETag: "7", LastModified: "then", Hash: [32]byte{7}, Seen: true}); s.before(1) != want {
			t.Errorf("second look: %+v, want %+v", s.before(1), want)
		}
	})
}

func TestLooksAreSpread(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		subscribe(t, h, "k", s.every(time.Minute))
		pass(100 * time.Minute)
		gaps := map[time.Duration]bool{}
		for i := 1; i < s.count(); i++ {
			gap := s.gap(i)
			if gap < 54*time.Second || gap > 66*time.Second {
				t.Errorf("gap of %v", gap)
			}
			gaps[gap] = true
		}
		if len(gaps) < 50 {
			t.Errorf("only %d different gaps", len(gaps))
		}
	})
}

func TestIntervalIsASecondAtLeast(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		subscribe(t, h, "k", s.every(0))
		pass(10 * time.Second)
		if s.count() > 13 {
			t.Errorf("%d looks in 10 s", s.count())
		}
	})
}

func TestFailuresAreNotChanges(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		told, _ := subscribe(t, h, "k", s.every(time.Minute))
		synctest.Wait()
		s.fails.Store(true)
		pass(time.Hour)
		want(t, "told of failures", int(told.Load()), 0)
		failed := s.count() - 1
		if failed < 8 || failed > 11 { // after 1, 3, 7, 15, 25, 35, 45, 55 minutes
			t.Errorf("%d looks in an hour of failures", failed)
		}
		if gap := s.gap(failed); gap < 9*time.Minute || gap > 11*time.Minute {
			t.Errorf("last gap %v, want ten intervals", gap)
		}
		s.fails.Store(false)
		pass(11 * time.Minute)
		want(t, "told when it works again, unchanged", int(told.Load()), 0)
		looks := s.count()
		pass(10*time.Minute + 30*time.Second)
		if n := s.count() - looks; n < 9 {
			t.Errorf("%d looks in 10 minutes after recovery", n)
		}
		s.fails.Store(true)
		pass(time.Hour)
		s.content.Store(1)
		s.fails.Store(false)
		pass(11 * time.Minute)
		want(t, "told of a change meanwhile", int(told.Load()), 1)
		if h.Stats().Failures == 0 {
			t.Error("failures are not counted")
		}
	})
}

func TestFirstSuccessAfterFailuresIsTheBase(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		s.fails.Store(true)
		told, _ := subscribe(t, h, "k", s.every(time.Minute))
		pass(10 * time.Minute)
		s.fails.Store(false)
		pass(10 * time.Minute)
		want(t, "told", int(told.Load()), 0)
	})
}

func TestNobodyLooksWithoutSubscribers(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		first, cancel := subscribe(t, h, "k", s.every(time.Minute))
		second, cancelSecond := subscribe(t, h, "k", s.every(time.Minute))
		synctest.Wait()
		cancel()
		cancel()
		s.content.Store(1)
		pass(2 * time.Minute)
		want(t, "told after cancel", int(first.Load()), 0)
		want(t, "the other one told", int(second.Load()), 1)
		cancelSecond()
		looks := s.count()
		pass(time.Hour)
		want(t, "looks without subscribers", s.count(), looks)
		if got := h.Stats(); got.Keys != 0 || got.Subscribers != 0 {
			t.Errorf("still watched: %+v", got)
		}
		s.content.Store(2)
		third, _ := subscribe(t, h, "k", s.every(time.Minute))
		pass(time.Hour)
		want(t, "told of what changed before subscribing", int(third.Load()), 0)
	})
}

func TestLimits(t *testing.T) {
	inBubble(t, Limits{Keys: 2, Subscribers: 3, Looks: 1, Timeout: time.Second}, func(t *testing.T, h *Hub) {
		var s thing
		subscribe(t, h, "a", s.every(time.Minute))
		_, cancel := subscribe(t, h, "b", s.every(time.Minute))
		refused := func(key string) {
			t.Helper()
			if _, err := h.Subscribe(key, s.every(time.Minute), func() {}); !errors.Is(err, ErrTooMany) {
				t.Errorf("%s: %v, want ErrTooMany", key, err)
			}
		}
		refused("c")
		_, cancelThird := subscribe(t, h, "b", s.every(time.Minute))
		refused("b")
		cancelThird()
		cancel()
		subscribe(t, h, "c", s.every(time.Minute))
	})
}

func TestFewLooksAtOnce(t *testing.T) {
	inBubble(t, Limits{Keys: 100, Subscribers: 100, Looks: 3, Timeout: time.Minute}, func(t *testing.T, h *Hub) {
		var running, most, all atomic.Int64
		look := func(context.Context, State) (State, error) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			all.Add(1)
			return State{}, nil
		}
		for i := range 30 {
			subscribe(t, h, fmt.Sprint(i), Source{Every: time.Hour, Look: look})
		}
		pass(10*time.Second - 1)
		want(t, "looks at once", int(most.Load()), 3)
		pass(1)
		want(t, "all looks", int(all.Load()), 30)
	})
}

func TestLooksAreBounded(t *testing.T) {
	for _, each := range []struct{ every, want time.Duration }{
		{time.Hour, 30 * time.Second}, {5 * time.Second, 5 * time.Second},
	} {
		inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
			var took atomic.Int64
			start := time.Now()
			subscribe(t, h, "k", Source{Every: each.every, Look: func(ctx context.Context, _ State) (State, error) {
				<-ctx.Done()
				took.CompareAndSwap(0, int64(time.Since(start)))
				return State{}, ctx.Err()
			}})
			pass(each.want)
			want(t, "seconds", int(time.Duration(took.Load()).Seconds()), int(each.want.Seconds()))
		})
	}
}

func TestSlowSubscribersHoldNoOtherKey(t *testing.T) {
	inBubble(t, Limits{Keys: 2, Subscribers: 2, Looks: 1, Timeout: time.Second}, func(t *testing.T, h *Hub) {
		var slow, quick thing
		held := make(chan struct{})
		if _, err := h.Subscribe("slow", slow.every(time.Minute), func() { <-held }); err != nil {
			t.Fatal(err)
		}
		told, _ := subscribe(t, h, "quick", quick.every(time.Minute))
		synctest.Wait()
		slow.content.Store(1)
		pass(67 * time.Second)
		quick.content.Store(1)
		pass(67 * time.Second)
		want(t, "told", int(told.Load()), 1)
		want(t, "looks of a key whose news are being told", slow.count(), 2)
		close(held)
		pass(67 * time.Second)
		want(t, "looks afterwards", slow.count(), 3)
	})
}

func TestSubscribersMayCancelWhenTold(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		var cancel func()
		cancel, err := h.Subscribe("k", s.every(time.Minute), func() { cancel() })
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.content.Store(1)
		pass(time.Hour)
		want(t, "keys", h.Stats().Keys, 0)
	})
}

func TestRebind(t *testing.T) {
	version := [32]byte{1}
	for _, each := range []struct {
		name   string
		change func(h *Hub, next *thing)
		// What is so at once, and after a minute.
		looks, told int
	}{
		{"the same", func(h *Hub, next *thing) {
			h.Rebind(func(_ string, now Source) (Source, bool) {
				now.Look = next.look
				return now, true
			})
		}, 0, 0},
		{"another version, another content", func(h *Hub, next *thing) {
			next.content.Store(9)
			h.Rebind(func(string, Source) (Source, bool) { return Source{time.Minute, next.look, version}, true })
		}, 1, 1},
		{"another version, the same content", func(h *Hub, next *thing) {
			h.Rebind(func(string, Source) (Source, bool) { return Source{time.Minute, next.look, version}, true })
		}, 1, 0},
		{"gone", func(h *Hub, _ *thing) {
			h.Rebind(func(string, Source) (Source, bool) { return Source{}, false })
		}, 0, 0},
		{"gone and back", func(h *Hub, next *thing) {
			next.content.Store(9)
			h.Rebind(func(string, Source) (Source, bool) { return Source{}, false })
			h.Rebind(func(string, Source) (Source, bool) { return next.every(time.Minute), true })
		}, 1, 1},
		{"gone and subscribed again", func(h *Hub, next *thing) {
			h.Rebind(func(string, Source) (Source, bool) { return Source{}, false })
			_, _ = h.Subscribe("k", next.every(time.Minute), func() {})
		}, 1, 0},
		{"looked at more often", func(h *Hub, next *thing) {
			h.Rebind(func(string, Source) (Source, bool) { return next.every(time.Second), true })
			pass(1100 * time.Millisecond)
		}, 1, 0},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
				var s, next thing
				told, cancel := subscribe(t, h, "k", s.every(time.Minute))
				pass(time.Second)
				each.change(h, &next)
				synctest.Wait()
				want(t, "old looks", s.count(), 1)
				want(t, "new looks", next.count(), each.looks)
				want(t, "told", int(told.Load()), each.told)
				pass(67 * time.Second)
				want(t, "old looks a minute later", s.count(), 1)
				if alive := next.count() > each.looks; alive == (each.name == "gone") {
					t.Errorf("%d new looks a minute later", next.count())
				}
				want(t, "told a minute later", int(told.Load()), each.told)
				if each.looks > 0 && each.name == "another version, another content" &&
					next.before(0) != (State{Hash: [32]byte{0}, Seen: true}) {
					t.Errorf("the new version was looked at with %+v", next.before(0))
				}
				cancel()
			})
		})
	}
}

func TestLookOfAnOldVersionIsDropped(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var next thing
		slow := func(context.Context, State) (State, error) {
			time.Sleep(5 * time.Second)
			return State{Hash: [32]byte{200}}, nil
		}
		told, _ := subscribe(t, h, "k", Source{Every: time.Minute, Look: slow})
		pass(time.Second)
		h.Rebind(func(string, Source) (Source, bool) { return Source{time.Minute, next.look, [32]byte{1}}, true })
		pass(5 * time.Second)
		want(t, "looks of the new version", next.count(), 1)
		if next.before(0).Seen {
			t.Error("the old look's result was taken over")
		}
		want(t, "told", int(told.Load()), 0)
	})
}

// A look that hangs ends when its key is dropped, be it by the last subscriber
// or by the configuration.
func TestDroppedKeysEndTheirLook(t *testing.T) {
	for name, drop := range map[string]func(h *Hub, cancel func()){
		"cancel": func(_ *Hub, cancel func()) { cancel() },
		"rebind": func(h *Hub, _ func()) { h.Rebind(func(string, Source) (Source, bool) { return Source{}, false }) },
		"close":  func(h *Hub, _ func()) { h.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
				var ended atomic.Int64
				_, cancel := subscribe(t, h, "k", Source{Every: time.Hour, Look: func(ctx context.Context, _ State) (State, error) {
					<-ctx.Done()
					ended.Add(1)
					return State{}, ctx.Err()
				}})
				pass(time.Second)
				drop(h, cancel)
				synctest.Wait()
				want(t, "ended", int(ended.Load()), 1)
				pass(time.Hour)
				want(t, "looks", int(h.Stats().Looks), 1)
			})
		})
	}
}

func TestClose(t *testing.T) {
	inBubble(t, DefaultLimits(), func(t *testing.T, h *Hub) {
		var s thing
		told, cancel := subscribe(t, h, "k", s.every(time.Minute))
		synctest.Wait()
		s.content.Store(1)
		h.Close()
		pass(time.Hour)
		want(t, "looks", s.count(), 1)
		want(t, "told", int(told.Load()), 0)
		if _, err := h.Subscribe("k", s.every(time.Minute), func() {}); !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
		h.Rebind(func(_ string, now Source) (Source, bool) { now.Version[0]++; return now, true })
		cancel()
		pass(time.Hour)
		want(t, "looks after Rebind and cancel", s.count(), 1)
		h.Close()
	})
}

// Subscribers come and go and configurations change, while things change. Then
// all is quiet, and whoever is left hears of a change.
func TestComingAndGoing(t *testing.T) {
	inBubble(t, Limits{Keys: 5, Subscribers: 50, Looks: 2, Timeout: time.Second}, func(t *testing.T, h *Hub) {
		things := make([]thing, 5)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				s := &things[i%len(things)]
				for n := range 50 {
					_, cancel := subscribe(t, h, fmt.Sprint(i%len(things)), s.every(time.Second))
					s.content.Add(1)
					time.Sleep(time.Duration(n*i%7) * 100 * time.Millisecond)
					if n%10 == 0 {
						h.Rebind(func(_ string, now Source) (Source, bool) {
							now.Version[0] = byte(n)
							return now, n%20 != 0
						})
					}
					cancel()
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if got := h.Stats(); got.Keys != 0 || got.Subscribers != 0 || len(h.due) != 0 || h.running != 0 {
			t.Fatalf("left over: %+v, %d in the queue, %d looks", got, len(h.due), h.running)
		}
		told, _ := subscribe(t, h, "0", things[0].every(time.Second))
		synctest.Wait()
		things[0].content.Add(1)
		pass(2 * time.Second)
		want(t, "told", int(told.Load()), 1)
	})
}
