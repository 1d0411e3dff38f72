package e2e

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestConformance runs every scenario that has to pass, all against one URL.
func TestConformance(t *testing.T) {
	backend := freeAddress(t)
	start(t, "backend", []string{"-listen", backend}, nil, "http://"+backend+"/health")
	g := startGateway(t, "../examples/conformance/manifest.yaml", "BACKEND_URL=http://"+backend)
	// The suite's own documentation says localhost, so both names are tried.
	url := strings.Replace(g.url, "127.0.0.1", "localhost", 1)
	// The group ends only after its parallel subtests, while the gateway runs.
	t.Run("scenario", func(t *testing.T) {
		for _, each := range suites() {
			for _, s := range scenarios() {
				if s.lacks != "" || !slices.Contains(s.suites, each.name) {
					continue
				}
				t.Run(each.name+"/"+s.name, func(t *testing.T) {
					t.Parallel()
					runScenario(t, each, s.name, url)
				})
			}
		}
	})
}

// TestScenariosAreComplete compares the scenarios of the table with those that
// the suites list, so that a new version of a suite can't bring one unnoticed.
func TestScenariosAreComplete(t *testing.T) {
	for _, each := range suites() {
		t.Run(each.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
			defer cancel()
			out, err := node(ctx, nil, each.cli, "list", "--server", "--spec-version", each.version).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var listed, known []string
			for _, match := range regexp.MustCompile(`(?m)^  - (\S+)`).FindAllSubmatch(out, -1) {
				listed = append(listed, string(match[1]))
			}
			for _, s := range scenarios() {
				if slices.Contains(s.suites, each.name) {
					known = append(known, s.name)
				}
			}
			slices.Sort(listed)
			slices.Sort(known)
			if !slices.Equal(listed, known) {
				t.Errorf("the suite lists %d scenarios, the table has %d:\nnot in the table: %v\nnot in the suite: %v",
					len(listed), len(known), without(listed, known), without(known, listed))
			}
		})
	}
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(each string) bool { return slices.Contains(some, each) })
}

// finding is a check in the suite's checks.json.
type finding struct {
	ID, Status, Description, ErrorMessage string
}

// runScenario runs one scenario and demands that the suite checked something
// and neither failed nor warned.
func runScenario(t *testing.T, s suite, name, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir := t.TempDir()
	out, err := node(ctx, nil, s.cli, "server", "--url", url,
		"--scenario", name, "--spec-version", s.version, "--output-dir", dir).CombinedOutput()
	succeeded, complaints := 0, 0
	for _, each := range readChecks(t, dir) {
		switch each.Status {
		case "SUCCESS":
			succeeded++
		case "INFO", "SKIPPED":
			t.Logf("%s %s: %s %s", each.Status, each.ID, each.Description, each.ErrorMessage)
		default:
			complaints++
			t.Errorf("%s %s: %s: %s", each.Status, each.ID, each.Description, each.ErrorMessage)
		}
	}
	if complaints == 0 && (err != nil || succeeded == 0) {
		t.Errorf("no check succeeded or the suite failed: %v\n%s", err, out)
	}
}

func readChecks(t *testing.T, dir string) []finding {
	t.Helper()
	var all []finding
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "checks.json" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var some []finding
		if err := json.Unmarshal(content, &some); err != nil {
			return err
		}
		all = append(all, some...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
