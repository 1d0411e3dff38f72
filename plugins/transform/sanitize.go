package transform

import (
	"unicode"
	"unicode/utf8"
)

// clean takes out of a text what a person who reads along would not see, and a
// model or a terminal would: control characters other than tab and line ends,
// ANSI escape sequences, bidirectional controls, tag characters, zero-width
// and filler characters, and more than one variation selector after a
// character. Zero-width joiners stay between two characters that can be joined
// (emoji and most scripts' letters). Text without any of that is returned as it is.
//
// JSON is not cleaned: its strings are data, and its control characters are
// escaped.
func clean(text []byte) []byte {
	start := 0
	for start < len(text) && isPlain(text[start]) {
		start++
	}
	if start == len(text) {
		return text
	}
	var out []byte
	changed, from, last := false, 0, rune(0)
	for i := start; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		size, replacement, keep := weigh(text[i:], r, size, last)
		if keep {
			last = r
		} else {
			out = append(append(out, text[from:i]...), replacement...)
			changed, from = true, i+size
		}
		i += size
	}
	if !changed {
		return text
	}
	return append(out, text[from:]...)
}

func isPlain(c byte) bool {
	return c >= ' ' && c < 0x7f || c == '\n' || c == '\t' || c == '\r'
}

// weigh tells whether to keep the rune r of that size at the start of rest,
// and otherwise how many bytes go, and what stands for them.
func weigh(rest []byte, r rune, size int, last rune) (n int, replacement string, keep bool) {
	switch {
	case r < utf8.RuneSelf && isPlain(rest[0]):
		return size, "", true
	case r == 0x1b:
		return escapeLen(rest), "", false
	case r == 0x9b: // CSI as one character
		return size + controlLen(rest[size:]), "", false
	case r == 0x85, r == 0x2028, r == 0x2029:
		return size, "\n", false
	case r == utf8.RuneError && size == 1:
		return size, "\ufffd", false
	case r == 0x200c || r == 0x200d:
		return size, "", joins(last, rest[size:])
	case r >= 0xfe00 && r <= 0xfe0f:
		return size, "", last > ' ' && (last < 0xfe00 || last > 0xfe0f)
	}
	return size, "", !isHidden(r)
}

// isHidden reports whether a character has no looks of its own, or changes
// those of others.
func isHidden(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0: // C0, C1
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0x180e: // soft hyphen, joiner, Arabic mark, vowel separator
	case r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x3164, r == 0xffa0: // fillers
	case r >= 0x200b && r <= 0x200f: // zero width, direction marks
	case r >= 0x202a && r <= 0x202e: // bidirectional embeddings and overrides
	case r >= 0x2060 && r <= 0x206f: // word joiner, invisible operators, isolates
	default:
		return r >= 0xfdd0 && isHiddenHigh(r)
	}
	return true
}

func isHiddenHigh(r rune) bool {
	switch {
	case r == 0xfeff, r >= 0xfff0 && r <= 0xfffb: // byte order mark, annotations
	case r >= 0x1d173 && r <= 0x1d17a: // musical formatting
	case r >= 0xe0000 && r <= 0xe0fff: // tags, variation selectors supplement
	case r&0xfffe == 0xfffe, r <= 0xfdef: // noncharacters
	default:
		return false
	}
	return true
}

// joins reports whether a joiner has something to join on both sides.
func joins(last rune, rest []byte) bool {
	next, _ := utf8.DecodeRune(rest)
	return joinable(last) && joinable(next) && next != utf8.RuneError
}

func joinable(r rune) bool {
	return r > 0xff && !isHidden(r) &&
		(unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsSymbol(r))
}

// escapeLen returns the length of the escape sequence (ECMA-48) at the start of
// s; only of its first byte if it is not complete.
func escapeLen(s []byte) int {
	if len(s) < 2 {
		return 1
	}
	switch c := s[1]; {
	case c == '[':
		return 2 + controlLen(s[2:])
	case c == ']', c == 'P', c == 'X', c == '^', c == '_':
		return stringLen(s)
	case c >= 0x20 && c <= 0x2f:
		i := 2
		for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f {
			i++
		}
		if i < len(s) && s[i] >= 0x30 && s[i] <= 0x7e {
			return i + 1
		}
		return 1
	case c >= 0x30 && c <= 0x7e:
		return 2
	}
	return 1
}

// controlLen returns the length of a control sequence's parameters and final
// byte; 0 if it has none.
func controlLen(s []byte) int {
	i := 0
	for i < len(s) && s[i] >= 0x30 && s[i] <= 0x3f {
		i++
	}
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f {
		i++
	}
	if i < len(s) && s[i] >= 0x40 && s[i] <= 0x7e {
		return i + 1
	}
	return 0
}

// stringLen returns the length of a control string up to its terminator, which
// must be on the same line.
func stringLen(s []byte) int {
	for i := 2; i < len(s); i++ {
		switch s[i] {
		case 0x07:
			return i + 1
		case 0x1b:
			if i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
			return 2
		case '\n':
			return 2
		}
	}
	return 2
}

// clip cuts a text to at most so many characters, with a mark where it was cut.
func clip(text string, most int) string {
	n := 0
	for i := range text {
		if n == most {
			return text[:i] + "…"
		}
		n++
	}
	return text
}
