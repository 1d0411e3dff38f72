package examples_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/examples"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// environment is what the manifests ask for without a default, and a key set.
func environment(t *testing.T) map[string]string {
	return map[string]string{
		"SALLYPORT_JWKS": exampletest.NewKey(t, "https://id.example", "https://mcp.example/mcp").Path(),
		"CRM_TOKEN":      "t", "SHIPPING_KEY": "k", "RATES_PASSWORD": "p",
		"SALLYPORT_KEY": "0123456789abcdef0123456789abcdef", "BILLING_TOKEN": "b",
	}
}

// manifests are the manifests of the folders here.
func manifests(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("*/manifest.yaml")
	if err != nil || len(found) < 6 {
		t.Fatalf("found %v, %v", found, err)
	}
	return found
}

// TestManifests demands of every example a README that the list names, the
// schema in the manifest's first line, listeners that can be moved, a test,
// and a manifest without problems and warnings.
func TestManifests(t *testing.T) {
	list := read(t, "README.md")
	for _, path := range manifests(t) {
		folder := filepath.Dir(path)
		t.Run(folder, func(t *testing.T) {
			if !strings.Contains(list, "("+folder+"/README.md)") {
				t.Errorf("README.md does not list %s", folder)
			}
			read(t, filepath.Join(folder, "README.md"))
			checkText(t, path)
			if folder == "custom-build" { // its own test loads it, with its own parts
				return
			}
			checkLoads(t, path)
		})
	}
}

// TestStrict demands that `sallyport validate --strict` finds nothing to
// complain of in any manifest, and that examples of its tools hold. The
// fixtures of the conformance suite are named by that suite: they repeat calls
// and leave arguments undescribed as it wants them to.
func TestStrict(t *testing.T) {
	for name, value := range environment(t) {
		t.Setenv(name, value)
	}
	for _, path := range append(manifests(t), "openapi/imported.yaml") {
		folder := filepath.Dir(path)
		if folder == "custom-build" { // its own test does, with its own parts
			continue
		}
		t.Run(path, func(t *testing.T) {
			strict := []string{"validate", "--strict", "-c", path}
			if folder == "conformance" {
				strict = append(strict, "--ignore", "write-not-idempotent,argument-description-missing")
			}
			commands := [][]string{strict}
			if strings.Contains(read(t, path), "\n    examples:") {
				commands = append(commands, []string{"test", "-c", path})
			}
			for _, args := range commands {
				var out bytes.Buffer
				if code := cmd.Main(standard.Parts(), args, strings.NewReader(""), &out, &out); code != 0 {
					t.Errorf("%s: exit code %d\n%s", strings.Join(args, " "), code, out.String())
				}
			}
		})
	}
}

func checkText(t *testing.T, path string) {
	t.Helper()
	text := read(t, path)
	first, _, _ := strings.Cut(text, "\n")
	schema, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
	if !ok {
		t.Errorf("%s begins with %q", path, first)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), schema)); err != nil {
		t.Errorf("the schema of %s: %v", path, err)
	}
	for _, want := range []string{"${SALLYPORT_LISTEN:-127.0.0.1:8080}", "${SALLYPORT_ADMIN:-127.0.0.1:9090}"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %s", path, want)
		}
	}
}

func checkLoads(t *testing.T, path string) {
	t.Helper()
	g, err := gateway.New(gateway.Options{Source: exampletest.Source(path, environment(t)), Parts: standard.Parts()})
	if err != nil {
		t.Fatal(err)
	}
	if warnings := g.Manifest().Warnings; len(warnings) > 0 {
		t.Errorf("%v", warnings)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// TestSchema demands that the JSON Schema beside the examples is the one that
// the code makes.
func TestSchema(t *testing.T) {
	want, err := config.Schema(gateway.Keys(standard.Parts()))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, "manifest.schema.json"); strings.TrimSpace(got) != strings.TrimSpace(string(want)) {
		t.Error("manifest.schema.json is not what `sallyport schema` prints: run ./scripts/generate")
	}
}

// TestQuickstart demands that the manifest in the binary is the one of the
// folder.
func TestQuickstart(t *testing.T) {
	if got := string(examples.Quickstart()); got != read(t, "quickstart/manifest.yaml") {
		t.Error("the manifest in the binary differs")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
