package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// judge compares what came of an example with what it expects.
func (t *trial) judge() {
	expect := &t.e.Expect
	for _, tool := range t.p.lacking {
		message := fmt.Sprintf("nothing says what tool %q is answered: add upstreams: {%s: …}, or an example of it with these arguments", tool, tool)
		if tool == t.p.tool {
			message = "nothing says what the service answers: add upstream: {json: …}"
		}
		t.find("upstream", t.e.Place, message)
	}
	if t.end.unanswered != "" {
		t.find("answers", t.e.Place, t.end.unanswered)
		return
	}
	if expect.Refused != "" {
		t.judgeRefusal(expect)
		return
	}
	failed, text := t.outcome()
	switch {
	case t.end.hidden:
		t.find("policy", t.e.As.Place, "the tool is hidden from this caller: see its roles and scopes, and `as`")
		return
	case expect.Error != "" && !failed:
		t.find("error", partOf(expect, "error"), "want a tool error, got: "+clipText(text))
	case expect.Error != "" && !strings.Contains(text, expect.Error):
		t.find("error", partOf(expect, "error"), fmt.Sprintf("want an error that holds %q, got: %s", expect.Error, clipText(text)))
	case expect.Error == "" && failed && expect.Text == nil && expect.Contains == nil && expect.Content == nil:
		t.find("answer", t.e.Place, t.unexpected(text))
	case expect.Structured != nil && failed:
		t.find("answer", t.e.Place, t.unexpected(text))
	}
	t.judgeRequest(expect.Request)
	t.judgeAnswer(expect, text)
}

// partOf is where a part of what is expected is written.
func partOf(expect *config.ExampleExpect, key string) config.Place {
	if at, ok := expect.At(key); ok {
		return at
	}
	return expect.Place
}

// outcome is the text of the answer, and whether it is a tool error or none at
// all.
func (t *trial) outcome() (failed bool, text string) {
	if t.end.failure != nil {
		return true, t.end.failure.Message
	}
	if t.end.result == nil {
		return true, ""
	}
	return t.end.result.IsError, answerText(t.end.result)
}

// answerText is the text of a result that a model reads.
func answerText(r *mcp.Result) string {
	var texts []string
	for i := range r.Content {
		if r.Content[i].Type == mcp.TextBlock {
			texts = append(texts, string(r.Content[i].Text))
		}
	}
	return strings.Join(texts, "\n")
}

// unexpected tells of an error that no one expects, with its cause.
func (t *trial) unexpected(text string) string {
	message := "an error came: " + clipText(text)
	if t.end.failure != nil && t.end.failure.Cause != nil {
		message += "\ncause: " + clipText(t.end.failure.Cause.Error())
	}
	return message + "\nif that is right, write expect: {error: TEXT}"
}

// maxQuoted bounds a text that a finding quotes, in bytes.
const maxQuoted = 1000

func clipText(text string) string {
	if len(text) <= maxQuoted {
		return text
	}
	return strings.ToValidUTF8(text[:maxQuoted], "") + "…"
}

// judgeRefusal checks that the call was refused for the reason that is
// expected.
func (t *trial) judgeRefusal(expect *config.ExampleExpect) {
	got := ""
	switch {
	case t.end.hidden:
		got = "denied"
	case t.end.failure != nil:
		got = refusalOf(t.end.failure)
	}
	if got == expect.Refused {
		return
	}
	_, text := t.outcome()
	message := fmt.Sprintf("want the call refused as %s, but it was answered: %s", expect.Refused, clipText(text))
	if got != "" {
		message = fmt.Sprintf("want the call refused as %s, but it was refused as %s: %s", expect.Refused, got, clipText(text))
	}
	t.find("refused", partOf(expect, "refused"), message)
}

