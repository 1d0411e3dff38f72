// Package transform makes MCP results of upstreams' answers: the key `response`
// of a tool. One file holds one way: JSON, text, XML, CSV, HTML, media, blocks
// written in the manifest, and failures.
//
// JSON passes as it is, checked and not decoded, unless the manifest asks for
// more. Whatever an upstream sends, the outcome is a valid result or an error
// that a model can act on.
package transform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// maxText bounds a text rendered from the manifest, in bytes. What passes as it
// is, is bounded by the upstream's max_response.
const maxText = 8 << 20

// Part declares the transform.
func Part() plugins.TransformPart { return plugins.NewTransformPart(build) }

// transform is a tool's `response`, compiled.
type transform struct {
	name    string // of the tool
	as      form
	media   media       // mime_type; its name is empty if there is none
	query   *expr.Query // select
	text    *expr.Text
	blocks  []block // content
	uri     *expr.Text
	refusal map[string]*expr.Text // errors
	poll    *poll                 // nil if jobs are not waited for
	pages   *pages                // nil if pages are not followed
	failure *expr.Query           // failed
	limit   int                   // max_tokens; below 0 if there is none

	listed []byte // the output schema
	schema *schema.Schema
	check  string

	// shaped says that the body is needed as a value.
	shaped bool
	log    *slog.Logger
	now    func() time.Time
}

// OutputSchema returns the declared schema, compacted; nil if there is none.
func (t *transform) OutputSchema() []byte { return t.listed }

// Transform makes a result of the answer, or an error of what is none.
func (t *transform) Transform(ctx context.Context, call *plugins.Call, resp *plugins.Response) (*mcp.Result, error) {
	if resp == nil {
		result, err := t.finish(ctx, call, nil, &reading{done: true})
		if err == nil {
			t.fit(call, result)
		}
		return result, err
	}
	if resp.Status == 202 && t.poll != nil {
		return t.accepted(call, resp)
	}
	return t.answer(ctx, call, resp)
}

// answer makes a result of an answer that is the last.
func (t *transform) answer(ctx context.Context, call *plugins.Call, resp *plugins.Response) (*mcp.Result, error) {
	if resp.Status >= 300 {
		err := t.refuse(call, resp) //nolint:contextcheck // a text's expressions have a clock of their own
		resp.Free()
		return nil, err
	}
	result, err := t.read(ctx, call, resp)
	if err != nil {
		resp.Free()
		return nil, err
	}
	t.fit(call, result)
	// The result may point into the body, so it frees it.
	result.Release, resp.Release = resp.Release, nil
	return result, nil
}

// reading is what was read from a body.
type reading struct {
	// value is the body as the expressions see it: `.`.
	value any
	// raw is value as JSON, if it is at hand.
	raw []byte
	// text is what the model reads unless the manifest says otherwise; nil
	// stands for raw.
	text []byte
	// media is a block that stands for a body that is no data.
	media *mcp.Block
	// mime is the media type of text, or of raw.
	mime string
	// note is told to the model besides.
	note string
	// empty says that there is no body, and done that nothing was asked for
	// one.
	empty, done bool
}

// The media types of texts that are made here.
const (
	typeJSON     = "application/json"
	typeText     = "text/plain"
	typeMarkdown = "text/markdown"
)

// read takes the body for what it is.
func (t *transform) read(ctx context.Context, call *plugins.Call, resp *plugins.Response) (*mcp.Result, error) {
	as, m := t.formOf(resp)
	if as == formJSON && !t.shaped && resp.Form == "" {
		return t.passJSON(resp, m)
	}
	r, err := t.readAs(call, resp, as, m) //nolint:contextcheck // a text's expressions have a clock of their own
	if err == nil {
		err = t.judge(ctx, call, resp, r)
	}
	if err != nil {
		return t.failed(ctx, err)
	}
	return t.finish(ctx, call, resp, r)
}

// formOf tells what a body is taken for, and its media type.
func (t *transform) formOf(resp *plugins.Response) (form, media) {
	m := t.media
	if m.name == "" {
		m = mediaOf(resp.ContentType)
	}
	switch {
	case isEmpty(resp):
		return formEmpty, m
	case t.as == formAuto:
		return m.form(), m
	}
	return t.as, m
}

func (t *transform) readAs(call *plugins.Call, resp *plugins.Response, as form, m media) (*reading, error) {
	switch as {
	case formEmpty:
		return &reading{empty: true}, nil
	case formJSON:
		return readJSON(resp, m)
	case formText:
		return t.readText(call, resp, m)
	case formXML:
		return readXML(resp, m)
	case formCSV:
		return readCSV(resp, m)
	case formHTML:
		return t.readHTML(resp, m)
	case formImage, formAudio:
		return t.readMedia(call, resp, as, m)
	case formBlob:
		return t.readBlob(call, resp, m)
	case formLink:
		return t.readLink(call, resp, m)
	}
	return t.sniff(call, resp)
}

