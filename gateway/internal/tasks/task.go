package tasks

import (
	"bytes"
	"container/list"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// Status is where a task stands, as SEP-2663 spells it.
type Status string

// The statuses. The last three are final.
const (
	Working       Status = "working"
	InputRequired Status = "input_required"
	Completed     Status = "completed"
	Failed        Status = "failed"
	Cancelled     Status = "cancelled"
)

// Final reports whether a task of this status has ended.
func (s Status) Final() bool { return s == Completed || s == Failed || s == Cancelled }

// may tells which statuses may follow.
func (s Status) may(next Status) bool {
	switch s {
	case Working:
		return next != Working
	case InputRequired:
		return next != InputRequired
	default:
		return false
	}
}

// Snapshot is how a task stood at one moment.
type Snapshot struct {
	ID     string
	Status Status
	// Message says in a few words what the task does; may be empty.
	Message string
	// Created and Updated are in UTC.
	Created, Updated time.Time
	// TTL is how long the task is kept, from Created. It may grow.
	TTL time.Duration
	// Poll is how long to wait before asking again.
	Poll time.Duration
	// Questions are those not answered yet (InputRequired). Their keys are
	// unique in the life of the task.
	Questions []mcp.Question
	// Outcome is set if the task is Completed (Result) or Failed (Error).
	Outcome Outcome
}

// Task is a call that goes on in the background.
type Task struct {
	table     *Table
	id, owner string
	created   time.Time
	cancel    context.CancelFunc
	// later is closed when the task will not end at once, returned when its run
	// has.
	later, returned chan struct{}

	// The table's mutex guards the rest.
	updated   time.Time
	status    Status
	message   string
	ttl, poll time.Duration
	outcome   Outcome
	// asked counts how often a key was asked for.
	asked map[string]int
	round *round // of questions; nil if there is none
	// watchers want to know of each change.
	watchers map[*watcher]struct{}
	// place and expiry are set when the run has returned.
	place  *list.Element
	expiry *time.Timer
}

type watcher struct{ changed func() }

// pending is a question that waits for its answer.
type pending struct {
	question mcp.Question // its key is the one the client sees
	key      string       // the one the run knows
	deadline time.Time
}

// round is questions asked together.
type round struct {
	open    []pending
	answers map[string][]byte
	// changed holds one token if answers came.
	changed chan struct{}
}

// ID is random, with 128 bits or more.
func (t *Task) ID() string { return t.id }

// Later says that the run will take its time: First returns.
func (t *Task) Later() {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	t.sayLater()
}

func (t *Task) sayLater() {
	select {
	case <-t.later:
	default:
		close(t.later)
	}
}

// First waits until the run has ended or says Later. If it has ended, nobody
// will ask for the task any more, so it is forgotten. If ctx is done before,
// the task is cancelled: its client never learned of it. First is called once,
// by whoever started the task.
func (t *Task) First(ctx context.Context) (Snapshot, error) {
	var err error
	select {
	case <-t.returned:
	case <-t.later:
	case <-ctx.Done():
		err = ctx.Err()
	}
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	if err != nil {
		t.abort()
		return Snapshot{}, err
	}
	if t.place != nil {
		t.table.remove(t)
	}
	return t.snapshot(), nil
}

// Working says what the run does now, and when to ask again (zero: as often as
// usual).
func (t *Task) Working(message string, poll time.Duration) {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	if t.status.Final() {
		return
	}
	if poll <= 0 {
		poll = t.table.settings.Poll
	}
	t.message, t.poll = message, poll
	t.touch()
}

// Ask puts questions to the client, each with a key of its own, and waits until
// all are answered. It returns the answers by key; with ErrUnanswered or ctx's
// error only those that came. ctx is the run's, and only one Ask of a task may
// run at a time.
func (t *Task) Ask(ctx context.Context, questions []mcp.Question) (map[string][]byte, error) {
	r := t.ask(questions)
	for {
		next, done := t.waiting(r)
		if done {
			return r.answers, nil
		}
		timer := time.NewTimer(time.Until(next))
		var err error
		select {
		case <-r.changed:
		case <-timer.C:
			err = ErrUnanswered
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		if err != nil && !t.giveUp(r) {
			return r.answers, err
		}
	}
}

// ask opens a round of questions.
func (t *Task) ask(questions []mcp.Question) *round {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	r := &round{answers: map[string][]byte{}, changed: make(chan struct{}, 1)}
	if len(questions) == 0 {
		return r
	}
	now := time.Now()
	for _, question := range questions {
		timeout := question.Timeout
		if timeout <= 0 {
			timeout = t.table.settings.Answer
		}
		each := pending{question: question, key: question.Key, deadline: now.Add(timeout)}
		each.question.Key = t.unique(question.Key)
		r.open = append(r.open, each)
	}
	// A cancelled task keeps its status; its context ends the wait.
	if t.status.may(InputRequired) {
		t.round = r
		t.move(InputRequired)
	}
	t.sayLater()
	return r
}

// unique makes a key that the client has not seen in this task: a question that
// is put again is another question.
func (t *Task) unique(key string) string {
	for {
		t.asked[key]++
		if t.asked[key] == 1 {
			return key
		}
		key += "-" + strconv.Itoa(t.asked[key])
	}
}

// waiting tells when the first of the open questions is given up, or that there
// are none.
func (t *Task) waiting(r *round) (next time.Time, done bool) {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	if len(r.open) == 0 {
		return next, true
	}
	first := slices.MinFunc(r.open, func(a, b pending) int { return a.deadline.Compare(b.deadline) })
	return first.deadline, false
}

// giveUp ends a round that was not answered. It reports false if it was, at the
// last moment.
func (t *Task) giveUp(r *round) (answered bool) {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	if len(r.open) == 0 {
		return true
	}
	t.move(Working)
	return false
}

// answer takes the answers to open questions.
func (t *Task) answer(answers map[string][]byte) {
	if t.round == nil {
		return
	}
	before := len(t.round.open)
	t.round.open = slices.DeleteFunc(t.round.open, func(each pending) bool {
		answer, ok := answers[each.question.Key]
		if ok {
			t.round.answers[each.key] = bytes.Clone(answer)
		}
		return ok
	})
	if len(t.round.open) == before {
		return
	}
	select {
	case t.round.changed <- struct{}{}:
	default:
	}
	if len(t.round.open) > 0 {
		t.touch()
		return
	}
	t.move(Working)
}

// move changes the status, if it may.
func (t *Task) move(next Status) bool {
	if !t.status.may(next) {
		return false
	}
	t.status = next
	if next != InputRequired {
		t.round = nil
	}
	if next.Final() {
		t.message = ""
	}
	t.touch()
	return true
}

// touch notes that the task has changed.
func (t *Task) touch() {
	t.updated = time.Now().UTC()
	for w := range t.watchers {
		w.changed()
	}
}

// abort cancels the task unless it has ended.
func (t *Task) abort() {
	if t.move(Cancelled) {
		t.table.stats.Cancelled++
		t.cancel()
	}
}

// end takes over the outcome of the run.
func (t *Task) end(outcome Outcome) {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	switch {
	case t.status.Final():
	case outcome.Error != nil:
		t.outcome.Error = outcome.Error
		t.move(Failed)
		t.message = outcome.Message
		t.table.stats.Failed++
	default:
		t.outcome.Result = outcome.Result
		t.move(Completed)
		t.message = outcome.Message
		t.table.stats.Completed++
	}
	t.table.keep(t)
	close(t.returned)
}

func (t *Task) snapshot() Snapshot {
	s := Snapshot{
		ID: t.id, Status: t.status, Message: t.message, Created: t.created, Updated: t.updated,
		TTL: t.ttl, Poll: t.poll, Outcome: t.outcome,
	}
	if t.round != nil {
		for _, each := range t.round.open {
			s.Questions = append(s.Questions, each.question)
		}
	}
	return s
}
