package cmd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
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
	all := map[string]string{}
	for about, places := range map[string][]string{
		"reading problems as JSON":         {"config/problem.go UnmarshalJSON"},
		"errors that only choose messages": {"config/decodescalar.go parseScalar", "config/decodescalar.go setScalar", "config/scalar.go parseInt", "config/scalar.go parseUint", "config/scalar.go parseFloat"},
		"calls": {
			"gateway/search.go calledTool", "gateway/endpoint.go", "plugins/complete/complete.go", "plugins/expr/budget.go", "plugins/expr/expr.go", "plugins/expr/guard.go", "plugins/expr/plain.go",
			"plugins/expr/query.go runError", "plugins/expr/query.go tooMuch", "plugins/expr/text.go hole", "plugins/policy/policy.go", "plugins/policy/breaker.go", "plugins/policy/timeout.go",
			"plugins/policy/arguments.go defaultsOf",
		},
		"tokens, keys and issuers": {
			"plugins/auth/apikeys.go Authenticate", "plugins/auth/auth.go", "plugins/auth/claims.go", "plugins/auth/client.go", "plugins/auth/devkey.go", "plugins/auth/discovery.go", "plugins/auth/jwt.go",
			"plugins/auth/keys.go keySourceOf", "plugins/auth/remote.go", "plugins/auth/token.go", "plugins/auth/verify.go",
		},
		"making the languages": {"plugins/expr/cel.go ParseCondition", "plugins/expr/cel_types.go typeFaults"},
		"steps that run": {
			"plugins/steps/detach.go", "plugins/steps/each.go", "plugins/steps/failure.go", "plugins/steps/invoke.go", "plugins/steps/question.go", "plugins/steps/run.go", "plugins/steps/state.go", "plugins/steps/undo.go",
		},
		"answers": {
			"plugins/transform/collect.go", "plugins/transform/content.go checkBlock", "plugins/transform/csv.go", "plugins/transform/errors.go", "plugins/transform/fault.go", "plugins/transform/html.go",
			"plugins/transform/json.go", "plugins/transform/paginate.go itemsOf", "plugins/transform/poll.go Poll", "plugins/transform/poll.go accepted", "plugins/transform/poll.go decodeJob",
			"plugins/transform/poll.go holds", "plugins/transform/poll.go look", "plugins/transform/poll.go missed", "plugins/transform/poll.go redirected", "plugins/transform/poll.go wait",
			"plugins/transform/transform.go", "plugins/transform/xml.go",
		},
		"requests that are sent": {
			"plugins/upstream/http.go keepPool", "plugins/upstream/httpbuild.go", "plugins/upstream/httpcoding.go", "plugins/upstream/httpdial.go addresses", "plugins/upstream/httpdial.go dial",
			"plugins/upstream/httpdial.go first", "plugins/upstream/httpdial.go", "plugins/upstream/httpfile.go", "plugins/upstream/httpfollow.go", "plugins/upstream/httpoperator.go",
			"plugins/upstream/httppool.go", "plugins/upstream/httpresponse.go", "plugins/upstream/httpstyle.go",
		},
	} {
		for _, place := range places {
			all[place] = about
		}
	}
	return all
}

