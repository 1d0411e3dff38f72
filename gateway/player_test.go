package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// player plays one step of a script, as a client of one revision. Its lines:
//
//	{...} or [...]           post a message, hear the whole answer
//	Header: value            set a header for the rest of the step; without a
//	                         value it is as usual again, and - leaves it out
//	# capabilities: {...}    what the client declares
//	raw {...}                post a message as it is, with no headers but those of
//	                         the step, and hear the answer
//	reply WORD {...}         the result (or {"error":...}) with which the client
//	                         answers the next request of the server's that has
//	                         WORD in it: as a POST in legacy revisions, as
//	                         inputResponses of a retry in the modern one
//	together N               the next N requests of the server's come in any order
//	open NAME {...}          post a message without waiting for the answer
//	open NAME GET [after X]  open a stream; after X resumes the stream X
//	hear NAME [N]            hear the next N messages of it; N is 1. A request of
//	                         the server's stays open if there is no reply
//	end NAME                 hear it to its end
//	ends NAME                wait for its end, whatever comes before
//	drop NAME                hang up
//	DELETE                   end the session
//	initialize               begin another session
//	until WORD {...}         post a message again and again, until the answer has
//	                         WORD in it; only that one is shown
//	await METHOD target      wait until the upstream is asked so once more; "gone
//	                         target" waits until a held request is given up
//	seen [sorted]            show what the upstream was asked
//	release                  let the upstream's held answers go
//	upstream FILE            let the upstream answer as a file says, and hold again
//	reload FILE              load another manifest
//
// Messages are written as for legacy revisions; in the modern one they get what
// it wants in _meta and headers. $state, $task and $cursor stand for the last
// requestState, taskId and nextCursor, also in what was heard.
type player struct {
	t        *testing.T
	r        *rig
	up       *scriptedUpstream
	script   *script
	revision string
	out      strings.Builder

	headers      map[string]string
	capabilities string
	session      string // empty until it has begun
	streams      map[string]*hearing
	replies      []readyReply
	together     int
	patient      bool // a request of the server's may stay open
	commands     int
	// asked are the names of the server's requests, by id.
	asked               map[string]string
	state, task, cursor string
	events              map[string]bool // ids of events of the session
}

// readyReply is what the client will answer.
type readyReply struct{ word, result string }

func newPlayer(t *testing.T, r *rig, up *scriptedUpstream, s *script, revision string) *player {
	return &player{
		t: t, r: r, up: up, script: s, revision: revision, capabilities: "{}",
		headers: map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"},
		streams: make(map[string]*hearing), asked: make(map[string]string), events: make(map[string]bool),
	}
}

var (
	headerLine   = regexp.MustCompile(`^([A-Z][A-Za-z-]+): ?(.*)$`)
	capabilities = regexp.MustCompile(`^# capabilities: (.*)$`)
)

// play plays the lines of a step.
func (p *player) play(text string) {
	p.t.Helper()
	p.up.begin()
	defer p.hangUp()
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("heard:\n%s", p.out.String())
		}
	})
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			p.commands++
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := capabilities.FindStringSubmatch(line); m != nil {
			p.capabilities = m[1]
		}
		if m := headerLine.FindStringSubmatch(line); m != nil {
			p.headers[m[1]] = m[2]
			if m[2] == "" {
				delete(p.headers, m[1])
			}
			p.commands--
			continue
		}
		if line != "" && !strings.HasPrefix(line, "#") {
			p.command(line)
		}
	}
	if len(p.replies) > 0 {
		p.t.Errorf("nobody asked for %v", p.replies)
	}
}

func (p *player) hangUp() {
	for _, s := range p.streams {
		s.drop()
	}
}

// command plays one line.
func (p *player) command(line string) {
	p.t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "reply":
		key, result, _ := strings.Cut(rest, " ")
		p.replies = append(p.replies, readyReply{word: key, result: result})
	case "together":
		p.together = p.number(rest)
	case "open":
		name, what, _ := strings.Cut(rest, " ")
		p.open(name, what)
	case "hear":
		name, count, counted := strings.Cut(rest, " ")
		n := 1
		if counted {
			n = p.number(count)
		}
		p.say("> " + line)
		for range n {
			p.show(p.stream(name))
		}
	case "end":
		p.say("> " + line)
		p.hearOut(p.stream(rest))
	case "ends":
		p.stream(rest).awaitEnd(p.t)
	case "drop":
		p.stream(rest).drop()
	case "raw":
		p.say("> " + brief(rest))
		p.hearOut(p.send(http.MethodPost, rest, nil))
	case "DELETE":
		p.say("> DELETE")
		s := p.send(http.MethodDelete, "", p.sessionHeaders())
		p.hearOut(s)
	case "until":
		wanted, message, _ := strings.Cut(rest, " ")
		p.until(wanted, message)
	case "initialize":
		p.session = ""
	default:
		p.surroundings(word, rest, line)
	}
}

