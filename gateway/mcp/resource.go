package mcp

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// ResourceDefinition is a resource as resources/list shows it, or a template
// as resources/templates/list does
// (https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource).
type ResourceDefinition struct {
	// URI is that of the resource, or the template (RFC 6570).
	URI string
	// Template says that it is a template.
	Template                 bool
	Name, Title, Description string
	MIMEType                 string
	Icons                    []Icon
	Annotations              *Annotations
	// Size in bytes; 0 if unknown. Templates have none.
	Size int64
	// Meta is the _meta object as JSON; nil if there is none.
	Meta []byte
}

// AppendResource appends the definition of a resource or template, as JSON.
func AppendResource(dst []byte, d *ResourceDefinition) []byte {
	if d.Template {
		dst = append(dst, `{"uriTemplate":`...)
	} else {
		dst = append(dst, `{"uri":`...)
	}
	dst = strictjson.AppendString(dst, d.URI)
	dst = append(dst, `,"name":`...)
	dst = strictjson.AppendString(dst, d.Name)
	dst = appendMember(dst, "title", d.Title)
	dst = appendMember(dst, "description", d.Description)
	dst = appendMember(dst, "mimeType", d.MIMEType)
	dst = appendIcons(dst, d.Icons)
	dst = appendAnnotations(dst, d.Annotations)
	if d.Size > 0 && !d.Template {
		dst = append(dst, `,"size":`...)
		dst = strconv.AppendInt(dst, d.Size, 10)
	}
	dst = appendRaw(dst, "_meta", d.Meta)
	return append(dst, '}')
}

// ResourceContent is what a resource holds, or a part of it
// (https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource-contents).
type ResourceContent struct {
	URI, MIMEType string
	// Text is UTF-8; meant unless there is a Blob.
	Text []byte
	// Blob is what is no text, as it is; base64 is the encoder's business.
	Blob []byte
	// Meta is the _meta object as JSON; nil if there is none.
	Meta []byte
}

// ResourceContents appends the contents that content blocks make, for the
// resource of that URI: text, images and audio are its own, and embedded
// resources keep their URIs. A link becomes text/uri-list (RFC 2483, section 5).
func ResourceContents(dst []ResourceContent, uri string, blocks []Block) []ResourceContent {
	for i := range blocks {
		b := &blocks[i]
		content := ResourceContent{URI: uri, MIMEType: b.MIMEType, Text: b.Text}
		switch b.Type {
		case TextBlock:
		case ImageBlock, AudioBlock:
			content.Blob = orEmpty(b.Data)
		case ResourceBlock:
			content.URI, content.Blob = b.URI, b.Data
		case LinkBlock:
			content.MIMEType, content.Text = "text/uri-list", []byte(b.URI+"\r\n")
		}
		dst = append(dst, content)
	}
	return dst
}

// orEmpty makes data that is nil empty data.
func orEmpty(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

func appendContent(dst []byte, c *ResourceContent) []byte {
	dst = append(dst, `{"uri":`...)
	dst = strictjson.AppendString(dst, c.URI)
	dst = appendMember(dst, "mimeType", c.MIMEType)
	if c.Blob != nil {
		dst = append(dst, `,"blob":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, c.Blob)
		dst = append(dst, '"')
	} else {
		dst = append(dst, `,"text":`...)
		dst = strictjson.AppendString(dst, c.Text)
	}
	dst = appendRaw(dst, "_meta", c.Meta)
	return append(dst, '}')
}

// AppendReadResult appends the response to a resources/read. There must be
// contents: a resource that is missing is an error. Modern clients may keep the
// result for ttl, within the scope (2026-07-28, "Caching").
func (e *Encoder) AppendReadResult(dst []byte, r Revision, id ID, contents []ResourceContent, ttl time.Duration, scope CacheScope) []byte {
	dst = append(appendHead(dst, id), '{')
	if r.Modern() {
		dst = e.appendCacheable(dst, ttl, scope)
	}
	dst = append(dst, `"contents":[`...)
	for i := range contents {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendContent(dst, &contents[i])
	}
	return append(dst, `]}}`...)
}

// DecodeReadParams decodes the params of resources/read: the URI.
func DecodeReadParams(params Params) (string, *Error) {
	uri, ok := DecodeName(params, "uri")
	if !ok || uri == "" {
		return "", invalid("uri must be a string")
	}
	return uri, nil
}

// DecodeSubscribeParams decodes the params of resources/subscribe and
// resources/unsubscribe: the URI, which doesn't share memory with them
// (2025-11-25, "Resources", section "Subscriptions").
func DecodeSubscribeParams(params Params) (string, *Error) {
	uri, ok := textCopy(params.Get("uri"))
	if !ok || uri == "" {
		return "", invalid("uri must be a string")
	}
	return uri, nil
}