// unseen are messages that no manifest shows, and why: by the message, or by
// the file and the function that have it.
func unseen() map[string]string {
	all := map[string]string{}
	for why, messages := range map[string][]string{
		"only a mistake in the program itself makes it": {
			"a value of type … can't be decoded", "a value of type … has no short form", "the definition of … can't be read", "definition: …",
			"settings are …, want …", "settings: …", "this can't be read as YAML", "encode a public key: …", "a rate limit needs a store to count in",
			"the tool has no request for its upstream", "want a period of a second, a minute or an hour", "plugins/expr/cel_types.go faultsOf",
		},
		"all kinds of upstreams there are can do it": {"this kind of upstream can't follow links", "this kind of upstream can't follow a Location"},
		"config says it first, from the type's tags: of an enum, a least number or a missing key": {
			"want caller or shared", "want client, tool or all", "want http or tool_error", "want a rate", "the amount or the burst is out of range",
			"want one of debug, info, notice, warning, error, critical, alert, emergency", "want user or assistant", "paginate needs items", "paginate needs next",
			"want a number above 0", "want 200ms to 60s", "want at least 1s", "must be more than 0", "… is not a place", "… is not a version of SOAP",
			"the algorithm is not supported", "the body is not base64: …", "the arguments can't be read: …",
		},
		"it is the cause in another message, which is shown":                           {"there is no data", "want a data URI in base64", "request: …"},
		"an operation that refers to such a file is left out, and its own reason told": {"it is neither in the folder of the manifest nor in that of the description"},
		"it takes megabytes, or a thousand files": {
			"larger than … KiB", "more than … files", "all files together are larger than … MiB", "descriptions of upstreams are larger than … MiB",
			"the key set is larger than 1 MiB", "the key set has more than … keys", "it is larger than … MiB", "the URI is longer than … bytes", "the expression is too long",
		},
		"it is logged, and the key left out": {"an earlier key has the same id and type"},
	} {
		for _, m := range messages {
			all[m] = why
		}
	}
	return all
}

// TestMistakesOfFiles tells of files that no archive can hold.
func TestMistakesOfFiles(t *testing.T) {
	for _, c := range mistakesOfFiles() {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			outside := filepath.Join(t.TempDir(), "outside.yaml")
			write(t, outside, "tools: {}\n")
			c.make(t, outside)
			var out, errs bytes.Buffer
			args := []string{"validate", "-c", c.manifest}
			if c.examples != "" {
				args = []string{"test", "-c", c.manifest, "--examples", c.examples}
			}
			if code := cmd.Main(standard.Parts(), args, strings.NewReader(""), &out, &errs); code != 1 {
				t.Errorf("exit code %d, output %q", code, &out)
			}
			if told, _, _ := strings.Cut(errs.String(), "\n"); told != c.want {
				t.Errorf("told %q, want %q", told, c.want)
			}
		})
	}
}

// fileMistake is a mistake in what a manifest is read from.
type fileMistake struct {
	name, manifest string
	make           func(t *testing.T, outside string)
	want           string
	// examples are in a file of their own, if it is named.
	examples string
}

// mistakeOfExamples is one in a file of examples.
func mistakeOfExamples(name, examples, want string) fileMistake {
	return fileMistake{name, "manifest.yaml", func(t *testing.T, _ string) {
		t.Helper()
		write(t, "manifest.yaml", "version: 1\nupstreams: {crm: {url: 'http://127.0.0.1:9000'}}\ntools: {look: {description: Look., request: GET /look}}\n")
		if examples == "" {
			if err := os.Mkdir("recorded.yaml", 0o700); err != nil {
				t.Fatal(err)
			}
			return
		}
		write(t, "recorded.yaml", examples)
	}, "recorded.yaml:" + want, "recorded.yaml"}
}

