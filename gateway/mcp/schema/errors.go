package schema

import "strings"

// Error is a mistake in a schema.
type Error struct {
	// Path leads from the schema to the keyword or value, by names and
	// indexes, like the parts of a JSON pointer (RFC 6901).
	Path []string
	// Message is lower case, without a full stop, and says what was wanted.
	Message string
	// Hint proposes a mend; may be empty.
	Hint string
}

// Error tells the place as a JSON pointer, and the message with its hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("schema")
	for i, name := range e.Path {
		if i == 0 {
			b.WriteString(" at ")
		}
		b.WriteString("/" + escape(name))
	}
	b.WriteString(": " + e.Message)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// FieldPath returns the way from the schema to the mistake.
func (e *Error) FieldPath() []string { return e.Path }

// FieldMessage returns the message without the place.
func (e *Error) FieldMessage() string { return e.Message }

// FieldHint returns the proposed mend.
func (e *Error) FieldHint() string { return e.Hint }

// FieldOffset is 0: the mistake is the value as a whole.
func (e *Error) FieldOffset() int { return 0 }

// Errors are several mistakes in one schema.
type Errors []*Error

// Error returns all messages.
func (l Errors) Error() string {
	all := make([]string, len(l))
	for i, e := range l {
		all[i] = e.Error()
	}
	return strings.Join(all, "; ")
}

// Unwrap returns the single errors.
func (l Errors) Unwrap() []error {
	all := make([]error, len(l))
	for i, e := range l {
		all[i] = e
	}
	return all
}

// errorAt is a mistake at a JSON pointer.
func errorAt(ptr, message string) *Error {
	return &Error{Path: splitPointer(ptr), Message: message}
}

// keywordError is a mistake in the value of a keyword.
func keywordError(ptr, keyword, message string) *Error {
	return errorAt(ptr+"/"+escape(keyword), keyword+" "+message)
}

// splitPointer returns the parts of a JSON pointer (RFC 6901, section 3).
func splitPointer(ptr string) []string {
	if ptr == "" {
		return nil
	}
	parts := strings.Split(ptr[1:], "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts
}

// nearKind is a hint for a type that there isn't.
func nearKind(name string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, k := range kindNames() {
		if d := distance(strings.ToLower(name), k.name); d < least {
			best, least = k.name, d
		}
	}
	if best == "" {
		return ""
	}
	return `did you mean "` + best + `"?`
}