// isEmpty reports whether an answer has no content.
func isEmpty(resp *plugins.Response) bool {
	if resp.Status == 204 || resp.Status == 205 {
		return true
	}
	for _, c := range resp.Body {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

// finish selects, checks and renders.
func (t *transform) finish(ctx context.Context, call *plugins.Call, resp *plugins.Response, r *reading) (*mcp.Result, error) {
	v := valuesOf(call, resp)
	v.Body = r.value
	if t.query != nil {
		if err := t.selectFrom(ctx, resp, v, r); err != nil {
			return t.failed(ctx, err)
		}
	}
	result := &mcp.Result{}
	var err error
	if result.Structured, err = t.structured(r); err != nil {
		return nil, err
	}
	if result.Content, err = t.content(call.Run, v, r, result.Structured); err != nil { //nolint:contextcheck // a text's expressions have a clock of their own
		return t.failed(ctx, err)
	}
	return result, nil
}

// valuesOf are what expressions see of a call and its answer.
func valuesOf(call *plugins.Call, resp *plugins.Response) *expr.Values {
	v := &expr.Values{Args: call.Args, Caller: call.Principal, Capabilities: call.Capabilities}
	if call.Run != nil {
		v.Steps, v.Load, v.Value = call.Run.Steps, call.Run.Load, call.Run.Value
	}
	if resp != nil {
		v.Status, v.Header = resp.Status, resp.Header
	}
	return v
}

// selectFrom replaces what was read by what the manifest selects of it.
func (t *transform) selectFrom(ctx context.Context, resp *plugins.Response, v *expr.Values, r *reading) error {
	if r.media != nil {
		return unreadable(resp, "data to select from", nil)
	}
	out, err := t.query.Run(ctx, v)
	if err != nil {
		if r.empty { // an expression for a body has nothing to say of none
			return nil
		}
		return err
	}
	if r.empty && out == nil {
		return nil
	}
	v.Body = out
	*r = reading{value: out, note: r.note, empty: r.empty, mime: t.madeType(typeJSON)}
	switch out := out.(type) {
	case string:
		r.text, r.mime = clean([]byte(out)), t.madeType(typeText)
	default:
		if r.raw, err = appendJSON(nil, out); err != nil {
			return err
		}
	}
	return nil
}

// failed tells of an expression of the manifest that does not fit the values.
// The upstream is not to blame, so that it is a result and not an error that
// counts against it.
func (t *transform) failed(ctx context.Context, err error) (*mcp.Result, error) {
	var inner *expr.Error
	if !errors.As(err, &inner) {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("shaping the answer: %w", ctx.Err())
	}
	t.log.LogAttrs(ctx, slog.LevelWarn, "an expression of the response failed",
		slog.String("tool", t.name), slog.Any("error", inner.Cause))
	return mcp.ErrorResult(string(clean([]byte(inner.Message)))), nil
}

// content renders what the model reads.
func (t *transform) content(run *plugins.Run, v *expr.Values, r *reading, structured []byte) ([]mcp.Block, error) {
	if t.blocks != nil {
		all, err := render(t.blocks, run, v)
		if err == nil && r.note != "" {
			all = append(all, mcp.Block{Text: []byte(r.note), MIMEType: typeText})
		}
		return all, err
	}
	var all []mcp.Block
	switch {
	case t.text != nil:
		text, err := renderText(t.text, v)
		if err != nil {
			return nil, err
		}
		all = append(all, mcp.Block{Text: clean(text), MIMEType: t.madeType(typeText)})
	case r.media != nil:
	case r.empty:
		all = append(all, mcp.Block{Text: []byte(emptyText(v.Status)), MIMEType: typeText})
	case r.text != nil:
		all = append(all, mcp.Block{Text: r.text, MIMEType: r.mime})
	case r.raw != nil:
		all = append(all, mcp.Block{Text: r.raw, MIMEType: r.mime})
	case r.done && structured == nil:
		all = append(all, mcp.Block{Text: []byte("Done."), MIMEType: typeText})
	default:
		all = append(all, mcp.Block{Text: structured, MIMEType: typeJSON})
	}
	if r.media != nil {
		all = append(all, *r.media)
	}
	if r.note != "" {
		all = append(all, mcp.Block{Text: []byte(r.note), MIMEType: typeText})
	}
	return all, nil
}

// madeType is the media type of a text that was made: what the manifest says of
// it, unless that is said of the body it was made from.
func (t *transform) madeType(usual string) string {
	switch t.media.form() {
	case formAuto, formXML, formHTML, formCSV:
		if t.media.name == "" || t.query != nil {
			return usual
		}
	}
	return t.media.name
}

// bodyType is the media type of a body that is passed on as text.
func bodyType(m media, usual string) string {
	if m.name == "" {
		return usual
	}
	return m.name
}

// renderText renders a text with holes, bounded.
func renderText(text *expr.Text, v *expr.Values) ([]byte, error) {
	out, err := text.Append(nil, v)
	if err != nil {
		return nil, err
	}
	if len(out) > maxText {
		return nil, tooLarge()
	}
	return validUTF8(out), nil
}

func tooLarge() *expr.Error {
	return &expr.Error{
		Message: "The tool's answer is too large to be sent. Ask for less.",
		Cause:   fmt.Errorf("the rendered text is larger than %d MiB", maxText>>20),
	}
}

// emptyText tells a model that nothing is all there is.
func emptyText(status int) string {
	return fmt.Sprintf("Done: the service answered %d without content.", status)
}

// unreadable is the failure of an answer that is not what it should be. It
// tells type and size, and nothing of what the upstream sent.
func unreadable(resp *plugins.Response, wanted string, cause error) *plugins.Error {
	return &plugins.Error{
		Kind:    plugins.KindUpstream,
		Message: fmt.Sprintf("The service answered with something that isn't %s (%s).", wanted, describe(resp)),
		Cause:   cause,
	}
}

// describe tells type and size of a body in words of ours.
func describe(resp *plugins.Response) string {
	kind := "of unknown type"
	switch mediaOf(resp.ContentType).form() {
	case formJSON:
		kind = "declared as JSON"
	case formText:
		kind = "text"
	case formXML:
		kind = "XML"
	case formCSV:
		kind = "CSV"
	case formHTML:
		kind = "an HTML page"
	case formImage:
		kind = "an image"
	case formAudio:
		kind = "audio"
	case formBlob:
		kind = "binary"
	}
	return kind + ", " + sizeText(len(resp.Body))
}

func sizeText(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%d kB", (n+500)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
