package config

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	yamlErrorText = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	pairText      = regexp.MustCompile(`(?:^|[\s{,\[])(?:"[^"]*"|'[^']*'|[^\s"'{}\[\],#:][^"'{}\[\],#:]*):(\s+)`)
	// flowItem leads to the first character of an item of a list in brackets.
	flowItem = regexp.MustCompile(`[\[,]\s*[!-~]`)
	itemText = regexp.MustCompile(`^(\s*(?:- +)+)`)
)

// syntaxProblem makes a problem of an error of the YAML parser, which tells a
// line at best: the place is that of the value most likely meant.
func syntaxProblem(f *file, err error) Problem {
	message, line := err.Error(), 1
	if m := yamlErrorText.FindStringSubmatch(message); m != nil {
		message = m[2]
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			line = n
			if countsFromZero(message) {
				line++
			}
		}
	}
	context := min(max(line, 1), max(f.count(), 1))
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		return anchorProblem(f, m[1])
	}
	line = max(context, stumblingLine(f, err))
	for number := context; number <= line; number++ {
		if p, ok := doubtfulLine(f, number, message); ok {
			return p
		}
	}
	if inFlow(message) {
		line = context
	}
	text := strings.TrimRight(f.line(line), " \t")
	trimmed := strings.TrimLeft(text, " \t")
	col := utf8.RuneCountInString(text[:len(text)-len(trimmed)]) + 1
	return f.problem(span{line, col, col + utf8.RuneCountInString(trimmed)}, words(message), syntaxHint(message))
}

// maxSearched bounds the text in which the line of a mistake is searched by
// parsing parts of it.
const maxSearched = 512 << 10

// stumblingLine is where the parser noticed the mistake, while its error tells
// where the mapping or list around it begins: the error is the same for all
// texts that are cut after that line, and for none that is cut before.
func stumblingLine(f *file, err error) int {
	if len(f.text) > maxSearched {
		return 0
	}
	f.count()
	line := 1 + sort.Search(len(f.lines), func(i int) bool {
		_, _, cut := decodeDocuments([]byte(strings.Join(f.lines[:i+1], "\n") + "\n"))
		return cut != nil && cut.Error() == err.Error()
	})
	return min(line, len(f.lines))
}

var (
	badEscape  = regexp.MustCompile(`\\[^0abt\tnvfre "/\\N_LPxuU]`)
	apostrophe = regexp.MustCompile(`'[^']*'[\pL\pN]`)
)

// doubtfulLine finds what is probably meant on a line.
func doubtfulLine(f *file, number int, message string) (Problem, bool) {
	text := f.line(number)
	column := func(i int) int { return utf8.RuneCountInString(text[:i]) + 1 }
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	if i := strings.IndexByte(indent, '\t'); i >= 0 {
		return f.problem(span{number, i + 1, i + 2}, "a tab can't indent YAML", "indent with spaces"), true
	}
	if at, ok := doubtful(number, text, inFlow(message)); ok {
		return f.problem(at, words(message), "quote this value"), true
	}
	if m := badEscape.FindStringIndex(text); m != nil && strings.Contains(message, "escape") {
		return f.problem(span{number, column(m[0]), column(m[1])}, words(message), `write \\ for a backslash, or use single quotes`), true
	}
	if m := apostrophe.FindStringIndex(text); m != nil {
		return f.problem(span{number, column(m[0]), column(m[1])}, "the single quotes end here", "write '' for ' within single quotes"), true
	}
	if i := strings.LastIndexAny(text, `"'`); i >= 0 && strings.Contains(message, "unexpected end of stream") {
		return f.problem(span{number, column(i), 0}, words(message), "close the quote"), true
	}
	return Problem{}, false
}

// countsFromZero tells the messages of yaml.v3's parser, whose lines count
// from 0, from those of its scanner, whose lines count from 1.
func countsFromZero(message string) bool {
	for _, s := range []string{"',' or", "key", "node content", "'-' indicator", "<document start>", "<stream-"} {
		if strings.HasPrefix(message, "did not find expected "+s) {
			return true
		}
	}
	return false
}

// inFlow reports whether the line is where a mapping or list in braces or
// brackets begins: the mistake may be further down.
func inFlow(message string) bool {
	return strings.Contains(message, "',' or") || strings.Contains(message, "node content")
}

