package docs_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

var (
	// ours is a command of sallyport's in a shell: its verb, and what follows.
	ours = regexp.MustCompile(`(?:^|[\s/])sallyport ((?:import )?[a-z]+)\b([^\n;|&>` + "`" + `]*)`)
	flag = regexp.MustCompile(`(?:^| )(--?[a-z][a-z-]*)`)
)

// TestCommands demands that every command of ours which the pages tell people
// to type, in a shell or in a pipeline, is one, and has the flags it is given.
// Those of console blocks are run by TestConsole.
func TestCommands(t *testing.T) {
	help := map[string]string{}
	tried := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.lang != "sh" && b.lang != "ini" && (b.lang != "yaml" || !strings.Contains(b.text, "run:")) {
				continue
			}
			for _, found := range ours.FindAllStringSubmatch(b.text, -1) {
				tried++
				verb, rest := found[1], withoutQuoted(found[2])
				if _, ok := help[verb]; !ok {
					help[verb] = helpOf(verb)
				}
				if !strings.Contains(help[verb], "\n  sallyport "+verb) {
					t.Errorf("%s:%d: there is no command %q", b.page, b.line, verb)
					continue
				}
				rest, _, _ = strings.Cut(rest, " -- ")
				for _, name := range flag.FindAllStringSubmatch(rest, -1) {
					if !regexp.MustCompile(`(?m)^ +(-\w, )?` + name[1] + `\b|^ +` + name[1] + `, `).MatchString(help[verb]) {
						t.Errorf("%s:%d: sallyport %s has no flag %s", b.page, b.line, verb, name[1])
					}
				}
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d commands were tried", tried)
	}
}

// helpOf is what a command says of itself.
func helpOf(verb string) string {
	var out bytes.Buffer
	cmd.Main(standard.Parts(), append(strings.Fields(verb), "--help"), strings.NewReader(""), &out, &out)
	return out.String()
}

// withoutQuoted takes what is quoted out of a line.
func withoutQuoted(line string) string {
	return regexp.MustCompile(`'[^']*'|"[^"]*"`).ReplaceAllString(line, "x")
}
