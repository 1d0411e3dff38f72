package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// sheet is the text of a manifest that is edited by lines: what isn't touched
// stays as it is, byte for byte.
type sheet struct {
	lines []string
	root  *yaml.Node
	edits []edit
}

// edit replaces the lines from..to, without to, counted from 0.
type edit struct {
	from, to int
	text     string
}

// newSheet reads a manifest.
func newSheet(text []byte) (s *sheet, err error) {
	defer func() {
		// The parser panics on a few broken texts.
		if r := recover(); r != nil {
			s, err = nil, errors.New("the manifest can't be read as YAML: sallyport validate shows where")
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil {
		return nil, errors.New("the manifest can't be read as YAML: sallyport validate shows where")
	}
	if len(doc.Content) != 1 || !isBlock(doc.Content[0]) {
		return nil, errors.New("the manifest is no mapping with a key on each line: import into another file, and include it")
	}
	lines := strings.SplitAfter(string(text), "\n")
	if last := lines[len(lines)-1]; last == "" {
		lines = lines[:len(lines)-1]
	} else {
		lines[len(lines)-1] = last + "\n"
	}
	return &sheet{lines: lines, root: doc.Content[0]}, nil
}

// isBlock reports whether a node is a mapping with an entry on each line.
func isBlock(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0
}

// replace notes an edit.
func (s *sheet) replace(from, to int, text []byte) {
	s.edits = append(s.edits, edit{from, to, string(text)})
}

// text is the sheet with all edits made.
func (s *sheet) text() []byte {
	slices.SortStableFunc(s.edits, func(a, b edit) int { return a.from - b.from })
	var out strings.Builder
	at := 0
	windows := strings.HasSuffix(s.lines[0], "\r\n")
	for _, e := range s.edits {
		if windows {
			e.text = strings.ReplaceAll(e.text, "\n", "\r\n")
		}
		for ; at < e.from; at++ {
			out.WriteString(s.lines[at])
		}
		out.WriteString(e.text)
		at = max(at, e.to)
	}
	for ; at < len(s.lines); at++ {
		out.WriteString(s.lines[at])
	}
	return []byte(out.String())
}

// entry is a key of a mapping with its lines.
type entry struct {
	key, value *yaml.Node
	from, to   int // lines, without to
	limit      int // the first line that isn't its own
}

// entries are those of a block mapping that ends before the line limit.
func (s *sheet) entries(n *yaml.Node, limit int) []entry {
	var out []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := entry{key: n.Content[i], value: n.Content[i+1], from: n.Content[i].Line - 1, limit: limit}
		if i+2 < len(n.Content) {
			e.limit = n.Content[i+2].Line - 1
		}
		e.to = s.end(e)
		out = append(out, e)
	}
	return out
}

// end is the line behind an entry: blank lines and comments before what comes
// next aren't part of it.
func (s *sheet) end(e entry) int {
	block := isBlockScalar(last(e.value))
	margin := e.key.Column - 1
	end := e.limit
	for end > e.from+1 {
		line := s.lines[end-1]
		trimmed := strings.TrimSpace(line)
		outside := len(line)-len(strings.TrimLeft(line, " ")) <= margin
		if trimmed != "" && trimmed != "..." && (!strings.HasPrefix(trimmed, "#") || (block && !outside)) {
			break
		}
		end--
	}
	return end
}

// last is the scalar that a value ends with.
func last(n *yaml.Node) *yaml.Node {
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	return n
}

func isBlockScalar(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// hasComments reports whether somebody commented on an entry, or in it.
func hasComments(e entry) bool {
	return comments(e.key) || comments(e.value)
}

func comments(n *yaml.Node) bool {
	return n.HeadComment != "" || n.LineComment != "" || n.FootComment != "" || slices.ContainsFunc(n.Content, comments)
}

// innerComments reports whether there are comments that a new value would lose.
// That at the end of its only line is kept.
func innerComments(e entry) bool {
	return slices.ContainsFunc(e.value.Content, comments) || e.value.FootComment != "" || e.value.HeadComment != ""
}

// lineComment is the comment behind an entry's first line.
func (e entry) lineComment() string {
	if e.key.LineComment != "" {
		return e.key.LineComment
	}
	return e.value.LineComment
}

// write renders an entry anew, its comment kept.
func (s *sheet) write(e entry, v any, l layout) {
	margin := s.lines[e.from][:len(s.lines[e.from])-len(strings.TrimLeft(s.lines[e.from], " "))]
	text := appendEntry([]byte(margin), e.key.Value, v, margin, l)
	if comment := e.lineComment(); comment != "" {
		first, rest, _ := bytes.Cut(text, []byte("\n"))
		text = slices.Concat(first, []byte("  "+comment+"\n"), rest)
	}
	s.replace(e.from, e.to, text)
}

// valueOf is what a node says. It fails for what JSON has no form of.
func valueOf(n *yaml.Node) (any, error) { return nodeValue(n, 0) }

func nodeValue(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch n.Kind {
	case yaml.MappingNode:
		o := &object{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := nodeValue(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			o.members = append(o.members, member{n.Content[i].Value, v})
		}
		return o, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			v, err := nodeValue(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!int", "!!float":
			return json.Number(n.Value), nil
		case "!!bool":
			return strings.EqualFold(n.Value, "true"), nil
		case "!!null":
			return nil, nil
		}
		return n.Value, nil
	}
	return nil, errors.New("an alias")
}
