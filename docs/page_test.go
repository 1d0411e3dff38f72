package docs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// page is a Markdown file.
type page struct {
	path   string
	text   string
	blocks []block
}

// block is a fenced block of a page.
type block struct {
	page string
	line int // of its first line of text, from 1
	lang string
	file string // whose content it is, as in ```json answer.json; usually empty
	text string
}

// pages are the pages that people read: those here, the README at the top, and
// those of the examples.
func pages(t *testing.T) []page {
	t.Helper()
	found := []string{"../README.md", "../CONTRIBUTING.md"}
	for _, pattern := range []string{"*.md", "../examples/*.md", "../examples/*/README.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, more...)
	}
	all := make([]page, len(found))
	for i, path := range found {
		all[i] = readPage(t, path)
	}
	return all
}

func readPage(t *testing.T, path string) page {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := page{path: path, text: string(data)}
	var open *block
	fence := ""
	for i, line := range strings.Split(p.text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			fence = line[:strings.Index(line, "`")]
			lang, file, _ := strings.Cut(strings.TrimPrefix(trimmed, "```"), " ")
			open = &block{page: path, line: i + 2, lang: lang, file: file}
		case open != nil && trimmed == "```":
			if name := own.FindStringSubmatch(open.text); name != nil && open.lang == "yaml" {
				open.file = name[1]
			}
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, fence) + "\n"
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the block has no end", path, open.line)
	}
	return p
}

// of are the blocks of a language.
func (p page) of(lang string) []block {
	return slices.DeleteFunc(slices.Clone(p.blocks), func(b block) bool { return b.lang != lang })
}

// prose is the text without its blocks.
func (p page) prose() string {
	var out strings.Builder
	inside := false
	for line := range strings.Lines(p.text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inside = !inside
			continue
		}
		if !inside {
			out.WriteString(line)
		}
	}
	return out.String()
}

// anchors are the targets of links into the page, as GitHub makes them.
func (p page) anchors() map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(p.prose()) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		found[slug(title)] = true
	}
	return found
}

func slug(title string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(title)) {
		switch {
		case r == ' ':
			out.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f:
			out.WriteRune(r)
		}
	}
	return out.String()
}
