package gateway_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite what txtar files expect")

// A txtar file of testdata/rpc shows a feature as it is seen on the wire. It
// holds a manifest, what the upstream answers, and steps with what comes back:
//
//	-- manifest.yaml --      the manifest; its server section has no addresses
//	-- upstream --           what the upstream answers (see scriptedUpstream)
//	-- NAME.request --       a step: what the client sends (see player)
//	-- NAME.modern --        what it hears in 2026-07-28
//	-- NAME.legacy --        what it hears in 2025-11-25
//	-- NAME.REVISION --      the same for an older revision, where it differs
//	                         from what the next newer one hears
//
// Other files are used by steps, or written beside the manifest. Every step is
// played in every revision it applies to, with a gateway and an upstream for
// each revision: a line "# revisions: ..." at the top of a step, or of the whole
// file, names those it applies to (also as modern, legacy). A step of a legacy
// revision has a session of its own.
//
// `go test ./gateway -run TestRPC -update` rewrites what is expected.
func TestRPC(t *testing.T) {
	files, err := filepath.Glob("testdata/rpc/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no txtar files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			if !*update {
				t.Parallel()
			}
			playFile(t, file)
		})
	}
}

// modernRevision is the one revision of the modern era; revisions are all, the
// newest first.
const modernRevision = "2026-07-28"

var revisions = []string{modernRevision, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}

// script is a txtar file being played.
type script struct {
	archive *txtar.Archive
	folder  string // of the other files

	mu sync.Mutex
	// heard is what came back, by step and revision.
	heard map[string]map[string]string
}

func (s *script) file(name string) (string, bool) {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

func playFile(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{archive: archive, folder: t.TempDir(), heard: make(map[string]map[string]string)}
	s.writeFiles(t)
	t.Run("in", func(t *testing.T) { // ends when all revisions are played
		for _, revision := range revisions {
			if !applies(string(archive.Comment), revision) {
				continue
			}
			t.Run(revision, func(t *testing.T) {
				if !*update {
					t.Parallel()
				}
				s.play(t, revision)
			})
		}
	})
	if *update && !t.Failed() {
		s.rewrite()
		if err = os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// writeFiles writes the files that a manifest may name. One called *.base64 is
// written without that ending, decoded.
func (s *script) writeFiles(t *testing.T) {
	t.Helper()
	for _, f := range s.archive.Files {
		name, data := f.Name, f.Data
		if strings.HasSuffix(name, ".request") || expectation(name) || filepath.Ext(name) == "" {
			continue
		}
		if plain, ok := strings.CutSuffix(name, ".base64"); ok {
			name, data = plain, decodeBase64(t, strings.TrimSpace(string(data)))
		}
		if err := os.WriteFile(filepath.Join(s.folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// manifest is a manifest of the script with addresses, for files of its folder.
func (s *script) manifest(name string) string {
	text, _ := s.file(name)
	text = strings.ReplaceAll(text, "FOLDER", s.folder)
	const addresses = `listen: "127.0.0.1:0", admin: "127.0.0.1:0"`
	if strings.Contains(text, "\nserver: {") {
		return strings.Replace(text, "\nserver: {", "\nserver: {"+addresses+", ", 1)
	}
	return "server: {" + addresses + "}\n" + text
}

// play plays the steps in one revision.
func (s *script) play(t *testing.T, revision string) {
	upstream, _ := s.file("upstream")
	up := newScriptedUpstream(t, upstream)
	r := start(t, s.manifest("manifest.yaml"), up.URL, nil)
	t.Cleanup(up.release)
	for _, f := range s.archive.Files {
		name, isStep := strings.CutSuffix(f.Name, ".request")
		if !isStep || !applies(string(f.Data), revision) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r.t = t
			p := newPlayer(t, r, up, s, revision)
			p.play(string(f.Data))
			s.compare(t, name, revision, p.out.String())
		})
	}
	r.t = t
}

var restriction = regexp.MustCompile(`(?m)^# revisions:(.*)$`)

// applies reports whether a step or a file is played in a revision.
func applies(text, revision string) bool {
	m := restriction.FindStringSubmatch(text)
	return m == nil || slices.Contains(strings.Fields(m[1]), revision) || slices.Contains(strings.Fields(m[1]), era(revision))
}

// era is that of a revision.
func era(revision string) string {
	if revision == modernRevision {
		return "modern"
	}
	return "legacy"
}

// expectation reports whether a file of a script is what some step expects.
func expectation(name string) bool {
	ext := strings.TrimPrefix(filepath.Ext(name), ".")
	return ext == "modern" || ext == "legacy" || slices.Contains(revisions, ext)
}

// expected is what a step is to hear in a revision: an older one hears what
// the next newer one does, unless the script says otherwise.
func (s *script) expected(name, revision string) string {
	if revision == modernRevision {
		text, _ := s.file(name + ".modern")
		return text
	}
	for i := slices.Index(revisions, revision); i > 1; i-- {
		if text, ok := s.file(name + "." + revisions[i]); ok {
			return text
		}
	}
	text, _ := s.file(name + ".legacy")
	return text
}

func (s *script) compare(t *testing.T, name, revision, got string) {
	t.Helper()
	if *update {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.heard[name] == nil {
			s.heard[name] = make(map[string]string)
		}
		s.heard[name][revision] = got
		return
	}
	if want := s.expected(name, revision); want != got {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// rewrite puts what was heard in the place of what was expected, behind the
// step.
func (s *script) rewrite() {
	var files []txtar.File
	for _, f := range s.archive.Files {
		if expectation(f.Name) {
			continue
		}
		files = append(files, f)
		name, isStep := strings.CutSuffix(f.Name, ".request")
		if !isStep {
			continue
		}
		heard, last := s.heard[name], ""
		for _, revision := range revisions {
			text, played := heard[revision]
			ext := revision
			switch {
			case !played || text == last && revision != modernRevision && last != "":
				continue
			case revision == modernRevision:
				ext = "modern"
			case revision == "2025-11-25":
				ext = "legacy"
			}
			if revision != modernRevision {
				last = text
			}
			files = append(files, txtar.File{Name: name + "." + ext, Data: []byte(text)})
		}
	}
	s.archive.Files = files
}
