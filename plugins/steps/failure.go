package steps

import (
	"context"
	"errors"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// ended is the failure of a context that has ended; nil if it hasn't.
func ended(ctx context.Context) *plugins.Error {
	err := ctx.Err()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &plugins.Error{Kind: plugins.KindTimeout, Message: "The call took longer than it may. Try again later, or ask for less.", Cause: err}
	}
	return &plugins.Error{Kind: plugins.KindCancelled, Message: "The call was cancelled.", Cause: err}
}

// broken is a fault of ours.
func broken(err error) *plugins.Error {
	return &plugins.Error{Kind: plugins.KindInternal, Message: "Internal error", Cause: err}
}

// failure is what a failed step ends the call with: the step's own words, or
// else the given ones.
func (r *run) failure(s *step, v *expr.Values, message string, cause error) *plugins.Error {
	if s.otherwise != nil {
		if text, err := s.otherwise.Append(nil, v); err == nil {
			message = clip(string(text))
		} else {
			cause = errors.Join(cause, err)
		}
	}
	if message == "" {
		message = "The step " + s.label + " failed."
	}
	return &plugins.Error{Kind: plugins.KindStatus, Message: message, Cause: cause}
}

// maxMessage bounds the text of a failure, in bytes.
const maxMessage = 4000

func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	cut := maxMessage
	for cut > 0 && text[cut]&0xc0 == 0x80 { // within a character
		cut--
	}
	return text[:cut] + "…"
}

// messageOf is what a client may know of an expression's failure.
func messageOf(err error) string {
	if e, ok := err.(*expr.Error); ok { //nolint:errorlint // made unwrapped
		return e.Message
	}
	return "An expression of the tool's definition does not fit these values."
}
