package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// TestValidateOffline validates a manifest whose upstream, key set and issuer
// are there and listen: nobody calls them.
func TestValidateOffline(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = conn.Close()
		}
	}()
	t.Chdir(t.TempDir())
	manifest := strings.ReplaceAll(`version: 1
auth:
  jwt:
    - {issuer: "http://HERE", audience: a}
    - {issuer: "https://id.example", audience: a, jwks: "http://HERE/jwks.json"}
  anonymous: {roles: [public]}
upstreams:
  crm: {url: "http://HERE"}
tools:
  get_user: {description: Get the user., request: GET /user, roles: [public]}
`, "HERE", listener.Addr().String())
	if err := os.WriteFile("manifest.yaml", []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 { // what runs in the background has its chance
		if told, code := lint("manifest.yaml", "--strict"); code != 0 || !bytes.HasPrefix(told, []byte("manifest.yaml is fine\n")) {
			t.Fatalf("exit code %d, and it says\n%s", code, told)
		}
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	if n := calls.Load(); n > 0 {
		t.Errorf("called %d times", n)
	}
}

// sarif is what is looked at of a SARIF log.
type sarif struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  string `json:"name"`
				Rules []struct {
					ID               string                `json:"id"`
					ShortDescription struct{ Text string } `json:"shortDescription"`
				} `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Results []sarifResult `json:"results"`
	} `json:"runs"`
}

type sarifResult struct {
	RuleID    string                `json:"ruleId"`
	RuleIndex int                   `json:"ruleIndex"`
	Level     string                `json:"level"`
	Message   struct{ Text string } `json:"message"`
	Locations []struct {
		Physical struct {
			Artifact struct{ URI string } `json:"artifactLocation"`
			Region   struct{ StartLine, StartColumn, EndColumn int }
		} `json:"physicalLocation"`
	} `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

// readSARIF validates a manifest and returns the only run of the log.
func readSARIF(t *testing.T, manifest string, flags ...string) []sarifResult {
	t.Helper()
	out, _ := lint(manifest, append(flags, "--format", "sarif")...)
	var log sarif
	if err := json.Unmarshal(out, &log); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if log.Version != "2.1.0" || log.Schema == "" || len(log.Runs) != 1 {
		t.Fatalf("a log of version %q, schema %q and %d runs", log.Version, log.Schema, len(log.Runs))
	}
	rules := log.Runs[0].Tool.Driver.Rules
	seen := make(map[string]bool)
	for _, rule := range rules {
		if rule.ID == "" || rule.ShortDescription.Text == "" || seen[rule.ID] {
			t.Errorf("rule %+v", rule)
		}
		seen[rule.ID] = true
	}
	prints := make(map[string]bool)
	for _, r := range log.Runs[0].Results {
		if r.RuleIndex < 0 || r.RuleIndex >= len(rules) || rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("rule %s is not that of index %d", r.RuleID, r.RuleIndex)
		}
		if r.Message.Text == "" || len(r.Locations) != 1 || !slices.Contains([]string{"error", "warning"}, r.Level) {
			t.Errorf("result %+v", r)
		}
		at := r.Locations[0].Physical
		if at.Region.StartLine < 1 || at.Region.StartColumn < 1 || at.Region.EndColumn <= at.Region.StartColumn {
			t.Errorf("region %+v", at.Region)
		}
		if u, err := url.Parse(at.Artifact.URI); err != nil || u.IsAbs() || strings.HasPrefix(u.Path, "/") {
			t.Errorf("URI %q is not relative", at.Artifact.URI)
		}
		for _, own := range r.Fingerprints {
			if own == "" || prints[own] {
				t.Errorf("fingerprint %q of %q", own, r.Message.Text)
			}
			prints[own] = true
		}
	}
	return log.Runs[0].Results
}

// TestValidateSARIF writes warnings and errors for code review: each with its
// rule, a relative URI, and a fingerprint that outlives lines added above.
func TestValidateSARIF(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("conf files", 0o700); err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(filepath.Join("conf files", "manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	warned := `version: 1
upstreams:
  crm: {url: "http://127.0.0.1:9000"}
tools:
  get_user:
    request: GET /users/{id}
    input: {id: {type: string}}
`
	write(warned)
	before := readSARIF(t, path, "--error", "argument-description-missing")
	var levels []string
	for _, r := range before {
		levels = append(levels, r.RuleID+" "+r.Level+" "+r.Locations[0].Physical.Artifact.URI)
	}
	want := []string{"description-missing warning conf%20files/manifest.yaml", "argument-description-missing error conf%20files/manifest.yaml"}
	if !slices.Equal(levels, want) {
		t.Errorf("results %q, want %q", levels, want)
	}
	write("# A line above.\n" + warned)
	after := readSARIF(t, path)
	for i, r := range after {
		if fmt.Sprint(r.Fingerprints) != fmt.Sprint(before[i].Fingerprints) || r.Locations[0].Physical.Region == before[i].Locations[0].Physical.Region {
			t.Errorf("after a line above: %+v, before: %+v", r, before[i])
		}
	}
	write(strings.ReplaceAll(warned, "type: string", "tipe: [") + "tools: {}\n")
	if results := readSARIF(t, path); len(results) == 0 || results[0].RuleID != "manifest" || results[0].Level != "error" {
		t.Errorf("results of what can't be read: %+v", results)
	}
}

// TestValidateRules lists the rules: all of them, sorted, and each in words.
func TestValidateRules(t *testing.T) {
	var out bytes.Buffer
	if code := cmd.Main(standard.Parts(), []string{"validate", "--rules", "--format", "json"}, strings.NewReader(""), &out, &out); code != 0 {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	var rules []struct{ ID, Summary, Help string }
	if err := json.Unmarshal(out.Bytes(), &rules); err != nil || len(rules) != len(gateway.Rules()) {
		t.Fatalf("%d rules: %v", len(rules), err)
	}
	for i, r := range rules {
		if r.ID == "" || !strings.HasSuffix(r.Summary, ".") || !strings.HasSuffix(r.Help, ".") || i > 0 && r.ID <= rules[i-1].ID {
			t.Errorf("rule %d is %+v", i, r)
		}
	}
}
