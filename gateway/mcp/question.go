package mcp

import (
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// Method is the method of the question's request.
func (q *Question) Method() string {
	switch q.Kind {
	case AskModel:
		return "sampling/createMessage"
	case AskRoots:
		return "roots/list"
	default:
		return "elicitation/create"
	}
}

// Capability is the manifest name of the capability that a client must have
// declared to be asked: elicitation, elicitation.url, sampling or roots.
func (q *Question) Capability() string {
	switch q.Kind {
	case AskURL:
		return "elicitation.url"
	case AskModel:
		return "sampling"
	case AskRoots:
		return "roots"
	default:
		return "elicitation"
	}
}

// Supported reports whether the revision has such questions at all.
func (q *Question) Supported(r Revision) bool {
	switch q.Kind {
	case AskForm:
		return r.Elicitation()
	case AskURL:
		return r.ElicitationURL()
	default:
		return true
	}
}

// AppendParams appends the params of the question's request, as JSON, in the
// form of the client's revision, which must support the question (2026-07-28,
// "Elicitation", "Sampling" and "Roots").
func (q *Question) AppendParams(dst []byte, r Revision) []byte {
	switch q.Kind {
	case AskURL:
		return q.appendURL(dst, r)
	case AskModel:
		return q.Sampling.appendParams(dst, r)
	case AskRoots:
		return append(dst, `{}`...)
	default:
		return q.appendForm(dst, r)
	}
}

func (q *Question) appendForm(dst []byte, r Revision) []byte {
	dst = append(dst, '{')
	if r.ElicitationURL() { // there were no modes before
		dst = append(dst, `"mode":"form",`...)
	}
	dst = append(dst, `"message":`...)
	dst = strictjson.AppendString(dst, q.Message)
	requested := q.Schema
	if !r.ElicitationChoices() {
		requested = legacyForm(requested)
	}
	dst = appendRaw(dst, "requestedSchema", requested)
	return append(dst, '}')
}

func (q *Question) appendURL(dst []byte, r Revision) []byte {
	dst = append(dst, `{"mode":"url","message":`...)
	dst = strictjson.AppendString(dst, q.Message)
	dst = append(dst, `,"url":`...)
	dst = strictjson.AppendString(dst, q.URL)
	if !r.Modern() {
		id := q.ElicitationID
		if id == "" {
			id = q.Key
		}
		dst = append(dst, `,"elicitationId":`...)
		dst = strictjson.AppendString(dst, id)
	}
	return append(dst, '}')
}

func (s *Sampling) appendParams(dst []byte, r Revision) []byte {
	dst = append(dst, `{"messages":[`...)
	for i := range s.Messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRole(dst, s.Messages[i].Role)
		dst = appendSampled(dst, r, &s.Messages[i].Block)
		dst = append(dst, '}')
	}
	dst = append(dst, `],"maxTokens":`...)
	dst = strconv.AppendInt(dst, int64(s.MaxTokens), 10)
	dst = appendMember(dst, "systemPrompt", s.System)
	if s.Temperature != nil {
		dst = append(dst, `,"temperature":`...)
		dst = appendNumber(dst, *s.Temperature)
	}
	if len(s.Stop) > 0 {
		dst = append(dst, `,"stopSequences":`...)
		dst = appendStrings(dst, s.Stop)
	}
	return append(dst, '}')
}

// appendSampled appends the content of a message to a model, which is text, an
// image or audio. A resource becomes what it holds, if it is of such a type;
// all else becomes words.
func appendSampled(dst []byte, r Revision, b *Block) []byte {
	given := b.Type
	if given == ResourceBlock && b.Data != nil {
		switch {
		case strings.HasPrefix(b.MIMEType, "image/"):
			given = ImageBlock
		case strings.HasPrefix(b.MIMEType, "audio/"):
			given = AudioBlock
		}
	}
	switch {
	case given == ImageBlock:
		return appendMedia(dst, `{"type":"image","data":"`, b)
	case given == AudioBlock && r.Audio():
		return appendMedia(dst, `{"type":"audio","data":"`, b)
	case given == AudioBlock:
		return appendWords(dst, b, "(audio: "+b.MIMEType+")")
	case given == LinkBlock:
		return appendWords(dst, b, b.Name+": "+b.URI)
	case given == ResourceBlock && b.Data != nil:
		return appendWords(dst, b, "("+b.URI+": "+b.MIMEType+")")
	default:
		return appendText(dst, b)
	}
}

// appendWords appends a text block in the place of another block.
func appendWords(dst []byte, b *Block, words string) []byte {
	return appendText(dst, &Block{Text: []byte(words), Annotations: b.Annotations})
}

// AppendServerRequest appends a request of the server's, for legacy clients.
// Params are an object as JSON; nil if there are none.
func AppendServerRequest(dst []byte, id ID, method string, params []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"method":`...)
	dst = strictjson.AppendString(dst, method)
	dst = appendRaw(dst, "params", params)
	return append(dst, '}')
}
