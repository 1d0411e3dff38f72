package importer

import (
	"fmt"
	"slices"
	"strings"
)

// Kinds of changes.
const (
	Added   = "added"    // a tool for a new operation
	Updated = "updated"  // keys follow the document
	Removed = "removed"  // its operation is gone, and nobody had edited it
	Kept    = "kept"     // what was edited by hand stays
	Gone    = "gone"     // its operation is gone, but it was edited and stays
	LeftOut = "left out" // what somebody removed stays away
)

// Change says what a merge did to a tool, or to the upstream.
type Change struct {
	// Where is the tool's name, or upstreams.NAME.
	Where string `json:"where"`
	// Kind is one of the constants.
	Kind string `json:"kind"`
	// Keys are those that it is about, e.g. input.limit.description.
	Keys []string `json:"keys,omitempty"`
	Note string   `json:"note,omitempty"`
}

// word is what people are told of a kind.
func (c *Change) word() string {
	if c.Kind == Gone {
		return Kept
	}
	return c.Kind
}

// line prints a change.
func (c *Change) line() string {
	text := fmt.Sprintf("  %-8s %s", c.word(), clean(c.Where))
	if len(c.Keys) > 0 {
		text += ": " + clean(strings.Join(c.Keys, ", "))
	}
	if c.Note != "" {
		text += " (" + clean(c.Note) + ")"
	}
	return text + "\n"
}

// setsCredentials reports whether a change wrote how the service is authenticated
// to.
func setsCredentials(c Change) bool {
	return c.Kind == Added && strings.HasPrefix(c.Where, "upstreams.") ||
		c.Kind == Updated && (slices.Contains(c.Keys, "auth") || slices.Contains(c.Keys, "headers"))
}

// Summary says in a line what changes do to a manifest.
func Summary(changes []Change) string {
	var parts []string
	for _, kind := range []string{Added, Updated, Removed} {
		tools, others := 0, false
		for i := range changes {
			switch c := &changes[i]; {
			case c.Kind != kind:
			case strings.Contains(c.Where, "."): // tools have no dots
				others = true
			default:
				tools++
			}
		}
		if tools > 0 {
			parts = append(parts, count(tools, "tool")+" "+kind)
		}
		if others {
			parts = append(parts, "the upstream "+kind)
		}
	}
	if len(parts) == 0 {
		return "nothing to change"
	}
	return strings.Join(parts, ", ")
}

// conflict says what a key has by hand, and what the document says of it.
func conflict(key string, current, old, next any) string {
	yours, before, after := shortText(current), shortText(old), shortText(next)
	var document string
	switch {
	case yours == "" || equal(current, next):
		return key
	case next == nil && old == nil:
		document = "not in the document"
	case next == nil:
		document = "no longer in the document"
	case after == "":
		return key
	case old == nil || equal(old, next) || before == "":
		document = "the document " + after
	default:
		document = "the document " + before + " -> " + after
	}
	return strings.TrimLeft(key+" (yours "+yours+", "+document+")", " ")
}

// shortText is a value as it is told of; empty if that is too long.
func shortText(v any) string {
	const width = 40
	if s, isText := v.(string); isText && len(s) <= width && isPlain(s, false) {
		return s
	}
	text, ok := flowText(v, width)
	if v == nil || !ok {
		return ""
	}
	return text
}
