package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

var update = flag.Bool("update", false, "rewrite the table of OpenAPI documents")

const (
	documentsPage = "../docs/openapi-documents.md"
	// measuredBelow is the heading of the part of the page that differs from
	// machine to machine.
	measuredBelow = "## Time and memory"

	leastKnown   = 0.98 // of the parameters of each document,
	mayLack      = 2    // or all but so many of a small one
	mostTokens   = 500  // a tool of GitHub's document, in the mean
	longestName  = 64   // of a tool, in the interfaces of model vendors
	listsTimeout = 5 * time.Minute
)

// imported is what became of a document.
type imported struct {
	document

	version           string
	operations        []openapi.Operation
	parameters, known int
	skipped           map[string]int
	tools             []listedTool
}

// listedTool is what node/tools.mjs says of a tool.
type listedTool struct {
	Name    string
	Tokens  int
	Output  int
	Problem string
}

// TestOpenAPIDocuments makes tools of documents that others have written. Each
// document must be taken as it is, its tools must be right for others' schema
// checkers and clients, know what the documents know, and be lean.
func TestOpenAPIDocuments(t *testing.T) {
	var all []*imported
	var urls []string
	for _, d := range documents() {
		made := &imported{document: d, skipped: map[string]int{}}
		all = append(all, made)
		t.Run(d.name, func(t *testing.T) { made.read(t) })
		t.Run(d.name+"/import", func(t *testing.T) { importDocument(t, d.path(t)) })
		urls = append(urls, startGateway(t, exposing(t, d.path(t), "http://127.0.0.1:9")).url)
	}
	listTools(t, all, urls)
	for _, made := range all {
		t.Run(made.name+"/tools", func(t *testing.T) { made.check(t) })
	}
	comparePage(t, page(all), func() string { return measure(t, all) })
}

// exposing is a manifest that makes tools of all of a document.
func exposing(t *testing.T, path, url string) string {
	t.Helper()
	manifest := filepath.Join(t.TempDir(), "manifest.yaml")
	text := fmt.Sprintf(`version: 1
server:
  listen: "${SALLYPORT_LISTEN}"
  admin: "${SALLYPORT_ADMIN}"
  rate_limit: none
auth: {anonymous: {roles: [anyone]}}
defaults: {roles: [anyone]}
upstreams:
  api: {openapi: %q, url: %q}
`, path, url)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return manifest
}

// importDocument has the command write a manifest, and another check it.
func importDocument(t *testing.T, path string) {
	t.Helper()
	manifest := filepath.Join(t.TempDir(), "manifest.yaml")
	sallyport(t, nil, "import", "openapi", path, "--url", "http://127.0.0.1:9", "-o", manifest)
	written, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, name := range regexp.MustCompile(`\b[A-Z0-9]+(_[A-Z0-9]+)+\b`).FindAllString(string(written), -1) {
		secrets = append(secrets, name+"=secret")
	}
	slices.Sort(secrets)
	sallyport(t, slices.Compact(secrets), "validate", "-c", manifest)
}

// sallyport runs a command that has to succeed.
func sallyport(t *testing.T, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "sallyport"), args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%.2000s", args, err, out)
	}
}

// read makes tools of the document as a library does.
func (m *imported) read(t *testing.T) {
	path := m.path(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := openapi.Parse(path, data, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	m.version = parsed.Version()
	m.operations = parsed.Tools(openapi.Expose{AnyServer: true}) // as the manifest has a url
	if len(m.operations) == 0 {
		t.Fatal("the document has no operations")
	}
	for _, o := range m.operations {
		if (o.Name == "") == (o.Skip == "") {
			t.Errorf("%s %s: named %q and skipped for %q, want one of them", o.Method, o.Path, o.Name, o.Skip)
		}
		m.parameters += o.Parameters
		m.known += o.Known
	}
	for _, o := range parsed.Tools(openapi.Expose{}) {
		if o.Skip != "" {
			m.skipped[o.Skip]++
		}
	}
	share := float64(m.known) / float64(max(m.parameters, 1))
	if share < leastKnown && m.parameters-m.known > mayLack {
		t.Errorf("the tools know %d of %d parameters (%.2f %%), want %.0f %%", m.known, m.parameters, 100*share, 100*leastKnown)
	}
}

// listTools has TypeScript SDK v1 list the tools of all gateways.
func listTools(t *testing.T, all []*imported, urls []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), listsTimeout)
	defer cancel()
	program := node(ctx, nil, append([]string{"tools.mjs"}, urls...)...)
	var stderr bytes.Buffer
	program.Stderr = &stderr
	out, err := program.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", program.Args, err, &stderr)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, len(out)+1)
	for _, made := range all {
		if !lines.Scan() {
			t.Fatal("a list is missing")
		}
		if err := json.Unmarshal(lines.Bytes(), &made.tools); err != nil {
			t.Fatal(err)
		}
	}
}

