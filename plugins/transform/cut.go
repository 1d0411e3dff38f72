package transform

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxTold bounds how many places are named where something is missing.
const maxTold = 3

// note tells what is missing of JSON and how to get it.
func (f *fitting) note(tree *tree) []byte {
	all, cut := tree.omissions()
	var parts []string
	for i := range all[:min(len(all), maxTold)] {
		parts = append(parts, all[i].sentence())
	}
	if more := len(all) - maxTold; more > 0 {
		parts = append(parts, fmt.Sprintf("The same in %d other places.", more))
	}
	if cut > 0 {
		parts = append(parts, fmt.Sprintf("… %d long texts are cut.", cut))
	}
	if parts == nil {
		return nil
	}
	return clean([]byte(strings.Join(append(parts, f.how), " ")))
}

// howToGet says how to see what was left out: with the arguments of the tool
// that are made for it, or else with any; empty if there are none.
func howToGet(tool *plugins.Tool) string {
	if tool == nil {
		return ""
	}
	var names []string
	listed := false
	for i := range tool.Arguments {
		a := &tool.Arguments[i]
		if a.Value != nil {
			continue
		}
		listed = true
		if slices.Contains(pagingNames(), foldName(a.Name)) && len(names) < 4 && len(a.Name) <= 64 {
			names = append(names, a.Name)
		}
	}
	switch {
	case len(names) == 1 && sizes(names[0]):
		return "Ask for fewer with the argument " + names[0] + ", or narrow the others."
	case len(names) == 1:
		return "For the rest, call again with the argument " + names[0] + "."
	case names != nil:
		last := len(names) - 1
		return "For the rest, call again with the arguments " + strings.Join(names[:last], ", ") + " or " + names[last] + "."
	case listed:
		return "For the rest, call again with narrower arguments."
	}
	return ""
}

// pagingNames are names of arguments that choose a part of a list, without
// separators.
func pagingNames() []string {
	return []string{
		"limit", "offset", "page", "cursor", "perpage", "pagesize", "pagenumber", "pagetoken", "nexttoken", "nextpage",
		"after", "before", "startingafter", "endingbefore", "since", "until", "skip", "top", "count", "first", "last",
		"start", "startat", "startindex", "from", "size", "maxresults", "maxitems", "max", "rows", "filter", "filters",
		"fields", "select", "continue", "marker", "startafter", "itemsperpage",
	}
}

// sizes tells the names of arguments that say how many, and not which.
func sizes(name string) bool {
	switch foldName(name) {
	case "limit", "perpage", "pagesize", "count", "size", "maxresults", "maxitems", "max", "rows", "itemsperpage", "top":
		return true
	}
	return false
}

// foldName takes case and separators out of a name.
func foldName(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "", "$", "").Replace(strings.ToLower(name))
}

// units is what a text is cut between: lines or rows.
type units struct {
	one, many string
	// end returns where the unit that begins a text ends, its line end included.
	end func(text []byte) int
	// header is how many units at the start are none that count.
	header int
}

func linesOf() units { return units{one: "line", many: "lines", end: lineEnd} }

// rowsOf are the rows of a table whose first holds the names.
func rowsOf() units { return units{one: "row", many: "rows", end: rowEnd, header: 1} }

func lineEnd(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// rowEnd finds the end of a row of CSV: line ends in quotes are none.
func rowEnd(text []byte) int {
	quoted := false
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n' && !quoted:
			return i + 1
		}
	}
	return len(text)
}

// cutLines cuts a text at a line, with a last line that says how much is
// missing.
func cutLines(text []byte, budget int, of units, how string) []byte {
	total := 0
	for rest := text; len(rest) > 0; rest = rest[of.end(rest):] {
		total++
	}
	room := budget - tokens.Estimate([]byte(how)) - 16
	var out []byte
	for range 8 {
		out = cutTo(text, max(room, 0), total, of, how)
		spent := tokens.Estimate(out)
		if spent <= budget {
			break
		}
		room -= max(spent-budget, 4)
	}
	return out
}

// cutTo keeps what fits of a text, and marks the end.
func cutTo(text []byte, room, total int, of units, how string) []byte {
	at, kept, spent := 0, 0, 0
	for at < len(text) {
		end := at + of.end(text[at:])
		cost := tokens.Estimate(text[at:end])
		if spent+cost > room {
			break
		}
		at, kept, spent = end, kept+1, spent+cost
	}
	var missing string
	if of.header == 0 && spent < room/2 && at < len(text) { // a long line is cut as well
		words := wordsIn(text[at:], room-spent)
		missing = fmt.Sprintf("… %d more characters. ", utf8.RuneCount(text[at+words:]))
		at += words
	} else {
		n, name := total-kept, of.many
		if n == 1 {
			name = of.one
		}
		missing = fmt.Sprintf("… %d more %s of %d. ", n, name, total-of.header)
	}
	out := bytes.TrimRight(bytes.Clone(text[:at]), "\n")
	if bytes.Count(out, []byte("```"))%2 == 1 {
		out = append(out, "\n```"...)
	}
	if len(out) > 0 {
		out = append(out, '\n')
	}
	return append(append(out, missing...), how...)
}

// wordsIn returns how many bytes at the start of a text fit, ending with a word.
func wordsIn(text []byte, room int) int {
	low, high := 0, min(len(text), 16*room)
	for low < high {
		middle := (low + high + 1) / 2
		if tokens.Estimate(text[:middle]) <= room {
			low = middle
		} else {
			high = middle - 1
		}
	}
	if low == len(text) {
		return low
	}
	for low > 0 && text[low]&0xc0 == 0x80 {
		low--
	}
	if space := bytes.LastIndexAny(text[:low], " \t\n"); space > low/2 {
		low = space
	}
	return low
}
