package config

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// FuzzLoad: any file gives a manifest, or problems with places that can be shown.
func FuzzLoad(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name != "want" {
				f.Add(unescape(file.Data))
			}
		}
	}
	f.Add([]byte(quickstart))
	f.Fuzz(func(t *testing.T, data []byte) {
		src := text(string(data), map[string]string{"A": "value", "B": ""})
		src.Path = "nowhere/manifest.yaml"
		src.Overlay = map[string][]byte{src.Path: data}
		m, err := Load(src, testParts())
		problems := Problems{}
		if err == nil {
			problems = m.Warnings
		} else if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("the error is %T: %v", err, err)
		}
		for _, p := range problems {
			if p.File == "" || p.Line < 1 || p.Col < 1 || p.EndCol <= p.Col || p.Message == "" {
				t.Errorf("problem without place: %+v", p)
			}
			if lines := len(splitLines(string(data))); p.Line > max(lines, 1) {
				t.Errorf("problem at line %d of %d: %v", p.Line, lines, p)
			}
		}
		var out bytes.Buffer
		if err := problems.Render(&out, RenderOptions{}); err != nil || strings.Contains(out.String(), "\x1b") {
			t.Errorf("render: %v\n%q", err, out.String())
		}
	})
}
