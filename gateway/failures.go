package gateway

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// verdict is how a kind of failure is told to a client and counted.
type verdict struct {
	// status and code are those of a JSON-RPC error; a zero code means that
	// the failure is a tool error, which the model reads.
	status, code int
	// outcome is the value of the metric's label status, errorType that of
	// error_type.
	outcome, errorType string
}

// verdicts is the one table of failures.
var verdicts = [...]verdict{ //nolint:gochecknoglobals // a table that is never changed
	plugins.KindInternal:        {status: 200, code: mcp.CodeInternal, outcome: "internal", errorType: "internal"},
	plugins.KindUnauthenticated: {status: 401, code: mcp.CodeUnauthenticated, outcome: "denied", errorType: "unauthenticated"},
	plugins.KindDenied:          {status: 200, code: mcp.CodeInvalidParams, outcome: "denied", errorType: "denied"},
	plugins.KindScope:           {status: 403, code: mcp.CodeInsufficientScope, outcome: "denied", errorType: "insufficient_scope"},
	plugins.KindLimited:         {status: 429, code: mcp.CodeRateLimited, outcome: "limited", errorType: "rate_limited"},
	plugins.KindOverload:        {status: 503, code: mcp.CodeOverloaded, outcome: "limited", errorType: "overload"},
	plugins.KindInvalid:         {outcome: "invalid", errorType: "invalid_arguments"},
	plugins.KindTimeout:         {outcome: "timeout", errorType: "timeout"},
	plugins.KindCancelled:       {status: 200, code: mcp.CodeInternal, outcome: "cancelled", errorType: "cancelled"},
	plugins.KindConnect:         {outcome: "tool_error", errorType: "connect"},
	plugins.KindUpstream:        {outcome: "tool_error", errorType: "upstream"},
	plugins.KindStatus:          {outcome: "tool_error", errorType: "upstream_status"},
	plugins.KindCapability:      {status: 400, code: mcp.CodeMissingCapability, outcome: "invalid", errorType: "missing_capability"},
	plugins.KindBreakerOpen:     {outcome: "breaker_open", errorType: "breaker_open"},
}

// failureOf makes an *plugins.Error of any error. One that no part described
// is ours, and its text is for the log only.
func failureOf(err error) *plugins.Error {
	var failure *plugins.Error
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.Is(err, context.DeadlineExceeded):
		return &plugins.Error{Kind: plugins.KindTimeout, Message: "The call took longer than it may. Try again later, or ask for less.", Cause: err}
	case errors.Is(err, context.Canceled):
		return &plugins.Error{Kind: plugins.KindCancelled, Message: "The call was cancelled.", Cause: err}
	}
	return &plugins.Error{Kind: plugins.KindInternal, Message: "Internal error", Cause: err}
}

// verdictOf looks the failure's kind up.
func verdictOf(f *plugins.Error) verdict {
	v := verdicts[f.Kind]
	if f.Kind == plugins.KindLimited && f.AsToolError {
		v.status, v.code = 0, 0
	}
	return v
}

// protocolError is the JSON-RPC error of a failure that is not a tool error.
func protocolError(f *plugins.Error, v verdict) *mcp.Error {
	e := &mcp.Error{Status: v.status, Code: v.code, Message: f.Message}
	if f.RetryAfter > 0 {
		e.Data = []byte(`{"retryAfter":` + retryAfterSeconds(f.RetryAfter) + `}`)
	}
	return e
}

// retryAfterSeconds is a wait in whole seconds, rounded up, at least one
// (RFC 9110, section 10.2.3).
func retryAfterSeconds(wait time.Duration) string {
	seconds := int64((wait + time.Second - 1) / time.Second)
	return strconv.FormatInt(max(seconds, 1), 10)
}
