package gateway

import (
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// The bounds that W3C Trace Context (section 3.3) and Baggage (section 3.3.2)
// ask to support at least, taken as the most that is passed on.
const (
	maxTraceState = 512
	maxBaggage    = 8192
)

// validTrace returns the trace context to continue; bad values are dropped,
// never passed on.
func validTrace(parent, state, baggage string) plugins.TraceContext {
	var t plugins.TraceContext
	if !validTraceParent(parent) {
		return t
	}
	t.Parent = parent
	if len(state) <= maxTraceState && plainText(state) {
		t.State = state
	}
	if len(baggage) <= maxBaggage && plainText(baggage) {
		t.Baggage = baggage
	}
	return t
}

// validTraceParent checks the form 00-<32 hex>-<16 hex>-<2 hex> (W3C Trace
// Context, section 3.2.2); all zero ids are invalid.
func validTraceParent(s string) bool {
	if len(s) != 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] != "00" {
		return false
	}
	trace, span, flags := s[3:35], s[36:52], s[53:]
	return lowerHex(trace) && lowerHex(span) && lowerHex(flags) &&
		strings.Trim(trace, "0") != "" && strings.Trim(span, "0") != ""
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// plainText reports whether s is visible ASCII with inner spaces.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
