package openapi

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// markup takes the markup away that models pay for and don't need.
type markup struct{ images, links, autolinks, tags, fences, headings, quotes, rules, space *regexp.Regexp }

func newMarkup() *markup {
	return &markup{
		images:    regexp.MustCompile(`!\[[^\]]*\]\([^)]*\)`),
		links:     regexp.MustCompile(`\[([^\]]+)\](\([^)]*\)|\[[^\]]*\])`),
		autolinks: regexp.MustCompile(`<https?://[^>\s]*>`),
		tags:      regexp.MustCompile(`(?s)</?[a-zA-Z][^<>]*>|<!--.*?-->`),
		fences:    regexp.MustCompile("(?s)```.*?```|~~~.*?~~~"),
		headings:  regexp.MustCompile(`(?m)^#{1,6}\s+`),
		quotes:    regexp.MustCompile(`(?m)^>\s?(\[![A-Z]+\])?`),
		rules:     regexp.MustCompile(`(?m)^(-{3,}|={3,}|\*{3,})\s*$`),
		space:     regexp.MustCompile(`\s+`),
	}
}

var shared = newMarkup() //nolint:gochecknoglobals // compiled expressions, never changed

// plainText makes a line of text of Markdown or HTML, of at most so many
// characters, cut at the end of a sentence or else of a word.
func plainText(s string, most int) string {
	if len(s) > 16*most+4096 {
		s = strings.ToValidUTF8(s[:16*most+4096], "")
	}
	if strings.ContainsAny(s, "<&[`#>*=-_\n\t") {
		m := shared
		s = m.fences.ReplaceAllString(s, " ")
		s = m.images.ReplaceAllString(s, "")
		s = m.links.ReplaceAllString(s, "$1")
		s = m.autolinks.ReplaceAllString(s, "")
		s = m.tags.ReplaceAllString(s, " ")
		s = m.quotes.ReplaceAllString(s, "")
		s = m.headings.ReplaceAllString(s, "")
		s = m.rules.ReplaceAllString(s, "")
		s = strings.NewReplacer("**", "", "__", "", " .", ".", " ,", ",").Replace(s)
		s = html.UnescapeString(s)
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.Is(unicode.Cc, r) && !unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(shared.space.ReplaceAllString(s, " "))
	return shorten(withoutPointers(s), most)
}

// shorten cuts a line at the end of a sentence if it is longer than most, or
// else at the end of a word.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	head := s[:most]
	for i := len(head) - 1; i > most/3; i-- {
		if (head[i] == '.' || head[i] == '!' || head[i] == '?') && s[i+1] == ' ' && !isAbbreviation(head[:i]) {
			return head[:i+1]
		}
	}
	if i := strings.LastIndexByte(head, ' '); i > most/2 {
		head = head[:i]
	}
	return strings.TrimRight(head, " ,;:-(") + "…"
}

// isAbbreviation reports whether a text before a full stop ends like "e.g".
func isAbbreviation(s string) bool {
	word := s[strings.LastIndexByte(s, ' ')+1:]
	switch strings.ToLower(strings.TrimLeft(word, "(")) {
	case "e.g", "i.e", "etc", "vs", "no", "approx", "incl", "cf", "resp":
		return true
	}
	return false
}

// sentence ends a text with a full stop.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, "…") {
		return s
	}
	switch s[len(s)-1] {
	case '.', '!', '?', ':':
		return s
	}
	return s + "."
}

// sameText reports whether two texts differ only in what isn't a letter or a
// digit.
func sameText(a, b string) bool { return letters(a) == letters(b) }

// says reports whether the first sentence of a text has all the words of a
// summary, but for their endings.
func says(s, summary string) bool {
	first := strings.ToLower(s)
	if i := strings.Index(first, ". "); i > 0 {
		first = first[:i]
	}
	for _, word := range strings.FieldsFunc(strings.ToLower(summary), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(word) > 2 && !strings.Contains(first, strings.TrimSuffix(word, "s")) {
			return false
		}
	}
	return true
}

// withoutPointers takes sentences away that only lead elsewhere.
func withoutPointers(s string) string {
	for _, start := range []string{
		"For more information", "For more details", "For further", "For details", "Learn more", "Read more",
		"See the documentation", "See the docs", "More information", "See also",
	} {
		i := strings.Index(s, start)
		if i < 0 || i > 1 && strings.IndexByte(".!?:\")", s[i-2]) < 0 {
			continue
		}
		end := len(s)
		for _, stop := range []string{". ", ".\" ", ".) "} {
			if j := strings.Index(s[i:], stop); j >= 0 {
				end = min(end, i+j+len(stop))
			}
		}
		s = s[:i] + s[end:]
	}
	return strings.TrimSpace(s)
}

// letters are the letters and digits of a text, in lower case.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// clip cuts a text for a message.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
