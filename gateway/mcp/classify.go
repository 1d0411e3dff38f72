package mcp

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Headers are the request headers that the protocol gives a meaning. A nil
// value means that the header is absent.
type Headers interface {
	// Header returns the value of a header without surrounding white space,
	// and whether it is there.
	Header(name string) (string, bool)
}

// The header names of the protocol.
const (
	HeaderRevision    = "MCP-Protocol-Version"
	HeaderMethod      = "Mcp-Method"
	HeaderName        = "Mcp-Name"
	HeaderParamPrefix = "Mcp-Param-"
	HeaderSession     = "Mcp-Session-Id"
)

// modernRevisions lists the revisions that modern requests may claim, newest
// first: what server/discover names as supported.
func modernRevisions() []Revision { return []Revision{Rev20260728} }

// Classify decides of which era a message is, on its body first; the header
// is a cross-check. It returns the revision to serve a modern message in, or
// an empty one for a legacy message, whose revision its session knows.
//
// The order of the checks is that of the specification of 2026-07-28, "Server
// Validation": envelope, header against body, served version.
func Classify(m *Message, meta *Meta, h Headers) (Revision, *Error) {
	header, present := h.Header(HeaderRevision)
	if !meta.Claimed {
		return classifyUnclaimed(m, meta, header, present)
	}
	if err := checkEnvelope(meta); err != nil {
		return "", err
	}
	switch {
	case present && header != meta.Revision:
		return "", BadRequest(CodeHeaderMismatch, "Header mismatch: "+HeaderRevision+" differs from the protocol version in _meta")
	case !present:
		return "", BadRequest(CodeHeaderMismatch, "Header mismatch: "+HeaderRevision+" is missing")
	}
	r, served := ParseRevision(meta.Revision)
	if !served || !r.Modern() {
		return "", UnsupportedVersion(clip(meta.Revision))
	}
	if m.Kind == Reply {
		return "", BadRequest(CodeInvalidRequest, "Invalid request: responses are not accepted in "+string(r))
	}
	return r, nil
}

// classifyUnclaimed judges a message without a protocol version in _meta: of
// these a modern header makes only notifications modern.
func classifyUnclaimed(m *Message, meta *Meta, header string, present bool) (Revision, *Error) {
	if !present || Revision(header) < Rev20260728 {
		return "", nil
	}
	switch {
	case m.Kind == Notification:
		r, served := ParseRevision(header)
		if !served {
			return "", UnsupportedVersion(clip(header))
		}
		return r, nil
	case m.Kind == Reply:
		return "", BadRequest(CodeInvalidRequest, "Invalid request: responses are not accepted in "+clip(header))
	case m.Method == "initialize":
		return "", BadRequest(CodeHeaderMismatch, "Header mismatch: initialize does not exist in the revision that "+HeaderRevision+" names")
	}
	return "", missingMeta(meta)
}

func missingMeta(meta *Meta) *Error {
	missing := metaRevision
	if !meta.HasCapabilities {
		missing += " and " + metaCapabilities
	}
	return BadRequest(CodeInvalidParams, "Invalid params: _meta lacks "+missing)
}

func checkEnvelope(meta *Meta) *Error {
	if meta.malformed != "" {
		return BadRequest(CodeInvalidParams, "Invalid params: _meta has a malformed "+meta.malformed)
	}
	if !meta.HasCapabilities {
		return BadRequest(CodeInvalidParams, "Invalid params: _meta lacks "+metaCapabilities)
	}
	return nil
}

// CheckMethodHeaders compares Mcp-Method and Mcp-Name with the body of a
// modern request; name is what the body names, if its method names something.
func CheckMethodHeaders(m *Message, name string, named bool, h Headers) *Error {
	method, present := h.Header(HeaderMethod)
	if !present {
		return BadRequest(CodeHeaderMismatch, "Header mismatch: "+HeaderMethod+" is missing")
	}
	if method != m.Method {
		return BadRequest(CodeHeaderMismatch, "Header mismatch: "+HeaderMethod+" differs from the method in the body")
	}
	if !named {
		return nil
	}
	raw, present := h.Header(HeaderName)
	if !present {
		return BadRequest(CodeHeaderMismatch, "Header mismatch: "+HeaderName+" is missing")
	}
	value, ok := decodeHeaderValue(raw)
	if !ok {
		return BadRequest(CodeHeaderMismatch, "Header mismatch: "+HeaderName+" is not valid Base64")
	}
	if value != name {
		return BadRequest(CodeHeaderMismatch, "Header mismatch: "+HeaderName+" differs from the name in the body")
	}
	return nil
}

// decodeHeaderValue undoes the =?base64?...?= form, in which values that are
// no plain ASCII travel. Without both sentinels a value is literal.
func decodeHeaderValue(raw string) (string, bool) {
	encoded, found := strings.CutPrefix(raw, "=?base64?")
	if !found {
		return raw, true
	}
	encoded, found = strings.CutSuffix(encoded, "?=")
	if !found {
		return raw, true
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || !utf8.Valid(decoded) || strings.ContainsAny(encoded, "\r\n") {
		return "", false
	}
	return string(decoded), true
}
