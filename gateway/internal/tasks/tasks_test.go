package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs a test with a table in a synctest bubble, which fails if the
// table leaves a goroutine behind.
func inBubble(t *testing.T, settings Settings, test func(t *testing.T, table *Table)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		table := New(settings)
		defer func() {
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			table.Drain(ended)
			if got := table.Stats(); got.Running != 0 || got.Kept != 0 || got.ResultBytes != 0 || len(table.owners) != 0 {
				t.Errorf("left over: %+v, %d owners", got, len(table.owners))
			}
		}()
		test(t, table)
	})
}

// hang is a run that ends when it has to.
func hang(ctx context.Context, t *Task) Outcome {
	t.Later()
	<-ctx.Done()
	return Outcome{Error: []byte(`{"code":-32603}`)}
}

// gives is a run that ends after a while.
func gives(after time.Duration, outcome Outcome) Run {
	return func(ctx context.Context, t *Task) Outcome {
		// The race detector does not bear timers of a bubble that have fired when
		// they are made.
		if after == 0 {
			return outcome
		}
		t.Later()
		select {
		case <-time.After(after):
		case <-ctx.Done():
		}
		return outcome
	}
}

// asks is a run that asks once and returns the answers it got, by key.
func asks(questions ...mcp.Question) Run {
	return func(ctx context.Context, t *Task) Outcome {
		answers, err := t.Ask(ctx, questions)
		if err != nil {
			return Outcome{Error: []byte(err.Error()), Message: fmt.Sprint(len(answers))}
		}
		return Outcome{Result: []byte(told(answers))}
	}
}

func told(answers map[string][]byte) string {
	all := make([]string, 0, len(answers))
	for key, answer := range answers {
		all = append(all, key+"="+string(answer))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func start(t *testing.T, table *Table, owner string, run Run) *Task {
	t.Helper()
	task, err := table.Start(t.Context(), owner, run)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func get(t *testing.T, table *Table, owner string, task *Task) Snapshot {
	t.Helper()
	synctest.Wait()
	s, err := table.Get(owner, task.ID())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func update(t *testing.T, table *Table, task *Task, answers map[string][]byte) {
	t.Helper()
	if err := table.Update("ada", task.ID(), answers); err != nil {
		t.Fatal(err)
	}
}

func keys(s Snapshot) string {
	all := make([]string, 0, len(s.Questions))
	for _, each := range s.Questions {
		all = append(all, each.Key)
	}
	return strings.Join(all, " ")
}

func unknown(t *testing.T, table *Table, owner, id string) {
	t.Helper()
	_, err := table.Get(owner, id)
	_, watchErr := table.Watch(owner, id, func() {})
	for name, err := range map[string]error{
		"get": err, "watch": watchErr, "update": table.Update(owner, id, nil), "cancel": table.Cancel(owner, id),
	} {
		if !errors.Is(err, ErrUnknownTask) {
			t.Errorf("%s: %v, want ErrUnknownTask", name, err)
		}
	}
}

func TestTransitions(t *testing.T) {
	all := []Status{Working, InputRequired, Completed, Failed, Cancelled}
	legal := map[Status][]Status{
		Working:       {InputRequired, Completed, Failed, Cancelled},
		InputRequired: {Working, Completed, Failed, Cancelled},
	}
	for _, from := range all {
		if from.Final() != (len(legal[from]) == 0) {
			t.Errorf("%s.Final() = %v", from, from.Final())
		}
		for _, to := range all {
			if want := slices.Contains(legal[from], to); from.may(to) != want {
				t.Errorf("%s to %s: %v, want %v", from, to, !want, want)
			}
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, each := range []struct {
		outcome Outcome
		want    Status
	}{
		{Outcome{Result: []byte(`{"isError":true}`)}, Completed},
		{Outcome{Error: []byte(`{"code":-32603}`), Message: "out of memory"}, Failed},
		{Outcome{}, Completed},
	} {
		inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
			task := start(t, table, "ada", gives(time.Second, each.outcome))
			if s := get(t, table, "ada", task); s.Status != Working || s.Outcome.Result != nil || s.Outcome.Error != nil {
				t.Errorf("before: %+v", s)
			}
			time.Sleep(time.Second)
			s := get(t, table, "ada", task)
			if s.Status != each.want || string(s.Outcome.Result) != string(each.outcome.Result) ||
				string(s.Outcome.Error) != string(each.outcome.Error) || s.Message != each.outcome.Message {
				t.Errorf("got %+v, want %s", s, each.want)
			}
			if s.ID != task.ID() || s.Updated.Sub(s.Created) != time.Second || s.Created.Location() != time.UTC ||
				s.TTL != time.Hour || s.Poll != time.Second {
				t.Errorf("got %+v", s)
			}
			if err := table.Cancel("ada", task.ID()); err != nil {
				t.Errorf("cancel of an ended task: %v", err)
			}
			if s := get(t, table, "ada", task); s.Status != each.want {
				t.Errorf("cancelled after its end: %s", s.Status)
			}
		})
	}
}

func TestIDs(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		seen := map[string]bool{}
		for range 100 {
			id := start(t, table, "ada", hang).ID()
			if len(id) < 26 || seen[id] {
				t.Errorf("%q: too short, or not the first", id)
			}
			seen[id] = true
		}
	})
}

func TestOnlyTheOwnerSeesATask(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		task := start(t, table, "ada", hang)
		unknown(t, table, "bob", task.ID())
		unknown(t, table, "", task.ID())
		unknown(t, table, "ada", task.ID()+"x")
		unknown(t, table, "ada", "")
		if s := get(t, table, "ada", task); s.Status != Working {
			t.Errorf("another owner's request made it %s", s.Status)
		}
	})
}

