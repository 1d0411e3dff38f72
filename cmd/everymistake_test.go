package cmd_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// toldLine is the first line of a problem.
var toldLine = regexp.MustCompile(`(?m)^[^\s|]\S*:\d+:\d+: (?:error|warning): (.*?)(?: \[[a-z-]+\])?$`)

// toldMessages are the messages that the archives show.
func toldMessages(t *testing.T, patterns ...string) (all []string) {
	t.Helper()
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no archives %s: %v", pattern, err)
		}
		for _, name := range names {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range archive.Files {
				for _, found := range toldLine.FindAllSubmatch(f.Data, -1) {
					all = append(all, string(found[1]))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// spoken are the files that have the language's messages, by their folders.
func spoken() map[string][]string {
	return map[string][]string{
		"../config":                   {"*.go"},
		"../gateway":                  {"build*.go", "specify.go", "check*.go", "innermost.go", "endpoint.go", "search.go", "rehearsecheck.go", "lint*.go"},
		"../plugins/auth":             {"*.go"},
		"../plugins/complete":         {"*.go"},
		"../plugins/expr":             {"*.go"},
		"../plugins/policy":           {"*.go"},
		"../plugins/steps":            {"*.go"},
		"../plugins/transform":        {"*.go"},
		"../plugins/upstream":         {"*.go"},
		"../plugins/upstream/openapi": {"*.go"},
	}
}

// elsewhere are files, and functions of files, whose messages are not about
// manifests, and what they are about.
func elsewhere() map[string]string {
	all := map[string]string{
		"config/problem.go UnmarshalJSON":         "reading the JSON of problems",
		"config/decodescalar.go":                  "errors that only choose the message",
		"config/scalar.go":                        "errors that only choose the message",
		"gateway/search.go calledTool":            "arguments of a call",
		"plugins/auth/devkey.go":                  "the command token",
		"plugins/auth/discovery.go":               "an issuer's answers",
		"plugins/auth/client.go":                  "an issuer's answers",
		"plugins/auth/jwt.go":                     "tokens",
		"plugins/complete/complete.go":            "completions",
		"plugins/expr/cel.go":                     "making the language",
		"plugins/policy/policy.go":                "calls",
		"plugins/upstream/httpencode.go":          "",
		"plugins/transform/content.go checkBlock": "answers",
		"plugins/expr/cel_types.go typeFaults":    "making the language",
	}
	for about, files := range map[string]string{
		"tokens":                 "auth/apikeys.go+Authenticate auth/auth.go auth/claims.go auth/token.go auth/verify.go auth/remote.go auth/keys.go+keySourceOf",
		"calls":                  "expr/budget.go expr/expr.go expr/guard.go expr/plain.go policy/breaker.go+ policy/timeout.go policy/arguments.go+defaultsOf",
		"answers":                "transform/csv.go transform/errors.go transform/fault.go transform/html.go transform/json.go transform/transform.go transform/xml.go transform/collect.go transform/paginate.go+itemsOf",
		"steps that run":         "steps/detach.go steps/each.go steps/failure.go steps/invoke.go steps/question.go steps/run.go steps/state.go steps/undo.go",
		"requests that are sent": "upstream/http.go+keepPool upstream/httpbuild.go upstream/httpcoding.go upstream/httpfile.go upstream/httpfollow.go upstream/httpoperator.go upstream/httppool.go upstream/httpresponse.go upstream/httpstyle.go",
	} {
		for _, file := range strings.Fields(files) {
			all["plugins/"+strings.ReplaceAll(file, "+", " ")] = about
		}
	}
	delete(all, "plugins/upstream/httpencode.go")
	return all
}

// unseen are messages that no manifest of testdata shows, and why.
func unseen() map[string]string {
	return map[string]string{}
}

// TestEveryMistakeIsShown fails if the sources can print a message of the
// manifest's language that no manifest of testdata shows.
func TestEveryMistakeIsShown(t *testing.T) {
	told := toldMessages(t, "testdata/mistakes/*.txtar", "testdata/lint/*.txtar", "../config/testdata/*.txtar")
	var found []message
	about, used := elsewhere(), map[string]bool{}
	for folder, files := range spoken() {
		found = append(found, readSources(t, folder, files...).collect(func(at string) bool {
			file, _, _ := strings.Cut(at, " ")
			for _, key := range []string{at, file} {
				if about[key] != "" {
					used[key] = true
					return true
				}
			}
			return false
		})...)
	}
	slices.SortFunc(found, func(a, b message) int { return strings.Compare(a.at+a.text, b.at+b.text) })
	found = slices.CompactFunc(found, func(a, b message) bool { return a.at == b.at && a.text == b.text })
	shown := 0
	excused := unseen()
	for _, m := range found {
		written := strings.ReplaceAll(m.text, unknown, "…")
		switch is := slices.ContainsFunc(told, m.pattern().MatchString); {
		case is && excused[written] != "":
			t.Errorf("%q is shown: it needs no excuse", written)
		case is:
			shown++
		case excused[written] == "":
			t.Errorf("%s: no manifest of testdata/mistakes shows %q", m.at, written)
		}
	}
	t.Logf("%d messages: %d are shown, %d can't be", len(found), shown, len(found)-shown)
}
