package upstream

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// write writes the parts with a boundary that stands nowhere in them.
func (m *multipartBody) write(b *builder) error {
	for try := 0; ; try++ {
		boundary := b.boundary(try)
		b.body = b.body[:0]
		written := 1
		for i := range m.parts {
			n, err := m.parts[i].write(b, boundary)
			if err != nil {
				return err
			}
			written += n
		}
		b.body = append(append(append(b.body, "--"...), boundary...), "--\r\n"...)
		if bytes.Count(b.body, []byte(boundary)) == written {
			b.ownType = "multipart/form-data; boundary=" + boundary
			return nil
		}
	}
}

// boundary makes a boundary (RFC 2046, section 5.1.1). That of an outline is
// always the same, as far as it can be.
func (b *builder) boundary(try int) string {
	if b.masked {
		if try == 0 {
			return "boundary"
		}
		return "boundary" + strconv.Itoa(try)
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return "sallyport-" + hex.EncodeToString(random[:])
}

// write writes the parts of one name, and returns how many.
func (p *bodyPart) write(b *builder, boundary string) (int, error) {
	v, ok, err := b.value(&p.field)
	if err != nil || !ok {
		return 0, err
	}
	items, isList := v.([]any)
	if !isList || p.kind == jsonPart {
		items = []any{v}
	}
	written := 0
	for _, item := range items {
		if item == nil && p.kind != jsonPart {
			continue
		}
		f, err := p.content(b, item)
		if err != nil {
			return written, err
		}
		if err := b.checkSize(len(f.content)); err != nil {
			return written, err
		}
		b.part(p.header, boundary, f)
		written++
	}
	return written, nil
}

// part writes one part.
func (b *builder) part(header, boundary string, f *file) {
	b.body = append(append(append(b.body, "--"...), boundary...), "\r\n"...)
	b.body = append(b.body, header...)
	if f.name != "" {
		b.body = append(append(append(b.body, `; filename="`...), escapeDisposition(f.name)...), '"')
	}
	b.body = append(b.body, "\r\n"...)
	if f.mediaType != "" {
		b.body = append(append(append(b.body, "Content-Type: "...), f.mediaType...), "\r\n"...)
	}
	b.body = append(append(append(b.body, "\r\n"...), b.legible(f.content)...), "\r\n"...)
}

// content makes the content of a part of one value.
func (p *bodyPart) content(b *builder, v any) (*file, error) {
	f, err := p.bare(b, v)
	if err != nil {
		return nil, err
	}
	if p.mediaType != "" {
		f.mediaType = p.mediaType
	}
	if p.dynamicType != nil {
		text, err := p.text(b, p.dynamicType)
		switch {
		case err != nil:
			return nil, err
		case text != "" && !isMediaType(text):
			return nil, p.refuse("its media type is none")
		case text != "":
			f.mediaType = text
		}
	}
	if p.filename != nil {
		text, err := p.text(b, p.filename)
		switch {
		case err != nil:
			return nil, err
		case text != "" && !isFilename(text):
			return nil, p.refuse("its file name is not the name of a file")
		case text != "":
			f.name = text
		}
	}
	return f, nil
}

// bare makes the content that the value alone gives.
func (p *bodyPart) bare(b *builder, v any) (*file, error) {
	_, isObject := v.(map[string]any)
	_, isList := v.([]any)
	if p.kind == filePart {
		f, err := b.file(&p.slot, &p.schema, v)
		if err != nil {
			return nil, err
		}
		if f.name == "" {
			f.name = p.name
		}
		if f.mediaType == "" {
			f.mediaType = p.schema.fallback(isObject)
		}
		return f, nil
	}
	if p.kind == jsonPart || isObject || isList || isJSON(p.mediaType) {
		content, err := strictjson.Append(nil, v)
		if err != nil {
			return nil, p.refuse("it can't be written as JSON")
		}
		return &file{content: content, mediaType: "application/json"}, nil
	}
	content, err := expr.AppendText(nil, v)
	if err != nil {
		return nil, p.refuse("it can't be written as text")
	}
	return &file{content: content}, nil
}

// fallback is the media type of a file of which nobody says it.
func (s *fileSchema) fallback(isObject bool) string {
	form := s.form
	if isObject {
		form = s.data
	}
	switch {
	case s.mediaType != "":
		return s.mediaType
	case form == fileText:
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

func (p *bodyPart) text(b *builder, t *expr.Text) (string, error) {
	text, err := t.Append(nil, b.values)
	return string(text), evaluation(err)
}

// isJSON reports whether a media type is one of JSON (RFC 6839, section 3.1).
func isJSON(mediaType string) bool {
	name, _, _ := strings.Cut(mediaType, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	return name == "application/json" || strings.HasPrefix(name, "application/") && strings.HasSuffix(name, "+json")
}
