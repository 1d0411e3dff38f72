package importer

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// literalText writes a text where a manifest may have holes so that what looks
// like one is none: it becomes a hole that holds the text.
func literalText(s string) string {
	if !strings.Contains(s, "${{") {
		return s
	}
	quoted := string(strictjson.AppendString(nil, s))
	return "${{ " + strings.NewReplacer("$", `\u0024`, "{", `\u007b`, "}", `\u007d`).Replace(quoted) + " }}"
}

// variableText writes a text so that a manifest's expansion of variables gives
// it back: dollars that would begin something are doubled, plain holes stay.
func variableText(s string) string {
	if !strings.Contains(s, "$") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '$' {
			out.WriteByte(s[i])
			i++
			continue
		}
		run := len(s[i:]) - len(strings.TrimLeft(s[i:], "$"))
		rest := s[i+run:]
		hole := plainHole.FindString("$" + rest)
		switch {
		case run == 1 && hole != "":
			out.WriteString(hole)
			i += len(hole)
			continue
		case run == 1 && !strings.HasPrefix(rest, "{"):
			out.WriteByte('$')
		default:
			out.WriteString(strings.Repeat("$$", run))
		}
		i += run
	}
	return out.String()
}

// plainHole is a hole whose end nobody can be of two minds about.
var plainHole = regexp.MustCompile(`^\$\{\{[^{}"$#]*\}\}`)

// numberLike is what YAML 1.1 or 1.2 may take for a number, a date or a time.
var numberLike = regexp.MustCompile(`^[-+]?(0[xob][0-9A-Fa-f_]+|[0-9][0-9_,]*|[0-9_]*\.[0-9_]*|[0-9_]+\.?[0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+[eE][-+]?[0-9]+|` +
	`[0-9][0-9_]*(:[0-9]{1,2})+(\.[0-9_]*)?|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$|^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?$`)

// isWord reports whether YAML 1.1 or 1.2 takes a text for something else than
// a text.
func isWord(s string) bool {
	switch strings.ToLower(s) {
	case "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", "=":
		return true
	}
	return numberLike.MatchString(s)
}

// isPlain reports whether a text can stand without quotes.
func isPlain(s string, flow bool) bool {
	if isWord(s) || strings.TrimSpace(s) != s || strings.HasSuffix(s, ":") {
		return false
	}
	if strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") {
		return false
	}
	if strings.ContainsRune("!\"#%&'*,:>?@[]`{|}", rune(s[0])) || s == "-" || strings.HasPrefix(s, "- ") {
		return false
	}
	if flow && (strings.ContainsAny(s, ",[]{}?") || s[0] == '-') {
		return false
	}
	return isPrintable(s)
}

// isPrintable reports whether YAML shows all characters as they are, on one
// line.
func isPrintable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r == '\uFEFF' || (r != ' ' && !unicode.IsGraphic(r)) || (unicode.IsSpace(r) && r != ' ' && r != '\u00A0') {
			return false
		}
	}
	return true
}

// quote writes a text on one line, with quotes only if it needs them.
func quote(s string, flow bool) string {
	switch {
	case isPlain(s, flow):
		return s
	case !isPrintable(s):
		return doubleQuote(s)
	case strings.Contains(s, "'") && !strings.ContainsAny(s, `"\`):
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// doubleQuote writes a text with the escapes of YAML's double quotes.
func doubleQuote(s string) string {
	const hex = "0123456789ABCDEF"
	out := []byte{'"'}
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, '\\', 'n')
		case r == '\t':
			out = append(out, '\\', 't')
		case r == '\r':
			out = append(out, '\\', 'r')
		case isPrintable(string(r)):
			out = utf8.AppendRune(out, r)
		default:
			width, letter := 8, byte('U')
			if r <= 0xffff {
				width, letter = 4, 'u'
			}
			out = append(out, '\\', letter)
			for shift := (width - 1) * 4; shift >= 0; shift -= 4 {
				out = append(out, hex[(r>>shift)&15])
			}
		}
	}
	return string(append(out, '"'))
}

// literal returns the lines of a text that can be written as a block, |.
func literal(s string) (indicator string, lines []string, ok bool) {
	body := strings.TrimRight(s, "\n")
	switch len(s) - len(body) {
	case 0:
		indicator = "|-"
	case 1:
		indicator = "|"
	default:
		return "", nil, false
	}
	lines = strings.Split(body, "\n")
	if len(lines) < 2 && indicator == "|-" {
		return "", nil, false
	}
	for i, line := range lines {
		if !isPrintable(line) || strings.HasSuffix(line, " ") || (i == 0 && (line == "" || line[0] == ' ')) {
			return "", nil, false
		}
	}
	return indicator, lines, true
}

// folded breaks a long text into lines that YAML folds together again, >-. ok is
// false if it can't be broken well.
func folded(s string, width int) (lines []string, ok bool) {
	if !isPrintable(s) || strings.TrimSpace(s) != s {
		return nil, false
	}
	for len(s) > width {
		at := foldAt(s, width)
		if at < 0 {
			break
		}
		lines = append(lines, s[:at])
		s = s[at+1:]
	}
	lines = append(lines, s)
	return lines, len(lines) > 1
}

// foldAt returns the last single blank within the width, or else the first one
// behind it; -1 if there is none.
func foldAt(s string, width int) int {
	single := func(i int) bool { return s[i] == ' ' && i > 0 && i+1 < len(s) && s[i-1] != ' ' && s[i+1] != ' ' }
	for i := width; i > 0; i-- {
		if single(i) {
			return i
		}
	}
	for i := width + 1; i < len(s); i++ {
		if single(i) {
			return i
		}
	}
	return -1
}
