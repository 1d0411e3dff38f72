package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
	tailLines    = 20
	jwtSecret    = "only-for-these-tests-0123456789abcdef"
)

// binaries is the folder that the programs under test are built into.
const binaries = "bin"

// atOnce is how many parallel tests run at once, unless -parallel says: most of
// them wait for others.
const atOnce = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		if err := parallel.Value.Set(atOnce); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	for _, prepare := range []func() error{setup, build} {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	if err := writeRan(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

// ran is a file that keeps the go command from caching the result, as it can't
// know that the tests depend on programs of another module: tests that have
// read a file which is only just written when they end are always run again.
const ran = binaries + "/ran"

func writeRan() error { return os.WriteFile(ran, []byte(time.Now().String()), 0o600) }

// setup installs the JavaScript clients unless they are there.
func setup() error {
	cmd := exec.Command("./setup")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("./setup: %w", err)
	}
	return nil
}

// build makes the programs under test, with the race detector if the tests
// have it.
func build() error {
	dir, err := filepath.Abs(binaries)
	if err != nil {
		return err
	}
	args := append([]string{"build"}, buildFlags()...)
	args = append(args, "-o", dir+"/", "./cmd/sallyport", "./examples/conformance/backend")
	cmd := exec.Command("go", args...)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

// gateway is a running sallyport process.
type gateway struct {
	url   string // of the MCP endpoint
	admin string // base URL of the admin listener
}

// freeGateway is a gateway on free ports that doesn't run yet.
func freeGateway(t *testing.T) gateway {
	t.Helper()
	return gateway{url: "http://" + freeAddress(t) + "/mcp", admin: "http://" + freeAddress(t)}
}

// startGateway runs `sallyport serve` on free ports until the test ends. At the
// end it sends SIGTERM and expects exit status 0.
func startGateway(t *testing.T, manifest string, env ...string) gateway {
	t.Helper()
	g := freeGateway(t)
	g.start(t, manifest, env...)
	return g
}

func (g gateway) start(t *testing.T, manifest string, env ...string) {
	t.Helper()
	env = append(env, "SALLYPORT_LISTEN="+g.address(), "JWT_SECRET="+jwtSecret,
		"SALLYPORT_ADMIN="+strings.TrimPrefix(g.admin, "http://"))
	start(t, "sallyport", []string{"serve", "-c", manifest}, env, g.admin+"/health/ready")
}

// address is that of the MCP listener.
func (g gateway) address() string {
	return strings.TrimSuffix(strings.TrimPrefix(g.url, "http://"), "/mcp")
}

// start runs one of the built programs until the test ends and waits until its
// ready URL answers 200. What it prints is logged if the test fails.
func start(t *testing.T, program string, args, env []string, ready string) *output {
	t.Helper()
	if _, err := os.ReadFile(ran); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	out := &output{}
	cmd := exec.Command(filepath.Join(binaries, program), args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		stop(t, cmd, exited)
		if t.Failed() {
			t.Logf("%s printed at last:\n%s", program, out.tail(tailLines))
		}
	})
	if ready != "" {
		if err := waitReady(t.Context(), ready, exited); err != nil {
			t.Fatalf("%s %v: %v\n%s", program, args, err, out)
		}
	}
	return out
}

func stop(t *testing.T, cmd *exec.Cmd, exited chan error) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("%s ended before it was stopped: %v", filepath.Base(cmd.Path), err)
		return
	}
	select {
	case err := <-exited:
		if err != nil {
			t.Errorf("%s after SIGTERM: %v", filepath.Base(cmd.Path), err)
		}
	case <-time.After(stopTimeout):
		_ = cmd.Process.Kill()
		t.Errorf("%s did not end within %v of SIGTERM", filepath.Base(cmd.Path), stopTimeout)
	}
}

// waitReady polls the URL until it answers 200.
func waitReady(ctx context.Context, url string, exited chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if status(ctx, url) == http.StatusOK {
			return nil
		}
		select {
		case err := <-exited:
			exited <- err // for whoever stops it
			return errors.Join(errors.New("ended before it was ready"), err)
		case <-ctx.Done():
			return fmt.Errorf("not ready within %v", startTimeout)
		case <-tick.C:
		}
	}
}

func status(ctx context.Context, url string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// lastPort is the port handed out last.
var lastPort atomic.Int32

// freeAddress is a loopback address nobody listens on. Its port is below those
// that the system gives to outgoing connections, so that none of them takes it
// before it is used, and is handed out once.
func freeAddress(t *testing.T) string {
	t.Helper()
	const first, ports = 20000, 10000
	lastPort.CompareAndSwap(0, int32(os.Getpid()%ports)) // #nosec G115 -- below 10000
	for range ports {
		address := fmt.Sprintf("127.0.0.1:%d", first+lastPort.Add(1)%ports)
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no port is free")
	return ""
}

// token is a JWT that testdata/manifest.yaml accepts.
func token(t *testing.T, subject string, roles ...string) string {
	t.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": "https://id.e2e.example", "aud": "https://mcp.e2e.example/mcp", "sub": subject, "roles": roles,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// output collects what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// tail is the last n lines.
func (o *output) tail(n int) string {
	lines := strings.SplitAfter(o.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-n-1):], "")
}
