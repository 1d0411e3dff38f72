package cmd_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// served is a sallyport process that serves.
type served struct {
	t     *testing.T
	wait  func() error
	pid   int
	mcp   string
	admin string
	// lines are the log lines, after the first.
	lines chan map[string]any
}

// serve starts `sallyport serve` and waits until it listens.
func serve(t *testing.T, manifest string, flags ...string) *served {
	t.Helper()
	c := process(append([]string{"serve", "-c", manifest}, flags...)...)
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = c.Start(); err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, pid: c.Process.Pid, lines: make(chan map[string]any, 65536)}
	var once sync.Once
	var ended error
	s.wait = func() error { once.Do(func() { ended = c.Wait() }); return ended }
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = s.wait()
	})
	reader := bufio.NewReader(log)
	for s.mcp == "" {
		text, readErr := reader.ReadString('\n')
		var line map[string]any
		if readErr != nil || json.Unmarshal([]byte(text), &line) != nil {
			t.Fatalf("start: %q %v", text, readErr)
		}
		if line["msg"] == "sallyport is up" {
			s.mcp, s.admin = fmt.Sprint(line["mcp"]), fmt.Sprint(line["admin"])
		}
	}
	go func() {
		defer close(s.lines)
		scanner := bufio.NewScanner(reader)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			var line map[string]any
			if json.Unmarshal(scanner.Bytes(), &line) == nil {
				s.lines <- line
			}
		}
		_, _ = io.Copy(io.Discard, reader)
	}()
	return s
}

func (s *served) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(s.pid, sig); err != nil {
		s.t.Fatal(err)
	}
}

// awaitLog waits for a log line with this message.
func (s *served) awaitLog(messages ...string) map[string]any {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("the process ended before it logged %q", messages)
			}
			for _, m := range messages {
				if line["msg"] == m {
					return line
				}
			}
		case <-deadline:
			s.t.Fatalf("no log line %q", messages)
		}
	}
}

// metric reads a metric without labels.
func (s *served) metric(name string) float64 {
	s.t.Helper()
	resp, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, parseErr := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if parseErr != nil {
				s.t.Fatal(parseErr)
			}
			return f
		}
	}
	s.t.Fatalf("no metric %s", name)
	return 0
}

// callBody is a modern tools/call.
func callBody(id int64) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"get_thing","arguments":{"id":"n%d"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, id, id)
}

var errBadAnswer = errors.New("bad answer")

// call calls the tool and checks that the answer is this call's.
func (s *served) call(client *http.Client, id int64) error {
	req, err := http.NewRequest(http.MethodPost, "http://"+s.mcp+"/mcp", strings.NewReader(callBody(id)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("MCP-Protocol-Version", "2026-07-28")
	req.Header.Set("Mcp-Method", "tools/call")
	req.Header.Set("Mcp-Name", "get_thing")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 || !bytes.Contains(body, []byte(`"id":`+strconv.FormatInt(id, 10)+`,`)) ||
		!bytes.Contains(body, []byte(`"structuredContent":{"id":"n`+strconv.FormatInt(id, 10)+`"}`)) {
		return fmt.Errorf("%w: %d %s", errBadAnswer, resp.StatusCode, body)
	}
	return nil
}

// manifests are two good ones that differ, and one that is broken.
func manifests(upstream string) (good [2]string, broken string) {
	format := `version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0"}
telemetry: {logs: {level: %s}}
upstreams:
  api: {url: %q, timeout: 10s}
tools:
  get_thing:
    description: Get a thing. %s
    request: GET /things/{id}
    input: {id: {type: string}}
`
	good[0] = fmt.Sprintf(format, "info", upstream, "One.") + "  other: {description: Another., request: GET /other}\n"
	good[1] = fmt.Sprintf(format, "info", upstream, "Two.")
	return good, good[1] + "    rate_limt: 5/min\n"
}

// replace writes a file as careful editors do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestReloadUnderLoad reloads by SIGHUP while 32 connections call without
// pause and a probe calls every 20 ms; every second manifest is broken. No
// call may fail, and nothing may leak. With SALLYPORT_SOAK=1: 500 reloads in
// 60 seconds and at least 100,000 calls.
func TestReloadUnderLoad(t *testing.T) {
	reloads, period := 40, 50*time.Millisecond
	if os.Getenv("SALLYPORT_SOAK") != "" {
		reloads, period = 500, 120*time.Millisecond
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":%q}`, strings.TrimPrefix(r.URL.Path, "/things/"))
	}))
	defer upstream.Close()
	good, broken := manifests(upstream.URL)
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	replace(t, path, good[0])
	s := serve(t, path)

	l := startLoad(s, 32)
	l.await(t, 2000)
	quiet := s.metric("go_goroutines")
	descriptors := s.metric("process_open_fds")
	tick := time.NewTicker(period)
	defer tick.Stop()
	for i := range reloads {
		<-tick.C
		text := good[(i/2)%2]
		if i%2 == 1 {
			text = broken
		}
		replace(t, path, text)
		s.signal(syscall.SIGHUP)
		line := s.awaitLog("manifest reloaded", "manifest refused")
		if refused := line["msg"] == "manifest refused"; refused != (i%2 == 1) {
			t.Errorf("reload %d: %v", i, line)
		}
	}
	goroutines, open := s.metric("go_goroutines"), s.metric("process_open_fds")
	l.stop()
	if failed := l.failed.Load(); failed > 0 {
		t.Errorf("%d of %d calls failed, the first with: %v", failed, l.calls.Load(), l.first.Load())
	}
	if goroutines > quiet+20 {
		t.Errorf("%v goroutines, %v before", goroutines, quiet)
	}
	if open > descriptors+20 {
		t.Errorf("%v descriptors, %v before", open, descriptors)
	}
	t.Logf("%d reloads, %d calls, slowest probe %v", reloads, l.calls.Load(), time.Duration(l.slowest.Load()))

	s.signal(syscall.SIGTERM)
	if err := s.wait(); err != nil {
		t.Errorf("exit after SIGTERM: %v", err)
	}
}

