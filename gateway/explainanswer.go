package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// RecordedAnswer is an answer of an upstream that was recorded before.
type RecordedAnswer struct {
	// From says where it comes from: the name of a file.
	From   string `json:"from"`
	Status int    `json:"status"`
	// ContentType is guessed by the name in From if it is empty.
	ContentType string `json:"content_type,omitempty"`
	Body        []byte `json:"body"`
}

// AnswerNote tells what a recorded answer becomes for a model.
type AnswerNote struct {
	From        string `json:"from"`
	Status      int    `json:"status"`
	ContentType string `json:"content_type,omitempty"`
	// Pages is how many answers were put together.
	Pages       int `json:"pages"`
	BytesBefore int `json:"bytes_before"`
	BytesAfter  int `json:"bytes_after"`
	// TokensBefore are those of the body, TokensAfter those of the content
	// blocks, and TokensStructured those of the structured content, which most
	// clients show instead of the blocks or not at all.
	TokensBefore     int `json:"tokens_before"`
	TokensAfter      int `json:"tokens_after"`
	TokensStructured int `json:"tokens_structured"`
	// Truncated says that it was cut to its budget, which saved TokensSaved.
	Truncated   bool `json:"truncated"`
	TokensSaved int  `json:"tokens_saved"`
	// IsError says that the model is told of an error.
	IsError    bool              `json:"is_error"`
	Content    []json.RawMessage `json:"content"`
	Structured json.RawMessage   `json:"structured_content,omitempty"`
	// Problem is why there is no result.
	Problem string `json:"problem,omitempty"`
}

// specimen is what is to be shaped: one answer, or several pages.
type specimen struct {
	from    string
	answers []rehearse.Answer
}

// recorded finds the answer that is asked about; nil if none is.
func (i *inspection) recorded(q *Inquiry) (*specimen, error) {
	if q.Answer == nil && q.Example == "" {
		return nil, nil //nolint:nilnil // there is nothing to shape
	}
	if i.t.operator == nil {
		return nil, fmt.Errorf("%s %q asks no upstream, so there is no answer to shape", i.t.spec.Kind, i.t.spec.Name)
	}
	if q.Answer != nil {
		mediaType := q.Answer.ContentType
		if mediaType == "" {
			mediaType = rehearse.MediaType(q.Answer.From, q.Answer.Body)
		}
		if json.Valid(q.Answer.Body) && q.Answer.ContentType == "" {
			mediaType = "application/json"
		}
		return &specimen{q.Answer.From, []rehearse.Answer{{
			Status: q.Answer.Status, Header: rehearse.NewHeader(nil, mediaType), Body: q.Answer.Body,
		}}}, nil
	}
	e, err := i.example(q.Example)
	if err != nil {
		return nil, err
	}
	answers, err := answersOf(e.Upstream)
	if err != nil {
		return nil, err
	}
	answers = slices.DeleteFunc(answers, func(a rehearse.Answer) bool { return a.Fault != "" })
	if len(answers) == 0 {
		return nil, fmt.Errorf("the example at %s has no answer of the service: write upstream: {json: ...}", e.String())
	}
	if i.arguments == nil && len(e.Args) > 0 {
		i.arguments = e.Args
	}
	return &specimen{"example at " + e.String(), answers}, nil
}