func TestCancel(t *testing.T) {
	for name, run := range map[string]Run{"working": hang, "asking": asks(mcp.Question{Key: "q"})} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
				task := start(t, table, "ada", run)
				synctest.Wait()
				for range 2 {
					if err := table.Cancel("ada", task.ID()); err != nil {
						t.Fatal(err)
					}
					// At once, and still so when the run has returned.
					s, err := table.Get("ada", task.ID())
					if err != nil || s.Status != Cancelled || s.Questions != nil || s.Outcome.Error != nil {
						t.Errorf("%+v, %v", s, err)
					}
					synctest.Wait()
				}
				if got := table.Stats(); got.Running != 0 || got.Cancelled != 1 || got.Failed != 0 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestAnswersMayComeOneByOne(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		task := start(t, table, "ada", asks(mcp.Question{Key: "a", Message: "A?"}, mcp.Question{Key: "b"}, mcp.Question{Key: "c"}))
		s := get(t, table, "ada", task)
		if s.Status != InputRequired || keys(s) != "a b c" || s.Questions[0].Message != "A?" {
			t.Fatalf("%+v", s)
		}
		time.Sleep(time.Second)
		buffer := []byte("1")
		update(t, table, task, map[string][]byte{"b": buffer, "nope": []byte("x")})
		buffer[0] = '9'
		if s = get(t, table, "ada", task); s.Status != InputRequired || keys(s) != "a c" || s.Updated.Sub(s.Created) != time.Second {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Second)
		update(t, table, task, map[string][]byte{"b": []byte("again"), "nope": nil})
		if s = get(t, table, "ada", task); s.Status != InputRequired || s.Updated.Sub(s.Created) != time.Second {
			t.Errorf("ignored answers changed it: %+v", s)
		}
		update(t, table, task, map[string][]byte{"c": []byte("2"), "a": []byte("3")})
		if s, err := table.Get("ada", task.ID()); err != nil || s.Status == InputRequired || s.Questions != nil {
			t.Errorf("all answered, and still %+v, %v", s, err)
		}
		if s = get(t, table, "ada", task); s.Status != Completed || string(s.Outcome.Result) != "a=3 b=1 c=2" {
			t.Errorf("%+v", s)
		}
		update(t, table, task, map[string][]byte{"a": []byte("4")})
	})
}

// A key is the name of one question in the life of a task (SEP-2663, Task
// Update Requests).
func TestKeysAreNotUsedTwice(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		var got []string
		task := start(t, table, "ada", func(ctx context.Context, t *Task) Outcome {
			for range 3 {
				answers, _ := t.Ask(ctx, []mcp.Question{{Key: "a"}, {Key: "a-2"}})
				got = append(got, told(answers))
			}
			return Outcome{Result: []byte("{}")}
		})
		seen := map[string]bool{}
		for round := range 3 {
			s := get(t, table, "ada", task)
			answers := map[string][]byte{"a": []byte("old"), "a-2": []byte("old")}
			for i, each := range s.Questions {
				if seen[each.Key] {
					t.Errorf("key %s twice", each.Key)
				}
				seen[each.Key] = true
				answers[each.Key] = fmt.Append(nil, round, i)
			}
			update(t, table, task, answers)
		}
		synctest.Wait()
		if want := "[a-2=0 1 a=0 0 a-2=1 1 a=1 0 a-2=2 1 a=2 0]"; fmt.Sprint(got) != want || len(seen) != 6 {
			t.Errorf("got %v, want %s; keys %v", got, want, seen)
		}
	})
}

