package config

import (
	"strings"
	"unicode/utf8"
)

// kind is the shape of a YAML node.
type kind uint8

const (
	scalarNode kind = iota
	mappingNode
	sequenceNode
)

// style is how a scalar is written.
type style uint8

const (
	plain style = iota
	singleQuoted
	doubleQuoted
	literal
	folded
)

// node is a value of a manifest with aliases and merge keys resolved and
// variables expanded. Nodes may be shared; only hidden and secret are set after building.
type node struct {
	file *file
	kind kind
	// line and col are where the node begins, from 1.
	line, col int
	// prefixed says that an anchor or a tag stands there, before a scalar.
	prefixed bool

	// raw is a scalar's text as parsed, text the same with variables expanded.
	raw, text string
	style     style
	// tag is the name of an explicit core tag, e.g. "str"; usually empty.
	tag string
	// parts tell where expanded text came from; nil if nothing was expanded.
	parts []part
	// whole says that the scalar is one variable and nothing else.
	whole bool
	// broken says that expansion failed and was reported; unset that the reason is
	// a variable that isn't set.
	broken, unset bool
	// hidden says that the text must not be shown; secret that it is known to be
	// a secret.
	hidden, secret bool

	// flow says that a mapping or sequence is written in braces or brackets.
	flow    bool
	items   []*node
	members []member
	// dropped are members that don't count: written twice, merged, or with an
	// impossible key.
	dropped []member

	// size and height bound what aliases expand to.
	size, height int
}

// member is one key of a mapping with its value.
type member struct {
	key, value *node
}

// get returns the member with the key, or nil.
func (n *node) get(key string) *member {
	if n == nil || n.kind != mappingNode {
		return nil
	}
	for i := range n.members {
		if n.members[i].key.raw == key {
			return &n.members[i]
		}
	}
	return nil
}

// isNull reports whether the node is nothing, e.g. a key without a value.
func (n *node) isNull() bool {
	if n.kind != scalarNode || n.style != plain || (n.tag != "" && n.tag != "null") {
		return false
	}
	return n.tag == "null" || isNullText(n.text)
}

// isNone reports whether the node is the plain word none.
func (n *node) isNone() bool {
	return n.kind == scalarNode && n.style == plain && n.tag == "" && n.text == "none"
}

// span is a stretch of a line; end is the column after the last character.
type span struct{ line, col, end int }

// token returns the stretch that is underlined when the node is meant.
func (n *node) token() span {
	s := span{n.line, n.col, n.col + 1}
	switch {
	case n.kind == mappingNode && !n.flow && len(n.members) > 0:
		if first := n.members[0].key; first.line == n.line && first.file == n.file {
			return first.token()
		}
		return s
	case n.kind != scalarNode:
		return s
	}
	rest, col := n.source()
	s.col = col
	s.end = col + 1
	if length := n.sourceLength(rest); length > 0 {
		s.end = col + length
	}
	return s
}

// source returns the line's text from the scalar on, and its column; an anchor
// or a tag before it is passed over.
func (n *node) source() (rest string, col int) {
	rest = fromColumn(n.file.line(n.line), n.col)
	col = n.col
	for rest != "" && (rest[0] == '&' || rest[0] == '!') {
		i := strings.IndexByte(rest, ' ')
		if i < 0 {
			return rest, col
		}
		col += utf8.RuneCountInString(rest[:i])
		rest = rest[i:]
		trimmed := strings.TrimLeft(rest, " ")
		col += len(rest) - len(trimmed)
		rest = trimmed
	}
	return rest, col
}

// sourceLength returns how many characters the scalar takes on its first line.
func (n *node) sourceLength(rest string) int {
	switch n.style {
	case plain:
		if strings.HasPrefix(rest, n.raw) {
			return utf8.RuneCountInString(n.raw)
		}
		if strings.HasPrefix(rest, "*") { // an alias
			if i := strings.IndexAny(rest, " ,]}"); i > 0 {
				rest = rest[:i]
			}
		}
	case singleQuoted, doubleQuoted:
		if end := closingQuote(rest); end > 0 {
			return utf8.RuneCountInString(rest[:end])
		}
	case literal, folded:
		return 1
	}
	return utf8.RuneCountInString(strings.TrimRight(rest, " \t"))
}

