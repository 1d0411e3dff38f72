package docs_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// The addresses as the pages write them.
const (
	shownListen = "127.0.0.1:8080"
	shownAdmin  = "127.0.0.1:9090"
	shownAcme   = "127.0.0.1:9000"
)

// TestConsole does what the pages tell a reader to do, page by page, each in an
// empty folder, or in that of the example: it writes the manifests and runs the commands of the console
// blocks, in their order, and demands the output that is shown. There, "..."
// stands for anything within a line, or alone for any lines.
func TestConsole(t *testing.T) {
	for _, p := range pages(t) {
		if len(p.of("console")) == 0 {
			continue
		}
		t.Run(strings.TrimSuffix(p.path, ".md"), func(t *testing.T) {
			if folder := filepath.Dir(p.path); folder != "." {
				t.Chdir(folder)
			} else {
				t.Chdir(t.TempDir())
			}
			s := &session{
				t: t, listen: free(t), admin: free(t),
				acme: strings.TrimPrefix(exampletest.Acme(t).URL(), "http://"),
			}
			t.Cleanup(s.stop)
			t.Setenv("ACME_URL", "http://"+s.acme)
			t.Setenv("SALLYPORT_TOKEN", "")
			t.Setenv("MCP_SESSION", "")
			for _, b := range p.blocks {
				s.play(b)
			}
		})
	}
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// session is a reader's terminal.
type session struct {
	t                   *testing.T
	listen, admin, acme string
	served              chan int // gets the exit code of `sallyport serve &`
}

// play writes the file that a block shows, or runs its commands.
func (s *session) play(b block) {
	s.t.Helper()
	switch {
	case b.file != "":
		s.write(b.file, b.text)
	case b.lang == "yaml" && strings.HasPrefix(b.text, "# in manifest.yaml"):
		old, err := os.ReadFile("manifest.yaml")
		if err != nil {
			s.t.Fatal(err)
		}
		_, change, _ := strings.Cut(b.text, "\n")
		s.write("manifest.yaml", changed(string(old), change))
	case b.lang == "console":
		for _, step := range steps(b.text) {
			got := s.command(step.command)
			if !matches(step.output, got) {
				s.t.Errorf("%s:%d: $ %s\nprinted\n%s\nwant\n%s", b.page, b.line, step.command, got, step.output)
			}
		}
	}
}

// write writes a manifest; listeners that it doesn't name get free ports.
func (s *session) write(name, text string) {
	s.t.Helper()
	text = strings.ReplaceAll(text, shownAcme, s.acme)
	if name == "manifest.yaml" && !strings.Contains(text, "\nserver:") {
		text += "server: {listen: \"" + s.listen + "\", admin: \"" + s.admin + "\"}\n"
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// step is a command and what it prints.
type step struct{ command, output string }

func steps(text string) []step {
	var all []step
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, step{command: strings.TrimSpace(command)})
		} else if len(all) > 0 {
			all[len(all)-1].output += line
		}
	}
	return all
}

var export = regexp.MustCompile(`^export ([A-Z_]+)=(?:\$\((.+)\)|([^$\s]+))$`)

// command runs a line and returns what it prints, with the addresses as the
// pages write them.
func (s *session) command(line string) string {
	s.t.Helper()
	if parts := export.FindStringSubmatch(line); parts != nil {
		value := parts[3]
		if parts[2] != "" {
			value = strings.TrimSpace(s.command(parts[2]))
		}
		s.t.Setenv(parts[1], value)
		return ""
	}
	if line == "kill %1" {
		s.stop()
		return ""
	}
	background := strings.HasSuffix(line, " &")
	words := split(strings.TrimSuffix(line, " &"))
	if words[0] == "curl" {
		return s.shown(s.curl(words[1:]))
	}
	if words[0] != "sallyport" {
		s.t.Fatalf("%q is no command of sallyport's", line)
	}
	args := words[1:]
	for i := range args {
		args[i] = strings.NewReplacer(shownListen, s.listen, shownAcme, s.acme).Replace(args[i])
	}
	if args[0] == "reload" || args[0] == "healthcheck" || slices.Contains(args, "--live") && args[0] == "explain" {
		args = append(args, "--admin", s.admin)
	}
	var out locked
	if background {
		s.serve(args, &out)
		return ""
	}
	cmd.Main(standard.Parts(), args, strings.NewReader(""), &out, &out)
	return s.shown(out.String())
}

// shown is a text with the addresses and the ends of lines as the pages write
// them.
func (s *session) shown(text string) string {
	return strings.NewReplacer(s.listen, shownListen, s.admin, shownAdmin, s.acme, shownAcme, "\r\n", "\n").Replace(text)
}

