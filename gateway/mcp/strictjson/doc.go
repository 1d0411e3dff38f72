// Package strictjson reads and writes JSON text on the hot path.
//
// It accepts exactly RFC 8259 text that also obeys the parts of I-JSON
// (RFC 7493) on which two parsers could otherwise disagree: member names are
// unique after unescaping, text is valid UTF-8, there are no lone surrogate
// escapes, no byte order mark and nothing after the value. Nesting is bounded.
// Numbers are never converted: they keep their digits.
//
// Nothing here uses reflection, and checking typical text allocates nothing.
package strictjson

// MaxDepth is how many arrays and objects may be nested in each other when a
// caller gives no limit (a maxDepth of zero or less). A scalar has depth 0,
// [] has depth 1.
const MaxDepth = 64

// hardDepth bounds recursion whatever limit a caller asks for.
const hardDepth = 10_000

// SyntaxError says where text stops being strict JSON, and why.
// It never holds bytes of the input, so it is safe to show to a client.
type SyntaxError struct {
	Offset int    // index of the first wrong byte
	Msg    string // what is wrong there
}

// Error describes the problem without quoting the input.
func (e *SyntaxError) Error() string {
	return "invalid JSON at byte " + itoa(e.Offset) + ": " + e.Msg
}

// Check reports whether data is one strict JSON value: syntax, UTF-8, depth,
// and unique member names in every object. A maxDepth of zero or less means
// MaxDepth. The error is a *SyntaxError.
func Check(data []byte, maxDepth int) error {
	s := scanner{data: data, unique: true}
	return s.document(maxDepth)
}

// Valid reports whether data is one JSON value: syntax, UTF-8 and depth, but
// not the uniqueness of names. It is meant for bodies that are passed on
// unread. A maxDepth of zero or less means MaxDepth. The error is a
// *SyntaxError.
func Valid(data []byte, maxDepth int) error {
	s := scanner{data: data}
	return s.document(maxDepth)
}

func limit(maxDepth int) int {
	if maxDepth <= 0 {
		return MaxDepth
	}
	return min(maxDepth, hardDepth)
}
