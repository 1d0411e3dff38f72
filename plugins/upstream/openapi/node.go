package openapi

import (
	"encoding/json"
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

type kind uint8

const (
	nullKind kind = iota
	boolKind
	numberKind
	stringKind
	listKind
	objectKind
)

// node is a value of a document, or of what is made of one. Members keep their
// order. Nodes of a document are never changed, and may be shared.
type node struct {
	kind kind
	line int32
	// text of a string; of a number and a boolean as JSON has it.
	text    string
	members []member
	items   []*node
}

type member struct {
	name  string
	value *node
}

// get returns a member of an object, or nil. It takes nil for an object
// without members.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for i := range n.members {
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return nil
}

// str returns a member that is a text; numbers and booleans count as such,
// because YAML makes them of what looks like one.
func (n *node) str(name string) string {
	if v := n.get(name); v.isScalar() {
		return v.text
	}
	return ""
}

func (n *node) isScalar() bool {
	return n != nil && (n.kind == stringKind || n.kind == numberKind || n.kind == boolKind)
}

// is reports whether a member is true, be it as a text.
func (n *node) is(name string) bool { return n.str(name) == "true" }

// list returns the items of a member that is an array.
func (n *node) list(name string) []*node {
	if v := n.get(name); v != nil && v.kind == listKind {
		return v.items
	}
	return nil
}

// texts returns the texts in a member that is an array, or that is one itself.
func (n *node) texts(name string) []string {
	var out []string
	for _, item := range n.list(name) {
		if item.isScalar() {
			out = append(out, item.text)
		}
	}
	if s := n.str(name); s != "" {
		return []string{s}
	}
	return out
}

func (n *node) isObject() bool { return n != nil && n.kind == objectKind }

func text(s string) *node { return &node{kind: stringKind, text: s} }

func number(i int) *node { return &node{kind: numberKind, text: strconv.Itoa(i)} }

func boolean(b bool) *node { return &node{kind: boolKind, text: strconv.FormatBool(b)} }

func list(items ...*node) *node { return &node{kind: listKind, items: items} }

func listOf(texts []string) *node {
	n := &node{kind: listKind}
	for _, s := range texts {
		n.items = append(n.items, text(s))
	}
	return n
}

func object() *node { return &node{kind: objectKind} }

// set adds a member, or replaces it.
func (n *node) set(name string, value *node) *node {
	for i := range n.members {
		if n.members[i].name == name {
			n.members[i].value = value
			return n
		}
	}
	n.members = append(n.members, member{name, value})
	return n
}

// without returns an object that lacks a member.
func (n *node) without(names ...string) *node {
	out := &node{kind: n.kind, line: n.line, text: n.text, items: n.items}
	for _, m := range n.members {
		if !contains(names, m.name) {
			out.members = append(out.members, m)
		}
	}
	return out
}

func contains(names []string, name string) bool {
	for _, s := range names {
		if s == name {
			return true
		}
	}
	return false
}

// clone copies an object, not what is in it.
func (n *node) clone() *node { return n.without() }

// append writes JSON.
func (n *node) append(dst []byte) []byte {
	switch {
	case n == nil || n.kind == nullKind:
		return append(dst, "null"...)
	case n.kind == stringKind:
		return strictjson.AppendString(dst, n.text)
	case n.kind == listKind:
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.append(dst)
		}
		return append(dst, ']')
	case n.kind == objectKind:
		dst = append(dst, '{')
		for i := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(strictjson.AppendString(dst, n.members[i].name), ':')
			dst = n.members[i].value.append(dst)
		}
		return append(dst, '}')
	}
	return append(dst, n.text...)
}

func (n *node) json() json.RawMessage { return n.append(nil) }

// equal reports whether two values are the same, members in the same order.
func (n *node) equal(other *node) bool {
	if n == other {
		return true
	}
	if n == nil || other == nil || n.kind != other.kind || n.text != other.text ||
		len(n.members) != len(other.members) || len(n.items) != len(other.items) {
		return false
	}
	for i := range n.members {
		if n.members[i].name != other.members[i].name || !n.members[i].value.equal(other.members[i].value) {
			return false
		}
	}
	for i := range n.items {
		if !n.items[i].equal(other.items[i]) {
			return false
		}
	}
	return true
}
