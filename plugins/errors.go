package plugins

import (
	"strings"
	"time"
)

// Kind says what went wrong with a call. The gateway's one table maps it to a
// tool error or a JSON-RPC error, an HTTP status, a metric label and a
// breaker's verdict.
type Kind uint8

// The kinds.
const (
	// KindInternal is our own fault.
	KindInternal Kind = iota
	// KindUnauthenticated: no or bad credentials.
	KindUnauthenticated
	// KindDenied: the caller may not know that this exists.
	KindDenied
	// KindScope: the token lacks scopes, which it could get.
	KindScope
	// KindLimited: a rate limit of the caller, the tool or all.
	KindLimited
	// KindOverload: too much at once, or draining.
	KindOverload
	// KindInvalid: the arguments are wrong; nothing was sent upstream.
	KindInvalid
	// KindTimeout: the deadline passed while waiting for the upstream.
	KindTimeout
	// KindCancelled: the client hung up or cancelled.
	KindCancelled
	// KindConnect: no connection to the upstream; nothing was sent.
	KindConnect
	// KindUpstream: the upstream broke off, or its answer can't be read.
	KindUpstream
	// KindStatus: the upstream answered with a status of 400 or more.
	KindStatus
	// KindCapability: the client didn't declare a capability that the call needs.
	KindCapability
	// KindBreakerOpen: the upstream is resting after failures; nothing was sent.
	KindBreakerOpen
)

// Error is what a part refuses or fails a call with.
type Error struct {
	Kind Kind
	// Message is safe for a client: it says what to do, and holds no address,
	// no secret and nothing an upstream sent, unless the manifest asks for it.
	Message string
	// Written says that the message is the manifest's own.
	Written bool
	// Undone tells what was taken back of what the call had done; it is part of
	// the message.
	Undone string
	// Cause is for the log.
	Cause error
	// Status is the upstream's HTTP status, for KindStatus.
	Status int
	// RetryAfter is how long to wait before another try; zero if unknown.
	RetryAfter time.Duration
	// AsToolError asks that a KindLimited error be a tool error rather than
	// an HTTP 429.
	AsToolError bool
	// Scopes are all the scopes that the call needs, for KindScope.
	Scopes []string
	// Capabilities are the client capabilities that the call needs, by their
	// manifest names, for KindCapability.
	Capabilities []string
}

// Error returns the safe message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// FieldError is a mistake in a part's settings and where it is.
type FieldError struct {
	// Path leads from the settings to the value, e.g. "tls", "ca".
	Path []string
	// Message is lower case, without a full stop, and says what was wanted.
	Message string
	// Hint proposes a mend; may be empty.
	Hint string
	// Offset is the byte in a scalar's text at which the mistake begins; -1 if
	// the mistake is the key, that it stands there at all.
	Offset int
}

// Error returns the path and the message.
func (e *FieldError) Error() string {
	if len(e.Path) == 0 {
		return e.Message
	}
	return strings.Join(e.Path, ".") + ": " + e.Message
}

// FieldPath returns the way from the settings to the value.
func (e *FieldError) FieldPath() []string { return e.Path }

// FieldHint returns the proposed mend.
func (e *FieldError) FieldHint() string { return e.Hint }

// FieldMessage returns the message without the path.
func (e *FieldError) FieldMessage() string { return e.Message }

// FieldOffset returns the byte in the scalar at which the mistake begins.
func (e *FieldError) FieldOffset() int { return e.Offset }

// FieldErrors are several mistakes, reported at once.
type FieldErrors []*FieldError

// Error returns all messages.
func (l FieldErrors) Error() string {
	all := make([]string, len(l))
	for i, e := range l {
		all[i] = e.Error()
	}
	return strings.Join(all, "; ")
}

// Unwrap returns the single errors.
func (l FieldErrors) Unwrap() []error {
	all := make([]error, len(l))
	for i, e := range l {
		all[i] = e
	}
	return all
}
