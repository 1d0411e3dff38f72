package mcp

import (
	"bytes"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// maxDepth bounds the nesting of a message.
const maxDepth = 64

// maxID bounds a request id in bytes.
const maxID = 1024

// ID is a request id as the client wrote it: a JSON string or integer, echoed
// byte by byte. Nil if there is none.
type ID []byte

// Valid reports whether there is an id.
func (id ID) Valid() bool { return len(id) > 0 }

// MessageKind tells requests, notifications and responses apart.
type MessageKind uint8

// The kinds of messages.
const (
	Request MessageKind = iota
	Notification
	Reply
)

// Message is one JSON-RPC message. It points into the body it was decoded from.
type Message struct {
	Kind   MessageKind
	ID     ID
	Method string
	// Params are the members of the params object.
	Params Params
	// Result and ReplyError are what a Reply carries, as written; one of them
	// is nil.
	Result, ReplyError []byte

	space [8]strictjson.Member // what Params is usually made of
}

// Params are the members of a params object, in the order written. Names and
// values point into the body.
type Params []strictjson.Member

// Get returns the value of a member as written; nil if there is none.
func (p Params) Get(name string) []byte {
	for i := range p {
		if p[i].Name == name {
			return p[i].Value
		}
	}
	return nil
}

// IsBatch reports whether the body is a JSON array.
func IsBatch(body []byte) bool {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '['
}

// CheckSyntax refuses a body that is not exactly one strict JSON text:
// duplicate members, invalid UTF-8, lone surrogates, trailing data and
// excessive depth included (RFC 8259, RFC 7493).
func CheckSyntax(body []byte) *Error {
	if err := strictjson.Check(body, maxDepth); err != nil {
		return BadRequest(CodeParse, "Parse error: "+err.Error())
	}
	return nil
}

// Decode decodes one message of a body that passed CheckSyntax. Member names
// count exactly as written; unknown members are ignored. On error the message
// holds the id, if it could be read. A message must not be copied.
func (m *Message) Decode(body []byte) *Error {
	*m = Message{}
	if !isObject(body) {
		return BadRequest(CodeInvalidRequest, "Invalid request: want a JSON object")
	}
	members, err := strictjson.Members(body, m.space[:0])
	if err != nil {
		return BadRequest(CodeParse, "Parse error: "+err.Error())
	}
	var f envelopeFields
	for i := range members {
		f.take(&members[i])
	}
	return f.fill(m)
}

// envelopeFields are the members of a message that mean something.
type envelopeFields struct {
	version, id, method, params, result, failure []byte
}

func (f *envelopeFields) take(m *strictjson.Member) {
	switch m.Name {
	case "jsonrpc":
		f.version = m.Value
	case "id":
		f.id = m.Value
	case "method":
		f.method = m.Value
	case "params":
		f.params = m.Value
	case "result":
		f.result = m.Value
	case "error":
		f.failure = m.Value
	}
}

func (f *envelopeFields) fill(m *Message) *Error {
	if f.id != nil {
		if !validID(f.id) {
			return BadRequest(CodeInvalidRequest, "Invalid request: id must be a string or an integer")
		}
		m.ID = f.id
	}
	if string(f.version) != `"2.0"` {
		return BadRequest(CodeInvalidRequest, `Invalid request: jsonrpc must be "2.0"`)
	}
	if f.method == nil {
		return f.reply(m)
	}
	if f.result != nil || f.failure != nil {
		return BadRequest(CodeInvalidRequest, "Invalid request: a message with a method has no result or error")
	}
	method, err := strictjson.UnquoteAlias(f.method)
	if err != nil || method == "" {
		return BadRequest(CodeInvalidRequest, "Invalid request: method must be a string")
	}
	m.Method = method
	if m.ID == nil {
		m.Kind = Notification
	}
	if f.params == nil {
		return nil
	}
	if !isObject(f.params) {
		return BadRequest(CodeInvalidRequest, "Invalid request: params must be an object")
	}
	// The envelope's members are read by now, and their space is free.
	if m.Params, err = strictjson.Members(f.params, m.space[:0]); err != nil {
		return BadRequest(CodeParse, "Parse error: "+err.Error())
	}
	return nil
}

func (f *envelopeFields) reply(m *Message) *Error {
	if (f.result == nil) == (f.failure == nil) || m.ID == nil {
		return BadRequest(CodeInvalidRequest, "Invalid request: want a method, or an id with either result or error")
	}
	m.Kind, m.Result, m.ReplyError = Reply, f.result, f.failure
	return nil
}

func isObject(v []byte) bool {
	trimmed := bytes.TrimLeft(v, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{'
}

// validID reports whether a JSON value is a string or an integer of a sane
// length.
func validID(v []byte) bool {
	if len(v) == 0 || len(v) > maxID {
		return false
	}
	if v[0] == '"' {
		return true
	}
	digits := v
	if digits[0] == '-' {
		digits = digits[1:]
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(digits) > 0
}
