package exampletest

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// Program is that of the command line, cmd.Main: an example's test hands it in,
// so that this package needs no command line.
type Program func(parts plugins.Parts, args []string, in io.Reader, out, errors io.Writer) int

// Readme runs the commands in README.md's blocks of shellsession, and demands
// that they print what is shown below them, so that a reader sees what is true.
// There, "..." stands for anything within a line, or alone for any lines. env
// tells where the services are; addresses are shown as manifest.yaml has them
// for want of a variable.
func Readme(t *testing.T, run Program, env map[string]string) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	shown := addresses(t, env)
	sessions := commands(t, "README.md")
	if len(sessions) == 0 {
		t.Fatal("README.md shows no command and what it prints")
	}
	for _, s := range sessions {
		var out bytes.Buffer
		run(standard.Parts(), words(s.line)[1:], strings.NewReader(""), &out, &out)
		if got := shown.Replace(out.String()); !s.prints(got) {
			t.Errorf("README.md: $ %s\nprinted\n%s\nbut is said to print\n%s", s.line, got, s.output)
		}
	}
}

// addresses replaces the values of variables by their defaults in manifest.yaml,
// with and without the scheme.
func addresses(t *testing.T, env map[string]string) *strings.Replacer {
	t.Helper()
	text, err := os.ReadFile("manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pairs := []string{"\r\n", "\n"} // of requests that are shown
	for name, value := range env {
		found := regexp.MustCompile(`\$\{` + name + `:-([^}]+)\}`).FindSubmatch(text)
		if found != nil {
			fallback := string(found[1])
			pairs = append(pairs, value, fallback, strings.TrimPrefix(value, "http://"), strings.TrimPrefix(fallback, "http://"))
		}
	}
	return strings.NewReplacer(pairs...)
}

// command is a line of a terminal and what is below it.
type command struct{ line, output string }

// commands are those of the blocks of shellsession.
func commands(t *testing.T, path string) []command {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []command
	inside := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			inside = strings.TrimSpace(line) == "```shellsession"
			continue
		}
		if !inside {
			continue
		}
		if typed, ok := strings.CutPrefix(line, "$ sallyport "); ok {
			all = append(all, command{line: "sallyport " + strings.TrimSpace(typed)})
		} else if len(all) > 0 {
			all[len(all)-1].output += line
		}
	}
	return all
}

// prints reports whether a text is what the page shows.
func (c command) prints(got string) bool {
	pattern := regexp.QuoteMeta(strings.TrimRight(c.output, "\n"))
	pattern = regexp.MustCompile(`(?m)^\\\.\\\.\\\.$`).ReplaceAllString(pattern, `(?s:.*)`)
	pattern = strings.ReplaceAll(pattern, `\.\.\.`, `[^\n]*`)
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(strings.TrimRight(got, "\n"))
}

// words splits a line as a shell does; a word may be quoted in part.
func words(line string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	inside := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inside = r, true
		case quote == 0 && r == ' ':
			if inside {
				all = append(all, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if inside {
		all = append(all, word.String())
	}
	return all
}