// surroundings plays a line that is about the upstream or the manifest; any
// other is a message.
func (p *player) surroundings(word, rest, line string) {
	p.t.Helper()
	switch word {
	case "await":
		if err := p.up.await(rest); err != nil {
			p.t.Fatal(err)
		}
	case "seen":
		p.say("> seen")
		seen := p.up.news()
		if rest == "sorted" {
			slices.Sort(seen)
		}
		for _, one := range seen {
			p.say(one)
		}
	case "release":
		p.up.release()
	case "upstream":
		text, ok := p.script.file(rest)
		if !ok {
			p.t.Fatalf("there is no file %s", rest)
		}
		p.up.answer(text)
	case "reload":
		p.reload(rest)
	default:
		if p.commands > 1 {
			p.say("> " + brief(line))
		}
		p.post(line)
	}
}

func (p *player) number(text string) int {
	p.t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// say notes what is heard; a line that begins with ">" is the client's.
func (p *player) say(line string) { p.out.WriteString(line + "\n") }

// brief is a message without its params.
func brief(line string) string {
	var m struct {
		Method string          `json:"method"`
		ID     json.RawMessage `json:"id"`
	}
	switch {
	case json.Unmarshal([]byte(line), &m) != nil || m.Method == "":
		return line
	case m.ID == nil:
		return m.Method
	}
	return fmt.Sprintf("%s %s", m.Method, m.ID)
}

// reload loads another manifest.
func (p *player) reload(name string) {
	p.t.Helper()
	p.r.replace(p.script.manifest(name))
	reload(p.t, p.r)
}

// reload makes a gateway load the manifest anew.
func reload(t testing.TB, r *rig) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.adminURL+"/reload", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("reload: %s\n%s", resp.Status, r.log)
	}
}

func (p *player) stream(name string) *hearing {
	p.t.Helper()
	s := p.streams[name]
	if s == nil {
		p.t.Fatalf("there is no stream %q", name)
	}
	return s
}

// post sends a message, hears the answer, and goes on with what it asks for.
func (p *player) post(line string) {
	p.t.Helper()
	for line != "" {
		s := p.sendMessage(line)
		if id := s.begun(p.t).header.Get("Mcp-Session-Id"); id != "" {
			p.session = id
			if era(p.revision) == "modern" {
				p.t.Error("a modern answer has a session id")
			}
		}
		line = p.retry(line, p.hearOut(s))
	}
}

// until asks again and again, at the pace that the answers tell, until one says
// what is wanted.
func (p *player) until(wanted, message string) {
	p.t.Helper()
	p.say("> " + brief(message))
	deadline := time.Now().Add(patience)
	for {
		s := p.sendMessage(message)
		text := s.nextMessage(p.t)
		s.drop()
		if strings.Contains(text, wanted) {
			p.say(p.tidy(text))
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s did not come, but %s", wanted, text)
		}
		p.up.anything(20 * time.Millisecond)
	}
}

// sendMessage posts a message as the revision wants it.
func (p *player) sendMessage(line string) *hearing {
	p.t.Helper()
	line = strings.NewReplacer("$state", p.state, "$task", p.task, "$cursor", p.cursor).Replace(line)
	headers := make(map[string]string)
	if era(p.revision) == "modern" {
		line = modernize(line, p.capabilities, headers)
	} else if !strings.Contains(line, `"method":"initialize"`) {
		headers = p.sessionHeaders()
	}
	return p.send(http.MethodPost, line, headers)
}

// sessionHeaders are those of a session, which begins if there is none.
func (p *player) sessionHeaders() map[string]string {
	p.t.Helper()
	if era(p.revision) == "modern" {
		return map[string]string{"MCP-Protocol-Version": p.revision}
	}
	if p.session == "" {
		s := p.send(http.MethodPost, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+p.revision+
			`","capabilities":`+p.capabilities+`,"clientInfo":{"name":"test","version":"1"}}}`, nil)
		s.begun(p.t)
		if p.session = s.header.Get("Mcp-Session-Id"); p.session == "" {
			p.t.Fatalf("initialize: %d %s", s.status, s.next(p.t).text)
		}
		s.drop()
		p.events = make(map[string]bool)
	}
	headers := map[string]string{"Mcp-Session-Id": p.session}
	if p.revision >= "2025-06-18" {
		headers["MCP-Protocol-Version"] = p.revision
	}
	return headers
}

// open begins what is heard later.
func (p *player) open(name, what string) {
	p.t.Helper()
	method, rest, _ := strings.Cut(what, " ")
	if method != http.MethodGet {
		p.streams[name] = p.sendMessage(what)
		return
	}
	headers := p.sessionHeaders()
	headers["Accept"] = "text/event-stream"
	if before, ok := strings.CutPrefix(rest, "after "); ok {
		headers["Last-Event-ID"] = p.stream(before).last
	}
	p.streams[name] = p.send(http.MethodGet, "", headers)
	p.streams[name].begun(p.t)
}