func mistakesOfFiles() []fileMistake {
	const tool = "version: 1\nupstreams: {crm: {url: 'http://127.0.0.1:9000'}}\ntools: {look: {description: Look., "
	return []fileMistake{
		{"utf-16", "manifest.yaml", func(t *testing.T, _ string) {
			t.Helper()
			write(t, "manifest.yaml", "\xff\xfev\x00")
		}, "manifest.yaml:1:1: error: the file is UTF-16", ""},
		{"empty folder", "manifest", func(t *testing.T, _ string) {
			t.Helper()
			if err := os.Mkdir("manifest", 0o700); err != nil {
				t.Fatal(err)
			}
		}, "manifest:1:1: error: there is no *.yaml in this folder", ""},
		{"link out of a folder", ".", func(t *testing.T, outside string) {
			t.Helper()
			link(t, outside, "manifest.yaml")
		}, "manifest.yaml:1:1: error: this link leaves the folder of the manifest", ""},
		{"include of a link", "manifest.yaml", func(t *testing.T, outside string) {
			t.Helper()
			write(t, "manifest.yaml", "version: 1\ninclude: more.yaml\ntools: {}\n")
			link(t, outside, "more.yaml")
		}, "manifest.yaml:2:10: error: more.yaml leaves the folder of the manifest", ""},
		{"resource", "manifest.yaml", func(t *testing.T, _ string) {
			t.Helper()
			write(t, "manifest.yaml", "version: 1\nresources: {'crm://large': {name: large, description: Large., file: large.txt}}\n")
			write(t, "large.txt", strings.Repeat(" ", 5<<20))
		}, "manifest.yaml:2:69: error: the file is larger than 4 MiB", ""},
		{"GraphQL", "manifest.yaml", func(t *testing.T, _ string) {
			t.Helper()
			write(t, "manifest.yaml", tool+"request: {graphql: {file: large.graphql}}}}\n")
			write(t, "large.graphql", strings.Repeat(" ", 2<<20))
		}, "manifest.yaml:3:62: error: the file is larger than 1 MiB", ""},
		{"long GraphQL", "manifest.yaml", func(t *testing.T, _ string) {
			t.Helper()
			write(t, "manifest.yaml", tool+"request: {graphql: '{ a } "+strings.Repeat("#", 1<<20)+"'}}}\n")
		}, "manifest.yaml:3:55: error: the document is larger than 1 MiB", ""},
		mistakeOfExamples("examples of other keys", "server: {}\n", `1:1: error: "server" can't stand in a file of examples`),
		mistakeOfExamples("examples of no tools", "tools: [look]\n", `1:1: error: want a mapping of tools for "tools", found a list`),
		mistakeOfExamples("examples of no tool", "tools: {lok: {examples: []}}\n", `1:9: error: there are examples of "lok", but no such tool`),
		mistakeOfExamples("examples without a key", "tools: {look: []}\n", `1:9: error: want a mapping with examples for "look", found a list`),
		mistakeOfExamples("examples with a request", "tools: {look: {request: GET /look}}\n", `1:16: error: "request" can't stand in a file of examples`),
		mistakeOfExamples("no examples", "", "1:1: error: there is no *.yaml with examples in this folder"),
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, old, name string) {
	t.Helper()
	if err := os.Symlink(old, name); err != nil {
		t.Fatal(err)
	}
}

// TestEveryMistakeIsShown fails if the sources can print a message of the
// manifest's language that no manifest of testdata shows.
func TestEveryMistakeIsShown(t *testing.T) {
	told := toldMessages(t, "testdata/mistakes/*.txtar", "testdata/lint/*.txtar", "../config/testdata/*.txtar")
	for _, c := range mistakesOfFiles() {
		_, message, _ := strings.Cut(c.want, "error: ")
		told = append(told, message)
	}
	var found []message
	about, used := elsewhere(), map[string]bool{}
	for folder, files := range spoken() {
		found = append(found, readSources(t, folder, files...).collect(func(at string) bool {
			file, _, _ := strings.Cut(at, " ")
			place := at
			if about[file] != "" && !strings.HasSuffix(file, "httpdial.go") && !strings.HasSuffix(file, "endpoint.go") {
				place = file
			}
			used[place] = true
			return about[place] != ""
		})...)
	}
	slices.SortFunc(found, func(a, b message) int { return strings.Compare(a.at+a.text, b.at+b.text) })
	found = slices.CompactFunc(found, func(a, b message) bool { return a.at == b.at && a.text == b.text })
	shown := 0
	excused := unseen()
	for _, m := range found {
		written := strings.ReplaceAll(m.text, unknown, "…")
		if slices.ContainsFunc(told, m.pattern().MatchString) {
			shown++
			continue
		}
		used[written], used[m.at] = true, true
		if excused[written] == "" && excused[m.at] == "" {
			t.Errorf("%s: no manifest of testdata/mistakes shows %q", m.at, written)
		}
	}
	for _, list := range []map[string]string{about, excused} {
		for key := range list {
			if !used[key] {
				t.Errorf("%q needs no excuse", key)
			}
		}
	}
	t.Logf("%d messages: %d are shown, %d can't be", len(found), shown, len(found)-shown)
}
