package config

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// RenderOptions say how problems are shown to people.
type RenderOptions struct {
	// Color marks up for a terminal.
	Color bool
	// Root is the folder to which paths are shown relative; as they were
	// opened, if empty.
	Root string
	// Note is added to the count at the end, e.g. "generation 6 stays active".
	Note string
	// Sources are file contents by path, for problems that don't come from
	// Load and so have no text to show.
	Sources map[string][]byte
}

// maxWidth is how much of a long line is shown.
const maxWidth = 160

// Render writes the problems for people: each with its place, the line itself,
// the lines around it, what is meant underlined, and the hint; at the end the
// count.
func (l Problems) Render(w io.Writer, opts RenderOptions) error {
	r := renderer{w: bufio.NewWriter(w), opts: opts}
	for _, p := range l {
		r.problem(p)
	}
	count := r.count(l)
	if opts.Note != "" {
		count += "; " + opts.Note
	}
	r.printf("%s\n", count)
	return r.w.Flush()
}

type renderer struct {
	w    *bufio.Writer
	opts RenderOptions
}

// printf leaves errors to Flush, which returns the first.
func (r *renderer) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(r.w, format, args...)
}

func (r *renderer) paint(code, text string) string {
	if !r.opts.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (r *renderer) count(l Problems) string {
	errs, warnings := l.Count()
	plural := func(n int, what string) string {
		if n == 1 {
			return "1 " + what
		}
		return fmt.Sprintf("%d %ss", n, what)
	}
	switch {
	case warnings == 0:
		return plural(errs, "error")
	case errs == 0:
		return plural(warnings, "warning")
	default:
		return plural(errs, "error") + ", " + plural(warnings, "warning")
	}
}

// shownPath is the file's path as people see it.
func (r *renderer) shownPath(name string) string {
	if r.opts.Root == "" {
		return name
	}
	rel, err := filepath.Rel(absolute(r.opts.Root), absolute(name))
	if err != nil || !inside(absolute(r.opts.Root), absolute(name)) {
		return name
	}
	return rel
}

func (r *renderer) problem(p Problem) {
	color := "31;1"
	if p.Severity == SeverityWarning {
		color = "33;1"
	}
	rule := ""
	if p.Rule != "" {
		rule = " [" + p.Rule + "]"
	}
	r.printf("%s:%d:%d: %s: %s%s\n", oneLine(r.shownPath(p.File)), p.Line, p.Col, r.paint(color, p.Severity.String()), oneLine(p.Message), rule)
	f := p.source
	if data, ok := r.opts.Sources[p.File]; ok && f == nil {
		f = &file{name: p.File, text: string(data)}
	}
	hint := strings.Split(p.Hint, "\n")
	if p.first != nil {
		hint = []string{fmt.Sprintf("first at %s:%d:%d", r.shownPath(p.first.File), p.first.Line, p.first.Col)}
	}
	if f == nil || f.text == "" {
		for _, line := range hint {
			if line != "" {
				r.printf("      %s %s\n", r.paint("34", "|"), printable(line))
			}
		}
		return
	}
	hidden := hiddenSpans(f, p.Line-1, p.Line+1)
	p.Col, p.EndCol = shownColumns(p, hidden)
	shift := 0
	if p.Col > maxWidth-40 {
		shift = p.Col - maxWidth/2
	}
	for number := p.Line - 1; number <= p.Line+1; number++ {
		if number >= 1 && number <= f.count() {
			shown := r.line(f, number, shift, hidden)
			if number == p.Line {
				r.caret(p, shown, hint, shift, color)
			}
		} else if number == p.Line {
			r.caret(p, nil, hint, shift, color)
		}
	}
}

// line writes a line of the file with its number, and returns what is shown
// of it.
func (r *renderer) line(f *file, number, shift int, hidden []span) []rune {
	text := []rune(strings.TrimRight(f.line(number), " \t"))
	for _, h := range slices.Backward(hidden) {
		if h.line == number && h.col <= len(text) {
			text = slices.Replace(text, max(h.col-1, 0), min(h.end-1, len(text)), []rune(mask)...)
		}
	}
	text = text[min(shift, len(text)):]
	if len(text) > maxWidth {
		text = append(text[:maxWidth-1:maxWidth-1], '…')
	}
	if shift > 0 && len(text) > 0 {
		text[0] = '…'
	}
	gap := " "
	if len(text) == 0 {
		gap = ""
	}
	r.printf("%s%s%s\n", r.paint("34", fmt.Sprintf("%5d |", number)), gap, printable(string(text)))
	return text
}

// mask stands for a secret, whatever its length.
const mask = "***"

// shownColumns are the columns of a problem after the secrets on its line have
// been masked.
func shownColumns(p Problem, hidden []span) (col, end int) {
	col, end = p.Col, max(p.EndCol, p.Col+1)
	for _, h := range hidden {
		change := len(mask) - (h.end - h.col)
		switch {
		case h.line != p.Line:
		case h.end <= p.Col:
			col, end = col+change, end+change
		case h.col <= p.Col: // the problem is with the secret
			col -= p.Col - h.col
			end = col + len(mask)
		case h.end <= p.EndCol: // the secret is a part of what is meant
			end += change
		case h.col < p.EndCol:
			end = max(col+1, end-(p.EndCol-h.col)+len(mask))
		}
	}
	return max(col, 1), end
}

// caret underlines what is meant of the line shown, and gives the hint beside
// it.
func (r *renderer) caret(p Problem, shown []rune, hint []string, shift int, color string) {
	length := min(max(p.EndCol-p.Col, 1), max(1, maxWidth-(p.Col-shift)))
	begin := max(p.Col-1-shift, 0)
	before := strings.Repeat(" ", cells(shown, 0, begin))
	line := before + r.paint(color, strings.Repeat("^", max(1, cells(shown, begin, begin+length))))
	if hint[0] != "" {
		line += " " + printable(hint[0])
	}
	bar := r.paint("34", "      |")
	r.printf("%s %s\n", bar, line)
	for _, more := range hint[1:] {
		r.printf("%s   %s%s\n", bar, before, printable(more))
	}
}

// cells counts what the characters from one index to another take on a
// terminal; those after the end of the line take one each.
func cells(text []rune, from, to int) int {
	n := 0
	for i := from; i < to; i++ {
		if i >= len(text) {
			return n + to - i
		}
		switch r := visible(text[i]); {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// secretSpan is where a secret stands on its line.
func (n *node) secretSpan() span {
	if n.broken && !n.unset { // a tag or an alias
		return span{n.line, n.col, utf8.RuneCountInString(n.file.line(n.line)) + 1}
	}
	return n.token()
}

// hiddenSpans returns the stretches of lines that hold secrets.
func hiddenSpans(f *file, from, to int) []span {
	var all []span
	for _, n := range f.secrets {
		if n.line > to {
			continue
		}
		at := n.secretSpan()
		rest, _ := n.source()
		several := n.style == literal || n.style == folded ||
			(n.style == plain && !strings.HasPrefix(rest, n.raw)) ||
			(n.style != plain && closingQuote(rest) < 0)
		if !several {
			all = append(all, at)
			continue
		}
		if n.style != literal && n.style != folded {
			all = append(all, at)
		}
		all = append(all, following(f, n, from, to)...)
	}
	for number := max(from, 1); number <= min(to, f.count()); number++ {
		all = append(all, f.urlSpans(number)...)
		if f.root == nil {
			all = append(all, guessedSecrets(f, number)...)
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Or(a.line-b.line, a.col-b.col) })
	apart := all[:0] // no two overlap
	for _, next := range all {
		if n := len(apart); n > 0 && apart[n-1].line == next.line && next.col < apart[n-1].end {
			apart[n-1].end = max(apart[n-1].end, next.end)
			continue
		}
		apart = append(apart, next)
	}
	return apart
}

// following are the lines on which a value of several lines goes on: those
// indented more than the line on which it begins.
func following(f *file, n *node, from, to int) []span {
	indent := func(number int) int {
		line := f.line(number)
		if strings.TrimSpace(line) == "" {
			return utf8.MaxRune
		}
		return len(line) - len(strings.TrimLeft(line, " -"))
	}
	base := indent(n.line)
	var all []span
	for number := n.line + 1; number <= min(to, f.count()) && indent(number) > base; number++ {
		if number >= from {
			all = append(all, span{number, 1, utf8.RuneCountInString(f.line(number)) + 1})
		}
	}
	return all
}

// visible replaces what would act on a terminal rather than be seen.
func visible(r rune) rune {
	if r == '\t' {
		return ' '
	}
	if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
		return '\uFFFD'
	}
	return r
}

// printable makes a line safe for a terminal; every character keeps its width.
func printable(s string) string { return strings.Map(visible, s) }
