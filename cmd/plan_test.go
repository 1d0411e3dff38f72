package cmd_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// said is what a command prints, and whether it ended well.
func said(c *exec.Cmd) (string, bool) {
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

// TestPlan asks a running gateway what a reload would change: nothing changes
// by that, and the reload then says the same.
func TestPlan(t *testing.T) {
	upstream := httptest.NewServer(http.NotFoundHandler())
	defer upstream.Close()
	good, broken := manifests(upstream.URL)
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	replace(t, path, good[0])
	s := serve(t, path)
	plan := func(flags ...string) (string, bool) {
		return said(process(append([]string{"reload", "--plan", "-c", path, "--admin", s.admin}, flags...)...))
	}
	if out, ok := plan(); out != "nothing has changed\n" || !ok {
		t.Errorf("the same manifest: %v %s", ok, out)
	}

	replace(t, path, good[1])
	changes := "1 tool removed, 1 changed; access narrowed; breaking\n"
	want := changes + "\ntools\n" +
		"~ get_thing  (" + path + ":7:3)\n    description: changed: \"Get a thing. One.\" -> \"Get a thing. Two.\"\n" +
		"- other  [narrows access, BREAKING]  (" + path + ":11:3)\n" +
		"\naccess\n  anonymous, without roles at /mcp\n    - tool other\n"
	for range 2 {
		if out, ok := plan(); out != want || !ok {
			t.Errorf("another manifest: %v\n%s\nwant\n%s", ok, out, want)
		}
	}
	if out, ok := plan("--json"); !strings.Contains(out, `"generation": 2,`) || !strings.Contains(out, `"widened": false`) || !ok {
		t.Errorf("for programs: %v %s", ok, out)
	}
	if n := s.metric("sallyport_config_generation"); n != 1 {
		t.Errorf("generation %v after plans", n)
	}

	replace(t, path, strings.Replace(good[1], `listen: "127.0.0.1:0"`, `listen: "127.0.0.1:1"`, 1))
	if out, ok := plan(); !strings.Contains(out, "\nneeds a restart\n  "+path+":2:18: a change of server.listen needs a restart\n") || ok {
		t.Errorf("another address: %v %s", ok, out)
	}
	replace(t, path, broken)
	if out, ok := plan(); !strings.Contains(out, `did you mean "rate_limit"?`) || !strings.Contains(out, "1 error; generation 1 stays active") || ok {
		t.Errorf("a broken manifest: %v %s", ok, out)
	}

	var refused struct {
		Problems []struct{ Message, Hint string }
		Result   struct{ Generation int }
	}
	if out, ok := plan("--json"); json.Unmarshal([]byte(out), &refused) != nil || len(refused.Problems) != 1 || refused.Result.Generation != 1 || ok {
		t.Errorf("a refused plan as JSON: %v %s", ok, out)
	}
	if out, ok := said(process("reload", "--plan", "--json", "-c", path)); json.Unmarshal([]byte(out), &refused) != nil || len(refused.Problems) != 1 || ok {
		t.Errorf("a plan without an address as JSON: %v %s", ok, out)
	}
	if out, ok := said(process("reload", "--plan", "--json", "--admin", "127.0.0.1:1", "-c", path)); !json.Valid([]byte(out)) || !strings.Contains(out, "is it running?") || ok {
		t.Errorf("a plan of nobody as JSON: %v %s", ok, out)
	}

	replace(t, path, good[1])
	out, ok := said(process("reload", "-c", path, "--admin", s.admin))
	if first, rest, _ := strings.Cut(out, "\n"); !strings.HasPrefix(first, "generation 2 is active: 1 tools, hash ") || rest != changes || !ok {
		t.Errorf("reload: %v %s", ok, out)
	}
	if out, ok := said(process("reload", "-c", path, "--admin", s.admin, "--json")); ok || !strings.Contains(out, "--json goes with --plan") {
		t.Errorf("--json without --plan: %v %s", ok, out)
	}
}

// TestExplainLive asks a running gateway for the state of limits; asking takes
// nothing.
func TestExplainLive(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":%q}`, strings.TrimPrefix(r.URL.Path, "/things/"))
	}))
	defer upstream.Close()
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	good, _ := manifests(upstream.URL)
	replace(t, path, strings.Replace(strings.Replace(good[1], "    request:", "    rate_limit: 3/h burst 3\n    request:", 1),
		"timeout: 10s", "auth: {bearer: sesame-open-yourself}", 1))
	s := serve(t, path)
	for id := range int64(2) {
		if err := s.call(http.DefaultClient, id); err != nil {
			t.Fatal(err)
		}
	}
	explain := func(flags ...string) (string, bool) {
		return said(process(append([]string{"explain", "-c", path, "--live", "--admin", s.admin, "get_thing", "id=7"}, flags...)...))
	}
	for range 2 {
		out, ok := explain("--key", "anonymous:127.0.0.1")
		for _, want := range []string{
			"\ngateway     running, generation 1\n", "; 1 of 3 left now\n", "yes: closed; 0 of the last 2 requests failed\n",
			"GET " + upstream.URL + "/things/7\n", "Authorization: [secret]\n",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if !ok || strings.Contains(out, "sesame") {
			t.Errorf("%v\n%s", ok, out)
		}
	}
	if out, _ := explain(); !strings.Contains(out, "; 3 of 3 left now\n") {
		t.Errorf("another client: %s", out)
	}
	if err := s.call(http.DefaultClient, 2); err != nil {
		t.Fatal(err)
	}
	out, _ := explain("--key", "anonymous:127.0.0.1")
	if !strings.Contains(out, "\ncaller      cli may call it, but not now: rate_limit at "+path+":") || !strings.Contains(out, "0 of 3 left") {
		t.Errorf("an exhausted limit isn't in the first lines:\n%s", out)
	}
	if out, _ = explain("--key", "anonymous:127.0.0.1", "--json"); !strings.Contains(out, `"may": "allows"`) || !strings.Contains(out, `"now": "denies"`) || !strings.Contains(out, `"by": [`) {
		t.Errorf("an exhausted limit for programs:\n%s", out)
	}
	if out, ok := said(process("explain", "-c", path, "--live", "--admin", s.admin, "nothing")); ok || !strings.Contains(out, `nothing is called "nothing"; this caller sees: [get_thing]`) {
		t.Errorf("an unknown name: %v %s", ok, out)
	}
}
