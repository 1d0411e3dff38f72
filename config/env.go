package config

import (
	"fmt"
	"regexp"
	"strings"
)

// part is a stretch of a scalar's text: where it begins in the expanded text
// and in the text as written. name is the variable that it comes from; empty
// for text that was copied.
type part struct {
	text, raw int
	name      string
	value     string
}

// rawOffset turns an offset into expanded text into one into text as written.
func (n *node) rawOffset(offset int) int {
	if n.parts == nil {
		return offset
	}
	raw := 0
	for _, p := range n.parts {
		if p.text > offset {
			break
		}
		raw = p.raw
		if p.name == "" {
			raw += offset - p.text
		}
	}
	return raw
}

// expansion expands the variables of one scalar.
type expansion struct {
	lookup func(string) (string, bool)
	raw    string
	out    strings.Builder
	parts  []part
	// fail is the first mistake, at the byte failAt.
	fail, hint string
	failAt     int
	// unset says that the mistake is none of the manifest: a variable isn't set.
	unset bool
	depth int
}

// maxNested is how deep variables may stand in defaults of others.
const maxNested = 10

// expand replaces ${VAR}, ${VAR:-default}, ${VAR:?message} and $$ in a scalar.
// A hole ${{ ... }} and a lone $ stay as they are.
func (e *expansion) expand() {
	e.scan(e.raw, 0)
}

// scan expands s, which begins at byte base of the scalar.
func (e *expansion) scan(s string, base int) {
	e.copied(base)
	for i := 0; i < len(s) && e.fail == ""; {
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "$$"):
			e.out.WriteByte('$')
			i += 2
			e.copied(base + i)
		case strings.HasPrefix(rest, "${{"):
			length := holeLength(rest)
			e.out.WriteString(rest[:length])
			i += length
		case strings.HasPrefix(rest, "${"):
			i += e.variable(rest, base+i)
			e.copied(base + i)
		default:
			next := strings.IndexByte(rest[1:], '$') + 1
			if next == 0 {
				next = len(rest)
			}
			e.out.WriteString(rest[:next])
			i += next
		}
	}
}

// copied notes that text from here on is copied from the byte at.
func (e *expansion) copied(at int) {
	e.parts = append(e.parts, part{text: e.out.Len(), raw: at})
}

// expressionPattern is what somebody means as an expression, not as a variable.
var expressionPattern = regexp.MustCompile(`^((args|steps|load|caller|item|headers)\.|\.)[a-zA-Z_][\w.]*$|^(value|item|status)$`)

// variable expands the ${...} that s begins with, and returns its length.
func (e *expansion) variable(s string, at int) int {
	length := variableLength(s)
	if length < 0 {
		e.error(at, "a variable is not closed", "write ${NAME}, or $$ for a dollar")
		return len(s)
	}
	body := s[2 : length-1]
	name := body[:nameLength(body)]
	operator, operand := "", ""
	if rest := body[len(name):]; len(rest) >= 2 {
		operator, operand = rest[:2], rest[2:]
	} else if rest != "" {
		name = ""
	}
	if name == "" || (operator != "" && operator != ":-" && operator != ":?") {
		hint := "write ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a dollar"
		if meant := strings.TrimSpace(body); expressionPattern.MatchString(meant) {
			hint = "write ${{ " + clip(meant) + " }}; ${NAME} is an environment variable"
		}
		e.error(at, "a variable is not written well", hint)
		return length
	}
	value, set := e.lookup(name)
	switch {
	case value != "" || (set && operator == ""):
		e.parts = append(e.parts, part{text: e.out.Len(), raw: at, name: name, value: value})
		e.out.WriteString(value)
	case operator == ":-" && e.depth == maxNested:
		e.error(at, fmt.Sprintf("defaults are nested deeper than %d", maxNested), "")
	case operator == ":-":
		e.depth++
		e.scan(operand, at+2+len(name)+2)
		e.depth--
	case operator == ":?":
		e.unset = e.fail == ""
		e.error(at, fmt.Sprintf("environment variable %s is not set: %s", name, clip(operand)), "")
	default:
		e.unset = e.fail == ""
		hint := fmt.Sprintf("set it, or give a default: ${%s:-value}", name)
		if strings.ToUpper(name) != name {
			hint = fmt.Sprintf("set it; or did you mean the argument, ${{ args.%s }}?", name)
		}
		e.error(at, fmt.Sprintf("environment variable %s is not set", name), hint)
	}
	return length
}

func (e *expansion) error(at int, message, hint string) {
	if e.fail == "" {
		e.fail, e.hint, e.failAt = message, hint, at
	}
}

// variableLength returns the length of the ${...} that s begins with, others
// nested in it included, or -1 if it isn't closed.
func variableLength(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "${{"):
			i += holeLength(s[i:]) - 1
		case strings.HasPrefix(s[i:], "${"):
			depth++
			i++
		case s[i] == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// nameLength returns the length of the variable name that s begins with.
func nameLength(s string) int {
	n := wordLength(s)
	if n > 0 && s[0] >= '0' && s[0] <= '9' {
		return 0
	}
	return n
}

// holeLength returns the length of the hole ${{ ... }} that s begins with. Its
// end is the }} outside of jq's braces, strings and comments; a hole that
// doesn't end reaches to the end of s.
func holeLength(s string) int {
	depth := 0
	for i := len("${{"); i < len(s); i++ {
		switch s[i] {
		case '"':
			i += stringLength(s[i:]) - 1
		case '#':
			if end := strings.IndexByte(s[i:], '\n'); end >= 0 {
				i += end
			}
		case '{':
			depth++
		case '}':
			if depth > 0 {
				depth--
			} else if i+1 < len(s) && s[i+1] == '}' {
				return i + 2
			}
		}
	}
	return len(s)
}

// stringLength returns the length of the jq string that s begins with;
// interpolations \( ... ) may hold strings again.
func stringLength(s string) int {
	// nested holds the depth of parentheses of each interpolation entered.
	var nested []int
	inString := true
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case inString && c == '\\':
			if i++; i < len(s) && s[i] == '(' {
				nested = append(nested, 0)
				inString = false
			}
		case inString && c == '"':
			if len(nested) == 0 {
				return i + 1
			}
			inString = false
		case inString:
		case c == '"':
			inString = true
		case c == '(':
			nested[len(nested)-1]++
		case c == ')':
			if top := len(nested) - 1; nested[top] > 0 {
				nested[top]--
			} else {
				nested = nested[:top]
				inString = true
			}
		}
	}
	return len(s)
}

// expand sets the node's text, and reports what is wrong with its variables.
func (b *builder) expand(n *node) {
	n.text = n.raw
	if b.verbatim || !strings.Contains(n.raw, "$") {
		return
	}
	e := expansion{lookup: b.lookup, raw: n.raw}
	e.expand()
	whole := strings.HasPrefix(n.raw, "${") && !strings.HasPrefix(n.raw, "${{") && variableLength(n.raw) == len(n.raw)
	if e.fail != "" {
		n.broken, n.unset, n.whole = true, e.unset, whole && e.unset
		n.text = n.raw
		p := place(n, nil, "").ProblemAt(nil, e.fail, e.hint, e.failAt)
		if end := variableLength(n.raw[e.failAt:]); end > 0 && p.Col < p.EndCol && n.style != folded {
			p.EndCol = max(p.EndCol, p.Col+len([]rune(n.raw[e.failAt:e.failAt+end])))
		}
		b.report(p)
		return
	}
	n.text = e.out.String()
	if n.text != n.raw {
		n.parts = e.parts
	}
	n.whole = whole
}
