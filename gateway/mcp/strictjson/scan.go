package strictjson

import "strconv"

// scanner walks JSON text. Its methods take the index to start at and return
// the index behind what they read, or -1 after noting the problem.
type scanner struct {
	data   []byte
	off    int    // where the first problem is
	msg    string // what it is
	unique bool   // refuse duplicate member names

	spare []map[string]struct{} // sets of closed objects, to be used again
	buf   []byte                // scratch for unescaped names
}

func (s *scanner) fail(off int, msg string) int {
	s.off, s.msg = off, msg
	return -1
}

func (s *scanner) err() error {
	return &SyntaxError{Offset: s.off, Msg: s.msg}
}

const (
	msgEnd   = "unexpected end of text"
	msgDepth = "nested too deeply"
	msgValue = "expected a value"
)

// document reads one value and nothing else.
func (s *scanner) document(maxDepth int) error {
	i := s.space(0)
	if i = s.value(i, limit(maxDepth)); i < 0 {
		return s.err()
	}
	if i = s.space(i); i < len(s.data) {
		s.fail(i, "unexpected text after the value")
		return s.err()
	}
	return nil
}

func (s *scanner) space(i int) int {
	data := s.data
	for i < len(data) {
		switch data[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value reads one value at i; depth is how many levels may still be opened.
func (s *scanner) value(i, depth int) int {
	if i >= len(s.data) {
		return s.fail(len(s.data), msgEnd)
	}
	switch c := s.data[i]; c {
	case '"':
		end, _ := s.str(i + 1)
		return end
	case '{':
		if depth <= 0 {
			return s.fail(i, msgDepth)
		}
		return s.object(i+1, depth-1)
	case '[':
		if depth <= 0 {
			return s.fail(i, msgDepth)
		}
		return s.array(i+1, depth-1)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	default:
		if c == '-' || c-'0' <= 9 {
			return s.number(i)
		}
	}
	if i == 0 && len(s.data) >= 3 && string(s.data[:3]) == "\xef\xbb\xbf" {
		return s.fail(i, "a byte order mark is not allowed")
	}
	return s.fail(i, msgValue)
}

func (s *scanner) literal(i int, word string) int {
	if len(s.data)-i >= len(word) && string(s.data[i:i+len(word)]) == word {
		return i + len(word)
	}
	return s.fail(i, msgValue)
}

// number reads a number (RFC 8259 section 6) that starts at i.
func (s *scanner) number(i int) int {
	data := s.data
	if data[i] == '-' {
		i++
	}
	if i < len(data) && data[i] == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		if i = s.digits(i + 1); i < 0 {
			return -1
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits reads one digit or more.
func (s *scanner) digits(i int) int {
	data, start := s.data, i
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return s.fail(i, "expected a digit")
	}
	return i
}

// array reads the rest of an array, from behind its bracket.
func (s *scanner) array(i, depth int) int {
	i = s.space(i)
	if i < len(s.data) && s.data[i] == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth); i < 0 {
			return -1
		}
		if i = s.space(i); i >= len(s.data) {
			return s.fail(i, msgEnd)
		}
		switch s.data[i] {
		case ',':
			i = s.space(i + 1)
		case ']':
			return i + 1
		default:
			return s.fail(i, "expected a comma or the end of the array")
		}
	}
}

// object reads the rest of an object, from behind its brace.
func (s *scanner) object(i, depth int) int {
	i = s.space(i)
	if i < len(s.data) && s.data[i] == '}' {
		return i + 1
	}
	if s.unique {
		var seen nameSet
		i = s.members(i, depth, &seen)
		s.drop(&seen)
		return i
	}
	return s.members(i, depth, nil)
}

// members reads one member or more and the closing brace. Names are compared
// if seen is not nil.
func (s *scanner) members(i, depth int, seen *nameSet) int {
	for {
		start := i + 1
		end, escaped := s.name(i)
		if end < 0 {
			return -1
		}
		if seen != nil && !s.add(seen, span{start, end - 1, escaped}) {
			return s.fail(i, "duplicate member name")
		}
		if i = s.colon(end); i < 0 {
			return -1
		}
		if i = s.value(i, depth); i < 0 {
			return -1
		}
		if i = s.space(i); i >= len(s.data) {
			return s.fail(i, msgEnd)
		}
		switch s.data[i] {
		case ',':
			i = s.space(i + 1)
		case '}':
			return i + 1
		default:
			return s.fail(i, "expected a comma or the end of the object")
		}
	}
}

// name reads a member name with its quotes.
func (s *scanner) name(i int) (end int, escaped bool) {
	if i >= len(s.data) {
		return s.fail(i, msgEnd), false
	}
	if s.data[i] != '"' {
		return s.fail(i, "expected a member name in double quotes"), false
	}
	return s.str(i + 1)
}

// colon reads the colon behind a name and the white space around it.
func (s *scanner) colon(i int) int {
	if i = s.space(i); i >= len(s.data) {
		return s.fail(i, msgEnd)
	}
	if s.data[i] != ':' {
		return s.fail(i, "expected a colon")
	}
	return s.space(i + 1)
}

func itoa(n int) string { return strconv.Itoa(n) }