// closingQuote returns the length in bytes of the quoted text that rest begins
// with, or -1 if it doesn't end on this line.
func closingQuote(rest string) int {
	if rest == "" {
		return -1
	}
	quote := rest[0]
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quote == '"':
			i++
		case rest[i] == quote && quote == '\'' && i+1 < len(rest) && rest[i+1] == quote:
			i++
		case rest[i] == quote:
			return i + 1
		}
	}
	return -1
}

// at returns the stretch that begins at a byte of the scalar's text: the word
// there, or one character. Where that can't be told it is the whole token.
func (n *node) at(offset int) span {
	if n.kind != scalarNode || offset <= 0 || offset > len(n.text) {
		return n.token()
	}
	raw := n.rawOffset(offset)
	if raw > len(n.raw) {
		return n.token()
	}
	before := utf8.RuneCountInString(n.raw[:raw])
	width := max(1, unitLength(n.raw[raw:]))
	rest, col := n.source()
	switch n.style {
	case plain:
		if strings.HasPrefix(rest, n.raw) {
			return span{n.line, col + before, col + before + width}
		}
	case singleQuoted, doubleQuoted:
		if skip, ok := unitsBefore(rest, before); ok {
			return span{n.line, col + skip, col + skip + width}
		}
	case literal:
		return n.atLiteral(raw, width)
	}
	return n.token()
}

// atLiteral finds a byte of a literal block in the lines below its header.
func (n *node) atLiteral(raw, width int) span {
	down := strings.Count(n.raw[:raw], "\n")
	start := strings.LastIndexByte(n.raw[:raw], '\n') + 1
	end := len(n.raw)
	if i := strings.IndexByte(n.raw[start:], '\n'); i >= 0 {
		end = start + i
	}
	line := n.line + 1 + down
	indent, found := strings.CutSuffix(n.file.line(line), n.raw[start:end])
	if !found || strings.TrimLeft(indent, " ") != "" {
		return n.token()
	}
	col := 1 + len(indent) + utf8.RuneCountInString(n.raw[start:raw])
	return span{line, col, col + width}
}

// unitsBefore returns how many characters of a quoted scalar's source make the
// quote and the first count characters of its text.
func unitsBefore(rest string, count int) (int, bool) {
	end := closingQuote(rest)
	if end < 0 {
		return 0, false
	}
	quote := rest[0]
	runes := []rune(rest[:end-1])
	i := 1
	for ; count > 0 && i < len(runes); count-- {
		switch {
		case runes[i] == '\\' && quote == '"':
			i += escapeLength(runes[i:])
		case runes[i] == '\'' && quote == '\'':
			i += 2
		default:
			i++
		}
	}
	return i, count == 0
}

// escapeLength is the length of the escape that a double-quoted text begins with.
func escapeLength(s []rune) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	default:
		return 2
	}
}

// unitLength is the length of what belongs together at the start of s: a word,
// a placeholder {name}, or a hole.
func unitLength(s string) int {
	if strings.HasPrefix(s, "${{") {
		if n := holeLength(s); !strings.Contains(s[:n], "\n") {
			return utf8.RuneCountInString(s[:n])
		}
	}
	if strings.HasPrefix(s, "{") {
		if n := wordLength(s[1:]); strings.HasPrefix(s[1+n:], "}") {
			return n + 2
		}
	}
	return wordLength(s)
}

// wordLength counts the letters, digits and underscores that s begins with.
func wordLength(s string) int {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return i
		}
	}
	return len(s)
}

// fromColumn returns the text from a column on.
func fromColumn(line string, col int) string {
	for i := range line {
		if col--; col == 0 {
			return line[i:]
		}
	}
	return ""
}
