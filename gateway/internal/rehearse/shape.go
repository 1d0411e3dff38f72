package rehearse

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// shape is what values at one place look like: their types, and the shapes of
// what is in them.
type shape struct {
	kinds   map[string]bool
	members map[string]*shape
	element *shape
}

func newShape() *shape { return &shape{kinds: map[string]bool{}, members: map[string]*shape{}} }

// add takes one more value into account. The elements of a list are all at one
// place.
func (s *shape) add(v any) {
	s.kinds[kindOf(v)] = true
	switch value := v.(type) {
	case map[string]any:
		for name, member := range value {
			if s.members[name] == nil {
				s.members[name] = newShape()
			}
			s.members[name].add(member)
		}
	case []any:
		if s.element == nil && len(value) > 0 {
			s.element = newShape()
		}
		for _, item := range value {
			s.element.add(item)
		}
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number, int, int64, float64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// Drift is one way in which an answer looks different from the example's.
type Drift struct {
	// Pointer is the place; "*" stands for any element of a list.
	Pointer string `json:"pointer"`
	// Change is missing, extra or type.
	Change string `json:"change"`
	Want   string `json:"want,omitempty"`
	Got    string `json:"got,omitempty"`
}

// The changes of a shape.
const (
	DriftMissing = "missing"
	DriftExtra   = "extra"
	DriftType    = "type"
)

// Breaks reports whether who relies on the example may be let down: what came
// in addition does no harm.
func (d Drift) Breaks() bool { return d.Change != DriftExtra }

// String is the drift in a line.
func (d Drift) String() string {
	switch d.Change {
	case DriftMissing:
		return place(d.Pointer) + ": missing, was " + d.Want
	case DriftExtra:
		return place(d.Pointer) + ": new, " + d.Got
	}
	return place(d.Pointer) + ": was " + d.Want + ", is " + d.Got
}

// Drifts compares the shape of an answer with that of the example's: types and
// names, not values. An empty list, and null in the example, say nothing of
// what may stand there.
func Drifts(example, answer any) []Drift {
	want, got := newShape(), newShape()
	want.add(example)
	got.add(answer)
	var all []Drift
	drift(want, got, "", &all)
	return all
}

func drift(want, got *shape, pointer string, all *[]Drift) {
	for _, kind := range slices.Sorted(maps.Keys(got.kinds)) {
		if !want.kinds[kind] && (len(want.kinds) > 1 || !want.kinds["null"]) {
			*all = append(*all, Drift{pointer, DriftType, words(want.kinds), words(got.kinds)})
			break
		}
	}
	if want.kinds["object"] && got.kinds["object"] {
		for _, name := range slices.Sorted(maps.Keys(want.members)) {
			below := pointer + "/" + escaped(name)
			if member := got.members[name]; member != nil {
				drift(want.members[name], member, below, all)
				continue
			}
			*all = append(*all, Drift{Pointer: below, Change: DriftMissing, Want: words(want.members[name].kinds)})
		}
		for _, name := range slices.Sorted(maps.Keys(got.members)) {
			if want.members[name] == nil {
				*all = append(*all, Drift{Pointer: pointer + "/" + escaped(name), Change: DriftExtra, Got: words(got.members[name].kinds)})
			}
		}
	}
	if want.element != nil && got.element != nil {
		drift(want.element, got.element, pointer+"/*", all)
	}
}

// words are the names of types.
func words(kinds map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(kinds)), " or ")
}