func TestQuestionsTimeOut(t *testing.T) {
	for _, each := range []struct {
		name      string
		questions []mcp.Question
		answer    string // the key answered at once
		after     time.Duration
		answered  string
	}{
		{"its own", []mcp.Question{{Key: "a", Timeout: time.Minute}}, "", time.Minute, "0"},
		{"the table's", []mcp.Question{{Key: "a"}}, "", 10 * time.Minute, "0"},
		{"the shortest", []mcp.Question{{Key: "a", Timeout: time.Hour}, {Key: "b", Timeout: time.Minute}}, "", time.Minute, "0"},
		{"of those open", []mcp.Question{{Key: "a", Timeout: time.Hour}, {Key: "b", Timeout: time.Minute}}, "b", time.Hour, "1"},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
				task := start(t, table, "ada", asks(each.questions...))
				synctest.Wait()
				update(t, table, task, map[string][]byte{each.answer: []byte("{}")})
				time.Sleep(each.after - 1)
				if s := get(t, table, "ada", task); s.Status != InputRequired {
					t.Errorf("given up too early: %+v", s)
				}
				time.Sleep(1)
				s := get(t, table, "ada", task)
				if s.Status != Failed || string(s.Outcome.Error) != ErrUnanswered.Error() || s.Message != each.answered {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestWorkGoesOnAfterATimeout(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		task := start(t, table, "ada", func(ctx context.Context, t *Task) Outcome {
			_, _ = t.Ask(ctx, []mcp.Question{{Key: "a", Timeout: time.Second}})
			t.Working("going on", 7*time.Second)
			<-ctx.Done()
			return Outcome{}
		})
		time.Sleep(time.Second)
		s := get(t, table, "ada", task)
		if s.Status != Working || s.Questions != nil || s.Message != "going on" || s.Poll != 7*time.Second {
			t.Errorf("%+v", s)
		}
		update(t, table, task, map[string][]byte{"a": []byte("late")})
	})
}

// An answer that comes as the time runs out counts.
func TestLastMoment(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		task := start(t, table, "ada", hang)
		r := task.ask([]mcp.Question{{Key: "a"}})
		update(t, table, task, map[string][]byte{"a": []byte("1")})
		if !task.giveUp(r) || told(r.answers) != "a=1" {
			t.Error("given up although it is answered")
		}
	})
}

func TestNewsOfAnEndedTaskAreDropped(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		task := start(t, table, "ada", func(ctx context.Context, t *Task) Outcome {
			t.Working("busy", 0)
			<-ctx.Done()
			t.Working("still busy", 0)
			_, err := t.Ask(ctx, []mcp.Question{{Key: "a"}})
			return Outcome{Error: []byte(err.Error()), Message: "canceled"}
		})
		if s := get(t, table, "ada", task); s.Message != "busy" {
			t.Errorf("%+v", s)
		}
		_ = table.Cancel("ada", task.ID())
		if s := get(t, table, "ada", task); s.Status != Cancelled || s.Message != "" || s.Questions != nil {
			t.Errorf("%+v", s)
		}
	})
}

func TestAskingNothing(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		task := start(t, table, "ada", asks())
		if s := get(t, table, "ada", task); s.Status != Completed {
			t.Errorf("%+v", s)
		}
	})
}

func TestFirst(t *testing.T) {
	result := Outcome{Result: []byte("{}")}
	for _, each := range []struct {
		name string
		run  Run
		want Status
	}{
		{"ends at once", gives(0, result), Completed},
		{"fails at once", gives(0, Outcome{Error: []byte("{}")}), Failed},
		{"later", gives(time.Second, result), Working},
		{"later twice", func(ctx context.Context, t *Task) Outcome { t.Later(); return hang(ctx, t) }, Working},
		{"asks", asks(mcp.Question{Key: "a"}), InputRequired},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
				task := start(t, table, "ada", each.run)
				s, err := task.First(t.Context())
				if err != nil || s.Status != each.want {
					t.Fatalf("%+v, %v", s, err)
				}
				if each.want.Final() {
					unknown(t, table, "ada", task.ID())
					return
				}
				if _, err := table.Get("ada", task.ID()); err != nil {
					t.Errorf("a task that goes on is unknown: %v", err)
				}
			})
		})
	}
}

func TestFirstIsGivenUp(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		task := start(t, table, "ada", func(ctx context.Context, _ *Task) Outcome {
			<-ctx.Done()
			return Outcome{}
		})
		if _, err := task.First(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if s := get(t, table, "ada", task); s.Status != Cancelled {
			t.Errorf("%+v", s)
		}
	})
}