// judgeAnswer compares the result. The texts of what a service has answered
// just now are not those of the example.
func (t *trial) judgeAnswer(expect *config.ExampleExpect, text string) {
	for _, piece := range expect.Contains {
		if !t.live && !strings.Contains(text, piece) {
			t.find("contains", partOf(expect, "contains"), fmt.Sprintf("the text lacks %q; it is: %s", piece, clipText(text)))
		}
	}
	if expect.Text != nil && !t.live {
		want := strings.TrimSuffix(*expect.Text, "\n")
		if diff := rehearse.TextDiff(want, strings.TrimSuffix(text, "\n")); diff != "" {
			t.find("text", partOf(expect, "text"), "the text differs:\n"+diff)
		}
	}
	result := t.end.result
	if result == nil {
		return
	}
	if expect.Structured != nil && !result.IsError {
		if result.Structured == nil {
			t.find("structured", partOf(expect, "structured"), "there is no structured content, only text: "+clipText(text))
		} else {
			t.findDifferences("structured", partOf(expect, "structured"), expect.Structured, result.Structured)
		}
	}
	if expect.Content != nil {
		t.findDifferences("content", partOf(expect, "content"), expect.Content, t.contentOf(result))
	}
}

// contentOf are the content blocks of a result as on the wire.
func (t *trial) contentOf(r *mcp.Result) []byte {
	var response struct {
		Result struct {
			Content json.RawMessage `json:"content"`
		} `json:"result"`
	}
	if err := json.Unmarshal(t.s.encoder.AppendCallResult(nil, mcp.Newest, mcp.ID("1"), r), &response); err != nil {
		return []byte("[]")
	}
	return response.Result.Content
}

// findDifferences compares JSON with what is expected of it.
func (t *trial) findDifferences(what string, at config.Place, want, got []byte) {
	wanted, err := strictjson.Decode(want, 0)
	if err != nil {
		t.find(what, at, "what is expected can't be read: "+err.Error())
		return
	}
	value, err := strictjson.Decode(got, 0)
	if err != nil {
		t.find(what, at, "want JSON, got: "+clipText(string(got)))
		return
	}
	if t.live {
		t.findDrifts(what, at, wanted, value)
		return
	}
	if differences := rehearse.Subset(wanted, value); len(differences) > 0 {
		lines := make([]string, len(differences))
		for i := range differences {
			lines[i] = differences[i].String()
		}
		t.find(what, at, strings.Join(lines, "\n"))
	}
}

// findDrifts compares what JSON looks like with what is expected: names and
// types. What came in addition was never said not to.
func (t *trial) findDrifts(what string, at config.Place, want, got any) {
	var lines []string
	for _, d := range rehearse.Drifts(want, got) {
		if d.Breaks() {
			lines = append(lines, d.String())
		}
	}
	if len(lines) > 0 {
		t.find(what, at, strings.Join(lines, "\n"))
	}
}

// judgeRequest compares the first request of the tool itself.
func (t *trial) judgeRequest(want *config.ExampleRequest) {
	if want == nil {
		return
	}
	var got *plugins.Outline
	for _, r := range t.p.requests {
		if r.tool == t.p.tool {
			got = r.outline
			break
		}
	}
	if got == nil {
		t.find("request", want.Place, "no request was made")
		return
	}
	var wrong []string
	check := func(what, want, got string) {
		if want != got {
			wrong = append(wrong, fmt.Sprintf("%s: want %s, got %s", what, want, got))
		}
	}
	address, err := url.Parse(got.URL)
	if err != nil {
		t.find("request", want.Place, "the request's URL can't be read")
		return
	}
	if want.Method != "" {
		check("method", strings.ToUpper(want.Method), got.Method)
	}
	if path := address.EscapedPath(); want.Path != "" && path != strings.TrimSuffix(t.basePath(), "/")+want.Path {
		check("path", want.Path, path)
	}
	query, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		wrong = append(wrong, "query: can't be read: "+address.RawQuery)
	}
	header := make(url.Values)
	for _, h := range got.Header {
		name := strings.ToLower(h[0])
		header[name] = append(header[name], h[1])
	}
	wrong = append(wrong, pairs("query", want.Query, query, false)...)
	wrong = append(wrong, pairs("header", want.Headers, header, true)...)
	wrong = append(wrong, bodyDifferences(want, got.Body)...)
	if len(wrong) > 0 {
		t.find("request", want.Place, strings.Join(wrong, "\n"))
	}
}

