package schema

import (
	"strconv"
	"strings"
)

// unknown notes a property that there isn't.
func (r *run) unknown(n *node, name string, object map[string]any) {
	before := len(r.dst)
	note := ""
	r.add(object[name], func() string {
		note = n.others(name, object)
		return "no property " + quote(name) + "; " + note
	})
	if len(r.dst) > before {
		r.dst[before].Fault, r.dst[before].Note = FaultUnknown, note
	}
}

// others says which properties there are in place of an unknown one.
func (n *node) others(name string, object map[string]any) string {
	if near := n.nearest(name, object); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	if len(n.props) == 0 {
		return "no properties are allowed here"
	}
	if len(n.props) == 1 {
		return "there is only " + quote(n.props[0].name)
	}
	text := "there are "
	for i, p := range n.props {
		if i == 10 {
			return text + ", … (" + itoa(len(n.props)) + " in all)"
		}
		if i > 0 {
			text += ", "
		}
		text += quote(p.name)
	}
	return text
}

// nearest are the one or two properties that a name may stand for: those that
// aren't given already and differ least, by no more than a third.
func (n *node) nearest(name string, object map[string]any) []string {
	if len(name) > 64 {
		return nil
	}
	plain := simplify(name)
	var near []string
	best := max(1, len(plain)/3)
	for _, p := range n.props {
		if _, given := object[p.name]; given || len(p.name) > 64 {
			continue
		}
		switch d := distance(plain, simplify(p.name)); {
		case d < best || d == best && near == nil:
			best, near = d, append(near[:0], strconv.Quote(p.name))
		case d == best && len(near) < 2:
			near = append(near, strconv.Quote(p.name))
		}
	}
	return near
}

// simplify drops what people forget: case and separators.
func simplify(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// distance counts how many characters must be inserted, deleted, replaced or
// swapped with their neighbour (optimal string alignment) to turn a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	last, before := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row := make([]int, len(y)+1)
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}
