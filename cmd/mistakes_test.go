package cmd_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

var update = flag.Bool("update", false, "rewrite what testdata/mistakes expect")

// beside are rules that the manifests of testdata/mistakes break beside what they
// are about.
const beside = "argument-description-missing,argument-unused,write-not-idempotent,write-unconfirmed,secret-in-manifest,anonymous-access"

// TestMistakes validates manifests as newcomers write them: each mistake is
// told at its place, in plain words, and all of them in one pass. A file
// NAME.yaml of an archive is a case, together with base.yaml and what lies in
// the folder NAME; NAME.txt is what validate says of it.
func TestMistakes(t *testing.T) {
	archives, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for i, path := range archives {
		archives[i], err = filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range casesOf(archive) {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+name, func(t *testing.T) {
				mistake(t, archive, name)
			})
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// casesOf are the names of an archive's cases.
func casesOf(archive *txtar.Archive) []string {
	var names []string
	for _, f := range archive.Files {
		if name, ok := strings.CutSuffix(f.Name, ".yaml"); ok && name != "base" && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names
}

// mistake validates one case.
func mistake(t *testing.T, archive *txtar.Archive, name string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range archive.Files {
		file, own := strings.CutPrefix(f.Name, name+"/")
		if f.Name == "base.yaml" || f.Name == name+".yaml" || own {
			if err := os.WriteFile(file, f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out, errs bytes.Buffer
	code := cmd.Main(standard.Parts(), []string{"validate", "-c", ".", "--ignore", beside}, strings.NewReader(""), &out, &errs)
	told := errs.Bytes()
	if failed := bytes.Contains(told, []byte(": error: ")); failed != (code == 1) || failed != (out.Len() == 0) {
		t.Errorf("exit code %d, output %q", code, &out)
	}
	at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name+".txt" })
	if *update {
		if at < 0 {
			at = 1 + slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name+".yaml" })
			archive.Files = slices.Insert(archive.Files, at, txtar.File{Name: name + ".txt"})
		}
		archive.Files[at].Data = told
		return
	}
	if at < 0 {
		t.Fatalf("%s.txt is missing; it would be\n%s", name, told)
	}
	if want := archive.Files[at].Data; !bytes.Equal(told, want) {
		t.Errorf("told\n%swant\n%s", told, want)
	}
}
