package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDemo is the first thing a person does: `sallyport demo`, and then the
// call that it suggests, made by every client with a token that it printed.
func TestDemo(t *testing.T) {
	began := time.Now()
	printed := start(t, "sallyport", []string{
		"demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", "127.0.0.1:0",
	}, nil, "")
	d := waitDemo(t, printed)
	t.Logf("the demo was ready after %v", time.Since(began).Round(time.Millisecond))
	t.Run("the suggested call", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "sallyport"), d.command...)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("%v: %v\n%s", cmd, err, out)
		}
	})
	for _, c := range goClients() {
		t.Run(c.name+"/"+c.revision, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), checkTimeout)
			defer cancel()
			s, err := c.connect(ctx, d.url, d.tokens[0], c.revision, newHost())
			if err != nil {
				t.Fatal(err)
			}
			answer, err := s.call(ctx, d.tool, d.args)
			if err != nil || answer.isError || answer.text == "" {
				t.Errorf("%s %v: %+v, %v", d.tool, d.args, answer, err)
			}
			if err := s.close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	call, err := json.Marshal(map[string]any{"tool": d.tool, "args": d.args})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range nodeClients() {
		t.Run(c.name, func(t *testing.T) {
			c.run(t, d.url, d.tokens[0], []string{"connect", "list", "call", "close"}, "CALL="+string(call))
		})
	}
	t.Run("tokens differ in what they see", func(t *testing.T) { checkRoles(t, d) })
}

// demo is what `sallyport demo` tells a person.
type demo struct {
	url     string
	tokens  []string // different ones, as they come
	command []string // arguments of the call it suggests
	tool    string   // what that calls
	args    map[string]any
}

// waitDemo reads the demo's output until everything is there.
func waitDemo(t *testing.T, printed *output) demo {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := parseDemo(printed.String())
		if err == nil {
			return d
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%v in:\n%s", err, printed)
		case <-tick.C:
		}
	}
}

func parseDemo(text string) (demo, error) {
	d := demo{
		url:  regexp.MustCompile(`http://[0-9a-z.:\[\]]+/mcp\b`).FindString(text),
		args: map[string]any{},
	}
	for _, token := range regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`).FindAllString(text, -1) {
		if !slices.Contains(d.tokens, token) {
			d.tokens = append(d.tokens, token)
		}
	}
	call := regexp.MustCompile(`sallyport (call .*)`).FindStringSubmatch(text)
	if call != nil {
		d.command = strings.Fields(call[1])
	}
	for i, word := range d.command {
		name, value, isArgument := strings.Cut(word, "=")
		switch {
		case i == 0 || strings.HasPrefix(word, "-") || strings.HasPrefix(d.command[i-1], "--"):
		case isArgument:
			d.args[name] = value
		default:
			d.tool = word
		}
	}
	if d.url == "" || len(d.tokens) < 3 || d.tool == "" {
		return demo{}, fmt.Errorf("no endpoint, three tokens and a `sallyport call` line")
	}
	return d, nil
}

// checkRoles demands that the three tokens don't all list the same tools.
func checkRoles(t *testing.T, d demo) {
	t.Helper()
	seen := map[string]bool{}
	for _, token := range d.tokens {
		s, err := connectGoSDK(t.Context(), d.url, token, "2026-07-28", newHost())
		if err != nil {
			t.Fatal(err)
		}
		tools, err := s.list(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprint(tools)] = true
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
	if len(seen) < 2 {
		t.Errorf("all tokens list the same tools: %v", seen)
	}
}
