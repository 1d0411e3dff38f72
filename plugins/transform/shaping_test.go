package transform

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
	"github.com/sallyport-mcp/sallyport/plugins"
)

var update = flag.Bool("update", false, "write the table of docs/shaping.md and the golden texts anew")

// sample is a real looking answer and what a manifest makes of it.
type sample struct {
	title    string
	answer   plugins.Response
	response string
	settings Settings
	golden   []byte // what the model reads
}

func readSample(t *testing.T, path string) sample {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := sample{title: strings.TrimSpace(string(archive.Comment))}
	for _, f := range archive.Files {
		switch f.Name {
		case "answer":
			head, body, _ := bytes.Cut(f.Data, []byte("\n\n"))
			s.answer = plugins.Response{Status: 200, Body: bytes.TrimSuffix(body, []byte("\n"))}
			for line := range strings.Lines(string(head)) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				switch name {
				case "Content-Type":
					s.answer.ContentType = value
				case "Form":
					s.answer.Form = value
				default:
					t.Fatalf("%s: a line %q", path, line)
				}
			}
		case "response":
			s.response = strings.TrimSpace(string(f.Data))
			s.settings = settingsIn(t, f.Data)
		case "text":
			s.golden = f.Data
		}
	}
	return s
}

// settingsIn reads the keys that samples use.
func settingsIn(t *testing.T, data []byte) Settings {
	t.Helper()
	var keys struct {
		Select, Text string
		MaxTokens    int `yaml:"max_tokens"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&keys); err != nil && !strings.HasPrefix(string(data), "#") {
		t.Fatal(err)
	}
	return Settings{Select: keys.Select, Text: keys.Text, MaxTokens: TokenLimit(keys.MaxTokens)}
}

// TestShaping makes the table in the documentation: tokens of ten answers as
// the service sends them, and as the model reads them.
func TestShaping(t *testing.T) {
	files, err := filepath.Glob("testdata/shaping/*.txtar")
	if err != nil || len(files) != 10 {
		t.Fatalf("%d samples: %v", len(files), err)
	}
	var table strings.Builder
	table.WriteString("| Answer | `response` | Tokens sent | Tokens read | Share |\n|---|---|---:|---:|---:|\n")
	for _, path := range files {
		s := readSample(t, path)
		call := testCall()
		call.Record = &plugins.Record{}
		result, err := mustBuild(t, s.settings).Transform(t.Context(), call, &s.answer)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		checkEncoded(t, result)
		var text []byte
		for _, b := range result.Content {
			text = append(append(text, b.Text...), '\n')
		}
		before, after := tokens.Estimate(s.answer.Body), 0
		for _, b := range result.Content {
			after += tokens.Estimate(b.Text)
		}
		if limit := int(s.settings.MaxTokens); limit > 0 && after > limit {
			t.Errorf("%s: %d tokens, the budget is %d", path, after, limit)
		}
		if result.Structured != nil && strictjson.Check(result.Structured, 0) != nil {
			t.Errorf("%s: the structured content is %.200s", path, result.Structured)
		}
		if after*10 > before*9 {
			t.Errorf("%s: %d tokens were sent, and %d are read", path, before, after)
		}
		if *update {
			writeGolden(t, path, text)
		} else if !bytes.Equal(text, s.golden) {
			t.Errorf("%s: the model reads\n%s\nwant\n%s", path, text, s.golden)
		}
		stanza := "nothing"
		if !strings.HasPrefix(s.response, "#") {
			stanza = "`" + strings.Join(strings.Fields(strings.ReplaceAll(s.response, "|", `\|`)), " ") + "`"
		}
		fmt.Fprintf(&table, "| [%s](../plugins/transform/%s) | %s | %d | %d | %d %% |\n", s.title, filepath.ToSlash(path), stanza, before, after, (after*100+before/2)/before)
	}
	checkTable(t, "../../docs/shaping.md", table.String())
}

// writeGolden replaces the text of a sample.
func writeGolden(t *testing.T, path string, text []byte) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := archive.Files[:0]
	for _, f := range archive.Files {
		if f.Name != "text" {
			kept = append(kept, f)
		}
	}
	archive.Files = append(kept, txtar.File{Name: "text", Data: text})
	if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkTable compares the part of a page between two marks, or writes it.
func checkTable(t *testing.T, path, table string) {
	t.Helper()
	const begin, end = "<!-- table: begin -->\n", "<!-- table: end -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), begin)
	was, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(head+begin+table+end+tail), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if was != table {
		t.Errorf("%s is not up to date: go test ./plugins/transform -run TestShaping -update", path)
	}
}
