package config

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Example is a contract test of a tool: a call, what the service answers, and
// what comes of it. It is an answer of mock mode as well.
type Example struct {
	Place     `manifest:"-"`
	Name      string                     `manifest:"name" doc:"What it shows, in a line."`
	Args      json.RawMessage            `manifest:"args" doc:"The arguments, as a client sends them; an object."`
	As        ExampleCaller              `manifest:"as" doc:"Who calls: subject:role,role, or {subject, client, roles, scopes, claims}. Default: somebody with the roles and scopes that the tool asks for."`
	Answers   map[string]json.RawMessage `manifest:"answers" doc:"What the tool's questions are answered, by their keys: the object of a form, true, or false to decline; for sample a text, for roots a list of {uri, name}."`
	Upstream  []ExampleAnswer            `manifest:"upstream" doc:"What the service answers, e.g. {status: 201, json: {id: 1}}; or a list: one for each attempt or page, in order."`
	Upstreams ExampleAnswers             `manifest:"upstreams" doc:"In a tool of steps: what is answered to the tools it calls, by their names. Others answer from their own examples."`
	Expect    ExampleExpect              `manifest:"expect" doc:"What must come of it; what isn't written may be anything."`
}

// ExampleAnswers are answers by the tool that asks for them.
type ExampleAnswers map[string]ExampleSequence

// ExampleSequence is one answer, or several in order.
type ExampleSequence []ExampleAnswer

// ExampleCaller is who makes an example's call.
type ExampleCaller struct {
	Place   `manifest:"-"`
	Subject string                     `manifest:"subject" doc:"The caller's subject."`
	Client  string                     `manifest:"client" doc:"The OAuth client it uses."`
	Roles   []string                   `manifest:"roles" doc:"Its roles."`
	Scopes  []string                   `manifest:"scopes" doc:"The scopes it was granted."`
	Claims  map[string]json.RawMessage `manifest:"claims" doc:"The claims of its token."`
}

// UnmarshalText reads the short form, subject:role,role.
func (c *ExampleCaller) UnmarshalText(text []byte) error {
	subject, roles, _ := strings.Cut(string(text), ":")
	c.Subject = strings.TrimSpace(subject)
	for role := range strings.SplitSeq(roles, ",") {
		if role = strings.TrimSpace(role); role != "" {
			c.Roles = append(c.Roles, role)
		}
	}
	return nil
}

// ExampleAnswer is what a service answers to one request.
type ExampleAnswer struct {
	Place   `manifest:"-"`
	Args    json.RawMessage   `manifest:"args" doc:"Below upstreams: only for calls whose arguments have these members."`
	Status  int               `manifest:"status" doc:"The HTTP status." default:"200" min:"100"`
	Headers map[string]string `manifest:"headers" doc:"Response headers. The Content-Type fits the body unless it is written."`
	JSON    json.RawMessage   `manifest:"json" doc:"The body, as JSON."`
	Text    *string           `manifest:"text" doc:"The body, as text."`
	File    string            `manifest:"file,path" doc:"The body is what this file holds."`
	Base64  *string           `manifest:"base64" doc:"The body, in base64."`
	Delay   time.Duration     `manifest:"delay" doc:"How long it takes to answer, e.g. 2s. A test doesn't wait, but runs into the tool's timeout."`
	Error   string            `manifest:"error" doc:"No answer comes: the service can't be reached, or doesn't answer in time. A test doesn't wait for that." enum:"connect,timeout"`
}

// ExampleExpect is what must come of an example's call.
type ExampleExpect struct {
	Place      `manifest:"-"`
	Request    *ExampleRequest `manifest:"request" doc:"The request that must reach the service."`
	Structured json.RawMessage `manifest:"structured" doc:"Members that the structured content must have; lists must be as long as here."`
	Text       *string         `manifest:"text" doc:"The text that a model reads, exactly; several blocks are joined by line breaks."`
	Contains   []string        `manifest:"contains" doc:"Pieces that the text must hold."`
	Content    json.RawMessage `manifest:"content" doc:"The content blocks as on the wire: a list, of which members left out may be anything."`
	Error      string          `manifest:"error" doc:"A tool error is expected, whose text holds this."`
	Refused    string          `manifest:"refused" doc:"The call must be refused: denied, for want of a scope or of a capability of the client, or because the arguments are invalid." enum:"denied,scope,capability,invalid"`
}

