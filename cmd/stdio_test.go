package cmd_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const greeting = `version: 1
telemetry: {logs: {format: json}}
tools:
  greet: {description: Greet., response: {text: "%s"}}
`

// talk is a sallyport process that serves one client.
type talk struct {
	t       *testing.T
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	log     bytes.Buffer
}

// stdio starts `sallyport stdio`.
func stdio(t *testing.T, manifest string) *talk {
	t.Helper()
	s := &talk{t: t, process: process("stdio", "-c", manifest)}
	var err error
	if s.in, err = s.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out, s.process.Stderr = bufio.NewReader(out), &s.log
	if err = s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Process.Kill() })
	s.ask(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`)
	return s
}

// say sends a line.
func (s *talk) say(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

// hear reads a line.
func (s *talk) hear() string {
	s.t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		s.t.Fatalf("%q %v\n%s", line, err, &s.log)
	}
	return line
}

func (s *talk) ask(line string) string {
	s.t.Helper()
	s.say(line)
	return s.hear()
}

// TestStdioEndsOnSignal ends with 0 while its input is still open.
func TestStdioEndsOnSignal(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		path := filepath.Join(t.TempDir(), "manifest.yaml")
		replace(t, path, strings.Replace(greeting, "%s", "Hello", 1))
		s := stdio(t, path)
		if err := s.process.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(s.out); err != nil || len(rest) > 0 {
			t.Errorf("%s: %q was said after the signal, %v", sig, rest, err)
		}
		if err := s.process.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", sig, err, &s.log)
		}
	}
}

// TestStdioReloads reads the manifest again on SIGHUP, tells the client of it,
// and keeps the old one if the new one is broken.
func TestStdioReloads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	replace(t, path, strings.Replace(greeting, "%s", "Hello", 1))
	s := stdio(t, path)
	const list, call = `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`, `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"greet"}}`
	s.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	if got := s.ask(list); !strings.Contains(got, `"greet"`) {
		t.Fatal(got)
	}
	replace(t, path, strings.Replace(greeting, "%s", "Hi", 1)+"  more: {description: More., response: {text: x}}\n")
	if err := s.process.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if got := s.hear(); !strings.Contains(got, "notifications/tools/list_changed") {
		t.Errorf("after the reload: %s", got)
	}
	if got := s.ask(call); !strings.Contains(got, `"text":"Hi"`) {
		t.Error(got)
	}
	if err := s.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.process.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &s.log)
	}
	for line := range strings.Lines(s.log.String()) {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("the log has %q", line)
		}
	}
}