// load calls without pause.
type load struct {
	calls, failed, slowest atomic.Int64
	first                  atomic.Value
	done                   chan struct{}
	all                    sync.WaitGroup
	client                 *http.Client
}

func startLoad(s *served, connections int) *load {
	l := &load{done: make(chan struct{}), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections + 8}}}
	for range connections {
		l.all.Go(func() {
			for {
				select {
				case <-l.done:
					return
				default:
					l.one(s)
				}
				runtime.Gosched()
			}
		})
	}
	l.all.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-l.done:
				return
			case <-tick.C:
				begin := time.Now()
				l.one(s)
				l.slowest.Store(max(l.slowest.Load(), int64(time.Since(begin))))
			}
		}
	})
	return l
}

// await waits until so many calls were made.
func (l *load) await(t *testing.T, calls int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for l.calls.Load() < calls {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the load doesn't get on")
		}
	}
}

func (l *load) one(s *served) {
	if err := s.call(l.client, l.calls.Add(1)); err != nil {
		l.failed.Add(1)
		l.first.CompareAndSwap(nil, err.Error())
	}
}

func (l *load) stop() {
	close(l.done)
	l.all.Wait()
	l.client.CloseIdleConnections()
}

// gate is an upstream that holds requests until it is opened.
type gate struct {
	*httptest.Server
	arrived, open chan struct{}
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{arrived: make(chan struct{}, 8), open: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.arrived <- struct{}{}
		select {
		case <-g.open:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":%q}`, strings.TrimPrefix(r.URL.Path, "/things/"))
	}))
	t.Cleanup(g.Close)
	return g
}

// serveGate serves a gate's upstream, begins a call and sends SIGTERM.
func serveGate(t *testing.T, g *gate) (*served, <-chan error) {
	t.Helper()
	good, _ := manifests(g.URL)
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	replace(t, path, good[0])
	s := serve(t, path)
	answered := make(chan error, 1)
	go func() { answered <- s.call(http.DefaultClient, 1) }()
	<-g.arrived
	s.signal(syscall.SIGTERM)
	s.awaitLog("draining")
	return s, answered
}

// TestDrain shows that SIGTERM answers what was begun.
func TestDrain(t *testing.T) {
	g := newGate(t)
	s, answered := serveGate(t, g)
	close(g.open)
	if err := <-answered; err != nil {
		t.Errorf("the call begun before SIGTERM: %v", err)
	}
	if err := s.wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
}

// TestSecondSignalEndsAtOnce shows that a second SIGTERM doesn't wait for
// calls.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	g := newGate(t)
	s, answered := serveGate(t, g)
	s.signal(syscall.SIGTERM)
	if err := s.wait(); err == nil {
		t.Error("want an exit code that tells of the calls cut off")
	}
	if err := <-answered; err == nil {
		t.Error("the call was answered, though its upstream never did")
	}
	close(g.open)
}