// words turns a parser's message into one for people who don't know its terms.
func words(message string) string {
	for _, w := range [][2]string{
		{"mapping values are not allowed", "a colon and a space can't stand here"},
		{"found character that cannot start any token", "a value can't begin with this character"},
		{"did not find expected ',' or '}'", "the braces { } are not closed, or a value in them must be quoted"},
		{"did not find expected ',' or ']'", "the brackets [ ] are not closed, or a value in them must be quoted"},
		{"did not find expected key", "want a key here; the indentation may be wrong"},
		{"did not find expected node content", "want a value here"},
		{"did not find expected alphabetic", "* and & begin an alias or an anchor, and want a name"},
		{"could not find expected ':'", "want a colon and a space after the key"},
		{"found unexpected end of stream", "a quoted text is not closed"},
		{"block sequence entries are not allowed", "a list can't begin here"},
		{"did not find expected '-'", "want a list item; the indentation may be wrong"},
		{"found a tab character", "a tab can't stand here"},
		{"found unknown escape character", "there is no such escape in double quotes"},
	} {
		if strings.HasPrefix(message, w[0]) {
			return w[1]
		}
	}
	return message
}

func syntaxHint(message string) string {
	switch {
	case strings.HasPrefix(message, "mapping values are not allowed"), strings.HasPrefix(message, "did not find expected key"):
		return "check the indentation, and quote texts that hold ': '"
	case strings.HasPrefix(message, "block sequence entries"):
		return "begin the list on a line of its own, or write it as [a, b]"
	default:
		return ""
	}
}

// anchorProblem finds the alias that has no anchor; it is mostly a pattern
// such as *.yaml without quotes.
func anchorProblem(f *file, name string) Problem {
	for number := 1; number <= f.count(); number++ {
		text := f.line(number)
		if i := strings.Index(text, "*"+name); i >= 0 {
			col := utf8.RuneCountInString(text[:i]) + 1
			return f.problem(span{number, col, col + utf8.RuneCountInString(name) + 1},
				"there is no such anchor", "quote this value, if it is meant to begin with *")
		}
	}
	return f.problem(span{1, 1, 2}, "there is no such anchor", "")
}

// doubtful finds an unquoted value on a line that YAML can't read as meant. flow
// says that the line is known to be within braces or brackets.
func doubtful(number int, text string, flow bool) (span, bool) {
	starts := make([]int, 0, 4)
	if m := itemText.FindStringIndex(text); m != nil {
		starts = append(starts, m[1])
	}
	for at := 0; at < len(text); {
		m := pairText.FindStringIndex(text[at:])
		if m == nil {
			break
		}
		starts = append(starts, at+m[1])
		at += m[1] - 1 // the space may stand before the next key
	}
	for _, start := range starts {
		value := text[start:]
		within := flow || strings.ContainsAny(text[:start], "{[")
		if within {
			value = value[:flowLength(value)]
		}
		value = strings.TrimRight(value, " \t")
		if wantsQuotes(value) || (within && wantsQuotesInFlow(value)) {
			col := utf8.RuneCountInString(text[:start]) + 1
			return span{number, col, col + utf8.RuneCountInString(value)}, true
		}
	}
	if flow {
		return doubtfulItem(number, text)
	}
	return span{}, false
}

// doubtfulItem finds such a value among the items of a list in brackets.
func doubtfulItem(number int, text string) (span, bool) {
	for _, m := range flowItem.FindAllStringIndex(text, -1) {
		start := m[1] - 1
		value := strings.TrimRight(text[start:start+flowLength(text[start:])], " \t")
		if wantsQuotesInFlow(value) && !strings.Contains(value, ": ") {
			col := utf8.RuneCountInString(text[:start]) + 1
			return span{number, col, col + utf8.RuneCountInString(value)}, true
		}
	}
	return span{}, false
}

// flowLength returns how much of a line belongs to a value within braces or
// brackets: all before the comma or the closing one.
func flowLength(s string) int {
	depth := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == '}' || c == ']' || c == ','):
			return i
		case c == '}' || c == ']':
			depth--
		}
	}
	return len(s)
}

// wantsQuotesInFlow reports whether an unquoted text holds what ends it within
// braces and brackets, as the parser has it.
func wantsQuotesInFlow(value string) bool {
	return value != "" && !strings.ContainsRune("\"'#{[|>", rune(value[0])) && strings.Contains(value, "?")
}

// wantsQuotes reports whether the rest of a line is an unquoted value with
// characters that mean something to YAML.
func wantsQuotes(value string) bool {
	if value == "" {
		return false
	}
	switch value[0] {
	case '"', '\'', '|', '>', '#', '{', '[', '-':
		return false
	case '@', '`', '%', '?', '*', '&', '!':
		return true
	}
	return strings.ContainsAny(value, "{}#@`%") || strings.Contains(value, ": ") || strings.HasSuffix(value, ":")
}
