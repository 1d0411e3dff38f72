package importer

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

const (
	// lineWidth is how wide a mapping on one line may be.
	lineWidth = 110
	// textWidth is how wide a text on one line may be before it is folded.
	textWidth = 120
	step      = "  "
)

// layout says how the entries of a mapping are written.
type layout int

const (
	// plain puts what fits on a line.
	plain layout = iota
	// spread gives each entry lines of its own.
	spread
	// stanza is a tool: its input and request are spread.
	stanza
	// list is the mapping of tools: stanzas with a blank line between.
	list
)

// below is the layout of what stands under a key.
func (l layout) below(key string) layout {
	switch {
	case l == list:
		return stanza
	case l == stanza && (key == "input" || key == "request" || key == "in"):
		return spread
	}
	return plain
}

// appendMapping writes a mapping's entries in block style, each line with the
// margin in front.
func appendMapping(out []byte, o *object, margin string, l layout) []byte {
	for i, m := range o.members {
		if l == list && i > 0 {
			out = append(out, '\n')
		}
		out = append(out, margin...)
		out = appendEntry(out, m.key, m.value, margin, l.below(m.key))
	}
	return out
}

// appendEntry writes a key with its value, without the margin of the first
// line.
func appendEntry(out []byte, key string, v any, margin string, l layout) []byte {
	out = append(append(out, quote(key, false)...), ':')
	return appendValue(out, v, margin, utf8.RuneCountInString(margin+key)+2, l)
}

// appendValue writes what follows a colon or a dash that stands in a column,
// and ends the line.
func appendValue(out []byte, v any, margin string, column int, l layout) []byte {
	switch v := v.(type) {
	case string:
		return appendText(out, v, margin, column)
	case *object:
		if len(v.members) == 0 {
			return append(out, " {}\n"...)
		}
		if flow, ok := flowText(v, lineWidth-column); ok && l == plain {
			return append(append(append(out, ' '), flow...), '\n')
		}
		return appendMapping(append(out, '\n'), v, margin+step, l)
	case []any:
		if flow, ok := flowText(v, lineWidth-column); ok {
			return append(append(append(out, ' '), flow...), '\n')
		}
		if allScalars(v) {
			return appendWrapped(out, v, margin+step, column)
		}
		return appendSequence(append(out, '\n'), v, margin+step)
	}
	return append(append(append(out, ' '), scalarText(v)...), '\n')
}

// appendSequence writes a list in block style.
func appendSequence(out []byte, items []any, margin string) []byte {
	for _, item := range items {
		out = append(append(out, margin...), '-')
		o, ok := item.(*object)
		if ok && len(o.members) > 0 {
			if flow, fits := flowText(o, lineWidth-len(margin)-2); fits {
				out = append(append(append(out, ' '), flow...), '\n')
				continue
			}
			block := appendMapping(nil, o, margin+step, plain)
			out = append(append(out, ' '), block[len(margin)+len(step):]...)
			continue
		}
		out = appendValue(out, item, margin, len(margin)+2, plain)
	}
	return out
}

// appendWrapped writes a long list of scalars over several lines.
func appendWrapped(out []byte, items []any, margin string, column int) []byte {
	out = append(out, " ["...)
	column++
	for i, item := range items {
		text := flowScalar(item)
		if i < len(items)-1 {
			text += ","
		}
		width := utf8.RuneCountInString(text)
		switch {
		case i == 0:
		case column+1+width > lineWidth:
			out = append(append(out, '\n'), margin...)
			column = len(margin)
		default:
			out = append(out, ' ')
			column++
		}
		out = append(out, text...)
		column += width
	}
	return append(out, "]\n"...)
}

// appendText writes a text in the form that is read best.
func appendText(out []byte, s, margin string, column int) []byte {
	if strings.Contains(s, "\n") {
		if indicator, lines, ok := literal(s); ok {
			return appendLines(append(append(out, ' '), indicator...), lines, margin+step)
		}
		return append(append(append(out, ' '), doubleQuote(s)...), '\n')
	}
	if column+utf8.RuneCountInString(s) > textWidth {
		if lines, ok := folded(s, lineWidth-len(margin)); ok {
			return appendLines(append(out, " >-"...), lines, margin+step)
		}
	}
	return append(append(append(out, ' '), quote(s, false)...), '\n')
}

func appendLines(out []byte, lines []string, margin string) []byte {
	for _, line := range lines {
		out = append(out, '\n')
		if line != "" {
			out = append(append(out, margin...), line...)
		}
	}
	return append(out, '\n')
}

// flowText writes a value on one line; ok is false if it is wider than that, or
// needs more lines.
func flowText(v any, width int) (text string, ok bool) {
	var out strings.Builder
	if !writeFlow(&out, v, width) || utf8.RuneCountInString(out.String()) > width {
		return "", false
	}
	return out.String(), true
}

func writeFlow(out *strings.Builder, v any, width int) bool {
	if out.Len() > 4*width || width <= 0 {
		return false
	}
	switch v := v.(type) {
	case *object:
		out.WriteByte('{')
		for i, m := range v.members {
			if i > 0 {
				out.WriteString(", ")
			}
			out.WriteString(quote(m.key, true))
			out.WriteString(": ")
			if !writeFlow(out, m.value, width) {
				return false
			}
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			if !writeFlow(out, item, width) {
				return false
			}
		}
		out.WriteByte(']')
	case string:
		if strings.Contains(v, "\n") {
			return false
		}
		out.WriteString(quote(v, true))
	default:
		out.WriteString(scalarText(v))
	}
	return true
}

func flowScalar(v any) string {
	if s, ok := v.(string); ok {
		return quote(s, true)
	}
	return scalarText(v)
}

func allScalars(items []any) bool {
	for _, item := range items {
		switch v := item.(type) {
		case *object, []any:
			return false
		case string:
			if strings.Contains(v, "\n") {
				return false
			}
		}
	}
	return true
}

// scalarText writes what is no text.
func scalarText(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	case string:
		return quote(v, true)
	}
	return "null"
}
