package openapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// parsed reads a document of testdata.
func parsed(t testing.TB, name string) *Document {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(filepath.Join("testdata", name), data, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// inline parses a document that a test holds.
func inline(t testing.TB, document string) *Document {
	t.Helper()
	d, err := Parse("inline.yaml", []byte(document), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s; -update rewrites it.\n%s", path, firstDifference(string(got), string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			other := ""
			if i < len(w) {
				other = w[i]
			}
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, g[i], other)
		}
	}
	return "the golden file is longer"
}

func TestDefinitions(t *testing.T) {
	for _, name := range []string{"places.yaml", "swagger.yaml", "newer.json", "broken.yaml"} {
		t.Run(name, func(t *testing.T) {
			d := parsed(t, name)
			var out bytes.Buffer
			fmt.Fprintf(&out, "version %s\n", d.Version())
			for _, s := range d.Servers() {
				fmt.Fprintf(&out, "server %s\n", s.URL)
			}
			for _, s := range d.Security() {
				fmt.Fprintf(&out, "security %s: %s, used %v\n", s.Name, s.Auth, s.Used)
			}
			u := service(t)
			for _, o := range d.Tools(Expose{}) {
				fmt.Fprintf(&out, "\n%s %s (line %d, %d of %d known)\n", o.Method, o.Path, o.Line, o.Known, o.Parameters)
				for _, n := range o.Notes {
					fmt.Fprintf(&out, "note: %s\n", n)
				}
				if o.Skip != "" {
					fmt.Fprintf(&out, "skip: %s\n", o.Skip)
					continue
				}
				fmt.Fprintf(&out, "%s ", o.Name)
				if err := json.Indent(&out, o.Definition, "", "  "); err != nil {
					t.Errorf("%s: %v", o.Name, err)
				}
				out.WriteByte('\n')
				if _, _, err := prepare(u, o.Name, o.Definition); err != nil {
					t.Errorf("%s can't be sent: %v", o.Name, err)
				}
			}
			golden(t, name+".golden", out.Bytes())
		})
	}
}