func TestTasksOutliveTheirRequest(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		type name struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), name{}, "value"))
		task, err := table.Start(ctx, "ada", func(ctx context.Context, t *Task) Outcome {
			t.Later()
			time.Sleep(time.Second)
			return Outcome{Result: fmt.Append(nil, ctx.Value(name{}), ctx.Err())}
		})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Second)
		if s := get(t, table, "ada", task); string(s.Outcome.Result) != "value<nil>" {
			t.Errorf("%s", s.Outcome.Result)
		}
	})
}

func TestExpiry(t *testing.T) {
	for _, each := range []struct{ runs, ttl time.Duration }{
		{time.Second, time.Hour},
		{55 * time.Minute, time.Hour},
		{58 * time.Minute, 63 * time.Minute},
		{5 * time.Hour, 5*time.Hour + 5*time.Minute},
	} {
		inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
			task := start(t, table, "ada", gives(each.runs, Outcome{Result: []byte("{}")}))
			time.Sleep(each.runs)
			if s := get(t, table, "ada", task); s.Status != Completed || s.TTL != each.ttl {
				t.Errorf("%+v, want a TTL of %v", s, each.ttl)
			}
			time.Sleep(each.ttl - each.runs - 1)
			get(t, table, "ada", task)
			time.Sleep(1)
			synctest.Wait()
			unknown(t, table, "ada", task.ID())
			if got := table.Stats(); got.Kept != 0 || got.ResultBytes != 0 || got.Evicted != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	settings := DefaultSettings()
	settings.Tasks, settings.PerOwner = 4, 3
	quick := gives(time.Second, Outcome{Result: []byte("{}")})
	refused := func(t *testing.T, table *Table, owner string) {
		t.Helper()
		if _, err := table.Start(t.Context(), owner, hang); !errors.Is(err, ErrTooMany) {
			t.Errorf("%v, want ErrTooMany", err)
		}
	}
	t.Run("of an owner", func(t *testing.T) {
		inBubble(t, settings, func(t *testing.T, table *Table) {
			first, second := start(t, table, "ada", quick), start(t, table, "ada", gives(2*time.Second, Outcome{}))
			start(t, table, "ada", hang)
			refused(t, table, "ada")
			time.Sleep(3 * time.Second)
			synctest.Wait()
			start(t, table, "ada", hang)
			unknown(t, table, "ada", first.ID())
			get(t, table, "ada", second)
			start(t, table, "ada", hang)
			refused(t, table, "ada")
			start(t, table, "bob", hang)
			if got := table.Stats(); got.Refused != 2 || got.Evicted != 2 {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("of all", func(t *testing.T) {
		inBubble(t, settings, func(t *testing.T, table *Table) {
			bobs := start(t, table, "bob", quick)
			adas := start(t, table, "ada", gives(2*time.Second, Outcome{}))
			start(t, table, "ada", gives(3*time.Second, Outcome{}))
			start(t, table, "eve", hang)
			refused(t, table, "eve")
			time.Sleep(3 * time.Second)
			synctest.Wait()
			start(t, table, "eve", hang)
			unknown(t, table, "ada", adas.ID())
			get(t, table, "bob", bobs) // the oldest, but not of the one who has the most
		})
	})
	// A run that does not obey counts until it returns, so that starting and
	// cancelling piles nothing up.
	t.Run("cancelled", func(t *testing.T) {
		inBubble(t, settings, func(t *testing.T, table *Table) {
			held := make(chan struct{})
			for range 3 {
				task := start(t, table, "ada", func(context.Context, *Task) Outcome { <-held; return Outcome{} })
				if err := table.Cancel("ada", task.ID()); err != nil {
					t.Fatal(err)
				}
			}
			refused(t, table, "ada")
			close(held)
			synctest.Wait()
			start(t, table, "ada", hang)
		})
	})
}

func TestResultBytesAreBounded(t *testing.T) {
	settings := DefaultSettings()
	settings.ResultBytes = 100
	inBubble(t, settings, func(t *testing.T, table *Table) {
		of := func(owner string, n int) *Task {
			task := start(t, table, owner, gives(time.Second, Outcome{Error: make([]byte, n)}))
			time.Sleep(time.Second)
			synctest.Wait()
			return task
		}
		bobs := of("bob", 20)
		first, second := of("ada", 40), of("ada", 40)
		get(t, table, "ada", first)
		third := of("ada", 30)
		unknown(t, table, "ada", first.ID())
		for _, task := range []*Task{second, third} {
			get(t, table, "ada", task)
		}
		get(t, table, "bob", bobs)
		if got := table.Stats(); got.ResultBytes != 90 || got.Evicted != 1 {
			t.Errorf("%+v", got)
		}
		big := of("eve", 101)
		unknown(t, table, "eve", big.ID())
		get(t, table, "ada", third)
	})
}

func TestWatch(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		task := start(t, table, "ada", func(ctx context.Context, t *Task) Outcome {
			<-time.After(time.Second)
			t.Working("half way", 0)
			return asks(mcp.Question{Key: "a"}, mcp.Question{Key: "b"})(ctx, t)
		})
		var news atomic.Int64
		cancel, err := table.Watch("ada", task.ID(), func() { news.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
		counts := []int64{}
		count := func() { synctest.Wait(); counts = append(counts, news.Load()) }
		count()
		time.Sleep(time.Second)
		count() // message, questions
		update(t, table, task, map[string][]byte{"x": nil})
		count()
		update(t, table, task, map[string][]byte{"a": nil})
		count()
		update(t, table, task, map[string][]byte{"b": nil})
		count() // working, completed
		cancel()
		cancel()
		if want := "[0 2 2 3 5]"; fmt.Sprint(counts) != want {
			t.Errorf("told %v times, want %s", counts, want)
		}
		other := start(t, table, "ada", hang)
		cancel, _ = table.Watch("ada", other.ID(), func() { t.Error("told after cancel") })
		cancel()
		_ = table.Cancel("ada", other.ID())
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(DefaultSettings())
		quick := start(t, table, "ada", gives(time.Second, Outcome{Result: []byte("{}")}))
		hangs, asking := start(t, table, "ada", hang), start(t, table, "ada", asks(mcp.Question{Key: "a"}))
		grace, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun, drained := time.Now(), make(chan struct{})
		go func() { table.Drain(grace); close(drained) }()
		synctest.Wait()
		if _, err := table.Start(t.Context(), "ada", hang); !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
		time.Sleep(2 * time.Second)
		if s := get(t, table, "ada", quick); s.Status != Completed {
			t.Errorf("%+v", s)
		}
		for _, task := range []*Task{hangs, asking} {
			if s := get(t, table, "ada", task); s.Status.Final() {
				t.Errorf("ended before the grace was over: %+v", s)
			}
		}
		<-drained
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("took %v", took)
		}
		unknown(t, table, "ada", quick.ID())
		if got := table.Stats(); got.Cancelled != 2 || got.Running != 0 || got.Kept != 0 {
			t.Errorf("%+v", got)
		}
		table.Drain(grace)
	})
}

func TestDrainDoesNotWaitForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(DefaultSettings())
		start(t, table, "ada", gives(time.Second, Outcome{}))
		begun := time.Now()
		table.Drain(t.Context())
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Many clients start, ask, answer, cancel and poll at once; in the end the
// counters agree with each other, and nothing is left.
func TestConcurrentUse(t *testing.T) {
	settings := DefaultSettings()
	settings.Tasks, settings.PerOwner, settings.ResultBytes = 60, 10, 1000
	inBubble(t, settings, func(t *testing.T, table *Table) {
		var wg sync.WaitGroup
		for client := range 20 {
			wg.Go(func() {
				owner := fmt.Sprint(client % 7)
				for n := range 50 {
					run := []Run{hang, asks(mcp.Question{Key: "a"}), gives(0, Outcome{Result: make([]byte, 50)}), gives(time.Millisecond, Outcome{})}[(client+n)%4]
					task, err := table.Start(t.Context(), owner, run)
					if errors.Is(err, ErrTooMany) {
						time.Sleep(time.Millisecond)
						continue
					}
					_, _ = task.First(t.Context())
					stop, err := table.Watch(owner, task.ID(), func() {})
					if err == nil {
						defer stop()
					}
					_ = table.Update(owner, task.ID(), map[string][]byte{"a": []byte("{}")})
					s, err := table.Get(owner, task.ID())
					if err == nil && (s.Status == InputRequired) != (len(s.Questions) > 0) {
						t.Errorf("%s with %d questions", s.Status, len(s.Questions))
					}
					_ = table.Cancel(owner, task.ID())
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		got := table.Stats()
		if got.Started != got.Completed+got.Failed+got.Cancelled || got.Running != 0 || got.Kept != len(table.tasks) || got.ResultBytes > 1000 {
			t.Errorf("%+v with %d tasks", got, len(table.tasks))
		}
	})
}
