package steps

import (
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// maxAsked is how often a question is put whose answer is not usable.
const maxAsked = 2

// question is what a client is asked.
type question struct {
	kind    mcp.QuestionKind
	message *expr.Text
	url     *expr.Text
	schema  []byte
	form    *form
	sample  *sample
	timeout time.Duration
}

// sample is a question to the client's model.
type sample struct {
	roles       []string
	texts       []*expr.Text
	system      *expr.Text
	tokens      int
	temperature *float64
	stop        []string
}

// ask takes the answer to the question of a unit if there is one, and else
// puts it.
func (r *run) ask(j *job) outcome {
	s := j.step
	q, err := s.question.render(j)
	if err != nil {
		return outcome{err: r.failure(s, j.values, messageOf(err), err)}
	}
	if !r.call.Capabilities.Has(q.Capability()) || !q.Supported(r.call.Revision) {
		message := lacking(q.Capability())
		if r.p.kind == kindConfirm {
			message = "A person has to confirm this, and this client can't ask one (it did not declare elicitation)."
		}
		failed := r.failure(s, j.values, message, nil)
		failed.Kind, failed.Capabilities = plugins.KindCapability, []string{q.Capability()}
		return outcome{err: failed}
	}
	raw, answered := r.answers[j.key]
	if !answered {
		j.unit.Asked = max(j.unit.Asked, 1)
		return put(q)
	}
	if refused(raw) {
		return outcome{err: r.failure(s, j.values, declined(q), nil)}
	}
	value, wrong := s.question.read(q.Kind, raw)
	if wrong != "" {
		return r.askAgain(j, q, wrong)
	}
	if s.id != "" && r.p.kind != kindConfirm {
		if err := j.unit.save(value, nil, nil); err != nil {
			return outcome{err: broken(err)}
		}
	}
	return outcome{value: value}
}

// put puts a question.
func put(q *mcp.Question) outcome {
	return outcome{wait: waiting{any: true, questions: []mcp.Question{*q}}}
}

// askAgain puts a question once more whose answer was not usable.
func (r *run) askAgain(j *job, q *mcp.Question, wrong string) outcome {
	j.unit.Asked = max(j.unit.Asked, 1) + 1
	if j.unit.Asked > maxAsked {
		return outcome{err: r.failure(j.step, j.values, "The answer was not usable: "+wrong+".", nil)}
	}
	if q.Message != "" {
		q.Message += "\n(The answer before was not usable: " + wrong + ".)"
	}
	return put(q)
}

// lacking says what a client would have to be able to do.
func lacking(capability string) string {
	what := map[string]string{
		"elicitation": "ask a person", "elicitation.url": "send a person to a page",
		"sampling": "ask its model", "roots": "tell its roots",
	}[capability]
	if what == "" {
		what = "do so"
	}
	return "This needs a client that can " + what + ": this one did not declare " + capability + "."
}

// refused reports whether an answer says no. To a question for the model or
// for roots, which have no action, it is given so in place of an error.
func refused(raw []byte) bool {
	members, err := strictjson.Members(raw, nil)
	if err != nil {
		return false
	}
	for i := range members {
		if members[i].Name == "action" {
			action := string(members[i].Value)
			return action == `"decline"` || action == `"cancel"`
		}
	}
	return false
}

// declined says what was refused.
func declined(q *mcp.Question) string {
	switch q.Kind {
	case mcp.AskModel:
		return "The client declined to ask its model."
	case mcp.AskRoots:
		return "The client declined to tell its roots."
	default:
		return "The person declined: " + clip(q.Message)
	}
}

// read makes a value of an answer. The text says what is wrong with it; empty
// if nothing is.
func (q *question) read(kind mcp.QuestionKind, raw []byte) (any, string) {
	answer, bad := mcp.DecodeAnswer(kind, raw)
	if bad != nil {
		return nil, "it is not of the form that the protocol wants"
	}
	switch kind {
	case mcp.AskForm:
		value, wrong := q.form.read(answer.Content)
		if wrong != "" {
			return nil, wrong
		}
		return value, ""
	case mcp.AskURL:
		return map[string]any{}, ""
	case mcp.AskRoots:
		roots := make([]any, len(answer.Roots))
		for i, root := range answer.Roots {
			roots[i] = map[string]any{"uri": root.URI, "name": orNull(root.Name)}
		}
		return roots, ""
	}
	content, err := strictjson.Decode(answer.Content, 0)
	if err != nil {
		return nil, "it can't be read"
	}
	return map[string]any{
		"text": answer.Text, "model": answer.Model, "stop_reason": orNull(answer.StopReason), "content": content,
	}, ""
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// render fills the question's holes.
func (q *question) render(j *job) (*mcp.Question, error) {
	out := &mcp.Question{Key: j.key, Kind: q.kind, Schema: q.schema, Timeout: q.timeout}
	var err error
	if out.Message, err = text(q.message, j.values); err != nil {
		return nil, err
	}
	if q.url != nil {
		if out.URL, err = text(q.url, j.values); err != nil {
			return nil, err
		}
		if !isPage(out.URL) {
			return nil, &expr.Error{Message: "The page to visit has no usable URL.", Cause: fmt.Errorf("step %s: want an https URL", j.step.label)}
		}
	}
	if q.sample != nil {
		out.Sampling, err = q.sample.render(j.values)
	}
	return out, err
}

func (s *sample) render(v *expr.Values) (*mcp.Sampling, error) {
	out := &mcp.Sampling{MaxTokens: s.tokens, Temperature: s.temperature, Stop: s.stop}
	var err error
	if out.System, err = text(s.system, v); err != nil {
		return nil, err
	}
	for i, role := range s.roles {
		said, err := text(s.texts[i], v)
		if err != nil {
			return nil, err
		}
		out.Messages = append(out.Messages, mcp.PromptMessage{Role: role, Block: mcp.Block{Type: mcp.TextBlock, Text: []byte(said)}})
	}
	return out, nil
}

// text renders a text that may not be there.
func text(t *expr.Text, v *expr.Values) (string, error) {
	if t == nil {
		return "", nil
	}
	out, err := t.Append(nil, v)
	if err != nil {
		return "", err
	}
	return strings.ToValidUTF8(string(out), "\ufffd"), nil
}

var _ plugins.Program = (*program)(nil)
