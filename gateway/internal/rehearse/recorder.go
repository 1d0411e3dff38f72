package rehearse

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
)

const (
	// maxPerTool bounds the examples that are kept of a tool.
	maxPerTool = 20
	// queued bounds the calls that wait to be recorded.
	queued = 256
	// MaxRecorded bounds the bodies of a call that is recorded, in bytes.
	MaxRecorded = 64 << 10
)

// Recorded is an example made of a call, without secrets.
type Recorded struct {
	// Key tells examples apart: the arguments, as JSON.
	Key string
	// Name says in short what it shows; what is named alike gets numbers.
	Name string
	// Rank says which of two examples with the same arguments is better: the
	// higher.
	Rank int
	// Example is written as it is.
	Example Object
}

// Sample is a call to be recorded.
type Sample struct {
	Tool string
	// Make makes the example; false says that none can be made of the call. It
	// runs beside the calls, not in their way.
	Make func() (Recorded, bool)
}

// Recorder writes examples to a folder, a file for each tool. Its methods are
// safe for concurrent use.
type Recorder struct {
	folder string
	log    *slog.Logger
	queue  chan Sample
	done   chan struct{}
	end    sync.Once

	mu     sync.RWMutex // held while the queue is written to
	closed bool
	tools  sync.Map // of name to *recordedTool

	dropped, skipped, failed atomic.Int64
}

// recordedTool is what is known of one tool. Only the writer uses its examples.
type recordedTool struct {
	full     atomic.Bool
	path     string
	examples []Recorded
}

// NewRecorder begins to record. Close ends it.
func NewRecorder(folder string, log *slog.Logger) (*Recorder, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // what is written there holds no secrets
		return nil, fmt.Errorf("record: %w", err)
	}
	r := &Recorder{folder: folder, log: log, queue: make(chan Sample, queued), done: make(chan struct{})}
	go r.write()
	return r, nil
}

// Wants reports whether further calls of a tool are worth being offered.
func (r *Recorder) Wants(tool string) bool {
	known, ok := r.tools.Load(tool)
	if !ok {
		return true
	}
	t, ok := known.(*recordedTool)
	return ok && !t.full.Load()
}

// Offer hands a call over to be recorded. It never waits: what can't be taken
// is dropped, and counted.
func (r *Recorder) Offer(s Sample) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return
	}
	select {
	case r.queue <- s:
	default:
		r.dropped.Add(1)
	}
}

// Skip counts a call that can't be recorded.
func (r *Recorder) Skip() { r.skipped.Add(1) }

// Counts tells how many calls were dropped because there were too many at once,
// and how many could not be made examples.
func (r *Recorder) Counts() (dropped, skipped int64) { return r.dropped.Load(), r.skipped.Load() }

// Close writes what was offered, and ends. Closing again does nothing.
func (r *Recorder) Close() {
	r.end.Do(func() {
		r.mu.Lock()
		r.closed = true
		close(r.queue)
		r.mu.Unlock()
		<-r.done
		dropped, skipped := r.Counts()
		r.log.Info("recording has ended", "folder", r.folder, "dropped", dropped, "skipped", skipped)
	})
	<-r.done
}

// write makes examples and writes them, until the queue is closed.
func (r *Recorder) write() {
	defer close(r.done)
	for sample := range r.queue {
		known, _ := r.tools.LoadOrStore(sample.Tool, &recordedTool{})
		t, ok := known.(*recordedTool)
		if !ok || t.full.Load() {
			continue
		}
		recorded, ok := sample.Make()
		if !ok {
			r.skipped.Add(1)
			continue
		}
		if !t.take(recorded) {
			continue
		}
		if err := r.save(sample.Tool, t); err != nil && r.failed.Add(1) == 1 {
			r.log.Error("can't write recorded examples", "folder", r.folder, "error", err)
		}
	}
}

// take adds an example, and reports whether anything has changed.
func (t *recordedTool) take(recorded Recorded) bool {
	at := slices.IndexFunc(t.examples, func(e Recorded) bool { return e.Key == recorded.Key })
	switch {
	case at >= 0 && recorded.Rank <= t.examples[at].Rank:
		return false
	case at >= 0:
		t.examples[at] = recorded
	default:
		t.examples = append(t.examples, recorded)
	}
	t.full.Store(len(t.examples) >= maxPerTool)
	return true
}

// save writes the examples of a tool: the file is whole at any time.
func (r *Recorder) save(tool string, t *recordedTool) error {
	if t.path == "" {
		path, err := r.free(tool)
		if err != nil {
			return err
		}
		t.path = path
	}
	sorted := slices.Clone(t.examples)
	slices.SortStableFunc(sorted, func(x, y Recorded) int { return cmp.Compare(y.Rank, x.Rank) })
	list, named := make([]any, len(sorted)), make(map[string]int)
	for i := range sorted {
		list[i] = sorted[i].Example
		name := sorted[i].Name
		if name == "" {
			continue
		}
		if named[name]++; named[name] > 1 {
			name += " (" + strconv.Itoa(named[name]) + ")"
		}
		list[i] = append(Object{{"name", name}}, sorted[i].Example...)
	}
	text := []byte("# Examples of the tool " + tool + ", recorded from real calls. Secrets were replaced by " + Masked + ".\n" +
		"# Read them, and try them: sallyport test --examples " + ofFolder(r.folder) + "\n" +
		"# Or paste what is below the tool's name into its definition. If a rule looks at the caller, add `as`.")
	text = AppendYAML(text, Object{{"tools", Object{{tool, Object{{"examples", list}}}}}}, 0)
	return replaceFile(t.path, text)
}

// ofFolder is the folder's path as it was given, if that can be in a comment.
func ofFolder(path string) string {
	if strings.ContainsFunc(path, unicode.IsControl) {
		return "FOLDER"
	}
	return path
}

// free finds a file name that isn't taken, so that nothing is overwritten.
func (r *Recorder) free(tool string) (string, error) {
	for n := 1; n < 10_000; n++ {
		name := tool + ".yaml"
		if n > 1 {
			name = tool + "-" + strconv.Itoa(n) + ".yaml"
		}
		path := filepath.Join(r.folder, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
	}
	return "", fmt.Errorf("there are too many files of the tool %s", tool)
}

// replaceFile writes a file as a whole or not at all.
func replaceFile(path string, text []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".recording-*")
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	if _, err = temporary.Write(text); err != nil {
		return errors.Join(err, temporary.Close())
	}
	if err = temporary.Close(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err = os.Rename(temporary.Name(), path); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
