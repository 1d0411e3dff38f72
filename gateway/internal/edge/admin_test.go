package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// problemsError is an error that lists problems.
type problemsError []string

func (p problemsError) Error() string                { return strings.Join(p, "\n") }
func (p problemsError) MarshalJSON() ([]byte, error) { return json.Marshal([]string(p)) }

func startAdmin(t *testing.T, change func(*AdminConfig)) string {
	t.Helper()
	cfg := AdminConfig{
		Addr:    "127.0.0.1:0",
		Live:    func() error { return nil },
		Ready:   func() []Check { return []Check{{Name: "draining"}} },
		Summary: func() any { return map[string]string{"version": "1"} },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metric 1\n") }),
		Reload:  func() (any, error) { return map[string]int{"generation": 2}, nil },
		Plan:    func() (any, error) { return map[string]bool{"widened": true}, nil },
		Explain: func(body []byte) (any, error) {
			if len(body) == 0 {
				return nil, errors.New("what?")
			}
			return len(body), nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	a, err := ListenAdmin(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Serve() }()
	t.Cleanup(func() {
		if err := a.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return a.Addr().String()
}

// call sends a request and returns status, body and the Allow header.
func call(t *testing.T, method, addr, path string, change func(*http.Request)) (int, string, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+addr+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(body)), resp.Header.Get("Allow")
}

func TestAdminEndpoints(t *testing.T) {
	addr := startAdmin(t, nil)
	for _, test := range []struct {
		method, path string
		status       int
		body, allow  string
	}{
		{"GET", "/health", 200, `{"version":"1"}`, ""},
		{"GET", "/health/live", 200, `{"status":"live"}`, ""},
		{"GET", "/health/ready", 200, `{"status":"ready","checks":[{"name":"draining","ok":true}]}`, ""},
		{"HEAD", "/health/ready", 200, "", ""},
		{"GET", "/metrics", 200, "metric 1", ""},
		{"POST", "/reload", 200, `{"generation":2}`, ""},
		{"POST", "/plan", 200, `{"widened":true}`, ""},
		{"GET", "/plan", 405, `{"error":"want POST"}`, "POST"},
		{"POST", "/explain", 422, `{"error":"what?"}`, ""},
		{"GET", "/explain", 405, `{"error":"want POST"}`, "POST"},
		{"GET", "/reload", 405, `{"error":"want POST"}`, "POST"},
		{"HEAD", "/reload", 405, "", "POST"},
		{"POST", "/metrics", 405, `{"error":"want GET, HEAD"}`, "GET, HEAD"},
		{"DELETE", "/health", 405, `{"error":"want GET, HEAD"}`, "GET, HEAD"},
		{"GET", "/", 404, `{"error":"want /health, /health/live, /health/ready, /metrics, /reload, /plan or /explain"}`, ""},
		{"GET", "/health/", 404, `{"error":"want /health, /health/live, /health/ready, /metrics, /reload, /plan or /explain"}`, ""},
	} {
		status, body, allow := call(t, test.method, addr, test.path, nil)
		if status != test.status || body != test.body || allow != test.allow {
			t.Errorf("%s %s: %d %q, Allow %q; want %d %q, Allow %q", test.method, test.path, status, body, allow, test.status, test.body, test.allow)
		}
	}
}

func TestAdminFailures(t *testing.T) {
	var reload error
	addr := startAdmin(t, func(cfg *AdminConfig) {
		cfg.Live = func() error { return errors.New("stuck") }
		cfg.Ready = func() []Check { return []Check{{Name: "keys", Err: errors.New("none yet")}, {Name: "draining"}} }
		cfg.Reload = func() (any, error) { return nil, reload }
		cfg.Plan = cfg.Reload
		cfg.Summary = func() any { return func() {} }
	})
	for _, test := range []struct {
		method, path string
		reload       error
		status       int
		body         string
	}{
		{"GET", "/health", nil, 500, `{"error":"the answer cannot be encoded"}`},
		{"GET", "/health/live", nil, 503, `{"error":"stuck"}`},
		{"GET", "/health/ready", nil, 503, `{"status":"not ready","checks":[{"name":"keys","ok":false,"error":"none yet"},{"name":"draining","ok":true}]}`},
		{"POST", "/reload", fmt.Errorf("load: %w", problemsError{"a", "b"}), 422, `{"error":"the manifest was refused; nothing has changed","problems":["a","b"]}`},
		{"POST", "/plan", fmt.Errorf("load: %w", problemsError{"a"}), 422, `{"error":"the manifest was refused; nothing has changed","problems":["a"]}`},
		{"POST", "/reload", errors.New("no disk"), 500, `{"error":"no disk"}`},
	} {
		reload = test.reload
		if status, body, _ := call(t, test.method, addr, test.path, nil); status != test.status || body != test.body {
			t.Errorf("%s: %d %s, want %d %s", test.path, status, body, test.status, test.body)
		}
	}
}

// TestAdminRefusesWebPages: neither a page of another site nor DNS rebinding
// reaches the admin endpoints.
func TestAdminRefusesWebPages(t *testing.T) {
	reloads := 0
	addr := startAdmin(t, func(cfg *AdminConfig) {
		cfg.Reload = func() (any, error) { reloads++; return nil, nil }
	})
	_, port, _ := strings.Cut(addr, ":")
	for name, test := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"origin":       {func(r *http.Request) { r.Header.Set("Origin", "http://localhost:3000") }, 403},
		"null origin":  {func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"empty origin": {func(r *http.Request) { r.Header["Origin"] = []string{""} }, 403},
		"cross-site":   {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"rebinding":    {func(r *http.Request) { r.Host = "evil.example:" + port }, 403},
		"prefix":       {func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 403},
		"localhost":    {func(r *http.Request) { r.Host = "localhost:" + port }, 200},
		"IPv6":         {func(r *http.Request) { r.Host = "[::1]" }, 200},
	} {
		before := reloads
		status, body, _ := call(t, "POST", addr, "/reload", test.change)
		if status != test.status || (reloads > before) != (test.status == 200) {
			t.Errorf("%s: %d %s, reloads %d", name, status, body, reloads-before)
		}
	}
}

func TestAdminShutdownWithoutServe(t *testing.T) {
	a, err := ListenAdmin(AdminConfig{Addr: "127.0.0.1:0", Metrics: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := a.Serve(); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}
