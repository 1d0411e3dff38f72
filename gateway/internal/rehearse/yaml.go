package rehearse

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Entry is a key of a mapping that is written, and its value: an Object, a
// slice, or a JSON value.
type Entry struct {
	Key   string
	Value any
}

// Object is a mapping whose keys are written in their order.
type Object []Entry

// plainText matches texts that YAML takes for nothing but texts.
var plainText = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_/.-]*( [A-Za-z0-9_/.-]+)*$`)

// words that YAML takes for something else than texts.
var reserved = regexp.MustCompile(`(?i)^(null|true|false|yes|no|on|off|y|n|nan|inf|none)$`)

// AppendYAML writes a value as YAML of the manifest language, in which a dollar
// of a text is written twice.
func AppendYAML(dst []byte, v any, indent int) []byte {
	switch value := v.(type) {
	case map[string]any:
		object := make(Object, 0, len(value))
		for _, name := range slices.Sorted(maps.Keys(value)) {
			object = append(object, Entry{name, value[name]})
		}
		return AppendYAML(dst, object, indent)
	case Object:
		return appendObject(dst, value, indent)
	case []any:
		if len(value) == 0 {
			return append(dst, " []\n"...)
		}
		dst = append(dst, '\n')
		for _, item := range value {
			dst = appendItem(dst, item, indent)
		}
		return dst
	case string:
		dst = append(dst, ' ')
		return append(appendText(dst, value, true), '\n')
	}
	dst = append(dst, ' ')
	return append(append(dst, Encode(v)...), '\n')
}

// appendItem writes an item of a list; a mapping begins on the line of its dash.
func appendItem(dst []byte, item any, indent int) []byte {
	dst = append(dst, strings.Repeat(" ", indent)...)
	dst = append(dst, '-')
	start := len(dst)
	dst = AppendYAML(dst, item, indent+2)
	_, isList := item.([]any)
	if first := []byte("\n" + strings.Repeat(" ", indent+2)); !isList && bytes.HasPrefix(dst[start:], first) {
		dst = append(append(dst[:start], ' '), dst[start+len(first):]...)
	}
	return dst
}

func appendObject(dst []byte, object Object, indent int) []byte {
	if len(object) == 0 {
		return append(dst, " {}\n"...)
	}
	dst = append(dst, '\n')
	for _, e := range object {
		dst = append(dst, strings.Repeat(" ", indent)...)
		dst = append(appendText(dst, e.Key, false), ':')
		dst = AppendYAML(dst, e.Value, indent+2)
	}
	return dst
}

// appendText writes a text: plain if that is what it looks like, or in quotes.
func appendText(dst []byte, text string, expanded bool) []byte {
	if len(text) < 80 && plainText.MatchString(text) && !reserved.MatchString(text) && !strings.HasPrefix(text, "<<") {
		return append(dst, text...)
	}
	if expanded {
		text = strings.ReplaceAll(text, "$", "$$")
	}
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case unicode.IsPrint(r) && r != '"' && r != '\\':
			dst = utf8.AppendRune(dst, r)
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x100:
			dst = append(dst, '\\', 'x', hex[r>>4], hex[r&15])
		case r <= 0xffff:
			dst = append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			dst = append(dst, '\\', 'U')
			for shift := 28; shift >= 0; shift -= 4 {
				dst = append(dst, hex[r>>shift&15])
			}
		}
	}
	return append(dst, '"')
}