// ExampleRequest is a request that is expected.
type ExampleRequest struct {
	Place   `manifest:"-"`
	Method  string                     `manifest:"method" doc:"Its method."`
	Path    string                     `manifest:"path" doc:"Its path, as in the upstream's URL and the request together; the upstream's own may be left out."`
	Query   map[string]json.RawMessage `manifest:"query" doc:"Query parameters that it must have; null for one that it must not."`
	Headers map[string]json.RawMessage `manifest:"headers" doc:"Headers that it must have; null for one that it must not."`
	JSON    json.RawMessage            `manifest:"json" doc:"Members that its JSON body must have."`
	Body    *string                    `manifest:"body" doc:"Its body, exactly."`
	Form    map[string]json.RawMessage `manifest:"form" doc:"Fields that its form must have; null for one that it must not."`
}

// mistake is what is wrong with a value, for Place.Problems.
type mistake struct {
	path          []string
	message, hint string
}

func (m *mistake) Error() string        { return m.message }
func (m *mistake) FieldPath() []string  { return m.path }
func (m *mistake) FieldMessage() string { return m.message }
func (m *mistake) FieldHint() string    { return m.hint }
func (m *mistake) FieldOffset() int     { return 0 }

// Validate refuses an example that can't be tried.
func (e Example) Validate() error {
	if len(e.Args) > 0 && e.Args[0] != '{' {
		return &mistake{[]string{"args"}, "want the arguments as a mapping of names and values", ""}
	}
	if slices.ContainsFunc(e.Upstream, func(a ExampleAnswer) bool { return len(a.Args) > 0 }) {
		return &mistake{[]string{"upstream"}, "answers are told apart by args only below `upstreams`", "write the arguments as the example's own args"}
	}
	return nil
}

// Validate refuses an answer that is several at once.
func (a ExampleAnswer) Validate() error {
	var bodies []string
	for _, body := range []struct {
		key   string
		given bool
	}{{"json", a.JSON != nil}, {"text", a.Text != nil}, {"file", a.File != ""}, {"base64", a.Base64 != nil}} {
		if body.given {
			bodies = append(bodies, body.key)
		}
	}
	switch {
	case len(bodies) > 1:
		return &mistake{[]string{bodies[1]}, "an answer has one body: " + strings.Join(bodies, " or "), ""}
	case a.Error != "" && len(bodies) > 0:
		return &mistake{[]string{bodies[0]}, "there is no body where no answer comes", "take it away, or the error"}
	case a.Status > 599:
		return &mistake{[]string{"status"}, "want a status from 100 to 599", ""}
	case len(a.Args) > 0 && a.Args[0] != '{':
		return &mistake{[]string{"args"}, "want the arguments as a mapping of names and values", ""}
	}
	if a.Base64 != nil {
		if _, err := base64.StdEncoding.DecodeString(*a.Base64); err != nil {
			return &mistake{[]string{"base64"}, "want base64", "or write the body as text"}
		}
	}
	return nil
}

// Validate refuses what can't be expected together.
func (x ExampleExpect) Validate() error {
	answers := []struct {
		key   string
		given bool
	}{{"structured", x.Structured != nil}, {"text", x.Text != nil}, {"contains", x.Contains != nil}, {"content", x.Content != nil}}
	for _, a := range answers {
		if a.given && x.Refused != "" {
			return &mistake{[]string{a.key}, "a refused call has no answer", "take it away, or `refused`"}
		}
	}
	switch {
	case x.Content != nil && x.Content[0] != '[':
		return &mistake{[]string{"content"}, "want a list of content blocks", "e.g. [{type: text, text: fine}]"}
	case x.Error != "" && x.Structured != nil:
		return &mistake{[]string{"structured"}, "a tool error has no structured content", "take it away, or `error`"}
	case x.Refused != "" && x.Request != nil:
		return &mistake{[]string{"request"}, "a refused call sends no request", "take it away, or `refused`"}
	}
	return nil
}
