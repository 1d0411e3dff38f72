package gateway_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sallyport-mcp/sallyport/"

// TestImportsGoOneWay holds the house's lines: who may import whom.
func TestImportsGoOneWay(t *testing.T) {
	allowed := map[string][]string{
		"config":                {},
		"gateway/mcp":           {"gateway/mcp"},
		"gateway/internal":      {"gateway/mcp", "gateway/internal", "plugins"},
		"gateway":               {"gateway", "config", "plugins"},
		"plugins":               {"plugins", "gateway/mcp"},
		"examples/acme":         {"examples/acme"},
		"examples":              {"examples"},
		"examples/exampletest":  {"examples", "config", "gateway", "plugins"},
		"examples/custom-build": {"cmd", "plugins", "gateway/mcp"},
		"importer":              {"importer", "gateway/mcp", "plugins"},
		"cmd":                   {"cmd", "importer", "gateway", "config", "plugins", "examples"},
	}
	walked := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		if entry.IsDir() && (rel == "e2e" || rel == "bench" || rel == ".git" || rel == ".cache") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		walked++
		checkImports(t, path, rel, allowed)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if walked < 50 {
		t.Errorf("only %d files were looked at", walked)
	}
}

func checkImports(t *testing.T, path, rel string, allowed map[string][]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	room := roomOf(rel, allowed)
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if name == "github.com/valyala/fasthttp" && !strings.HasPrefix(rel, "gateway/internal/edge/") && !strings.HasPrefix(rel, "plugins/upstream/") {
			t.Errorf("%s imports fasthttp", rel)
		}
		ours, isOurs := strings.CutPrefix(name, module)
		if !isOurs {
			continue
		}
		if room == "gateway" && strings.HasPrefix(ours, "plugins/") {
			t.Errorf("%s imports %s: the gateway knows the contract only", rel, ours)
		}
		if !within(ours, allowed[room]) {
			t.Errorf("%s (room %s) imports %s", rel, room, ours)
		}
	}
}

// roomOf is the room a file lives in: the longest that holds it.
func roomOf(rel string, allowed map[string][]string) string {
	best := ""
	for room := range allowed {
		if strings.HasPrefix(rel, room+"/") && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func within(name string, rooms []string) bool {
	for _, room := range rooms {
		if name == room || strings.HasPrefix(name, room+"/") {
			return true
		}
	}
	return false
}
