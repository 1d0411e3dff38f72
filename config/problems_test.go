package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected problems in testdata")

// TestProblems plays testdata/*.txtar: the files of an archive are a folder
// with a manifest, and `want` is what a person sees, to the letter. The comment
// may set variables by lines `env NAME=value` and name the manifest by `load
// PATH`.
func TestProblems(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			playProblems(t, name, archive)
		})
	}
}

func playProblems(t *testing.T, name string, archive *txtar.Archive) {
	src := Source{Path: "conf/manifest.yaml", Overlay: make(map[string][]byte)}
	env := make(map[string]string)
	for line := range strings.SplitSeq(string(archive.Comment), "\n") {
		if pair, ok := strings.CutPrefix(line, "env "); ok {
			key, value, _ := strings.Cut(pair, "=")
			env[key] = value
		}
		if path, ok := strings.CutPrefix(line, "load "); ok {
			src.Path = filepath.Join("conf", path)
		}
	}
	src.Env = func(key string) (string, bool) { v, ok := env[key]; return v, ok }
	want := -1
	for i, f := range archive.Files {
		if f.Name == "want" {
			want = i
			continue
		}
		src.Overlay[filepath.Join("conf", f.Name)] = unescape(f.Data)
	}
	got := renderLoad(t, src)
	if strings.Contains(got, "canary") {
		t.Errorf("a secret is shown:\n%s", got)
	}
	if want < 0 {
		archive.Files = append(archive.Files, txtar.File{Name: "want"})
		want = len(archive.Files) - 1
	}
	if *update {
		archive.Files[want].Data = []byte(got)
		if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(archive.Files[want].Data) {
		t.Errorf("problems differ\n--- got\n%s--- want\n%s", got, archive.Files[want].Data)
	}
}

// unescape lets test files hold bytes that don't survive editors.
func unescape(data []byte) []byte {
	for _, e := range [][2]string{{"<TAB>", "\t"}, {"<BOM>", "\xef\xbb\xbf"}, {"<FF>", "\xff"}, {"<ESC>", "\x1b"}, {"<CR>", "\r"}, {"<->", "---"}} {
		data = bytes.ReplaceAll(data, []byte(e[0]), []byte(e[1]))
	}
	return data
}

func renderLoad(t *testing.T, src Source) string {
	t.Helper()
	m, err := Load(src, testParts())
	var problems Problems
	switch {
	case err == nil:
		problems = m.Warnings
	case !errors.As(err, &problems):
		t.Fatalf("the error is a %T", err)
	}
	var out bytes.Buffer
	if err := problems.Render(&out, RenderOptions{Root: "conf"}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