// check looks at the listed tools.
func (m *imported) check(t *testing.T) {
	var names, listed []string
	for _, o := range m.operations {
		if o.Name != "" {
			names = append(names, o.Name)
		}
	}
	legal := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	for _, tool := range m.tools {
		listed = append(listed, tool.Name)
		if !legal.MatchString(tool.Name) || len(tool.Name) > longestName {
			t.Errorf("the name %q is not legal everywhere", tool.Name)
		}
		if tool.Problem != "" {
			t.Errorf("%s: %s", tool.Name, tool.Problem)
		}
	}
	slices.Sort(names)
	slices.Sort(listed)
	if !slices.Equal(names, listed) {
		t.Errorf("lists %d tools, want %d, as many as are made of the document", len(listed), len(names))
	}
	if mean := m.meanTokens(); m.name == "github" && mean > mostTokens {
		t.Errorf("a tool costs %d tokens in the mean, want at most %d", mean, mostTokens)
	}
}

func (m *imported) meanTokens() int {
	sum := 0
	for _, tool := range m.tools {
		sum += tool.Tokens
	}
	return (sum + len(m.tools)/2) / max(len(m.tools), 1)
}

// page is the part of the documentation that is the same on every machine.
func page(all []*imported) string {
	var b strings.Builder
	b.WriteString(`# OpenAPI documents

What becomes of documents that others have written, whole and unchanged, by ` + "`upstreams.NAME.openapi`" + `. This page is made by a test (` + "`go test -run TestOpenAPIDocuments . -update`" + ` in ` + "`e2e`" + `), which also has every schema checked by another implementation of JSON Schema 2020-12 and every list read by another client.

Parameters are those of the operations and the properties of their bodies; known are those that the tools name. Tokens are those of a tool's name, description and input schema, in the o200k encoding.

| document | version | operations | tools | parameters | known | tokens a tool | largest |
|---|---|---:|---:|---:|---:|---:|---:|
`)
	for _, m := range all {
		largest := slices.MaxFunc(m.tools, func(a, b listedTool) int { return cmp.Compare(a.Tokens, b.Tokens) })
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %s | %d | %d |\n", m.name, m.version, len(m.operations), len(m.tools),
			m.parameters, percent(m.known, m.parameters), m.meanTokens(), largest.Tokens)
	}
	b.WriteString("\nThe documents come from the npm packages ")
	b.WriteString(strings.Join(sources(), ", "))
	b.WriteString(".\n\n## Operations that become no tools\n\n" +
		"Those that are skipped for their server are only so where the manifest gives the upstream no `url` of its own; the tables above count them as tools.\n\n")
	before := b.Len()
	for _, m := range all {
		for _, reason := range slices.Sorted(maps.Keys(m.skipped)) {
			if b.Len() == before {
				b.WriteString("| document | operations | reason |\n|---|---:|---|\n")
			}
			fmt.Fprintf(&b, "| %s | %d | %s |\n", m.name, m.skipped[reason], strings.ReplaceAll(reason, "|", `\|`))
		}
	}
	if b.Len() == before {
		b.WriteString("None.\n")
	}
	return b.String() + "\n" + measuredBelow + "\n"
}

// percent is rounded down, so that 100 % are all.
func percent(part, of int) string {
	if of == 0 {
		return "-"
	}
	tenths := part * 1000 / of
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}

// sources are the npm packages, each with its version.
func sources() []string {
	var names []string
	for _, d := range documents() {
		name := strings.Join(strings.SplitN(d.file, "/", 3)[:2], "/")
		if d.archive != nil {
			name = d.archive.name[:strings.LastIndex(d.archive.name, "@")]
		}
		if name = "`" + name + "`"; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// comparePage compares the page with the committed one, or writes it.
func comparePage(t *testing.T, want string, measured func() string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(documentsPage, []byte(want+"\n"+measured()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(documentsPage)
	if err != nil {
		t.Fatal(err)
	}
	stable, _, _ := strings.Cut(string(data), measuredBelow)
	wanted, _, _ := strings.Cut(want, measuredBelow)
	if stable != wanted {
		t.Errorf("%s is not what the documents become; go test -run TestOpenAPIDocuments . -update\n%s", documentsPage, wanted)
	}
}

// measure validates the manifests of the largest documents as a process.
func measure(t *testing.T, all []*imported) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("`sallyport validate` of a manifest with the whole document, on two cores: reading it, making its tools, compiling their schemas.\n\n")
	b.WriteString("| document | size | time | peak memory |\n|---|---:|---:|---:|\n")
	for _, m := range all {
		info, err := os.Stat(m.path(t))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() < 2<<20 {
			continue
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "sallyport"), "validate", "-c", exposing(t, m.path(t), "http://127.0.0.1:9"))
		cmd.Env = append(os.Environ(), "SALLYPORT_LISTEN=127.0.0.1:0", "SALLYPORT_ADMIN=127.0.0.1:0")
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%.2000s", cmd, err, out)
		}
		took := time.Since(began)
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			t.Fatal("the system doesn't tell what a process used")
		}
		fmt.Fprintf(&b, "| %s | %.1f MB | %.1f s | %d MB |\n", m.name, float64(info.Size())/1e6, took.Seconds(), usage.Maxrss>>10)
	}
	return b.String()
}
