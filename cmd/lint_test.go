package cmd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// TestLint validates a manifest for each rule of testdata/lint: what it says of
// manifest.yaml is in want.txt, and names the rule; of fine.yaml, if there is
// one, it says nothing. Every rule has an archive.
func TestLint(t *testing.T) {
	folder, err := filepath.Abs("testdata/lint")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range gateway.Rules() {
		t.Run(rule.ID, func(t *testing.T) {
			path := filepath.Join(folder, rule.ID+".txtar")
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			want := -1
			for i, f := range archive.Files {
				if f.Name == "want.txt" {
					want = i
				} else if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			told, code := lint("manifest.yaml")
			if code != 0 || !bytes.Contains(told, []byte("["+rule.ID+"]")) {
				t.Errorf("exit code %d, and it says\n%s", code, told)
			}
			if _, err := os.Stat("fine.yaml"); err == nil {
				if told, code := lint("fine.yaml", "--strict"); code != 0 || !bytes.HasPrefix(told, []byte("fine.yaml is fine\n")) {
					t.Errorf("of what is fine it says %d\n%s", code, told)
				}
			}
			if told, code := lint("manifest.yaml", "--error", rule.ID); code != 1 || !bytes.Contains(told, []byte(": error: ")) {
				t.Errorf("as an error: %d\n%s", code, told)
			}
			if told, code := lint("manifest.yaml", "--ignore", rule.ID); code != 0 || bytes.Contains(told, []byte("["+rule.ID+"]")) {
				t.Errorf("ignored: %d\n%s", code, told)
			}
			switch {
			case *update && want < 0:
				at := 1 + slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "manifest.yaml" })
				archive.Files = slices.Insert(archive.Files, at, txtar.File{Name: "want.txt", Data: told})
			case *update:
				archive.Files[want].Data = told
			case want < 0 || !bytes.Equal(told, archive.Files[want].Data):
				t.Errorf("it says\n%s", told)
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// lint returns what validate says of a manifest, and its exit code.
func lint(manifest string, flags ...string) ([]byte, int) {
	var out bytes.Buffer
	args := append([]string{"validate", "-c", manifest}, flags...)
	code := cmd.Main(standard.Parts(), args, strings.NewReader(""), &out, &out)
	return out.Bytes(), code
}