// example finds one of the tool's examples, by its name or its number.
func (i *inspection) example(name string) (*config.Example, error) {
	t := i.s.tools[i.t.spec.Name]
	if t == nil || &t.target != i.t || len(t.source.Examples) == 0 {
		return nil, fmt.Errorf("%s %q has no examples", i.t.spec.Kind, i.t.spec.Name)
	}
	names := make([]string, len(t.source.Examples))
	for n := range t.source.Examples {
		e := &t.source.Examples[n]
		names[n] = strconv.Quote(e.Name)
		if number := strconv.Itoa(n + 1); e.Name == name || number == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("tool %q has no example %q; it has %s", i.t.spec.Name, name, strings.Join(names, ", "))
}

// shape runs the target's transform on a recorded answer.
func (i *inspection) shape(r *specimen) *AnswerNote {
	if r == nil {
		return nil
	}
	first := &r.answers[0]
	note := &AnswerNote{From: r.from, Status: first.Status, ContentType: first.Header["Content-Type"], Pages: 1, Content: []json.RawMessage{}}
	call := commandCall(i.t, i.arguments, i.principal).WithArgs(i.checked)
	if call.Args == nil {
		call.Args = map[string]any{}
	}
	result, err := i.transform(call, r)
	note.Pages = max(1, call.Record.Pages)
	for n := range r.answers[:min(note.Pages, len(r.answers))] {
		note.BytesBefore += len(r.answers[n].Body)
		note.TokensBefore += estimateTokens(r.answers[n].Body)
	}
	note.Truncated, note.TokensSaved = call.Record.Truncated, call.Record.TokensSaved
	switch {
	case err != nil && failureOf(err).Kind == plugins.KindStatus:
		result = mcp.ErrorResult(failureOf(err).Message)
	case err != nil:
		note.Problem = failureOf(err).Message
		return note
	}
	defer result.Free()
	if result.Pending != nil {
		note.Problem = "this answer is that of a job under way: the call waits"
		return note
	}
	note.read(i.s.encoder.AppendToolResult(nil, mcp.Newest, result))
	return note
}

// errNoPage ends paging where the recorded answers do.
var errNoPage = errors.New("no further page was recorded")

// transform makes the result, as the gateway does of what an upstream answers.
func (i *inspection) transform(call *plugins.Call, r *specimen) (*mcp.Result, error) {
	setting := i.t.parts["response"]
	answer, err := i.g.parts.Transform.New(setting.Value, i.env(i.t.spec.Name, i.t.upstream, i.t.spec))
	if err != nil {
		return nil, fmt.Errorf("response: %w", err)
	}
	first := i.response(call, &r.answers[0])
	pager, pages := answer.(plugins.Pager)
	if pages {
		_, pages = pager.PageRequest()
	}
	if !pages || len(r.answers) == 1 || !r.answers[0].Fine() {
		return answer.Transform(context.Background(), call, first)
	}
	next := 0
	return pager.Collect(context.Background(), call, first, func(context.Context, plugins.Page) (*plugins.Response, error) {
		if next++; next >= len(r.answers) {
			return nil, errNoPage
		}
		return i.response(call, &r.answers[next]), nil
	})
}

// response is a canned answer as the upstream would give it: the request says
// whether it is in an envelope.
func (i *inspection) response(call *plugins.Call, answer *rehearse.Answer) *plugins.Response {
	response := answer.Response()
	if i.t.operator == nil {
		return response
	}
	if outline, _ := i.t.operator.Outline(call); outline != nil { // it tells the form also of what can't be sent
		response.Form = outline.Form
	}
	return response
}

// read takes the result apart as a client does.
func (n *AnswerNote) read(result []byte) {
	var wire struct {
		Content    []json.RawMessage `json:"content"`
		Structured json.RawMessage   `json:"structuredContent"`
		IsError    bool              `json:"isError"`
	}
	if err := json.Unmarshal(result, &wire); err != nil {
		n.Problem = "the result can't be read"
		return
	}
	n.Content, n.Structured, n.IsError = wire.Content, wire.Structured, wire.IsError
	for _, block := range n.Content {
		text := modelReads(block)
		n.BytesAfter += len(text)
		n.TokensAfter += estimateTokens(text)
	}
	n.TokensStructured = estimateTokens(n.Structured)
}

// modelReads is what a model reads of a content block as text: nothing of
// pictures and sounds, whose cost depends on the model.
func modelReads(block []byte) []byte {
	var wire struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		Resource struct {
			Text string `json:"text"`
		} `json:"resource"`
	}
	if json.Unmarshal(block, &wire) != nil {
		return block
	}
	switch wire.Type {
	case "text":
		return []byte(wire.Text)
	case "resource":
		return []byte(wire.Resource.Text)
	case "image", "audio":
		return nil
	}
	return block
}
