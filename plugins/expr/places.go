package expr

import "strings"

// tokenKind says what a token of a jq text can be a mistake of.
type tokenKind uint8

const (
	tokenName   tokenKind = iota // a function or one of the scope's names
	tokenMember                  // .name, or a string
	tokenBody                    // .name that follows nothing: of the body
	tokenOther                   // $name, @format, .
)

// token is a piece of a jq text that an error can point at. gojq's syntax tree
// has no places, so these are found in the text.
type token struct {
	kind   tokenKind
	text   string // of a member without the dot or the quotes
	offset int    // in the jq text
}

// spot is what a mistake is about.
type spot struct {
	kind tokenKind
	text string
	base string // the name that a member is of
}

// offset finds the place of the nth token of the spot, or of the last there is.
func (at spot) offset(tokens []token, nth int) int {
	found := 0
	for i, t := range tokens {
		if t.kind != at.kind || t.text != at.text {
			continue
		}
		if at.base != "" && (i == 0 || tokens[i-1].kind != tokenName || tokens[i-1].text != at.base) {
			continue
		}
		found = t.offset
		if nth--; nth == 0 {
			break
		}
	}
	return found
}

// scanner splits a jq text, far enough to tell names from members, keys and
// the text of strings.
type scanner struct {
	text   string
	at     int
	open   []byte // open brackets; a '"' is a string
	last   byte   // the significant byte before, 0 at the start
	joined bool   // it is directly before
	tokens []token
}

func scan(text string) []token {
	s := scanner{text: text}
	for s.at < len(text) {
		if len(s.open) > 0 && s.open[len(s.open)-1] == '"' {
			s.inString()
		} else {
			s.next()
		}
	}
	return s.tokens
}

// inString passes over a string's text, up to its end or an interpolation.
func (s *scanner) inString() {
	c := s.text[s.at]
	s.at++
	switch {
	case c == '\\' && s.at < len(s.text):
		if s.text[s.at] == '(' {
			s.open = append(s.open, '(')
			s.last, s.joined = '(', true
		}
		s.at++
	case c == '"':
		s.open = s.open[:len(s.open)-1]
		s.last, s.joined = c, true
	}
}

// next reads a token, a bracket, or a byte that matters little.
func (s *scanner) next() {
	switch c := s.text[s.at]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		s.joined = false
		s.at++
	case c == '#':
		s.comment()
	case c == '"':
		s.string()
	case c == '.' && !isDigit(s.peek(1)):
		s.dot()
	case c == '$' || c == '@' || isWord(c):
		s.word()
	default:
		s.bracket(c)
	}
}

// comment passes over the rest of the line.
func (s *scanner) comment() {
	if end := strings.IndexByte(s.text[s.at:], '\n'); end >= 0 {
		s.at += end
		return
	}
	s.at = len(s.text)
}

// bracket passes over a byte that is no token, and keeps account of brackets.
func (s *scanner) bracket(c byte) {
	switch c {
	case '(', '[', '{':
		s.open = append(s.open, c)
	case ')', ']', '}':
		if len(s.open) > 0 {
			s.open = s.open[:len(s.open)-1]
		}
	}
	s.at++
	s.last, s.joined = c, true
}

func (s *scanner) peek(n int) byte {
	if s.at+n < len(s.text) {
		return s.text[s.at+n]
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// string notes what a string without escapes says, and enters it.
func (s *scanner) string() {
	rest := s.text[s.at+1:]
	if end := strings.IndexAny(rest, `"\`); end >= 0 && rest[end] == '"' {
		s.add(tokenMember, rest[:end], s.at+1)
	}
	s.open = append(s.open, '"')
	s.at++
}

// dot reads `.` and `.name`.
func (s *scanner) dot() {
	free := !s.joined || !isWord(s.last) && strings.IndexByte(`])"?}.`, s.last) < 0
	start := s.at
	s.at++
	switch member := s.take(); {
	case member != "" && free:
		s.add(tokenBody, member, start)
	case member != "":
		s.add(tokenMember, member, start+1)
	case free:
		s.add(tokenOther, ".", start)
	}
	s.last, s.joined = s.text[s.at-1], true
}

// word reads a name, $name or @format. The key of an object is a member.
func (s *scanner) word() {
	start, kind := s.at, tokenName
	if c := s.text[s.at]; c == '$' || c == '@' {
		kind = tokenOther
		s.at++
	}
	s.take()
	inObject := len(s.open) > 0 && s.open[len(s.open)-1] == '{' && (s.last == '{' || s.last == ',')
	if kind == tokenName && inObject {
		kind = tokenMember
	}
	s.add(kind, s.text[start:s.at], start)
	s.last, s.joined = s.text[s.at-1], true
}

// take passes over a name.
func (s *scanner) take() string {
	start := s.at
	for s.at < len(s.text) && isWord(s.text[s.at]) {
		s.at++
	}
	return s.text[start:s.at]
}

func (s *scanner) add(kind tokenKind, text string, offset int) {
	s.tokens = append(s.tokens, token{kind: kind, text: text, offset: offset})
}
