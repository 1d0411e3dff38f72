package mcp

import (
	"encoding/base64"
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// Encoder writes responses. It holds what every result repeats, ready made.
type Encoder struct {
	// serverMeta is `"_meta":{...serverInfo...}`, for modern results.
	serverMeta []byte
}

// ServerInfo is what a server says of itself (2026-07-28, schema
// "Implementation").
type ServerInfo struct {
	Name, Version string
	// Title and Description are for people; WebsiteURL is where they read on.
	Title, Description, WebsiteURL string
	Icons                          []Icon
}

// appendJSON appends the server's info as a JSON object.
func (s ServerInfo) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"name":`...)
	dst = strictjson.AppendString(dst, s.Name)
	dst = append(dst, `,"version":`...)
	dst = strictjson.AppendString(dst, s.Version)
	dst = appendMember(dst, "title", s.Title)
	dst = appendMember(dst, "description", s.Description)
	dst = appendMember(dst, "websiteUrl", s.WebsiteURL)
	dst = appendIcons(dst, s.Icons)
	return append(dst, '}')
}

// NewEncoder prepares an encoder for a server.
func NewEncoder(info ServerInfo) *Encoder {
	meta := append([]byte(nil), `"_meta":{"`+metaServerInfo+`":`...)
	meta = info.appendJSON(meta)
	return &Encoder{serverMeta: append(meta, '}')}
}

// AppendCallResult appends the response to a tools/call in the form of the
// client's revision.
func (e *Encoder) AppendCallResult(dst []byte, r Revision, id ID, res *Result) []byte {
	return append(e.AppendToolResult(appendHead(dst, id), r, res), '}')
}

// AppendToolResult appends the result of a tools/call alone, without the
// response around it, as a task holds it when it is completed
// (https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-result).
func (e *Encoder) AppendToolResult(dst []byte, r Revision, res *Result) []byte {
	dst = appendResultType(dst, r)
	dst = append(dst, `"content":[`...)
	for i := range res.Content {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendBlock(dst, r, &res.Content[i])
	}
	dst = append(dst, ']')
	if res.Structured != nil && r.StructuredContent() {
		dst = append(dst, `,"structuredContent":`...)
		dst = appendStructured(dst, r, res.Structured)
	}
	if res.IsError {
		dst = append(dst, `,"isError":true`...)
	}
	return append(e.appendServerMeta(dst, r), '}')
}

// appendResultType opens a result, with the type that modern ones have.
func appendResultType(dst []byte, r Revision) []byte {
	if r.Modern() {
		return append(dst, `{"resultType":"complete",`...)
	}
	return append(dst, '{')
}

// appendServerMeta appends what modern results say of their server.
func (e *Encoder) appendServerMeta(dst []byte, r Revision) []byte {
	if !r.Modern() {
		return dst
	}
	dst = append(dst, ',')
	return append(dst, e.serverMeta...)
}

// AppendEmptyResult appends the response `{}` of legacy methods that answer
// nothing.
func AppendEmptyResult(dst []byte, id ID) []byte {
	return append(appendHead(dst, id), `{}}`...)
}

// AppendPrepared appends a response whose result was encoded before.
func AppendPrepared(dst []byte, id ID, result []byte) []byte {
	dst = appendHead(dst, id)
	dst = append(dst, result...)
	return append(dst, '}')
}

func appendHead(dst []byte, id ID) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	return append(dst, `,"result":`...)
}

// appendStructured appends structured content; legacy revisions know only
// objects, so that others are wrapped, as their output schema is.
func appendStructured(dst []byte, r Revision, raw []byte) []byte {
	if r.Modern() || isObject(raw) {
		return append(dst, raw...)
	}
	dst = append(dst, `{"result":`...)
	dst = append(dst, raw...)
	return append(dst, '}')
}

// appendBlock appends a content block. A block that the revision doesn't have
// becomes the nearest one it has.
func appendBlock(dst []byte, r Revision, b *Block) []byte {
	switch {
	case b.Type == LinkBlock && !r.ResourceLinks():
		return appendText(dst, &Block{Text: []byte(b.Name + ": " + b.URI), Annotations: b.Annotations})
	case b.Type == AudioBlock && !r.Audio():
		return appendEmbedded(dst, &Block{URI: "sallyport://audio", MIMEType: b.MIMEType, Data: b.Data, Annotations: b.Annotations})
	}
	switch b.Type {
	case ImageBlock:
		return appendMedia(dst, `{"type":"image","data":"`, b)
	case AudioBlock:
		return appendMedia(dst, `{"type":"audio","data":"`, b)
	case ResourceBlock:
		return appendEmbedded(dst, b)
	case LinkBlock:
		return appendLink(dst, b)
	default:
		return appendText(dst, b)
	}
}

func appendText(dst []byte, b *Block) []byte {
	dst = append(dst, `{"type":"text","text":`...)
	dst = strictjson.AppendString(dst, b.Text)
	return closeBlock(dst, b.Annotations)
}

func appendMedia(dst []byte, head string, b *Block) []byte {
	dst = append(dst, head...)
	dst = base64.StdEncoding.AppendEncode(dst, b.Data)
	dst = append(dst, `","mimeType":`...)
	dst = strictjson.AppendString(dst, b.MIMEType)
	return closeBlock(dst, b.Annotations)
}

func appendEmbedded(dst []byte, b *Block) []byte {
	dst = append(dst, `{"type":"resource","resource":`...)
	dst = appendContent(dst, &ResourceContent{URI: b.URI, MIMEType: b.MIMEType, Text: b.Text, Blob: b.Data})
	return closeBlock(dst, b.Annotations)
}

func appendLink(dst []byte, b *Block) []byte {
	dst = append(dst, `{"type":"resource_link","uri":`...)
	dst = strictjson.AppendString(dst, b.URI)
	dst = append(dst, `,"name":`...)
	dst = strictjson.AppendString(dst, b.Name)
	dst = appendMember(dst, "title", b.Title)
	dst = appendMember(dst, "description", b.Description)
	dst = appendMember(dst, "mimeType", b.MIMEType)
	if b.Size > 0 {
		dst = append(dst, `,"size":`...)
		dst = strconv.AppendInt(dst, b.Size, 10)
	}
	return closeBlock(dst, b.Annotations)
}

// closeBlock appends a block's annotations and closes the block.
func closeBlock(dst []byte, a *Annotations) []byte {
	return append(appendAnnotations(dst, a), '}')
}

// appendAnnotations appends the member that holds annotations, if there are
// any.
func appendAnnotations(dst []byte, a *Annotations) []byte {
	if a == nil {
		return dst
	}
	dst = append(dst, `,"annotations":{`...)
	start := len(dst)
	if len(a.Audience) > 0 {
		dst = append(dst, `"audience":`...)
		dst = appendStrings(dst, a.Audience)
	}
	if a.Priority != nil {
		dst = appendComma(dst, start)
		dst = append(dst, `"priority":`...)
		dst = appendNumber(dst, *a.Priority)
	}
	if a.LastModified != "" {
		dst = appendComma(dst, start)
		dst = append(dst, `"lastModified":`...)
		dst = strictjson.AppendString(dst, a.LastModified)
	}
	return append(dst, '}')
}
