package stream

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSink is a client's connection.
type fakeSink struct {
	mu      sync.Mutex
	sent    bytes.Buffer
	refuses bool // takes nothing more
	rude    bool // ends from within Send
	ended   bool
	onEnd   []func()
}

func (f *fakeSink) Send(p []byte) bool {
	f.mu.Lock()
	if f.ended || f.refuses {
		f.mu.Unlock()
		return false
	}
	if f.rude {
		f.mu.Unlock()
		f.End()
		return false
	}
	f.sent.Write(p)
	f.mu.Unlock()
	return true
}

func (f *fakeSink) End() {
	f.mu.Lock()
	calls := f.onEnd
	f.onEnd = nil
	f.ended = true
	f.mu.Unlock()
	for _, call := range calls {
		call()
	}
}

func (f *fakeSink) OnEnd(call func()) {
	f.mu.Lock()
	ended := f.ended
	if !ended {
		f.onEnd = append(f.onEnd, call)
	}
	f.mu.Unlock()
	if ended {
		call()
	}
}

func (f *fakeSink) refuse() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuses = true
}

func (f *fakeSink) over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

func (f *fakeSink) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent.String()
}

func (f *fakeSink) opener() func() Sink { return func() Sink { return f } }

// messages are the data of what was sent, priming events left out.
func (f *fakeSink) messages() []string {
	var out []string
	for _, e := range parseStream(f.text()) {
		if e.data != "" {
			out = append(out, e.data)
		}
	}
	return out
}

// lastID is the id a client would resume from.
func (f *fakeSink) lastID() string {
	id := ""
	for _, e := range parseStream(f.text()) {
		id = e.lastID
	}
	return id
}

// parsed is what a client's event stream parser hands out.
type parsed struct {
	kind, data, lastID string
	retry              int // as known by then; -1 if never told
}

// parseStream is a parser by the text of the standard (section 9.2.6 of
// https://html.spec.whatwg.org/multipage/server-sent-events.html), with nothing
// in common with the writer.
func parseStream(text string) []parsed {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var out []parsed
	kind, data, lastID, retry := "", "", "", -1
	lines := strings.Split(text, "\n")
	for _, line := range lines[:len(lines)-1] { // what follows the last line end is incomplete
		if line == "" {
			if data != "" {
				if kind == "" {
					kind = "message"
				}
				out = append(out, parsed{kind, strings.TrimSuffix(data, "\n"), lastID, retry})
			}
			kind, data = "", ""
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			kind = value
		case "data":
			data += value + "\n"
		case "id":
			if !strings.Contains(value, "\x00") {
				lastID = value
			}
		case "retry":
			if n, err := strconv.Atoi(value); err == nil {
				retry = n
			}
		}
	}
	return out
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newTable(t *testing.T, limits Limits) (*Table, *clock) {
	t.Helper()
	c := newClock()
	table := New(limits, c.read)
	t.Cleanup(table.Close)
	return table, c
}

func newSession(t *testing.T, table *Table, n int) *Session {
	t.Helper()
	s, err := table.Session(nonce(n), "alice", table.now().Add(time.Hour))
	if err != nil {
		t.Fatalf("session %d: %v", n, err)
	}
	return s
}

// nonce makes one whose first byte is zero, so that streams last exactly.
func nonce(n int) Nonce {
	var out Nonce
	copy(out[1:], fmt.Sprintf("%011d", n))
	return out
}

func message(n int) []byte { return fmt.Appendf(nil, `{"n":%d}`, n) }

func wantMessages(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
