package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
	"github.com/sallyport-mcp/sallyport/bench/internal/side"
)

// buildSallyport builds the binary as a release is built, from the product's
// own module.
func buildSallyport(source, folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, "sallyport")
	c := exec.Command("go", "build", "-C", source, "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/sallyport")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sallyport: %w: %s", err, out)
	}
	return binary, nil
}

// manifest is what the generated manifest depends on.
type manifest struct {
	listen, admin string
	upstream      string
	issuer        string
	logLevel      string
	tools         []fixture.Tool
}

// text returns the manifest: all checks on, none of them ever in the way.
func (m manifest) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, `version: 1
server:
  name: bench
  listen: %s
  admin: %s
auth:
  jwt:
    - issuer: %s
      audience: %s
      jwks: http://%s%s
      algorithms: [ES256]
      claims: {subject: sub, client: azp, roles: roles, scopes: scope}
defaults:
  rate_limit: 1000000/s burst 100000
  timeout: 10s
upstreams:
  crm:
    url: http://%s
    connections: 1024
    timeout: 5s
    breaker: {failure_ratio: 0.5, min_calls: 10, window: 10s, open: 30s, probes: 1}
telemetry: {logs: {level: %s, format: json}}
tools:
`, m.listen, m.admin, m.issuer, audience, m.upstream, side.KeySetPath, m.upstream, m.logLevel)
	for _, tool := range m.tools {
		fmt.Fprintf(&b, `  %s:
    description: %q
    request: %q
    roles: [%s, admin]
    input:
      customer_id: {type: string, pattern: '^cust_[a-z]{20}$', description: %s}
`, tool.Name, tool.Description, "GET "+tool.Path, role, fixture.ArgumentDescription)
	}
	return b.String()
}

// write writes the manifest into folder and returns its file.
func (m manifest) write(folder, name string) (string, error) {
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, []byte(m.text()), 0o600); err != nil {
		return "", fmt.Errorf("write the manifest: %w", err)
	}
	return file, nil
}
