package strictjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, in the high bit of each of eight bytes, those that cannot
// stand in a string as they are or need a closer look: quote, backslash,
// control characters, and everything outside ASCII. Borrows only travel
// upwards, so the lowest mark is always exact; higher ones may not be.
func special(x uint64) uint64 {
	quote := x ^ '"'*ones
	slash := x ^ '\\'*ones
	return ((x - ' '*ones) | (quote - ones) | (slash - ones) | x) & highs
}

// str reads a string from behind its opening quote and returns the index
// behind its closing one, and whether it holds escapes.
func (s *scanner) str(i int) (end int, escaped bool) {
	data := s.data
	for {
		if len(data)-i >= 8 {
			m := special(binary.LittleEndian.Uint64(data[i:]))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		} else if i >= len(data) {
			return s.fail(len(data), msgEnd), false
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1, escaped
		case c >= utf8.RuneSelf:
			n := runeLen(data[i:])
			if n == 0 {
				return s.fail(i, "invalid UTF-8"), false
			}
			i += n
			// Text that isn't ASCII comes in runs.
			for i < len(data) && data[i] >= utf8.RuneSelf {
				if n = runeLen(data[i:]); n == 0 {
					return s.fail(i, "invalid UTF-8"), false
				}
				i += n
			}
		case c == '\\':
			escaped = true
			if i = s.escape(i); i < 0 {
				return -1, false
			}
		case c < ' ':
			return s.fail(i, "unescaped control character in a string"), false
		default:
			i++
		}
	}
}

// escape reads one escape sequence, or a surrogate pair of two.
func (s *scanner) escape(i int) int {
	data := s.data
	if i+1 >= len(data) {
		return s.fail(len(data), msgEnd)
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return s.fail(i, "invalid escape sequence")
	}
	r := hex4(data, i+2)
	switch {
	case r < 0:
		return s.fail(i, "invalid escape sequence")
	case r < 0xd800 || r > 0xdfff:
		return i + 6
	case r > 0xdbff || len(data)-i < 8 || data[i+6] != '\\' || data[i+7] != 'u':
		return s.fail(i, "lone surrogate escape")
	}
	if low := hex4(data, i+8); low < 0xdc00 || low > 0xdfff {
		return s.fail(i, "lone surrogate escape")
	}
	return i + 12
}

// hex4 is the value of four hexadecimal digits at i, or -1.
func hex4(data []byte, i int) rune {
	if len(data)-i < 4 {
		return -1
	}
	var r rune
	for _, c := range data[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// runeLen is the length of the well-formed multi-byte sequence at the start of
// p (RFC 3629, section 4), or 0. p is not empty.
func runeLen(p []byte) int {
	var n int
	least, most := byte(0x80), byte(0xbf) // of the second byte
	switch c := p[0]; {
	case c < 0xc2 || c > 0xf4:
		return 0
	case c < 0xe0:
		n = 2
	case c == 0xe0:
		n, least = 3, 0xa0
	case c == 0xed:
		n, most = 3, 0x9f
	case c < 0xf0:
		n = 3
	case c == 0xf0:
		n, least = 4, 0x90
	case c == 0xf4:
		n, most = 4, 0x8f
	default:
		n = 4
	}
	if len(p) < n || p[1] < least || p[1] > most {
		return 0
	}
	for _, c := range p[2:n] {
		if c&0xc0 != 0x80 {
			return 0
		}
	}
	return n
}

// appendUnescaped appends the text of a string whose raw form, without
// quotes, has already been scanned.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		switch c = raw[i+1]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(raw, i+2)
			i += 6
			if r >= 0xd800 && r <= 0xdbff {
				r = (r-0xd800)<<10 + hex4(raw, i+2) - 0xdc00 + 0x10000
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
		i += 2
	}
	return dst
}
