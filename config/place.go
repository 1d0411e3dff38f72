package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Place is where in the files a value of the manifest is written. Values embed
// it, so that whoever uses them can say what is wrong with them and where.
type Place struct {
	// File is the path as it was opened.
	File string
	// Line and Col count from 1, Col in characters.
	Line, Col int
	// Path is the dotted way to the value, e.g. tools.get_order.rate_limit.
	Path string

	node, key *node
}

// String returns file:line:col.
func (p Place) String() string {
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
}

// IsZero reports whether the value isn't written anywhere.
func (p Place) IsZero() bool { return p.Line == 0 }

// Problem makes an error at this place.
func (p Place) Problem(message, hint string) Problem {
	return p.ProblemAt(nil, message, hint, 0)
}

// Warning makes a warning at this place.
func (p Place) Warning(message, hint string) Problem {
	w := p.ProblemAt(nil, message, hint, 0)
	w.Severity = SeverityWarning
	return w
}

// ProblemAt makes an error at a value below this place: path leads there by
// keys and by indexes of lists, and offset is a byte in the text of the scalar
// found; a negative one stands for the key rather than the value. If there is
// no such value, the nearest one above it is meant.
func (p Place) ProblemAt(path []string, message, hint string, offset int) Problem {
	below, found := p.walk(path)
	problem := Problem{File: below.File, Line: below.Line, Col: below.Col, EndCol: below.Col + 1,
		Path: joinPath(p.Path, path), Message: message, Hint: hint}
	var spot span
	target := below.target()
	if offset < 0 && found && below.key != nil {
		target = below.key
	}
	if target == nil {
		return problem
	}
	spot = target.token()
	if found && offset >= 0 && target == below.node {
		spot = target.at(offset)
	}
	problem.source = target.file
	problem.File, problem.Line, problem.Col, problem.EndCol = target.file.name, spot.line, spot.col, spot.end
	hideValues(&problem, below.node)
	return problem
}

// Problems turns an error of a part into problems: those that tell a path are
// shown at that path below this place, all others at the place itself.
func (p Place) Problems(err error) Problems {
	var all Problems
	for _, leaf := range leaves(err) {
		switch e := leaf.(type) { //nolint:errorlint // leaves has unwrapped them
		case Problem:
			all = append(all, e)
		case Problems:
			all = append(all, e...)
		case fieldError:
			all = append(all, p.ProblemAt(e.FieldPath(), e.FieldMessage(), e.FieldHint(), e.FieldOffset()))
		default:
			all = append(all, p.Problem(leaf.Error(), ""))
		}
	}
	return all
}

// target is the node to underline: a scalar itself, but the key of what is
// large or empty.
func (p Place) target() *node {
	if p.node == nil {
		return p.key
	}
	if p.key == nil || (p.node.kind == scalarNode && (p.node.raw != "" || p.node.style != plain)) {
		return p.node
	}
	return p.key
}

// Written reports whether the value, a mapping, has the key and a value for it
// that can be read.
func (p Place) Written(key string) bool {
	below, found := p.walk([]string{key})
	return found && below.node != nil && !below.node.broken
}

// unread reports whether there is something at a path below this place that
// couldn't be read, and was reported.
func (p Place) unread(path []string) bool {
	below, found := p.walk(path)
	return found && len(path) > 0 && below.node.holdsBroken()
}

func (n *node) holdsBroken() bool {
	return n != nil && (n.broken || slices.ContainsFunc(n.items, (*node).holdsBroken) ||
		slices.ContainsFunc(n.members, func(m member) bool { return m.value.holdsBroken() }))
}

// walk follows a path as far as there are values, and tells whether it got to
// its end.
func (p Place) walk(path []string) (Place, bool) {
	for _, name := range path {
		if p.node == nil {
			return p, false
		}
		switch p.node.kind {
		case mappingNode:
			m := p.node.get(name)
			if m == nil && name == "0" {
				continue // a single value taken as a list of one
			}
			if m == nil {
				return p, false
			}
			p.node, p.key = m.value, m.key
		case sequenceNode:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(p.node.items) {
				return p, false
			}
			p.node, p.key = p.node.items[i], nil
		default:
			if name != "0" {
				return p, false
			}
		}
	}
	return p, true
}

// place makes the place of a node; key is nil for what has none.
func place(n, key *node, path string) Place {
	p := Place{Path: path, node: n, key: key}
	if target := p.target(); target != nil {
		p.File, p.Line, p.Col = target.file.name, target.line, target.col
		if target.prefixed {
			p.Col = target.token().col
		}
	}
	return p
}

// joinPath appends keys to a dotted path.
func joinPath(base string, path []string) string {
	rest := strings.Join(path, ".")
	switch {
	case rest == "":
		return base
	case base == "":
		return rest
	default:
		return base + "." + rest
	}
}

// owner says in words what a dotted path leads to, e.g. `tls of upstream "crm"`;
// it is empty for the manifest itself.
func owner(path []string) string {
	kinds := map[string]string{"tools": "tool", "upstreams": "upstream", "resources": "resource", "prompts": "prompt", "endpoints": "endpoint"}
	if len(path) >= 2 && kinds[path[0]] != "" {
		what := fmt.Sprintf("%s %q", kinds[path[0]], path[1])
		if len(path) == 2 {
			return what
		}
		return strings.Join(path[2:], ".") + " of " + what
	}
	return strings.Join(path, ".")
}
