package upstream

import (
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

const upperHex = "0123456789ABCDEF"

// isUnreserved reports whether a byte stands for itself everywhere in a URL
// (RFC 3986, section 2.3).
func isUnreserved(c byte) bool {
	return isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// appendPercent encodes everything but unreserved characters, so that a value
// can't end the place it is in.
func appendPercent(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; isUnreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// appendForm encodes for application/x-www-form-urlencoded
// (https://url.spec.whatwg.org/#urlencoded-serializing).
func appendForm(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case isAlphanumeric(c) || c == '*' || c == '-' || c == '.' || c == '_':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2), as names of
// headers and cookies are.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isHeaderValue reports whether s arrives as it is in a header: visible ASCII
// characters, with blanks and tabs inside only. Receivers strip blanks at the
// ends, and disagree about everything outside of ASCII.
func isHeaderValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return s == "" || !isBlank(s[0]) && !isBlank(s[len(s)-1])
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isCookieValue reports whether s arrives as it is in a cookie (cookie-octet,
// RFC 6265, section 4.1.1).
func isCookieValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\' {
			return false
		}
	}
	return true
}

// isFraming reports whether a header says how a message is framed or routed.
// The name is in lower case.
func isFraming(name string) bool {
	switch name {
	case "host", "content-length", "transfer-encoding", "connection", "proxy-connection", "keep-alive", "te", "upgrade",
		"trailer", "expect", "http2-settings":
		return true
	}
	return false
}

// checkHeaderName says why a manifest may not set a header; dynamic means that
// its value is made from a call. The error has no path yet.
func checkHeaderName(name string, dynamic bool) *plugins.FieldError {
	lower := strings.ToLower(name)
	fail := func(message, hint string) *plugins.FieldError {
		return &plugins.FieldError{Message: message, Hint: hint}
	}
	switch {
	case !isToken(name):
		return fail("not the name of a header", "")
	case lower == "authorization":
		return fail("Authorization is written by the upstream's `auth` only", "use `auth` of the upstream")
	case lower == "cookie":
		return fail("Cookie is written from arguments with `in: cookie` only", "declare the argument with `in: cookie`")
	case lower == "x-request-id", lower == "traceparent", lower == "tracestate", lower == "baggage":
		return fail(name+" is written by the gateway", "")
	case isFraming(lower), lower == "accept-encoding", lower == "forwarded",
		strings.HasPrefix(lower, "x-forwarded-"), strings.HasPrefix(lower, "proxy-"):
		return fail(name+" can't be set: it says how a request is framed or routed", "")
	case !dynamic:
		return nil
	}
	switch lower {
	case "content-type", "content-encoding", "x-http-method", "x-http-method-override", "x-method-override":
		return fail(name+" can't be made from a call: it says what a request means", "")
	}
	return nil
}
