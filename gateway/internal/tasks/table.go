// Package tasks is the table of calls that go on in the background: the tasks
// of the extension io.modelcontextprotocol/tasks (SEP-2663). It knows who may
// see a task, what state it is in and how long it is kept, and nothing of what
// the task does.
package tasks

import (
	"container/list"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// Errors of the table.
var (
	// ErrUnknownTask says that there is no such task, or that it is another
	// owner's.
	ErrUnknownTask = errors.New("unknown task")
	// ErrTooMany says that no more tasks can be started now, by this owner or
	// by anybody.
	ErrTooMany = errors.New("too many tasks are running")
	// ErrClosed says that the gateway is going down.
	ErrClosed = errors.New("no more tasks are started")
	// ErrUnanswered says that nobody answered a question in time.
	ErrUnanswered = errors.New("the question was not answered in time")
)

// Settings bound a table.
type Settings struct {
	// Tasks and PerOwner are how many tasks there may be, ended ones included;
	// the oldest ended ones make room for new ones.
	Tasks, PerOwner int
	// ResultBytes are kept of results and errors together. If there are more,
	// the oldest task of the owner who has the most goes.
	ResultBytes int
	// TTL is how long a task is kept after it was made, Grace how long after it
	// ended, if that is later.
	TTL, Grace time.Duration
	// Answer is how long a question stands open that doesn't say it.
	Answer time.Duration
	// Poll is how often a client should ask, unless the task says otherwise.
	Poll time.Duration
}

// DefaultSettings are what a gateway needs.
func DefaultSettings() Settings {
	return Settings{
		Tasks: 10_000, PerOwner: 100, ResultBytes: 64 << 20,
		TTL: time.Hour, Grace: 5 * time.Minute, Answer: 10 * time.Minute, Poll: time.Second,
	}
}

// Outcome is how a run ended: either with a result or with an error.
type Outcome struct {
	// Result is the JSON of a tool's result, also of one with isError.
	Result []byte
	// Error is the JSON of a JSON-RPC error.
	Error []byte
	// Message sums it up in a few words; may be empty.
	Message string
}

// Run does the work of a task. It must end soon after ctx is done, when its
// outcome counts no more, and must not panic.
type Run func(ctx context.Context, t *Task) Outcome

// Table holds tasks. A goroutine runs for each that has not ended.
type Table struct {
	settings Settings
	running  sync.WaitGroup

	mu     sync.Mutex
	tasks  map[string]*Task
	owners map[string]*owner
	bytes  int
	closed bool
	stats  Stats
}

// owner is what the table knows of the tasks of one principal.
type owner struct {
	tasks, bytes int
	// ended are the tasks that can go, in the order they ended.
	ended list.List
}

// Stats are counters since the start, and what there is now.
type Stats struct {
	Started, Completed, Failed, Cancelled uint64
	// Refused were not started, Evicted not kept as long as promised.
	Refused, Evicted uint64
	// Running runs have not returned, Kept tasks have ended.
	Running, Kept, ResultBytes int
}

// New makes an empty table.
func New(settings Settings) *Table {
	return &Table{settings: settings, tasks: map[string]*Task{}, owners: map[string]*owner{}}
}

// Start runs a task in the background. It takes the values of ctx, and neither
// its deadline nor its end. Nobody but the owner can see the task.
func (t *Table) Start(ctx context.Context, ownerKey string, run Run) (*Task, error) {
	return t.start(ctx, ownerKey, rand.Text(), run)
}

// Adopt goes on with a task that this table doesn't know any more, or never
// did: it was started by another process, under that id. False and no error say
// that the table knows it after all: it stays as it is.
func (t *Table) Adopt(ctx context.Context, ownerKey, id string, run Run) (bool, error) {
	task, err := t.start(ctx, ownerKey, id, run)
	return task != nil, err
}

// start starts a task, unless there is one of that id.
func (t *Table) start(ctx context.Context, ownerKey, id string, run Run) (*Task, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tasks[id] != nil {
		return nil, nil //nolint:nilnil // it is known
	}
	if t.closed {
		return nil, ErrClosed
	}
	if !t.room(ownerKey) {
		t.stats.Refused++
		return nil, ErrTooMany
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	now := time.Now().UTC()
	task := &Task{
		table: t, id: id, owner: ownerKey, cancel: cancel,
		created: now, updated: now, status: Working, ttl: t.settings.TTL, poll: t.settings.Poll,
		later: make(chan struct{}), returned: make(chan struct{}), asked: map[string]int{},
		watchers: map[*watcher]struct{}{},
	}
	t.tasks[task.id] = task
	o := t.owners[ownerKey]
	if o == nil {
		o = &owner{}
		t.owners[ownerKey] = o
	}
	o.tasks++
	t.stats.Started++
	t.stats.Running++
	t.running.Go(func() {
		defer cancel()
		task.end(run(ctx, task))
	})
	return task, nil
}

// room makes room for a task, if it can.
func (t *Table) room(ownerKey string) bool {
	if o := t.owners[ownerKey]; o != nil && o.tasks >= t.settings.PerOwner {
		if o.ended.Len() == 0 {
			return false
		}
		t.evict(o)
	}
	for len(t.tasks) >= t.settings.Tasks {
		most := t.most(func(o *owner) int { return o.ended.Len() })
		if most == nil {
			return false
		}
		t.evict(most)
	}
	return true
}

// most finds the owner who has the most of something; nil if nobody has any.
// One who fills the table loses tasks before others do.
func (t *Table) most(of func(*owner) int) *owner {
	var found *owner
	for _, o := range t.owners {
		if n := of(o); n > 0 && (found == nil || n > of(found)) {
			found = o
		}
	}
	return found
}

// evict removes the owner's task that ended first.
func (t *Table) evict(o *owner) {
	t.stats.Evicted++
	t.remove(o.ended.Front().Value.(*Task)) //nolint:forcetypeassert // nothing else is in the list
}

// keep holds a task whose run has returned until its time is over.
func (t *Table) keep(task *Task) {
	o := t.owners[task.owner]
	size := len(task.outcome.Result) + len(task.outcome.Error)
	t.bytes += size
	o.bytes += size
	t.stats.Running--
	t.stats.Kept++
	task.place = o.ended.PushBack(task)
	left := time.Until(task.created.Add(t.settings.TTL))
	if left < t.settings.Grace {
		left = t.settings.Grace
		task.ttl = time.Now().Add(left).Sub(task.created)
	}
	task.expiry = time.AfterFunc(left, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.remove(task)
	})
	for t.bytes > t.settings.ResultBytes {
		t.evict(t.most(func(o *owner) int { return o.bytes }))
	}
}

// remove forgets a task that is kept.
func (t *Table) remove(task *Task) {
	if t.tasks[task.id] != task {
		return
	}
	delete(t.tasks, task.id)
	task.expiry.Stop()
	o := t.owners[task.owner]
	o.ended.Remove(task.place)
	size := len(task.outcome.Result) + len(task.outcome.Error)
	t.bytes -= size
	o.bytes -= size
	o.tasks--
	t.stats.Kept--
	if o.tasks == 0 {
		delete(t.owners, task.owner)
	}
}

func (t *Table) find(ownerKey, id string) (*Task, error) {
	task := t.tasks[id]
	if task == nil || task.owner != ownerKey {
		return nil, ErrUnknownTask
	}
	return task, nil
}

// Get tells how a task of the owner's stands.
func (t *Table) Get(ownerKey, id string) (Snapshot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	task, err := t.find(ownerKey, id)
	if err != nil {
		return Snapshot{}, err
	}
	return task.snapshot(), nil
}

// Update answers questions of a task, by their keys. Keys that are not asked
// for, or not any more, are ignored. The answers are copied.
func (t *Table) Update(ownerKey, id string, answers map[string][]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	task, err := t.find(ownerKey, id)
	if err != nil {
		return err
	}
	task.answer(answers)
	return nil
}

// Cancel ends a task that has not ended, at once: its run's outcome counts no
// more.
func (t *Table) Cancel(ownerKey, id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	task, err := t.find(ownerKey, id)
	if err != nil {
		return err
	}
	task.abort()
	return nil
}

// Watch calls changed whenever the task has changed, until cancel is called:
// Get tells how. changed must be quick, and not call the table. It may be
// called more often than there is something new.
func (t *Table) Watch(ownerKey, id string, changed func()) (cancel func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	task, err := t.find(ownerKey, id)
	if err != nil {
		return nil, err
	}
	w := &watcher{changed: changed}
	task.watchers[w] = struct{}{}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(task.watchers, w)
	}, nil
}

// Stats tells what the table has done and holds now.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	stats := t.stats
	stats.ResultBytes = t.bytes
	return stats
}

// Drain starts no more tasks and waits for those that run; when ctx is done it
// cancels them and waits until they have obeyed. Then it forgets all tasks.
func (t *Table) Drain(ctx context.Context) {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, task := range t.tasks {
			task.abort()
		}
	})
	t.running.Wait()
	stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, task := range t.tasks {
		t.remove(task)
	}
}
