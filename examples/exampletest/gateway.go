// Package exampletest runs the manifest of an example for real: a gateway on
// free ports, and a client that speaks MCP to it over HTTP.
package exampletest

import (
	"context"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// patience bounds every wait of a test.
const patience = 20 * time.Second

// Gateway is a gateway that runs for the length of a test.
type Gateway struct {
	*gateway.Gateway
	t      *testing.T
	admin  string
	client *http.Client
}

// Start runs the gateway of manifest.yaml, which is in the test's folder, with
// the built-in parts. Variables of env win over those of the process; the
// listeners get free ports.
func Start(t *testing.T, env map[string]string) *Gateway {
	t.Helper()
	return StartParts(t, standard.Parts(), env)
}

// StartParts is Start with the parts of a build of one's own.
func StartParts(t *testing.T, parts plugins.Parts, env map[string]string) *Gateway {
	t.Helper()
	return start(t, gateway.Options{Source: Source("manifest.yaml", env), Parts: parts, Version: "test"})
}

// StartMock is Start where no service is asked: calls are answered from the
// manifest's examples.
func StartMock(t *testing.T, env map[string]string) *Gateway {
	t.Helper()
	return start(t, gateway.Options{Source: Source("manifest.yaml", env), Parts: standard.Parts(), Version: "test", Mock: true})
}

func start(t *testing.T, options gateway.Options) *Gateway {
	t.Helper()
	g, err := gateway.New(options)
	if err != nil {
		t.Fatalf("manifest.yaml: %v", err)
	}
	if err = g.Listen(); err != nil {
		t.Fatalf("listen: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Run() }()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return &Gateway{
		Gateway: g, t: t,
		admin:  "http://" + g.AdminAddr().String(),
		client: &http.Client{Transport: transport, Timeout: patience},
	}
}

// Source is a manifest on disk with an environment: env, then free ports for
// the listeners, then the variables of the process.
func Source(path string, env map[string]string) config.Source {
	return config.Source{Path: path, Env: func(name string) (string, bool) {
		if value, ok := env[name]; ok {
			return value, true
		}
		switch name {
		case "SALLYPORT_LISTEN", "SALLYPORT_ADMIN":
			return "127.0.0.1:0", true
		}
		return os.LookupEnv(name)
	}}
}

// Acme runs the demo service for the length of the test.
func Acme(t *testing.T, options ...acme.Options) *acme.Server {
	t.Helper()
	s, err := acme.Start("127.0.0.1:0", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close the demo service: %v", err)
		}
	})
	return s
}

// Metrics returns what GET /metrics of the admin listener shows.
func (g *Gateway) Metrics() string {
	g.t.Helper()
	request, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, g.admin+"/metrics", http.NoBody)
	if err != nil {
		g.t.Fatal(err)
	}
	response, err := g.client.Do(request)
	if err != nil {
		g.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		g.t.Fatal(err)
	}
	return string(body)
}
