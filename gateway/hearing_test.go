package gateway_test

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hearing is an HTTP answer that is read while it comes.
type hearing struct {
	// status, header and err are there once head is closed.
	head   chan struct{}
	status int
	header http.Header
	err    error
	// heard is what comes; it is closed at the end.
	heard chan event
	stop  context.CancelFunc
	over  chan struct{}
	// last is the id of the last event taken, shown says that the status was.
	last  string
	shown bool
}

// event is an event of a stream, or a whole body.
type event struct {
	id, name, text string
	hasID          bool
	retry          bool
}

// listening starts an HTTP request.
func listening(t testing.TB, client *http.Client, method, url, body string, headers map[string]string) *hearing {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	h := &hearing{head: make(chan struct{}), heard: make(chan event, 1024), stop: cancel, over: make(chan struct{})}
	go h.read(client, req)
	t.Cleanup(h.drop)
	return h
}

func (h *hearing) read(client *http.Client, req *http.Request) {
	defer close(h.over)
	defer close(h.heard)
	resp, err := client.Do(req)
	if err != nil {
		h.err = err
		close(h.head)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	h.status, h.header = resp.StatusCode, resp.Header
	close(h.head)
	if !h.isStream() {
		data, _ := io.ReadAll(resp.Body)
		if len(data) > 0 {
			h.heard <- event{text: string(data)}
		}
		return
	}
	readEvents(resp.Body, func(e event) { h.heard <- e })
}

// readEvents parses an event stream
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). Comments
// are dropped.
func readEvents(r io.Reader, take func(e event)) {
	lines := bufio.NewReader(r)
	var one event
	var data []string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // what is not ended by an empty line is no event
		}
		line = strings.TrimRight(line, "\r\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != nil || one.retry {
				one.text = strings.Join(data, "\n")
				take(one)
			}
			one, data = event{}, nil
		case field == "id":
			one.id, one.hasID = value, true
		case field == "event":
			one.name = value
		case field == "retry":
			one.retry = true
		case field == "data":
			data = append(data, value)
		}
	}
}

func (h *hearing) isStream() bool {
	return strings.HasPrefix(h.header.Get("Content-Type"), "text/event-stream")
}

// begun waits for status and headers.
func (h *hearing) begun(t testing.TB) *hearing {
	t.Helper()
	select {
	case <-h.head:
	case <-time.After(patience):
		t.Fatal("no answer came")
	}
	if h.err != nil {
		t.Fatal(h.err)
	}
	return h
}

// next waits for what comes next.
func (h *hearing) next(t testing.TB) event {
	t.Helper()
	e, ok := h.more(t)
	if !ok {
		t.Fatal("the stream has ended")
	}
	return e
}

// more is next, where the end is fine.
func (h *hearing) more(t testing.TB) (event, bool) {
	t.Helper()
	h.begun(t)
	select {
	case e, ok := <-h.heard:
		if e.hasID {
			h.last = e.id
		}
		return e, ok
	case <-time.After(patience):
		t.Fatal("nothing more came")
	}
	return event{}, false
}

// nextMessage is the next event with a message in it.
func (h *hearing) nextMessage(t testing.TB) string {
	t.Helper()
	for {
		if e := h.next(t); e.text != "" {
			return e.text
		}
	}
}

// awaitEnd waits for the end.
func (h *hearing) awaitEnd(t testing.TB) {
	t.Helper()
	for more := true; more; {
		_, more = h.more(t)
	}
}

// drop hangs up.
func (h *hearing) drop() {
	h.stop()
	<-h.over
}

// send starts a request with the step's headers, then others.
func (p *player) send(method, body string, headers map[string]string) *hearing {
	p.t.Helper()
	all := maps.Clone(headers)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, p.headers)
	maps.DeleteFunc(all, func(_, value string) bool { return value == "-" })
	if method == http.MethodGet {
		all["Accept"] = headers["Accept"]
	}
	return listening(p.t, p.r.client, method, p.r.url+"/mcp", body, all)
}

// take takes the next message, and checks the form of what it comes in. False
// is the end.
func (p *player) take(h *hearing) (string, bool) {
	p.t.Helper()
	for first := !h.shown; ; first = false {
		e, more := h.more(p.t)
		if !h.shown {
			p.showHead(h)
		}
		if !more {
			return "", false
		}
		if h.isStream() {
			p.checkEvent(e, first)
		}
		if e.text != "" {
			return strings.TrimSuffix(e.text, "\n"), true
		}
	}
}

// showHead notes the status.
func (p *player) showHead(h *hearing) {
	p.t.Helper()
	h.shown = true
	line := strconv.Itoa(h.status)
	if h.isStream() {
		line += " stream"
		if h.header.Get("X-Accel-Buffering") != "no" {
			p.t.Error("a stream lacks X-Accel-Buffering: no")
		}
	}
	p.say(line)
}

// checkEvent checks what a revision says of the ids of events.
func (p *player) checkEvent(e event, first bool) {
	p.t.Helper()
	switch {
	case p.revision == modernRevision:
		if e.hasID || e.retry {
			p.t.Errorf("a modern event has an id or a retry: %+v", e)
		}
	case p.revision == "2025-11-25":
		if first && (!e.hasID || e.text != "") {
			p.t.Errorf("the first event of a stream that can be resumed does not prime it: %+v", e)
		}
		if !e.hasID && !e.retry {
			p.t.Errorf("an event has no id: %+v", e)
		}
	}
	if !e.hasID || e.text == "" {
		return // one that primes says where the stream is
	}
	if p.events[e.id] {
		p.t.Errorf("the id of an event came before: %+v", e)
	}
	p.events[e.id] = true
}

// show notes the next message.
func (p *player) show(h *hearing) {
	p.t.Helper()
	text, more := p.take(h)
	if !more {
		p.t.Fatal("the stream has ended")
	}
	p.patient = true
	p.hear(h, text)
	p.patient = false
}

// hearOut hears everything to the end, answers the server's requests, and
// returns the last message.
func (p *player) hearOut(h *hearing) string {
	p.t.Helper()
	last := ""
	for {
		text, more := p.take(h)
		if !more {
			break
		}
		last = text
		p.hear(h, text)
	}
	if h.isStream() {
		p.say("end")
	}
	h.drop()
	return last
}

// hear notes a message. A request of the server's is answered, with those that
// come together with it.
func (p *player) hear(h *hearing, text string) {
	p.t.Helper()
	m, isRequest := requestIn(text)
	if !isRequest {
		p.say(p.tidy(text))
		return
	}
	asked := []serverRequest{m}
	for len(asked) < p.together {
		more, ok := p.take(h)
		m, isRequest = requestIn(more)
		if !ok || !isRequest {
			p.t.Fatalf("want %d requests together, got %d and %s", p.together, len(asked), more)
		}
		asked = append(asked, m)
	}
	p.together = 0
	slices.SortFunc(asked, func(x, y serverRequest) int { return strings.Compare(x.without, y.without) })
	for _, one := range asked {
		p.asked[one.id] = "s-" + strconv.Itoa(len(p.asked)+1)
		p.say(p.tidy(one.text))
	}
	for _, one := range asked {
		if p.answer(one) || p.patient {
			continue
		}
		p.t.Fatalf("the step has no reply to %s", one.text)
	}
}

// readyFor takes the reply to a request, if the step has one.
func (p *player) readyFor(text string) (string, bool) {
	for i, one := range p.replies {
		if strings.Contains(text, one.word) {
			p.replies = slices.Delete(p.replies, i, i+1)
			return one.result, true
		}
	}
	return "", false
}
