package edge

import (
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// refusal is why the front turns a request away; 0 is none.
type refusal uint8

// The reasons of the front.
const (
	admitted refusal = iota
	badLine
	badMethod
	badTarget
	badVersion
	badName
	badValue
	folded
	noHost
	badHost
	badLength
	badEncoding
	twoFramings
	hasTrailer
	badExpect
	encodedBody
	tooManyFields
	headTooLarge
	bodyTooLarge
	tooSlow
	overloaded
	malformed
	wantTLS
	shuttingDown
	panicked
	// repeated and a fieldKind make one reason for each header.
	repeated
)

// repeatedField says that a header is repeated.
func repeatedField(k fieldKind) refusal { return repeated + refusal(k) }

// answerOf is the status and the text for a client. Texts are fixed: input is
// never echoed.
func (r refusal) answerOf() (status int, text string) {
	if r >= repeated {
		return 400, fieldKind(r-repeated).title() + " is repeated; send it once"
	}
	switch r {
	case badLine:
		return 400, "the request line and every header line must end in CR LF, and no other CR or LF may occur"
	case badMethod:
		return 400, "the method must be a token in capitals"
	case badTarget:
		return 400, "the request target must be a path, with a query if any, percent-encoded, without a fragment"
	case badVersion:
		return 505, "want HTTP/1.1 or HTTP/1.0"
	case badName:
		return 400, "a header name is not a token followed by a colon"
	case badValue:
		return 400, "a header value has a control character, or does not end in CR LF"
	case folded:
		return 400, "header values must not be folded over lines"
	case noHost:
		return 400, "the Host header is missing"
	case badHost:
		return 400, "the Host header must be a host with an optional port"
	case badLength:
		return 400, "Content-Length must be a decimal number"
	case badEncoding:
		return 400, "the only Transfer-Encoding is chunked, and only with HTTP/1.1"
	case twoFramings:
		return 400, "Content-Length and Transfer-Encoding exclude each other"
	case hasTrailer:
		return 400, "trailers are not supported"
	}
	return r.limitAnswer()
}

// limitAnswer is answerOf for what is not a matter of syntax.
func (r refusal) limitAnswer() (status int, text string) {
	switch r {
	case badExpect:
		return 417, "the only expectation is 100-continue"
	case encodedBody:
		return 415, "send the body without Content-Encoding"
	case tooManyFields:
		return 431, "too many headers"
	case headTooLarge:
		return 431, "the headers are too large"
	case bodyTooLarge:
		return 413, "the body is too large"
	case tooSlow:
		return 408, "the request took too long to arrive"
	case overloaded:
		return 503, "too many requests at once; try again"
	case shuttingDown:
		return 503, "the server is shutting down; try again"
	case wantTLS:
		return 400, "this is an HTTPS port: use https"
	case panicked:
		return 500, "internal error"
	default:
		return 400, "malformed HTTP request"
	}
}

// appendBody appends the JSON body of a refusal: a JSON-RPC error without an
// id, since no message has been read.
func (r refusal) appendBody(dst []byte) []byte {
	status, text := r.answerOf()
	code := mcp.CodeBadFront
	switch status {
	case 500:
		code = mcp.CodeInternal
	case 503:
		code = mcp.CodeOverloaded
	}
	return mcp.AppendError(dst, nil, &mcp.Error{Status: status, Code: code, Message: text})
}

// appendResponse appends a whole response, for connections that are turned
// away before there is a request.
func (r refusal) appendResponse(dst []byte, reason string) []byte {
	status, _ := r.answerOf()
	body := r.appendBody(nil)
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	if status == 503 {
		dst = append(dst, "\r\nRetry-After: 1"...)
	}
	dst = append(dst, "\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}
