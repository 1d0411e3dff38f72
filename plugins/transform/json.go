package transform

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

const wantedJSON = "JSON"

// passed is a result with one block, made in one piece.
type passed struct {
	result mcp.Result
	blocks [1]mcp.Block
}

// passJSON answers JSON as it is: checked, and neither decoded nor copied. The
// model reads the same bytes that programs get as structured content.
func (t *transform) passJSON(resp *plugins.Response, m media) (*mcp.Result, error) {
	body := trimSpace(resp.Body)
	if err := strictjson.Valid(body, 0); err != nil {
		if body = recoded(resp.Body, m); body == nil {
			return nil, unreadable(resp, wantedJSON, err)
		}
		if err := strictjson.Valid(body, 0); err != nil {
			return nil, unreadable(resp, wantedJSON, err)
		}
	}
	p := &passed{}
	p.blocks[0].Text, p.blocks[0].MIMEType = body, bodyType(m, typeJSON)
	p.result.Content = p.blocks[:]
	if t.schema != nil || isContainer(body) {
		p.result.Structured = body
	}
	return &p.result, nil
}

// readJSON decodes JSON.
func readJSON(resp *plugins.Response, m media) (*reading, error) {
	body := trimSpace(resp.Body)
	value, err := strictjson.Decode(body, 0)
	if err != nil {
		if body = recoded(resp.Body, m); body == nil {
			return nil, unreadable(resp, wantedJSON, err)
		}
		if value, err = strictjson.Decode(body, 0); err != nil {
			return nil, unreadable(resp, wantedJSON, err)
		}
	}
	return &reading{value: value, raw: body, mime: bodyType(m, typeJSON)}, nil
}

// recoded returns as UTF-8 what was sent with a byte order mark or in another
// charset, which JSON should not be (RFC 8259, section 8.1); nil if it is
// neither.
func recoded(body []byte, m media) []byte {
	marked := bytes.HasPrefix(body, []byte(byteOrderMark)) ||
		bytes.HasPrefix(body, []byte("\xff\xfe")) || bytes.HasPrefix(body, []byte("\xfe\xff"))
	if !marked {
		known, name := charset.Lookup(m.charset)
		wide := name == "utf-16le" || name == "utf-16be"
		if known == nil || name == "utf-8" || !wide && utf8.Valid(body) {
			return nil
		}
	}
	return trimSpace(decodeText(body, m.charset))
}

// trimSpace takes the white space of JSON away from both ends.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// isContainer reports whether JSON text is an object or an array.
func isContainer(raw []byte) bool { return len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') }

// appendJSON encodes what an expression made.
func appendJSON(dst []byte, v any) ([]byte, error) {
	out, err := strictjson.Append(dst, v)
	if err != nil {
		return nil, &expr.Error{Message: "An expression of the tool's definition makes something that is no JSON of these values.", Cause: err}
	}
	return out, nil
}

// structured returns the structured content: with a schema any value, without
// one objects and arrays.
func (t *transform) structured(r *reading) ([]byte, error) {
	if t.schema == nil {
		if isContainer(r.raw) {
			return r.raw, nil
		}
		return nil, nil
	}
	switch {
	case r.media != nil:
		return nil, t.mismatch(nil, "a binary body has no structured content")
	case r.empty && r.raw == nil && r.text == nil:
		r = &reading{value: map[string]any{}, raw: []byte("{}")}
		if len(t.schema.Validate(r.value, nil)) > 0 {
			return nil, t.mismatch(nil, "there is no content")
		}
		return r.raw, nil
	}
	if t.check != checkOff {
		if bad := t.schema.Validate(r.value, nil); len(bad) > 0 {
			if err := t.mismatch(bad, ""); err != nil {
				return nil, err
			}
		}
	}
	if r.raw != nil {
		return r.raw, nil
	}
	raw, err := strictjson.Append(nil, r.value)
	if err != nil {
		return nil, &plugins.Error{Kind: plugins.KindInternal, Message: "Internal error", Cause: err}
	}
	return raw, nil
}

// mismatch is the failure of an answer that breaks the output schema; nil if
// that is only logged, or not looked at.
func (t *transform) mismatch(bad []schema.Violation, reason string) error {
	if len(bad) > 0 {
		all := make([]string, len(bad))
		for i, v := range bad {
			all[i] = "at " + quotePointer(v.Pointer) + " expected " + v.Expected + ", got " + v.Got
		}
		reason = strings.Join(all, "; ")
	}
	switch t.check {
	case checkOff:
		return nil
	case checkWarn:
		t.log.Warn("an answer breaks the tool's output schema", slog.String("tool", t.name), slog.String("violations", reason))
		return nil
	}
	return &plugins.Error{
		Kind:    plugins.KindUpstream,
		Message: "The service's answer does not fit the tool's output schema.",
		Cause:   errors.New("output schema: " + reason),
	}
}

func quotePointer(pointer string) string {
	if pointer == "" {
		return "the root"
	}
	return pointer
}
