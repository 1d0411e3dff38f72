package rehearse_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"gopkg.in/yaml.v3"

	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRecorder(t *testing.T, folder string) *rehearse.Recorder {
	t.Helper()
	r, err := rehearse.NewRecorder(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// sample is a call with an argument.
func sample(tool, arg string, rank int) rehearse.Sample {
	return rehearse.Sample{Tool: tool, Make: func() (rehearse.Recorded, bool) {
		return rehearse.Recorded{Key: arg, Rank: rank, Example: rehearse.Object{{Key: "args", Value: map[string]any{"id": arg}}, {Key: "rank", Value: rank}}}, true
	}}
}

// readExamples are the examples in a file of the recorder.
func readExamples(t *testing.T, path, tool string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tools map[string]struct {
			Examples []map[string]any `yaml:"examples"`
		} `yaml:"tools"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return file.Tools[tool].Examples
}

func TestRecorderKeepsOneOfEach(t *testing.T) {
	folder := t.TempDir()
	r := newRecorder(t, folder)
	for _, s := range []rehearse.Sample{sample("a", "1", 1), sample("a", "1", 2), sample("a", "1", 1), sample("a", "2", 1), sample("b", "1", 1)} {
		r.Offer(s)
	}
	r.Close()
	got := readExamples(t, filepath.Join(folder, "a.yaml"), "a")
	if len(got) != 2 || got[0]["rank"] != 2 || len(readExamples(t, filepath.Join(folder, "b.yaml"), "b")) != 1 {
		t.Errorf("got %v", got)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 2 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestRecorderIsBounded(t *testing.T) {
	folder := t.TempDir()
	r := newRecorder(t, folder)
	block, blocked := make(chan struct{}), make(chan struct{})
	r.Offer(rehearse.Sample{Tool: "slow", Make: func() (rehearse.Recorded, bool) {
		close(blocked)
		<-block
		return rehearse.Recorded{}, false
	}})
	<-blocked
	for i := range 1000 { // none of these waits
		r.Offer(sample("a", strconv.Itoa(i), 1))
	}
	close(block)
	r.Close()
	r.Offer(sample("a", "late", 1)) // nor panics
	dropped, skipped := r.Counts()
	if dropped != 1000-256 || skipped != 1 {
		t.Errorf("%d dropped, %d skipped", dropped, skipped)
	}
	if got := readExamples(t, filepath.Join(folder, "a.yaml"), "a"); len(got) != 20 || r.Wants("a") || !r.Wants("b") {
		t.Errorf("%d examples; wants a: %t, b: %t", len(got), r.Wants("a"), r.Wants("b"))
	}
}

func TestRecorderOverwritesNothing(t *testing.T) {
	folder := t.TempDir()
	mine := filepath.Join(folder, "a.yaml")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRecorder(t, folder)
	r.Offer(sample("a", "1", 1))
	r.Close()
	if text, err := os.ReadFile(mine); err != nil || string(text) != "mine" {
		t.Errorf("%s, %v", text, err)
	}
	if got := readExamples(t, filepath.Join(folder, "a-2.yaml"), "a"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestRecorderNeedsAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rehearse.NewRecorder(file, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "record") {
		t.Errorf("error %v", err)
	}
}

// Examples of the same tool can be told apart by their names.
func TestNameOf(t *testing.T) {
	for want, args := range map[string]map[string]any{
		"no arguments: 200": {}, "full=true, id=42: 200": {"id": "42", "full": true},
		"text=one two: 200": {"text": "one\n two"},
		"text=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…: 200": {"text": strings.Repeat("a", 100)},
		"a=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, …: 200":       {"a": strings.Repeat("b", 30), "c": strings.Repeat("d", 30)},
		`list=[1,{"x":null}]: 200`:                       {"list": []any{1, map[string]any{"x": nil}}},
	} {
		if got := rehearse.NameOf(args, 200); got != want {
			t.Errorf("%v is named %q, want %q", args, got, want)
		}
	}
}

func TestRecorderNamesDiffer(t *testing.T) {
	folder := t.TempDir()
	r := newRecorder(t, folder)
	for _, key := range []string{"1", "2"} {
		s := sample("a", key, 1)
		r.Offer(rehearse.Sample{Tool: "a", Make: func() (rehearse.Recorded, bool) {
			recorded, ok := s.Make()
			recorded.Name = "same"
			return recorded, ok
		}})
	}
	r.Close()
	got := readExamples(t, filepath.Join(folder, "a.yaml"), "a")
	if len(got) != 2 || got[0]["name"] != "same" || got[1]["name"] != "same (2)" {
		t.Errorf("got %v", got)
	}
}
