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

// ServerInfo is what a server says of itself.
type ServerInfo struct {
	Name, Version string
}

// appendJSON appends the server's info as a JSON object.
func (s ServerInfo) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"name":`...)
	dst = strictjson.AppendString(dst, s.Name)
	dst = append(dst, `,"version":`...)
	dst = strictjson.AppendString(dst, s.Version)
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
	dst = appendHead(dst, id)
	if r.Modern() {
		dst = append(dst, `{"resultType":"complete","content":[`...)
	} else {
		dst = append(dst, `{"content":[`...)
	}
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
	if r.Modern() {
		dst = append(dst, ',')
		dst = append(dst, e.serverMeta...)
	}
	return append(dst, `}}`...)
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
		return appendResource(dst, &Block{URI: "sallyport://audio", MIMEType: b.MIMEType, Data: b.Data, Annotations: b.Annotations})
	}
	switch b.Type {
	case ImageBlock:
		return appendMedia(dst, `{"type":"image","data":"`, b)
	case AudioBlock:
		return appendMedia(dst, `{"type":"audio","data":"`, b)
	case ResourceBlock:
		return appendResource(dst, b)
	case LinkBlock:
		return appendLink(dst, b)
	default:
		return appendText(dst, b)
	}
}

func appendText(dst []byte, b *Block) []byte {
	dst = append(dst, `{"type":"text","text":`...)
	dst = strictjson.AppendString(dst, b.Text)
	return appendAnnotations(dst, b.Annotations)
}

func appendMedia(dst []byte, head string, b *Block) []byte {
	dst = append(dst, head...)
	dst = base64.StdEncoding.AppendEncode(dst, b.Data)
	dst = append(dst, `","mimeType":`...)
	dst = strictjson.AppendString(dst, b.MIMEType)
	return appendAnnotations(dst, b.Annotations)
}

func appendResource(dst []byte, b *Block) []byte {
	dst = append(dst, `{"type":"resource","resource":{"uri":`...)
	dst = strictjson.AppendString(dst, b.URI)
	dst = appendMember(dst, "mimeType", b.MIMEType)
	if b.Data != nil {
		dst = append(dst, `,"blob":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, b.Data)
		dst = append(dst, `"}`...)
	} else {
		dst = append(dst, `,"text":`...)
		dst = strictjson.AppendString(dst, b.Text)
		dst = append(dst, '}')
	}
	return appendAnnotations(dst, b.Annotations)
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
	return appendAnnotations(dst, b.Annotations)
}

// appendMember appends a string member, unless it is empty.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return strictjson.AppendString(dst, value)
}

// appendAnnotations appends a block's annotations and closes the block.
func appendAnnotations(dst []byte, a *Annotations) []byte {
	if a == nil {
		return append(dst, '}')
	}
	dst = append(dst, `,"annotations":{`...)
	start := len(dst)
	if len(a.Audience) > 0 {
		dst = append(dst, `"audience":[`...)
		for i, who := range a.Audience {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strictjson.AppendString(dst, who)
		}
		dst = append(dst, ']')
	}
	if a.Priority != nil {
		dst = appendComma(dst, start)
		dst = append(dst, `"priority":`...)
		dst = strconv.AppendFloat(dst, *a.Priority, 'g', -1, 64)
	}
	if a.LastModified != "" {
		dst = appendComma(dst, start)
		dst = append(dst, `"lastModified":`...)
		dst = strictjson.AppendString(dst, a.LastModified)
	}
	return append(dst, `}}`...)
}

// appendComma appends a comma if anything was written since start.
func appendComma(dst []byte, start int) []byte {
	if len(dst) > start {
		return append(dst, ',')
	}
	return dst
}
