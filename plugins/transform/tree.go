package transform

import (
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
)

// maxNodes bounds the values of a tree. List items beyond it are counted and
// not kept: a budget that leaves more of them in is not worth their memory.
const maxNodes = 250_000

// tree is JSON text with its members in order and its numbers as written, made
// to be shortened. Its values are parts of the text.
type tree struct {
	text  []byte
	nodes []node // the first is the root
	// most is how many items of one list can matter.
	most int
	// shape is what is left out at present.
	shape shape
}

// node is a value. Indices of nodes are -1 for none.
type node struct {
	start, end   int32 // of the value in the text
	name, colon  int32 // of the member's name with its quotes; colon is its end
	first, next  int32 // first child, next sibling
	size, total  int32 // children that are kept here, and those of the text
	cost, named  int32 // tokens of a scalar, and of a member's name
	kind         byte  // '{', '[', '"', or 'a' for any other scalar
	gone         bool  // dropped because it is null or empty
	table, cells bool  // a list that is shown as a table; an object that is shown as cells
}

// parseTree reads JSON text that passed strictjson.Valid.
func parseTree(text []byte, most int) *tree {
	t := &tree{text: text, most: max(most, 16), shape: whole()}
	t.nodes = make([]node, 0, min(len(text)/8+16, maxNodes))
	t.value(skipSpace(text, 0))
	return t
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	return i
}

// value reads the value at i and returns where it ends. Its node is the next.
func (t *tree) value(i int) int {
	at := len(t.nodes)
	t.nodes = append(t.nodes, node{start: int32(i), first: -1, next: -1, name: -1})
	end := i
	switch c := t.text[i]; c {
	case '{', '[':
		t.nodes[at].kind = c
		end = t.children(at, i+1, c == '{')
	case '"':
		t.nodes[at].kind = c
		end = stringEnd(t.text, i)
	default:
		t.nodes[at].kind = 'a'
		for end < len(t.text) && t.text[end] != ',' && t.text[end] != ']' && t.text[end] != '}' && !isSpace(t.text[end]) {
			end++
		}
	}
	n := &t.nodes[at]
	n.end = int32(end)
	if n.kind == '"' || n.kind == 'a' {
		n.cost = int32(tokens.Estimate(t.text[i:end]))
	}
	return end
}

// stringEnd returns where the string that starts at i ends.
func stringEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// children reads what is in a list or an object, behind its bracket.
func (t *tree) children(parent, i int, named bool) int {
	last := -1
	for {
		i = skipSpace(t.text, i)
		switch t.text[i] {
		case ']', '}':
			return i + 1
		case ',':
			i++
			continue
		}
		t.nodes[parent].total++
		if int(t.nodes[parent].size) >= t.most || len(t.nodes) >= maxNodes {
			i = t.skip(i, named)
			continue
		}
		name := i
		colon := i
		if named {
			colon = stringEnd(t.text, i)
			i = skipSpace(t.text, skipSpace(t.text, colon)+1)
		}
		at := len(t.nodes)
		i = t.value(i)
		n := &t.nodes[at]
		if named {
			n.name, n.colon = int32(name), int32(colon)
			n.named = int32(tokens.Estimate(t.text[name+1:colon-1])) + 1
		}
		if last < 0 {
			t.nodes[parent].first = int32(at)
		} else {
			t.nodes[last].next = int32(at)
		}
		last = at
		t.nodes[parent].size++
	}
}

// skip passes over a value that is not kept, and its name.
func (t *tree) skip(i int, named bool) int {
	if named {
		i = skipSpace(t.text, skipSpace(t.text, stringEnd(t.text, i))+1)
	}
	for depth := 0; ; {
		switch t.text[i] {
		case '"':
			i = stringEnd(t.text, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i // the end of what it is in
			}
			depth--
			i++
		case ',':
			if depth == 0 {
				return i
			}
			i++
		default:
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
}

// raw is a value's text.
func (t *tree) raw(n *node) []byte { return t.text[n.start:n.end] }

// each calls f with the children of a value, as far as they are kept, until it
// returns false.
func (t *tree) each(parent int, f func(at int) bool) {
	for at := t.nodes[parent].first; at >= 0; at = t.nodes[at].next {
		if !t.nodes[at].gone && !f(int(at)) {
			return
		}
	}
}

// dropEmpty takes out members that are null, "", [] or {}, and what becomes
// empty by that. Items of lists stay: their places may mean something.
func (t *tree) dropEmpty(parent int) {
	isObject := t.nodes[parent].kind == '{'
	for at := t.nodes[parent].first; at >= 0; at = t.nodes[at].next {
		t.dropEmpty(int(at))
		if isObject && t.isEmpty(int(at)) {
			t.nodes[at].gone = true
		}
	}
}

// isEmpty reports whether a value says nothing.
func (t *tree) isEmpty(at int) bool {
	n := &t.nodes[at]
	switch n.kind {
	case '"':
		return n.end-n.start == 2
	case 'a':
		return t.text[n.start] == 'n'
	}
	if n.size < n.total {
		return false
	}
	empty := true
	t.each(at, func(int) bool {
		empty = false
		return false
	})
	return empty
}

// appendJSON appends a value without white space, and without what is left out.
func (t *tree) appendJSON(dst []byte, at int) []byte {
	n := &t.nodes[at]
	switch n.kind {
	case 'a':
		return append(dst, t.raw(n)...)
	case '"':
		return t.appendString(dst, n)
	}
	dst = append(dst, n.kind)
	kept, most := 0, t.shape.keeps(t, at)
	t.each(at, func(child int) bool {
		if kept == most {
			return false
		}
		if t.nodes[child].table { // it comes below
			return true
		}
		if kept > 0 {
			dst = append(dst, ',')
		}
		kept++
		if c := &t.nodes[child]; c.name >= 0 {
			dst = append(append(dst, t.text[c.name:c.colon]...), ':')
		}
		dst = t.appendJSON(dst, child)
		return true
	})
	return append(dst, n.kind+2) // the other bracket
}

// appendString appends a string, cut if it is longer than the shape allows.
func (t *tree) appendString(dst []byte, n *node) []byte {
	raw := t.raw(n)
	if !t.shape.cuts(n) {
		return append(dst, raw...)
	}
	text, err := strictjson.UnquoteAlias(raw)
	if err != nil { // it was valid
		return append(dst, `""`...)
	}
	return strictjson.AppendString(dst, cutWord(text, t.shape.letters))
}
