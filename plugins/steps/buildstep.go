package steps

import (
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

const (
	// defaultTimeout is how long a question may stand open.
	defaultTimeout = 5 * time.Minute
	// defaultTokens bounds the answer of a client's model.
	defaultTokens = 1000
)

// The actions of a step: one key of each step is one of these.
func actionKeys() []string {
	return []string{"tool", "ask", "sample", "roots", "require", "progress", "log", "parallel"}
}

// allowedKeys are the keys that may stand beside an action.
func allowedKeys(action string) []string {
	switch action {
	case "tool":
		return []string{"id", "when", "args", "for_each", "parallel", "optional", "otherwise", "undo", "detach"}
	case "ask", "sample", "roots":
		return []string{"id", "when", "optional", "otherwise"}
	case "require":
		return []string{"when", "otherwise"}
	case "progress":
		return []string{"when", "total", "message"}
	case "log":
		return []string{"when", "message", "logger", "data"}
	}
	return []string{"when"} // parallel
}

// writtenKeys are the keys of a step that are written.
func writtenKeys(s *Step) []string {
	var keys []string
	for _, k := range []struct {
		key   string
		there bool
	}{
		{"id", s.ID != ""}, {"when", s.When != ""}, {"optional", s.Optional}, {"otherwise", s.Otherwise != ""},
		{"tool", s.Tool != ""}, {"args", !absent(s.Args)}, {"for_each", s.ForEach != ""}, {"parallel", s.Parallel != nil},
		{"undo", s.Undo != nil}, {"detach", s.Detach}, {"ask", s.Ask != nil}, {"sample", s.Sample != nil},
		{"roots", s.Roots != nil}, {"require", s.Require != ""}, {"progress", !absent(s.Progress)},
		{"total", !absent(s.Total)}, {"log", s.Log != ""}, {"message", s.Message != ""}, {"logger", s.Logger != ""},
		{"data", !absent(s.Data)},
	} {
		if k.there {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// action finds out what a step does, and refuses keys that don't go with it;
// empty if it can't be told.
func (b *builder) action(s *Step, path []string) string {
	written := writtenKeys(s)
	var actions []string
	for _, key := range actionKeys() {
		side := key == "parallel" && s.Tool != ""
		if slices.Contains(written, key) && !side {
			actions = append(actions, key)
		}
	}
	switch len(actions) {
	case 0:
		hint := "give it one of " + strings.Join(actionKeys(), ", ")
		if s.Message != "" || !absent(s.Data) {
			hint = "write log: info beside it, to send it to the client's log"
		}
		b.wrong("the step does nothing", hint, path...)
		return ""
	case 1:
	default:
		b.wrong("a step does one thing, found "+strings.Join(actions, " and "), "make several steps of it", path...)
		return ""
	}
	allowed := append(allowedKeys(actions[0]), actions[0])
	for _, key := range written {
		if !slices.Contains(allowed, key) {
			b.misplaced(key+" makes no sense with "+actions[0], "there may be "+strings.Join(allowedKeys(actions[0]), ", "), under(path, key)...)
		}
	}
	return actions[0]
}

// step compiles a step. Parent is the address of the parallel it is in; empty
// if it is in none.
func (b *builder) step(s *Step, address, parent string, path ...string) *step {
	out := &step{address: address, id: s.ID, label: s.ID, optional: s.Optional}
	if s.ID != "" {
		b.id(s.ID, number(address), under(path, "id")...)
	}
	if out.label == "" {
		out.label = s.Tool
	}
	action := b.action(s, path)
	out.when = b.condition(s.When, under(path, "when")...)
	switch action {
	case "tool":
		b.toolStep(out, s, path)
		return out
	case "ask", "sample", "roots":
		if s.ID == "" {
			b.wrong("a question needs an id: it is its key", "write id: NAME", path...)
		}
		out.question = b.question(s, path)
	case "require":
		out.require = b.condition(s.Require, under(path, "require")...)
	case "progress":
		out.progress = b.progress(s, path)
	case "log":
		out.log = b.log(s, path)
	case "parallel":
		b.side(out, s, parent, path)
	}
	out.otherwise = b.mayText(s.Otherwise, under(path, "otherwise")...)
	return out
}

// number is an address as people count: from 1.
func number(address string) string {
	parts := strings.Split(address, ".")
	for i, part := range parts {
		if n, err := strconv.Atoi(part); err == nil {
			parts[i] = strconv.Itoa(n + 1)
		}
	}
	return strings.Join(parts, ".")
}

// side compiles steps that run side by side. They don't know each other.
func (b *builder) side(out *step, s *Step, parent string, path []string) {
	switch {
	case s.Parallel.Limit != 0:
		b.wrong("a number goes with for_each", "write parallel: [...] for steps side by side", under(path, "parallel")...)
	case parent != "":
		b.wrong("parallel can't stand in parallel", "all of them run side by side anyway", under(path, "parallel")...)
	case len(s.Parallel.Steps) == 0:
		b.wrong("want at least one step", "", under(path, "parallel")...)
	default:
		for i := range s.Parallel.Steps {
			at := under(path, "parallel", strconv.Itoa(i))
			out.side = append(out.side, b.step(&s.Parallel.Steps[i], below(out.address, i), out.address, at...))
		}
	}
}

// toolStep compiles a call of a tool.
func (b *builder) toolStep(out *step, s *Step, path []string) {
	outer := b.scope
	defer func() { b.scope = outer }()
	var each *expr.Query
	if s.ForEach != "" {
		each = b.query(s.ForEach, under(path, "for_each")...)
		b.scope.Item = true
	}
	t := b.call(s.Tool, s.Args, path...)
	t.each, t.detach, t.limit = each, s.Detach, 1
	if p := s.Parallel; p != nil {
		at := under(path, "parallel")
		switch {
		case p.Steps != nil:
			b.wrong("a list of steps makes no sense with tool", "write a number, with for_each", at...)
		case s.ForEach == "":
			b.misplaced("parallel makes no sense without for_each", "write for_each: args.items, or take parallel away", at...)
		case p.Limit < 1 || p.Limit > maxItems:
			b.wrong("want a number from 1 to "+strconv.Itoa(maxItems), "", at...)
		}
		t.limit = max(p.Limit, 1)
	}
	if s.Detach {
		for _, k := range []struct {
			key   string
			there bool
		}{{"undo", s.Undo != nil}, {"otherwise", s.Otherwise != ""}, {"optional", s.Optional}} {
			if k.there {
				b.misplaced(k.key+" makes no sense with detach", "what becomes of a detached call is not waited for", under(path, k.key)...)
			}
		}
	}
	out.otherwise = b.mayText(s.Otherwise, under(path, "otherwise")...)
	if s.Undo != nil {
		if out.id != "" {
			b.scope.Steps = append(slices.Clip(b.scope.Steps), out.id)
		}
		t.undo = b.call(s.Undo.Tool, s.Undo.Args, under(path, "undo")...)
	}
	out.tool = t
}

// question compiles what a client is asked.
func (b *builder) question(s *Step, path []string) *question {
	q := &question{timeout: defaultTimeout}
	switch {
	case s.Ask != nil:
		b.ask(q, s.Ask, under(path, "ask"))
	case s.Sample != nil:
		q.kind = mcp.AskModel
		q.sample = b.sample(s.Sample, under(path, "sample"))
	default:
		q.kind = mcp.AskRoots
	}
	return q
}

func (b *builder) ask(q *question, s *Ask, path []string) {
	if s.Timeout > 0 {
		q.timeout = s.Timeout
	}
	if strings.TrimSpace(s.Message) == "" {
		b.wrong("want what the person shall read", "", under(path, "message")...)
	}
	q.message = b.text(s.Message, under(path, "message")...)
	if s.URL == "" {
		q.kind = mcp.AskForm
		q.schema, q.form = b.form(s.Schema, under(path, "schema"))
		return
	}
	q.kind = mcp.AskURL
	if !absent(s.Schema) {
		b.misplaced("there is a form or a page, not both", "take schema or url away", under(path, "schema")...)
	}
	if q.url = b.text(s.URL, under(path, "url")...); q.url == nil {
		return
	}
	if literal, ok := q.url.Literal(); ok && !isPage(literal) {
		b.wrong("want an https URL", "write https://pay.example/…; http is for this machine only", under(path, "url")...)
	}
}

// isPage reports whether a person can be sent to that URL: https, or http on
// this machine.
func isPage(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	if u.Scheme == "http" {
		host := u.Hostname()
		ip := net.ParseIP(host)
		return host == "localhost" || ip != nil && ip.IsLoopback()
	}
	return u.Scheme == "https"
}

func (b *builder) sample(s *Sample, path []string) *sample {
	out := &sample{tokens: s.MaxTokens, temperature: s.Temperature, stop: s.Stop}
	if out.tokens == 0 {
		out.tokens = defaultTokens
	}
	if out.tokens < 0 {
		b.wrong("want at least 1", "", under(path, "max_tokens")...)
	}
	if len(s.Messages) == 0 {
		b.wrong("want at least one message", "write e.g. [{role: user, text: ...}]", under(path, "messages")...)
	}
	for i, m := range s.Messages {
		at := under(path, "messages", strconv.Itoa(i))
		if m.Role != "user" && m.Role != "assistant" {
			b.wrong("want user or assistant", "", under(at, "role")...)
		}
		out.roles = append(out.roles, m.Role)
		out.texts = append(out.texts, b.text(m.Text, under(at, "text")...))
	}
	out.system = b.mayText(s.System, under(path, "system")...)
	return out
}

func (b *builder) progress(s *Step, path []string) *progressStep {
	out := &progressStep{message: b.mayText(s.Message, under(path, "message")...)}
	out.progress = b.number(s.Progress, under(path, "progress"))
	if !absent(s.Total) {
		out.total = b.number(s.Total, under(path, "total"))
	}
	return out
}

// number compiles a number, or a hole that makes one.
func (b *builder) number(raw json.RawMessage, path []string) *expr.Template {
	t := b.template(raw, path...)
	if t == nil || t.Dynamic() && raw[0] == '"' {
		return t
	}
	if _, err := strconv.ParseFloat(string(raw), 64); err != nil {
		b.wrong("want a number, or a hole", `write 50, or "${{ steps.load.done }}"`, path...)
	}
	return t
}

func (b *builder) log(s *Step, path []string) *logStep {
	b.p.logs = true
	out := &logStep{message: b.mayText(s.Message, under(path, "message")...), logger: s.Logger}
	if out.logger == "" {
		out.logger = b.env.Name
	}
	var known bool
	if out.level, known = mcp.ParseLevel(s.Log); !known {
		b.wrong("want one of debug, info, notice, warning, error, critical, alert, emergency", "", under(path, "log")...)
	}
	if !absent(s.Data) {
		out.data = b.template(s.Data, under(path, "data")...)
	}
	if s.Message == "" && out.data == nil {
		b.wrong("want a message, or data", "", path...)
	}
	return out
}