// pairs compares named values, e.g. query parameters, with what is expected.
func pairs(what string, want map[string]json.RawMessage, got url.Values, folded bool) []string {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		key := name
		if folded {
			key = strings.ToLower(name)
		}
		values, there := got[key]
		wanted, none := textsOf(want[name])
		switch {
		case none && there:
			wrong = append(wrong, fmt.Sprintf("%s %s: want none, got %q", what, name, values))
		case none:
		case !there:
			wrong = append(wrong, fmt.Sprintf("%s %s: want %q, there is none", what, name, wanted))
		case !slices.Equal(values, wanted):
			wrong = append(wrong, fmt.Sprintf("%s %s: want %q, got %q", what, name, wanted, values))
		}
	}
	return wrong
}

// textsOf are the texts that a JSON value stands for where all is text; none is
// true for null.
func textsOf(raw json.RawMessage) (texts []string, none bool) {
	value, err := strictjson.Decode(raw, 0)
	if err != nil {
		return []string{string(raw)}, false
	}
	switch v := value.(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, false
	case []any:
		for _, item := range v {
			if text, ok := item.(string); ok {
				texts = append(texts, text)
			} else {
				texts = append(texts, string(rehearse.Encode(item)))
			}
		}
		return texts, false
	}
	return []string{string(raw)}, false
}

// bodyDifferences compares a request's body with what is expected.
func bodyDifferences(want *config.ExampleRequest, body []byte) []string {
	var wrong []string
	if want.Body != nil {
		if diff := rehearse.TextDiff(*want.Body, string(body)); diff != "" {
			wrong = append(wrong, "body differs:\n"+diff)
		}
	}
	if want.Form != nil {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return append(wrong, "body: want a form, got: "+clipText(string(body)))
		}
		wrong = append(wrong, pairs("form", want.Form, form, false)...)
	}
	if want.JSON == nil {
		return wrong
	}
	value, err := strictjson.Decode(body, 0)
	if err != nil {
		return append(wrong, "body: want JSON, got: "+clipText(string(body)))
	}
	wanted, err := strictjson.Decode(want.JSON, 0)
	if err != nil {
		return append(wrong, "json: can't be read")
	}
	for _, d := range rehearse.Subset(wanted, value) {
		wrong = append(wrong, "json "+d.String())
	}
	return wrong
}

// pathOf is the path of a URL.
func pathOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}

// compareLive compares what the service has answered with what the example says
// that it does: the status, and what the body looks like.
func (t *trial) compareLive() {
	if len(t.p.answers) == 0 {
		return
	}
	at := slices.IndexFunc(t.p.heards, func(h heardAnswer) bool { return h.tool == t.p.tool })
	if at < 0 {
		if t.end.failure == nil {
			t.find("live", t.e.Place, "the service was not asked")
		}
		return
	}
	heard, example, place := &t.p.heards[at], &t.p.answers[0], t.e.Upstream[0].Place
	if heard.status != example.Status {
		t.find("status", place, fmt.Sprintf("want status %d, got %d", example.Status, heard.status))
		return
	}
	want, wantErr := strictjson.Decode(example.Body, 0)
	got, gotErr := strictjson.Decode(heard.body, 0)
	switch {
	case wantErr != nil:
		if gotErr == nil && len(example.Body) > 0 {
			t.find("shape", place, "the service answers JSON now")
		}
		return
	case gotErr != nil:
		t.find("shape", place, "want JSON, got: "+clipText(string(heard.body)))
		return
	}
	var lines []string
	for _, d := range rehearse.Drifts(want, got) {
		if d.Breaks() {
			lines = append(lines, d.String())
		} else {
			t.one.Notes = append(t.one.Notes, d.String())
		}
	}
	if len(lines) > 0 {
		t.find("shape", place, strings.Join(lines, "\n"))
	}
}