// curl does what curl does with the few flags that the pages use.
func (s *session) curl(args []string) string {
	s.t.Helper()
	var to, body, format, out string
	headers := map[string]string{}
	next := func() (arg string) {
		if len(args) == 0 {
			s.t.Fatal("curl: the value of a flag is missing")
		}
		arg, args = args[0], args[1:]
		return arg
	}
	for len(args) > 0 {
		switch arg := next(); arg {
		case "-s":
		case "-H":
			name, text, _ := strings.Cut(next(), ":")
			headers[name] = os.ExpandEnv(strings.TrimSpace(text))
		case "--json":
			body = next()
			headers["Content-Type"], headers["Accept"] = "application/json", "application/json"
		case "-o":
			out = next()
		case "-w":
			format = next()
		default:
			if to = arg; !strings.HasPrefix(to, "http://"+shownListen) {
				s.t.Fatalf("curl: %q is neither a flag that the pages use nor our address", to)
			}
		}
	}
	status, header, text := s.post(strings.Replace(to, shownListen, s.listen, 1), body, headers)
	if status >= http.StatusBadRequest {
		s.t.Errorf("curl %s: %d %s", to, status, text)
	}
	if out == "/dev/null" {
		text = ""
	}
	return text + regexp.MustCompile(`%header\{([^}]+)\}`).ReplaceAllStringFunc(format, func(hole string) string {
		return header.Get(strings.TrimSuffix(strings.TrimPrefix(hole, "%header{"), "}"))
	})
}

// post sends a body, and returns what is answered.
func (s *session) post(to, body string, headers map[string]string) (int, http.Header, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, text := range headers {
		request.Header.Set(name, text)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// serve runs a command in the background until the page ends.
func (s *session) serve(args []string, out *locked) {
	s.t.Helper()
	s.served = make(chan int, 1)
	done := s.served
	go func() { done <- cmd.Main(standard.Parts(), args, strings.NewReader(""), out, out) }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if response, err := client.Get("http://" + s.admin + "/health/ready"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case code := <-done:
			s.served = nil
			s.t.Fatalf("serve ended with %d:\n%s", code, out.String())
		case <-deadline:
			s.t.Fatalf("serve is not ready:\n%s", out.String())
		}
	}
}

// stop ends what runs in the background, as Ctrl-C would.
func (s *session) stop() {
	if s.served == nil {
		return
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if code := <-s.served; code != 0 {
		s.t.Errorf("serve ended with %d", code)
	}
	s.served = nil
}

// split splits a line into words; a word may be quoted in part.
func split(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && r == ' ':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// matches compares what is shown with what was printed.
func matches(shown, printed string) bool {
	pattern := regexp.QuoteMeta(strings.TrimRight(shown, "\n"))
	pattern = regexp.MustCompile(`(?m)^\\\.\\\.\\\.$`).ReplaceAllString(pattern, `(?s:.*)`)
	pattern = strings.ReplaceAll(pattern, `\.\.\.`, `[^\n]*`)
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(strings.TrimRight(printed, "\n"))
}

// section is a key at the start of a line and all that belongs to it.
type section struct{ key, text string }

// sections splits a text at the keys that stand that far in.
func sections(text string, indent string) (head string, found []section) {
	key := regexp.MustCompile(`^` + indent + `([a-z_]+):`)
	for line := range strings.Lines(text) {
		if m := key.FindStringSubmatch(line); m != nil {
			found = append(found, section{key: m[1]})
		}
		if len(found) == 0 {
			head += line
			continue
		}
		found[len(found)-1].text += line
	}
	return head, found
}

// changed lays the keys of a change over those of a manifest: whole sections,
// and in tools and upstreams one by one.
func changed(old, change string) string { return overlay(old, change, "") }

func overlay(old, change, indent string) string {
	head, have := sections(old, indent)
	_, want := sections(change, indent)
	for _, w := range want {
		at := -1
		for i := range have {
			if have[i].key == w.key {
				at = i
			}
		}
		switch {
		case at < 0:
			have = append(have, w)
		case indent == "" && (w.key == "tools" || w.key == "upstreams"):
			have[at].text = overlay(have[at].text, w.text, "  ")
		default:
			have[at].text = w.text
		}
	}
	for _, h := range have {
		head += h.text
	}
	return head
}

// locked is a buffer that may be written and read at once.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestMatches demands that the comparison of TestConsole can fail.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		shown, printed string
		want           bool
	}{
		{"ok\n", "ok\n", true},
		{"ok\n", "okay\n", false},
		{"id ...\n", "id 17\n", true},
		{"id ...\n", "id 17\nmore\n", false},
		{"a\n...\nz\n", "a\nb\nc\nz\n", true},
		{"a\n...\nz\n", "a\nb\nc\n", false},
		{"", "error\n", false},
	} {
		if got := matches(c.shown, c.printed); got != c.want {
			t.Errorf("%q, printed %q: %t", c.shown, c.printed, got)
		}
	}
	got := changed("version: 1\ntools:\n  a:\n    x: 1\n  b:\n    y: 1\n", "auth:\n  k: v\ntools:\n  a:\n    x: 2\n  c: {}\n")
	want := "version: 1\ntools:\n  a:\n    x: 2\n  b:\n    y: 1\n  c: {}\nauth:\n  k: v\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
