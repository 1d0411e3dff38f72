// Package mcp is the Model Context Protocol as values: envelope, revisions,
// methods, content blocks and errors. It does no I/O.
//
// The newest revision is the model; older ones are small differences at decode
// and encode (https://modelcontextprotocol.io/specification/).
package mcp

// Revision is a protocol revision. Revisions are dates, and compare as such.
type Revision string

// The released revisions.
const (
	Rev20241105 Revision = "2024-11-05"
	Rev20250326 Revision = "2025-03-26"
	Rev20250618 Revision = "2025-06-18"
	Rev20251125 Revision = "2025-11-25"
	Rev20260728 Revision = "2026-07-28"

	// Newest is the revision that modern requests speak.
	Newest = Rev20260728
	// NewestLegacy is what a legacy client that asks for an unknown revision
	// is offered.
	NewestLegacy = Rev20251125
)

// Revisions lists all revisions served, newest first.
func Revisions() []Revision {
	return []Revision{Rev20260728, Rev20251125, Rev20250618, Rev20250326, Rev20241105}
}

// ParseRevision finds the revision served of that name. What it returns
// doesn't share memory with name.
func ParseRevision[T ~string | ~[]byte](name T) (Revision, bool) {
	switch string(name) {
	case string(Rev20260728):
		return Rev20260728, true
	case string(Rev20251125):
		return Rev20251125, true
	case string(Rev20250618):
		return Rev20250618, true
	case string(Rev20250326):
		return Rev20250326, true
	case string(Rev20241105):
		return Rev20241105, true
	}
	return "", false
}

// Modern reports whether requests carry their revision and capabilities in
// _meta, without a handshake (2026-07-28 and later).
func (r Revision) Modern() bool { return r >= Rev20260728 }

// Batches reports whether arrays of messages are part of the revision.
func (r Revision) Batches() bool { return r <= Rev20250326 }

// StructuredContent reports whether results carry structuredContent.
func (r Revision) StructuredContent() bool { return r >= Rev20250618 }

// ResourceLinks reports whether resource_link blocks exist.
func (r Revision) ResourceLinks() bool { return r >= Rev20250618 }

// Audio reports whether audio blocks exist.
func (r Revision) Audio() bool { return r >= Rev20250326 }

// Completions reports whether servers declare that they complete arguments; the
// method is older than its capability.
func (r Revision) Completions() bool { return r >= Rev20250326 }

// Elicitation reports whether a server may ask the person for data in a form.
func (r Revision) Elicitation() bool { return r >= Rev20250618 }

// ElicitationURL reports whether a server may send the person to a page.
func (r Revision) ElicitationURL() bool { return r >= Rev20251125 }

// ElicitationChoices reports whether forms have choices with titles (oneOf) and
// choices of several values (SEP-1330); before, a choice is an enum of strings,
// whose titles stand in enumNames.
func (r Revision) ElicitationChoices() bool { return r >= Rev20251125 }
