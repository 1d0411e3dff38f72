package importer

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Preview says what becomes of each operation of a document.
type Preview struct {
	// Document is its title and version.
	Document string `json:"document,omitempty"`
	// Operations are in the document's order.
	Operations []Line `json:"operations"`
	// Tools, Skipped and Left count them: what became tools, what could not,
	// and what was not asked for.
	Tools   int `json:"tools"`
	Skipped int `json:"skipped"`
	Left    int `json:"left"`
	// Tokens are about what the tools' definitions cost a model in all.
	Tokens int `json:"tokens"`
	// Changes are what a merge did.
	Changes []Change `json:"changes,omitempty"`
	// Notes concern the whole.
	Notes []string `json:"notes,omitempty"`

	// credentials is the note on what has to be set; empty if there is nothing.
	credentials string
}

// Line says what becomes of one operation.
type Line struct {
	// Operation is its method and path.
	Operation string `json:"operation"`
	// ID is its operationId.
	ID string `json:"id,omitempty"`
	// Line is where the document has it; 0 if that isn't known.
	Line int `json:"line,omitempty"`
	// Tool is the name of its tool; empty if there is none, and Skip says why.
	Tool string `json:"tool,omitempty"`
	Skip string `json:"skip,omitempty"`
	// Tokens are about what the tool's definition costs a model.
	Tokens int `json:"tokens,omitempty"`
	// Notes say what was simplified.
	Notes []string `json:"notes,omitempty"`
}

// add counts a line in.
func (p *Preview) add(line Line) {
	p.Operations = append(p.Operations, line)
	switch {
	case line.Tool != "":
		p.Tools++
		p.Tokens += line.Tokens
	case line.Skip == notAsked:
		p.Left++
	default:
		p.Skipped++
	}
}

// notAsked is why an operation has no tool that include and exclude leave out.
const notAsked = "not included"

// A table names most operations that become tools, and mostNoted of those with
// notes; what is skipped is always told.
const (
	most      = 60
	mostNoted = 200
)

// Write prints the preview as a table for people.
func (p *Preview) Write(w io.Writer) error {
	var out strings.Builder
	if p.Document != "" {
		fmt.Fprintf(&out, "%s\n", clean(p.Document))
	}
	width := 0
	for _, line := range p.Operations {
		width = max(width, min(utf8.RuneCountInString(line.Operation), 60))
	}
	shown, left := 0, 0
	for _, line := range p.Operations {
		switch {
		case line.Skip == notAsked:
			continue
		case line.Tool != "" && p.Changes != nil:
			continue // the changes tell more
		case line.Tool != "":
			if shown++; shown > most && (len(line.Notes) == 0 || shown > mostNoted) {
				left++
				continue
			}
		}
		writeLine(&out, line, width)
	}
	if left > 0 {
		fmt.Fprintf(&out, "  and %d more, which become tools (--json lists them)\n", left)
	}
	fmt.Fprintf(&out, "%s; about %s tokens of definitions", count(p.Tools, "tool"), thousands(p.Tokens))
	if p.Skipped > 0 {
		fmt.Fprintf(&out, "; %d skipped", p.Skipped)
	}
	if p.Left > 0 {
		fmt.Fprintf(&out, "; %d not included", p.Left)
	}
	out.WriteByte('\n')
	for i := range p.Changes {
		out.WriteString(p.Changes[i].line())
	}
	for _, note := range p.notes() {
		fmt.Fprintf(&out, "note: %s\n", clean(note))
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("print preview: %w", err)
	}
	return nil
}

// notes are all notes on the whole; a merge that wrote no credentials needs none
// on them.
func (p *Preview) notes() []string {
	if p.credentials == "" || p.Changes != nil && !slices.ContainsFunc(p.Changes, setsCredentials) {
		return p.Notes
	}
	return append([]string{p.credentials}, p.Notes...)
}

// writeLine prints one operation.
func writeLine(out *strings.Builder, line Line, width int) {
	fmt.Fprintf(out, "  %-*s  ", width, clean(line.Operation))
	if line.Tool == "" {
		fmt.Fprintf(out, "skipped: %s\n", clean(line.Skip))
		return
	}
	fmt.Fprintf(out, "%s, %d tokens\n", line.Tool, line.Tokens)
	for _, note := range line.Notes {
		fmt.Fprintf(out, "  %-*s    %s\n", width, "", clean(note))
	}
}

// clean takes what a terminal would obey out of foreign text.
func clean(s string) string { return strings.Map(printable, s) }

// count says how many there are of something.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%s %ss", thousands(n), what)
}

// thousands writes a number with commas.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// JSON writes the preview for machines.
func (p *Preview) JSON() ([]byte, error) {
	copied := *p
	copied.Operations, copied.Notes = slices.Clone(p.Operations), p.notes()
	if copied.Operations == nil {
		copied.Operations = []Line{}
	}
	out, err := json.MarshalIndent(copied, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode preview: %w", err)
	}
	return append(out, '\n'), nil
}
