package mcp

import (
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// The JSON-RPC error codes a server sends
// (https://www.jsonrpc.org/specification#error_object, and the protocol's own
// from 2026-07-28 on). Our own lie outside of the reserved range. Revisions from
// 2026-07-28 on never see CodeResourceNotFoundLegacy.
const (
	CodeParse                  = -32700
	CodeInvalidRequest         = -32600
	CodeMethodNotFound         = -32601
	CodeInvalidParams          = -32602
	CodeInternal               = -32603
	CodeHeaderMismatch         = -32020
	CodeMissingCapability      = -32021
	CodeUnsupportedVersion     = -32022
	CodeResourceNotFoundLegacy = -32002
	CodeUnauthenticated        = 40100
	CodeInsufficientScope      = 40300
	CodeUnknownSession         = 40400
	CodeRateLimited            = 42900
	CodeOverloaded             = 50300
	CodeBadFront               = 40000
)

// Error is a JSON-RPC error and the HTTP status it travels with.
type Error struct {
	// Status is the HTTP status.
	Status int
	Code   int
	// Message is safe for clients.
	Message string
	// Data is the error's data as JSON; nil if there is none.
	Data []byte
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// BadRequest is an error with HTTP status 400.
func BadRequest(code int, message string) *Error {
	return &Error{Status: 400, Code: code, Message: message}
}

// Rejected is an error of a method's handler, which rides on HTTP 200: clients
// read a 404 or 400 there as a broken transport.
func Rejected(code int, message string) *Error {
	return &Error{Status: 200, Code: code, Message: message}
}

// UnsupportedVersion is the answer to a revision that is not served.
func UnsupportedVersion(requested string) *Error {
	data := []byte(`{"supported":[`)
	for i, r := range modernRevisions() {
		if i > 0 {
			data = append(data, ',')
		}
		data = strictjson.AppendString(data, string(r))
	}
	data = append(data, `],"requested":`...)
	data = strictjson.AppendString(data, requested)
	data = append(data, '}')
	return &Error{Status: 400, Code: CodeUnsupportedVersion, Message: "Unsupported protocol version", Data: data}
}

// MethodNotFound is the answer to a method that the revision doesn't have or
// that is not offered.
func MethodNotFound(r Revision, method string) *Error {
	e := Rejected(CodeMethodNotFound, "Method not found: "+clip(method))
	if r.Modern() {
		e.Status = 404
	}
	return e
}

// UnknownTool is the answer to the name of a tool that does not exist, or that
// the caller may not know of.
func UnknownTool(name string) *Error {
	return Rejected(CodeInvalidParams, "Unknown tool: "+clip(name))
}

// UnknownPrompt is the answer to the name of a prompt that does not exist, or
// that the caller may not know of (2026-07-28, "Prompts", section "Error
// Handling").
func UnknownPrompt(name string) *Error {
	return Rejected(CodeInvalidParams, "Unknown prompt: "+clip(name))
}

// UnknownTask is the answer to the id of a task that does not exist, not any
// more, or is another caller's (SEP-2663, "Error Handling").
func UnknownTask() *Error {
	return Rejected(CodeInvalidParams, "Unknown task: it never was, or it has expired")
}

// UnknownReference is the answer to a completion/complete of a prompt, a
// template or an argument that does not exist (2026-07-28, "Completion",
// section "Error Handling").
func UnknownReference() *Error {
	return Rejected(CodeInvalidParams, "Invalid params: there is nothing to complete by that ref and argument")
}

// ResourceNotFound is the answer to a URI that no resource has, or none that
// the caller may know of (2026-07-28, "Resources", section "Error Handling";
// the code was another one before).
func ResourceNotFound(r Revision, uri string) *Error {
	e := Rejected(CodeInvalidParams, "Resource not found")
	if !r.Modern() {
		e.Code = CodeResourceNotFoundLegacy
	}
	e.Data = strictjson.AppendString([]byte(`{"uri":`), uri)
	e.Data = append(e.Data, '}')
	return e
}

// clip bounds what is echoed of a client's text.
func clip(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// AppendError appends an error response. Without a readable id the member is
// left out (the schema of 2026-07-28 forbids null).
func AppendError(dst []byte, id ID, e *Error) []byte {
	dst = append(dst, `{"jsonrpc":"2.0",`...)
	if id.Valid() {
		dst = append(dst, `"id":`...)
		dst = append(dst, id...)
		dst = append(dst, ',')
	}
	dst = append(dst, `"error":`...)
	return append(AppendErrorObject(dst, e), '}')
}

// AppendErrorObject appends the error alone, without the response around it, as
// a task holds it when it has failed.
func AppendErrorObject(dst []byte, e *Error) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(e.Code), 10)
	dst = append(dst, `,"message":`...)
	dst = strictjson.AppendString(dst, e.Message)
	dst = appendRaw(dst, "data", e.Data)
	return append(dst, '}')
}

// MissingCapability is the answer to a client that lacks what a tool needs;
// names are manifest names of client capabilities, or tasks.
func MissingCapability(r Revision, names []string) *Error {
	e := Rejected(CodeInvalidParams, "This needs a client that offers: "+strings.Join(names, ", "))
	if !r.Modern() {
		return e
	}
	e.Status, e.Code = 400, CodeMissingCapability
	e.Data = append(e.Data, `{"requiredCapabilities":{`...)
	start := len(e.Data)
	var form, url bool
	for _, name := range names {
		switch name {
		case "elicitation":
			form = true
		case "elicitation.url":
			url = true
		case "tasks":
			e.Data = appendComma(e.Data, start)
			e.Data = append(e.Data, `"extensions":{"`+extensionTasks+`":{}}`...)
		default:
			e.Data = appendComma(e.Data, start)
			e.Data = append(strictjson.AppendString(e.Data, name), ":{}"...)
		}
	}
	if form || url {
		e.Data = appendComma(e.Data, start)
		e.Data = append(e.Data, `"elicitation":{`...)
		modes := len(e.Data)
		if form {
			e.Data = append(e.Data, `"form":{}`...)
		}
		if url {
			e.Data = append(appendComma(e.Data, modes), `"url":{}`...)
		}
		e.Data = append(e.Data, '}')
	}
	e.Data = append(e.Data, "}}"...)
	return e
}
