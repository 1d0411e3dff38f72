package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/bench/internal/process"
	"github.com/sallyport-mcp/sallyport/bench/internal/side"
)

const (
	watchedURI  = "bench://watched"
	watchedPath = "/watched"
	// extraFile is the included file that is written anew for every reload.
	extraFile = "extra.yaml"
)

// site is a gateway as a process, with an upstream in our own: a resource
// whose content changes, and the key set of the callers' tokens.
type site struct {
	gateway  instance
	admin    string
	folder   string
	identity identity
	upstream *http.Server
	keys     []byte
	probe    *http.Client

	mu      sync.Mutex
	version int
	// asked is when the upstream was first asked for the newest version; looks
	// counts all requests for it.
	asked time.Time
	looks int
}

// startSite starts both.
func startSite(o options) (_ *site, err error) {
	s := &site{probe: &http.Client{Timeout: 30 * time.Second}}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.folder, err = os.MkdirTemp("", "sallyport-streams-"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the upstream: %w", err)
	}
	if s.identity, err = newIdentity("http://" + l.Addr().String()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if s.keys, err = s.identity.keySet(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.upstream = &http.Server{Handler: http.HandlerFunc(s.serveUpstream)}
	go func() { _ = s.upstream.Serve(l) }() // ends with an error that says so
	return s, s.startGateway(o, l.Addr().String())
}

// startGateway starts the real binary.
func (s *site) startGateway(o options, upstream string) error {
	binary := o.binary
	if binary == "" {
		var err error
		if binary, err = buildSallyport(o.source, s.folder); err != nil {
			return err
		}
	}
	listen, err := process.FreeAddress()
	if err != nil {
		return err
	}
	if s.admin, err = process.FreeAddress(); err != nil {
		return err
	}
	text := manifest{
		listen: listen, admin: s.admin, upstream: upstream, issuer: s.identity.issuer,
		logLevel: o.logLevel, tools: catalogOf(0),
	}.text()
	text = strings.Replace(text, "server:\n", fmt.Sprintf("include: [%s]\nserver:\n  max_streams: %d\n", extraFile, o.streams), 1) +
		fmt.Sprintf("resources:\n  %q:\n    name: watched\n    request: GET %s\n    roles: [%s]\n    watch: 1s\n", watchedURI, watchedPath, role)
	file := filepath.Join(s.folder, "manifest.yaml")
	if err = os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err = s.writeExtra(0); err != nil {
		return err
	}
	p, err := process.Start(binary, "serve", "-c", file)
	if err != nil {
		return err
	}
	s.gateway = instance{p, listen}
	return s.gateway.ready()
}

// writeExtra writes the included file with a tool that is called after n.
func (s *site) writeExtra(n int) error {
	text := fmt.Sprintf("tools:\n  extra_%d:\n    description: One more tool.\n    request: GET /extra\n    roles: [%s]\n", n, role)
	if err := os.WriteFile(filepath.Join(s.folder, extraFile), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the included file: %w", err)
	}
	return nil
}

// reload puts what is written into force.
func (s *site) reload() error {
	res, err := s.probe.Post("http://"+s.admin+"/reload", "", nil)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the reload was answered %d: %s", res.StatusCode, text)
	}
	return nil
}

func (s *site) serveUpstream(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case side.KeySetPath:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.keys) // a client that has gone
	case watchedPath:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"version":%d}`, s.look())
	default:
		http.NotFound(w, r)
	}
}

// look notes a request for the resource and returns its version.
func (s *site) look() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	if s.asked.IsZero() {
		s.asked = time.Now()
	}
	return s.version
}

// change changes the resource's content.
func (s *site) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.asked = time.Time{}
}

// seen is when the gateway first asked for the newest content.
func (s *site) seen() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// lookedAt waits until the resource was looked at once more.
func (s *site) lookedAt() error {
	const limit, pause = 10 * time.Second, 10 * time.Millisecond
	s.mu.Lock()
	before := s.looks
	s.mu.Unlock()
	for end := time.Now().Add(limit); ; time.Sleep(pause) {
		s.mu.Lock()
		now := s.looks
		s.mu.Unlock()
		if now >= before+2 { // the first of two is answered for certain
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the watched resource was looked at %d times in %v", now-before, limit)
		}
	}
}

// metrics returns the values of the gateway's metrics that have no labels.
func (s *site) metrics() (map[string]float64, error) {
	res, err := s.probe.Get("http://" + s.admin + "/metrics")
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if number, err := strconv.ParseFloat(value, 64); ok && err == nil {
			values[name] = number
		}
	}
	return values, nil
}

// stop ends both.
func (s *site) stop() {
	if s.gateway.Process != nil {
		s.gateway.Stop()
	}
	if s.upstream != nil {
		if err := s.upstream.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	if err := os.RemoveAll(s.folder); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}
