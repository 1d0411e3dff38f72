package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// TestMain checks for leaks. Goroutines of fasthttp that end by themselves
// some seconds after their server are left out.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// rig is a gateway that runs on a real listener.
type rig struct {
	t        testing.TB
	g        *gateway.Gateway
	url      string
	adminURL string
	files    map[string][]byte
	mu       sync.Mutex
	log      *lockedBuffer
	client   *http.Client
}

// lockedBuffer is a buffer that may be written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serverKeys are what every manifest of the tests needs.
const serverKeys = "server: {listen: \"127.0.0.1:0\", admin: \"127.0.0.1:0\"}\n"

// start runs a gateway with a manifest and stops it with the test. UPSTREAM
// in the manifest's environment is the upstream's URL.
func start(t testing.TB, manifest, upstream string, env map[string]string) *rig {
	t.Helper()
	return startParts(t, standard.Parts(), manifest, upstream, env)
}

// startParts is start for a build of other parts.
func startParts(t testing.TB, parts plugins.Parts, manifest, upstream string, env map[string]string) *rig {
	t.Helper()
	return startOptions(t, gateway.Options{Parts: parts}, manifest, upstream, env)
}

// startOptions is start with further options.
func startOptions(t testing.TB, options gateway.Options, manifest, upstream string, env map[string]string) *rig {
	t.Helper()
	r := &rig{t: t, files: map[string][]byte{"manifest.yaml": []byte(manifest)}, log: &lockedBuffer{}}
	source := config.Source{Path: "manifest.yaml", Overlay: r.files, Env: func(name string) (string, bool) {
		if name == "UPSTREAM" {
			return upstream, true
		}
		v, ok := env[name]
		return v, ok
	}}
	options.Source, options.Version = source, "test"
	options.Log = slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g, err := gateway.New(options)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	if err = g.Listen(); err != nil {
		t.Fatalf("listen: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Run() }()
	r.g = g
	r.url = "http://" + g.Addr().String()
	r.adminURL = "http://" + g.AdminAddr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	r.client = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return r
}

// replace puts another manifest in the file, without reloading.
func (r *rig) replace(manifest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files["manifest.yaml"] = []byte(manifest)
}

// answer is an HTTP answer.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request and reads the answer.
func (r *rig) do(method, path, body string, headers map[string]string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatalf("request: %v", err)
	}
	for name, value := range headers {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("read answer: %v", err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: string(data)}
}

// modernMeta is the _meta of a modern request.
const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// modern sends a modern request; params is the inside of the params object.
func (r *rig) modern(method, name, params string, headers map[string]string) answer {
	r.t.Helper()
	if params != "" {
		params += ","
	}
	h := map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method,
	}
	if name != "" {
		h["Mcp-Name"] = name
	}
	for k, v := range headers {
		h[k] = v
	}
	return r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+modernMeta+`}}`, h)
}

// call calls a tool as a modern client; arguments is a JSON object.
func (r *rig) call(tool, arguments string, headers map[string]string) answer {
	r.t.Helper()
	return r.modern("tools/call", tool, fmt.Sprintf(`"name":%q,"arguments":%s`, tool, arguments), headers)
}

// begin starts a legacy session and returns its headers.
func (r *rig) begin(revision string, headers map[string]string) map[string]string {
	r.t.Helper()
	h := map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
	for k, v := range headers {
		h[k] = v
	}
	a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+revision+`","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`, h)
	if a.status != 200 {
		r.t.Fatalf("initialize %s: %d %s", revision, a.status, a.body)
	}
	h["Mcp-Session-Id"] = a.header.Get("Mcp-Session-Id")
	if revision >= "2025-06-18" {
		h["MCP-Protocol-Version"] = revision
	}
	return h
}

// backend is an upstream that counts what reaches it.
type backend struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newBackend(t *testing.T, serve http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b.mu.Lock()
		b.seen = append(b.seen, req.Method+" "+req.RequestURI)
		b.mu.Unlock()
		serve(w, req)
	}))
	t.Cleanup(b.Close)
	return b
}

// requests are those that reached the upstream.
func (b *backend) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.seen...)
}
