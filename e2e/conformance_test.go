package e2e

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// suiteTimeout bounds a run of a whole suite.
const suiteTimeout = 3 * time.Minute

// TestConformance runs every scenario that has to pass, and the suites as a
// whole, all against one URL of one process.
func TestConformance(t *testing.T) {
	t.Parallel()
	url := startConformance(t, 1, nil)
	// The group ends only after its parallel subtests, while the gateway runs.
	t.Run("one URL", func(t *testing.T) {
		for _, each := range suites() {
			for _, s := range scenarios() {
				if s.lacks != "" || !slices.Contains(s.suites, each.name) {
					continue
				}
				t.Run("scenario/"+each.name+"/"+s.name, func(t *testing.T) {
					t.Parallel()
					runScenario(t, each, s.name, url)
				})
			}
		}
		runSuites(t, url)
	})
}

// startConformance starts the conformance example, and gateways before it. With
// one gateway the endpoint is its own, else that of front.
func startConformance(t *testing.T, gateways int, front func(*testing.T, []gateway) string) string {
	t.Helper()
	folder := copyFolder(t, "../examples/conformance")
	backend := freeAddress(t)
	var all []gateway
	var admins []string
	for range gateways {
		g := freeGateway(t)
		all, admins = append(all, g), append(admins, g.admin)
	}
	start(t, "backend", []string{
		"-listen", backend, "-generated", filepath.Join(folder, "generated"), "-admin", strings.Join(admins, ","),
	}, nil, "http://"+backend+"/health")
	manifest := filepath.Join(folder, "manifest.yaml")
	if gateways > 1 {
		shareKeys(t, manifest)
	}
	for _, g := range all {
		g.start(t, manifest, "BACKEND_URL=http://"+backend, "SALLYPORT_KEY="+sealKey)
	}
	url := all[0].url
	if front != nil {
		url = front(t, all)
	}
	// The suite's own documentation says localhost, so both names are tried.
	return strings.Replace(url, "127.0.0.1", "localhost", 1)
}

// shareKeys adds to a manifest what makes one gateway of several.
func shareKeys(t *testing.T, manifest string) {
	t.Helper()
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(text), "\nserver:\n")
	if !found {
		t.Fatalf("%s has no server", manifest)
	}
	text = []byte(before + "\nserver:\n  keys: [{env: SALLYPORT_KEY}]\n" + after)
	if err := os.WriteFile(manifest, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wholeSuites are the suites as their documentation has people run them.
func wholeSuites() []struct {
	name, cli string
	args      []string
} {
	return []struct {
		name, cli string
		args      []string
	}{
		{"requirements 2025-11-25", newestSuite, []string{"--requirements", rev1125}},
		{"requirements 2026-07-28", newestSuite, []string{"--requirements", rev0728}},
		{"all of " + stable, stableSuite, []string{"--suite", "all"}},
	}
}

// runSuites runs the whole suites side by side, and demands exit status 0 of
// each, without a file of expected failures, and not one warning.
func runSuites(t *testing.T, url string) {
	t.Helper()
	for _, each := range wholeSuites() {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), suiteTimeout)
			defer cancel()
			dir := t.TempDir()
			args := slices.Concat([]string{each.cli, "server", "--url", url, "--output-dir", dir}, each.args)
			judge(t, node(ctx, nil, args...), dir)
		})
	}
}

// runScenario runs one scenario.
func runScenario(t *testing.T, s suite, name, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir := t.TempDir()
	args := []string{s.cli, "server", "--url", url, "--scenario", name, "--spec-version", s.version, "--output-dir", dir}
	if s.name == extension {
		args = append(args, "--force") // as no revision has it
	}
	judge(t, node(ctx, nil, args...), dir)
}

// TestScenariosAreComplete compares the scenarios of the table with those that
// the suites list, so that a new version of a suite can't bring one unnoticed.
func TestScenariosAreComplete(t *testing.T) {
	t.Parallel()
	for _, each := range suites() {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
			defer cancel()
			args := []string{each.cli, "list", "--server"}
			pattern := `(?m)^  - (\S+) \[extension\]`
			if each.name != extension {
				args = append(args, "--spec-version", each.version)
				pattern = `(?m)^  - (\S+)`
			}
			out, err := node(ctx, nil, args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var listed, known []string
			for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(out, -1) {
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

// judge runs the suite and demands that it checked something and neither failed
// nor warned.
func judge(t *testing.T, run *exec.Cmd, dir string) {
	t.Helper()
	out, err := run.CombinedOutput()
	succeeded, complaints := 0, 0
	for _, each := range readChecks(t, dir) {
		switch each.Status {
		case "SUCCESS":
			succeeded++
		case "INFO", "SKIPPED":
			if testing.Verbose() {
				t.Logf("%s %s: %s %s", each.Status, each.ID, each.Description, each.ErrorMessage)
			}
		default:
			complaints++
			t.Errorf("%s %s: %s: %s", each.Status, each.ID, each.Description, each.ErrorMessage)
		}
	}
	if err != nil || complaints == 0 && succeeded == 0 {
		t.Errorf("%d checks succeeded; the suite ended with %v\n%s", succeeded, err, out)
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
