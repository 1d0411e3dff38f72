package gateway_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// scriptedUpstream answers what lines of a script say:
//
//	METHOD target status content-type body
//
// A line that comes again is the answer to the next such request; the last one
// stays. A status held:200 keeps the answer back until the script releases it,
// a content type may be followed by |Header=value, a body base64:... is decoded.
// What is not in the script is 404.
type scriptedUpstream struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	replies map[string][]reply
	seen    []string
	told    int // how many of seen the script has shown
	// awaited counts what was awaited since the step began, which is at mark.
	awaited map[string]int
	mark    int
	// changed is closed when a request comes.
	changed chan struct{}
	// released is closed when held answers may go.
	released   chan struct{}
	isReleased bool
}

// reply is one answer.
type reply struct {
	status  int
	held    bool
	headers map[string]string
	body    string
}

func newScriptedUpstream(t testing.TB, text string) *scriptedUpstream {
	t.Helper()
	u := &scriptedUpstream{
		t: t, awaited: make(map[string]int), changed: make(chan struct{}), released: make(chan struct{}),
	}
	u.answer(text)
	u.Server = httptest.NewServer(http.HandlerFunc(u.serve))
	t.Cleanup(u.Close)
	return u
}

// answer replaces the script.
func (u *scriptedUpstream) answer(text string) {
	u.t.Helper()
	replies := make(map[string][]reply)
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 5)
		if len(f) < 4 {
			continue
		}
		one := reply{headers: make(map[string]string)}
		var status string
		status, one.held = strings.CutPrefix(f[2], "held:")
		var err error
		if one.status, err = strconv.Atoi(status); err != nil {
			u.t.Fatalf("upstream line %q: %v", line, err)
		}
		contentType, headers, _ := strings.Cut(f[3], "|")
		if contentType != "-" {
			one.headers["Content-Type"] = contentType
		}
		for header := range strings.SplitSeq(headers, "|") {
			if name, value, ok := strings.Cut(header, "="); ok {
				one.headers[name] = value
			}
		}
		if len(f) == 5 {
			one.body = f[4]
		}
		if encoded, ok := strings.CutPrefix(one.body, "base64:"); ok {
			one.body = string(decodeBase64(u.t, encoded))
		}
		key := f[0] + " " + f[1]
		replies[key] = append(replies[key], one)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.replies = replies
	if u.isReleased {
		u.released, u.isReleased = make(chan struct{}), false
	}
}

func decodeBase64(t testing.TB, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (u *scriptedUpstream) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	one, released, ok := u.note(req.Method+" "+req.RequestURI, string(body))
	if !ok {
		http.Error(w, `{"title":"not here"}`, http.StatusNotFound)
		return
	}
	if one.held {
		select {
		case <-released:
		case <-req.Context().Done():
			u.note("gone "+req.RequestURI, "")
			return
		}
	}
	for name, value := range one.headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(one.status)
	_, _ = w.Write([]byte(one.body))
}

// note remembers a request and finds its answer.
func (u *scriptedUpstream) note(key, body string) (one reply, released <-chan struct{}, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	line := key
	if body != "" {
		line += " " + body
	}
	u.seen = append(u.seen, line)
	close(u.changed)
	u.changed = make(chan struct{})
	all := u.replies[key]
	if len(all) == 0 {
		return reply{}, nil, false
	}
	if len(all) > 1 {
		u.replies[key] = all[1:]
	}
	return all[0], u.released, true
}

// release lets held answers go.
func (u *scriptedUpstream) release() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.isReleased {
		u.isReleased = true
		close(u.released)
	}
}

// begin begins a step.
func (u *scriptedUpstream) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mark = len(u.seen)
	clear(u.awaited)
}

// await waits until a request came that the step has not awaited yet. The key
// "gone TARGET" waits until the gateway has given a held request up.
func (u *scriptedUpstream) await(key string) error {
	deadline := time.After(patience)
	for {
		u.mu.Lock()
		came, changed := 0, u.changed
		for _, line := range u.seen[u.mark:] {
			if line == key || strings.HasPrefix(line, key+" ") {
				came++
			}
		}
		if came > u.awaited[key] {
			u.awaited[key]++
			u.mu.Unlock()
			return nil
		}
		seen := strings.Join(u.seen, "\n")
		u.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			return fmt.Errorf("the upstream did not see %s, but\n%s", key, seen)
		}
	}
}

// anything waits until the upstream is asked something, or a while.
func (u *scriptedUpstream) anything(while time.Duration) {
	u.mu.Lock()
	changed := u.changed
	u.mu.Unlock()
	select {
	case <-changed:
	case <-time.After(while):
	}
}

// news are the requests since the last time.
func (u *scriptedUpstream) news() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := append([]string(nil), u.seen[u.told:]...)
	u.told = len(u.seen)
	return out
}
