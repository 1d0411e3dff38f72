package upstream

import (
	"encoding/base64"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// textBody is a body of text.
type textBody struct{ text *expr.Text }

// text makes ready a body of text.
func (p *planner) text() {
	text, err := expr.ParseText(*p.req.Text, p.scope)
	p.own(&textBody{text}, "text/plain; charset=utf-8")
	if err != nil {
		p.unread(err, p.requestPath("text")...)
		return
	}
	p.mention(text, "text (expression)")
	if _, literal := text.Literal(); !literal {
		p.op.evaluates = true
	}
}

func (t *textBody) write(b *builder) error {
	var err error
	b.body, err = t.text.Append(b.body, b.values)
	if err != nil {
		return evaluation(err)
	}
	return b.checkSize(0)
}

// bytesBody is a body of bytes.
type bytesBody struct {
	field
	schema fileSchema
}

// bytes makes ready a body of bytes.
func (p *planner) bytes() {
	body := &bytesBody{field: field{slot: slot{place: inBody, name: "bytes"}}, schema: p.heldFile(p.req.Bytes)}
	p.own(body, "application/octet-stream")
	t, err := expr.ParseJSON(p.req.Bytes, p.scope)
	if err != nil {
		p.unread(err, p.requestPath("bytes")...)
		return
	}
	if !t.Dynamic() && !isBase64(t) {
		p.fail(&plugins.FieldError{Message: "want base64", Hint: "write text: … for a body of text"}, p.requestPath("bytes")...)
	}
	p.mention(t, "bytes (expression)")
	body.template, p.op.evaluates = t, p.op.evaluates || t.Dynamic()
}

// isBase64 reports whether a constant is bytes.
func isBase64(t *expr.Template) bool {
	v, err := t.Value(&expr.Values{})
	text, ok := v.(string)
	if err != nil || !ok {
		return false
	}
	_, err = base64.StdEncoding.DecodeString(text)
	return err == nil
}

// write writes the content alone: what it is, the manifest says.
func (c *bytesBody) write(b *builder) error {
	v, ok, err := b.value(&c.field)
	if err != nil || !ok {
		return err
	}
	f, err := b.file(&c.slot, &c.schema, v)
	if err != nil {
		return err
	}
	if err := b.checkSize(len(f.content)); err != nil {
		return err
	}
	b.body = append(b.body, b.legible(f.content)...)
	return nil
}
