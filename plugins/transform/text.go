package transform

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// readText answers text: as UTF-8, cleaned of what can't be seen. It is no
// structured content, unless the manifest has a schema for it.
func (t *transform) readText(call *plugins.Call, resp *plugins.Response, m media) (*reading, error) {
	if isBinary(resp.Body, m.charset) {
		if t.as == formText {
			return nil, unreadable(resp, "text", nil)
		}
		return t.readBlob(call, resp, media{name: "application/octet-stream"})
	}
	return t.textOf(clean(decodeText(resp.Body, m.charset)), bodyType(m, typeText)), nil
}

// textOf makes a reading of clean text.
func (t *transform) textOf(text []byte, mime string) *reading {
	if text == nil {
		text = []byte{}
	}
	r := &reading{text: text, mime: mime}
	if t.shaped {
		r.value = string(text)
	}
	return r
}

// sniff takes a body without a media type for what it looks like: JSON, an
// image, text, or else anything binary.
func (t *transform) sniff(call *plugins.Call, resp *plugins.Response) (*reading, error) {
	body := trimSpace(bytes.TrimPrefix(resp.Body, []byte(byteOrderMark)))
	if isContainer(body) && strictjson.Valid(body, 0) == nil {
		return readJSON(resp, media{})
	}
	found := media{name: look(resp.Body)}
	switch {
	case strings.HasPrefix(found.name, "image/"):
		return t.readMedia(call, resp, formImage, found)
	case utf8.Valid(resp.Body) && !isBinary(resp.Body, ""):
		return t.readText(call, resp, media{name: "text/plain"})
	}
	return t.readBlob(call, resp, media{name: "application/octet-stream"})
}

func validUTF8(text []byte) []byte { return bytes.ToValidUTF8(text, []byte("\ufffd")) }
