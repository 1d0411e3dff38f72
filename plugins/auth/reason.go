package auth

import (
	"errors"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// The reasons for which credentials are refused, as metric labels.
const (
	reasonMissing     = "missing"
	reasonMalformed   = "malformed"
	reasonExpired     = "expired"
	reasonNotYetValid = "not_yet_valid"
	reasonSignature   = "signature"
	reasonAlgorithm   = "algorithm"
	reasonIssuer      = "issuer"
	reasonAudience    = "audience"
	reasonUnknownKey  = "unknown_key"
	reasonNoKeys      = "no_keys"
	reasonLimited     = "limited"
	reasonAPIKey      = "api_key"
	reasonOther       = "other"
)

// refusal is the cause of a refusal: its reason as a metric label, and what
// led to it, for the log. The message never holds a part of the credential.
type refusal struct {
	reason string
	err    error
}

// Error returns the reason and what led to it.
func (r *refusal) Error() string {
	if r.err == nil {
		return r.reason
	}
	return r.reason + ": " + r.err.Error()
}

// Unwrap returns what led to the refusal.
func (r *refusal) Unwrap() error { return r.err }

// Reason returns the reason as a metric label.
func (r *refusal) Reason() string { return r.reason }

// Reason returns why credentials were refused, as a metric label: missing,
// malformed, expired, not_yet_valid, signature, algorithm, issuer, audience,
// unknown_key, no_keys, limited, api_key; other for an error from elsewhere,
// and "" for nil. A caller that can't import this package finds the same by
// errors.As with an interface{ Reason() string }.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	var r interface{ Reason() string }
	if errors.As(err, &r) {
		return r.Reason()
	}
	var e *plugins.Error
	if errors.As(err, &e) && e.Kind == plugins.KindUnauthenticated && e.Cause == nil {
		return reasonMissing
	}
	return reasonOther
}

// refuse makes the error that refuses credentials.
func refuse(reason, message string, cause error) *plugins.Error {
	return &plugins.Error{
		Kind:    plugins.KindUnauthenticated,
		Message: message,
		Cause:   &refusal{reason: reason, err: cause},
	}
}

// refuseLater makes the error for credentials that were not looked at, and
// may be good: the caller should try again, not log in anew.
func refuseLater(kind plugins.Kind, reason, message string, after time.Duration) *plugins.Error {
	return &plugins.Error{
		Kind:       kind,
		Message:    message,
		Cause:      &refusal{reason: reason},
		RetryAfter: after,
	}
}
