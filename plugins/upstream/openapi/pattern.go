package openapi

import (
	"regexp"
	"strings"
)

// portable rewrites a regular expression so that it means the same to Go and to
// ECMAScript with the flag u, by which checkers of schemas read it: there only
// characters of the syntax may be escaped, and none of them stands alone
// (ECMA-262, section 22.2.1). ok is false if that can't be done.
func portable(pattern string) (out string, ok bool) {
	if _, err := regexp.Compile(pattern); err != nil {
		return "", false
	}
	p := porter{in: pattern}
	for p.at < len(p.in) {
		if !p.next() {
			return "", false
		}
	}
	out = p.out.String()
	if _, err := regexp.Compile(out); err != nil {
		return "", false
	}
	return out, true
}

type porter struct {
	in    string
	at    int
	out   strings.Builder
	class bool // within brackets
	set   bool // the last of the class is a class itself, such as \w
}

// repetition is what braces mean in both languages.
var repetition = regexp.MustCompile(`^\{\d+(?:,\d*)?\}`)

// next takes over what stands there; false if ECMAScript has no such thing.
func (p *porter) next() bool {
	c, rest, set := p.in[p.at], p.in[p.at:], p.set
	p.set = false
	switch {
	case c == '\\':
		return p.escaped(rest)
	case p.class && strings.HasPrefix(rest, "[:"):
		return false
	case p.class && c == '-' && set && !strings.HasPrefix(rest, "-]"):
		return p.write(`\-`, 1)
	case p.class:
		p.class = c != ']'
	case strings.HasPrefix(rest, "[]"), strings.HasPrefix(rest, "[^]"):
		return false // the bracket is in the class here, and ends it there
	case c == '[':
		p.class = true
		if strings.HasPrefix(rest, "[^") {
			return p.write("[^", 2)
		}
	case strings.HasPrefix(rest, "(?"):
		return strings.HasPrefix(rest, "(?:") && p.write("(?:", 3)
	case c == '{':
		if counted := repetition.FindString(rest); counted != "" {
			return p.write(counted, len(counted))
		}
		return p.write(`\{`, 1)
	case c == '}', c == ']':
		return p.write(`\`+rest[:1], 1)
	}
	return p.write(rest[:1], 1)
}

// escaped takes over what follows a backslash.
func (p *porter) escaped(rest string) bool {
	c := rest[1]
	switch {
	case strings.IndexByte("dDwWsS", c) >= 0:
		p.set = true
		return p.write(rest[:2], 2)
	case strings.IndexByte(`^$\.*+?()[]{}|/nrtfv`, c) >= 0, c == '-' && p.class, (c == 'b' || c == 'B') && !p.class:
		return p.write(rest[:2], 2)
	case c == 'x' && len(rest) > 3 && rest[2] != '{':
		return p.write(rest[:4], 4)
	case c == 'A' && !p.class:
		return p.write("^", 2)
	case c == 'z' && !p.class:
		return p.write("$", 2)
	case c < 0x80 && !isWord(c), c == '_':
		return p.write(rest[1:2], 2)
	}
	return false
}

// write writes for so many bytes of the pattern.
func (p *porter) write(s string, length int) bool {
	p.out.WriteString(s)
	p.at += length
	return true
}
