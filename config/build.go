package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Bounds of a manifest's shape.
const (
	// maxDepth is how deep values may be nested.
	maxDepth = 100
	// maxAliased is what aliases may add in all, in values (a long text counts
	// as several).
	maxAliased = 100_000
)

// builder turns the YAML nodes of a file into ours.
type builder struct {
	file   *file
	lookup func(string) (string, bool)
	report func(Problem)
	// verbatim leaves variables as they are.
	verbatim bool
	done     map[*yaml.Node]*node
	aliased  int
	refused  bool
}

// build converts a YAML node. After a mistake that leaves nothing to go on
// with, which it has reported, the node is marked as broken.
func (b *builder) build(y *yaml.Node, depth int) *node {
	if y.Kind == yaml.AliasNode {
		return b.alias(y, depth)
	}
	n := &node{file: b.file, line: y.Line, col: y.Column, size: 1, height: 1, flow: y.Style&yaml.FlowStyle != 0}
	n.prefixed = y.Anchor != "" || y.Style&yaml.TaggedStyle != 0
	if depth > maxDepth {
		b.report(place(n, nil, "").Problem(fmt.Sprintf("values are nested deeper than %d", maxDepth), ""))
		n.broken = true
		return n
	}
	if y.Anchor != "" {
		b.done[y] = nil // marks that it is being built
	}
	b.tag(y, n)
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = mappingNode
		b.mapping(y, n, depth)
	case yaml.SequenceNode:
		n.kind = sequenceNode
		for _, item := range y.Content {
			v := b.build(item, depth+1)
			n.items = append(n.items, v)
			n.grow(v)
		}
	default:
		n.raw = y.Value
		n.style = styleOf(y.Style)
		n.size += len(y.Value) / 64
		b.expand(n)
	}
	if y.Anchor != "" {
		b.done[y] = n
	}
	return n
}

// grow counts a child in.
func (n *node) grow(child *node) {
	n.size = min(n.size+child.size, maxAliased+1)
	n.height = max(n.height, child.height+1)
}

// tag takes an explicit tag over, if it is one of the core schema.
func (b *builder) tag(y *yaml.Node, n *node) {
	if y.Style&yaml.TaggedStyle == 0 {
		return
	}
	allowed := map[yaml.Kind][]string{
		yaml.ScalarNode:   {"!!str", "!!int", "!!float", "!!bool", "!!null"},
		yaml.MappingNode:  {"!!map"},
		yaml.SequenceNode: {"!!seq"},
	}
	if slices.Contains(allowed[y.Kind], y.Tag) {
		n.tag = y.Tag[len("!!"):]
		return
	}
	n.broken = true
	hint := ""
	if y.Kind == yaml.ScalarNode {
		hint = "quote this value, if it is meant to begin with !"
	}
	written, _, _ := strings.Cut(fromColumn(b.file.line(n.line), n.col), " ")
	at := span{n.line, n.col, n.col + utf8.RuneCountInString(written)}
	b.report(b.file.problem(at, "this tag has no meaning here", hint))
}

func styleOf(s yaml.Style) style {
	switch {
	case s&yaml.DoubleQuotedStyle != 0:
		return doubleQuoted
	case s&yaml.SingleQuotedStyle != 0:
		return singleQuoted
	case s&yaml.LiteralStyle != 0:
		return literal
	case s&yaml.FoldedStyle != 0:
		return folded
	default:
		return plain
	}
}

// alias resolves *name. What all aliases together stand for is bounded.
func (b *builder) alias(y *yaml.Node, depth int) *node {
	at := &node{file: b.file, line: y.Line, col: y.Column, raw: "*" + y.Value, size: 1, height: 1, broken: true}
	target, seen := b.done[y.Alias]
	switch {
	case !seen:
		b.report(place(at, nil, "").Problem("there is no such anchor", "quote this value, if it is meant to begin with *"))
		return at
	case target == nil:
		b.report(place(at, nil, "").Problem("the value of this anchor contains itself", ""))
		return at
	}
	b.aliased += target.size
	if b.aliased > maxAliased || depth+target.height > maxDepth+1 {
		if !b.refused {
			b.report(place(at, nil, "").Problem("aliases stand for too much", "write less by aliases"))
		}
		b.refused = true
		return at
	}
	return target
}

// mapping takes over the members of a mapping, those of merge keys last.
func (b *builder) mapping(y *yaml.Node, n *node, depth int) {
	var merges []*node
	first := make(map[string]*node, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		yk, yv := y.Content[i], y.Content[i+1]
		key := b.key(yk)
		if key == nil {
			n.broken = true
			n.dropped = append(n.dropped, member{b.build(yk, depth+1), b.build(yv, depth+1)})
			continue
		}
		merge := yk.Kind == yaml.ScalarNode && yk.Value == "<<" && styleOf(yk.Style) == plain && yk.Style&yaml.TaggedStyle == 0
		value := b.build(yv, depth+1)
		n.grow(value)
		if merge {
			merges = append(merges, b.merged(key, value)...)
			n.dropped = append(n.dropped, member{key, value})
			continue
		}
		if before := first[key.raw]; before != nil {
			b.report(twice(key, before, "", fmt.Sprintf("the key %q is written twice", clip(key.raw))))
			n.dropped = append(n.dropped, member{key, value})
			continue
		}
		first[key.raw] = key
		n.members = append(n.members, member{key, value})
	}
	for _, from := range merges {
		for _, m := range from.members {
			if first[m.key.raw] == nil {
				first[m.key.raw] = m.key
				n.members = append(n.members, m)
			}
		}
	}
}

// key converts a mapping's key, which is always a text and never expanded.
func (b *builder) key(y *yaml.Node) *node {
	if y.Kind == yaml.AliasNode && y.Alias != nil {
		y = y.Alias
	}
	k := &node{file: b.file, line: y.Line, col: y.Column, size: 1, height: 1}
	if y.Kind != yaml.ScalarNode {
		b.report(place(k, nil, "").Problem("want a text as the key, found a mapping or list", "quote this value"))
		return nil
	}
	k.raw, k.text, k.style = y.Value, y.Value, styleOf(y.Style)
	return k
}

// twice makes the problem of a key that was written before.
func twice(second, first *node, path, message string) Problem {
	at := place(first, nil, "")
	p := place(second, nil, path).Problem(message, "first at "+at.String())
	p.first = &at
	return p
}

// merged returns the mappings that a merge key names.
func (b *builder) merged(key, value *node) []*node {
	switch {
	case value.broken:
		return nil
	case value.kind == mappingNode:
		return []*node{value}
	case value.kind == sequenceNode && !slices.ContainsFunc(value.items, func(n *node) bool { return n.kind != mappingNode }):
		return value.items
	}
	b.report(place(value, key, "").Problem("want a mapping, or a list of mappings, to merge", ""))
	return nil
}
