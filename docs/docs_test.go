package docs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/auth"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// TestJSON demands that every block of JSON is JSON.
func TestJSON(t *testing.T) {
	for _, p := range pages(t) {
		for _, b := range p.of("json") {
			if !json.Valid([]byte(b.text)) {
				t.Errorf("%s:%d: this is no JSON", b.page, b.line)
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks demands that every relative link leads to a file, and to a heading
// if it names one.
func TestLinks(t *testing.T) {
	for _, p := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(p.prose(), -1) {
			u, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: %s: %v", p.path, found[1], err)
				continue
			}
			if u.IsAbs() {
				continue
			}
			to := p
			if u.Path != "" {
				target := filepath.Join(filepath.Dir(p.path), u.Path)
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s: %s leads nowhere", p.path, found[1])
					continue
				}
				if u.Fragment != "" {
					to = readPage(t, target)
				}
			}
			if u.Fragment != "" && !to.anchors()[u.Fragment] {
				t.Errorf("%s: %s names no heading", p.path, found[1])
			}
		}
	}
}

// TestGo demands that every block of Go stands in a file that is compiled and
// tested: the custom build of the examples.
func TestGo(t *testing.T) {
	var all strings.Builder
	files, err := filepath.Glob("../examples/custom-build/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	for _, p := range pages(t) {
		for _, b := range p.of("go") {
			if !strings.Contains(all.String(), b.text) {
				t.Errorf("%s:%d: this is not in examples/custom-build as it stands", b.page, b.line)
			}
		}
	}
}

// manifestKey begins a block that is a manifest, or a part of one.
var manifestKey = regexp.MustCompile(`^(version|include|server|auth|defaults|upstreams|tools|resources|prompts|endpoints|telemetry):`)

// own begins a block of a file with a name of its own.
var own = regexp.MustCompile(`^# ([a-z0-9-]+\.yaml)\n`)

// TestManifests demands that every block of YAML which is a manifest, or a
// part of one, is put in force by the gateway without problems and warnings.
// Other YAML must be YAML.
func TestManifests(t *testing.T) {
	folder := files(t)
	for _, p := range pages(t) {
		whole := "" // manifest.yaml, as far as the page has come
		for _, b := range p.of("yaml") {
			switch {
			case b.file != "" && b.file != "manifest.yaml":
				// For the console blocks, and for manifests that name it.
				if err := os.WriteFile(filepath.Join(folder, b.file), []byte(b.text), 0o600); err != nil {
					t.Fatal(err)
				}
				continue
			case strings.HasPrefix(b.text, "# in manifest.yaml, a mistake"):
				continue // wrong on purpose
			case strings.HasPrefix(b.text, "# in manifest.yaml"):
				_, change, _ := strings.Cut(b.text, "\n")
				b.text = changed(whole, change)
				fallthrough
			case strings.HasPrefix(b.text, "# manifest.yaml"):
				whole = b.text
				fallthrough
			case manifestKey.MatchString(b.text):
				checkManifest(t, folder, b)
				continue
			}
			var value any
			if err := yaml.Unmarshal([]byte(b.text), &value); err != nil {
				t.Errorf("%s:%d: %v", b.page, b.line, err)
			}
		}
	}
}

// checkManifest completes a part of a manifest with the least that is wanted,
// and builds the gateway of it.
func checkManifest(t *testing.T, folder string, b block) {
	t.Helper()
	text := b.text
	for _, add := range []struct{ key, text string }{
		{"version", "version: 1\n"},
		{"upstreams", "upstreams: {crm: {url: \"http://127.0.0.1:9000\"}}\n"},
		{"tools", "tools: {get_customer: {description: d, request: GET /customers, upstream: crm}}\n"},
	} {
		if !regexp.MustCompile(`(?m)^` + add.key + `:`).MatchString(text) {
			text += add.text
		}
	}
	if !strings.Contains(text, "\n  crm: {url") && !strings.Contains(text, "\n  crm:\n") && !strings.Contains(text, "{crm: ") {
		text = strings.Replace(text, ", upstream: crm}}", "}}", 1)
	}
	path := filepath.Join(folder, "manifest.yaml")
	source := config.Source{
		Path: path, Env: variable,
		Overlay: map[string][]byte{
			path:                      []byte(text),
			"/run/secrets/crm":        []byte("secret-of-crm\n"),
			"/run/secrets/jwt":        []byte(strings.Repeat("0123456789abcdef", 4)),
			folder + "/handbook.md":   []byte("# Handbook\n"),
			folder + "/tools/a.yaml":  []byte("tools: {}\n"),
			folder + "/policy.yaml":   []byte("tools: {}\n"),
			folder + "/order.json":    []byte(`{"type":"object"}`),
			folder + "/tools/b.yaml":  []byte("tools: {}\n"),
			folder + "/upstreams.yml": []byte("upstreams: {}\n"),
		},
	}
	g, err := gateway.New(gateway.Options{Source: source, Parts: standard.Parts()})
	if err != nil {
		var shown strings.Builder
		if problems, ok := gateway.IsProblems(err); ok {
			if err := problems.Render(&shown, config.RenderOptions{Root: folder}); err != nil {
				t.Fatal(err)
			}
		}
		t.Errorf("%s:%d: %v\n%s", b.page, b.line, err, shown.String())
		return
	}
	for _, w := range g.Warnings() {
		// A part of a manifest shows upstreams without tools, and tools without
		// auth.
		if !strings.HasPrefix(w.Message, "nothing asks upstream") && !strings.Contains(w.Message, "is there for nobody") {
			t.Errorf("%s:%d: %v", b.page, b.line, w)
		}
	}
	if err := g.Close(); err != nil {
		t.Errorf("%s:%d: %v", b.page, b.line, err)
	}
}

// variable stands in for the secrets that an operator has in the environment.
func variable(name string) (string, bool) {
	for _, kind := range []string{"_TOKEN", "_KEY", "_PASSWORD", "_SECRET"} {
		if strings.HasSuffix(name, kind) {
			return "0123456789abcdef0123456789abcdef", true
		}
	}
	if name == "POD_IP" {
		return "10.0.0.5", true
	}
	return "", false
}

// billing is the document that the README exposes.
const billing = `openapi: 3.1.0
info: {title: Billing, version: 1.0.0}
servers: [{url: "http://127.0.0.1:9000"}]
paths:
  /invoices:
    get:
      operationId: listInvoices
      summary: List invoices
      tags: [invoices]
      parameters: [{name: tenant, in: query, required: true, schema: {type: string}}]
      responses: {'200': {description: ok}}
`

// files makes a folder with the files that manifests of the pages name.
func files(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	dev, err := auth.NewDevKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "crm.internal"}, DNSNames: []string{"crm.internal"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, data := range map[string][]byte{
		"ca.pem": chain, "client.pem": chain, "server.pem": chain, "clients.pem": chain,
		"client.key": secret, "server.key": secret,
		".sallyport/jwks.json": dev.JWKS(), "handbook.md": []byte("# Handbook\n"), "billing.yaml": []byte(billing),
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

var metric = regexp.MustCompile(`\b(?:mcp|sallyport)_[a-z]+_[a-z_]+\b`)

// TestMetrics demands that every metric named in the pages is one that the
// gateway declares.
func TestMetrics(t *testing.T) {
	var source strings.Builder
	sources, err := filepath.Glob("../gateway/internal/observe/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(sources, "../gateway/gateway.go") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(data)
	}
	named := 0
	for _, p := range pages(t) {
		for _, name := range metric.FindAllString(p.text, -1) {
			named++
			if !strings.Contains(source.String(), `"`+strings.TrimSuffix(name, "_bucket")+`"`) {
				t.Errorf("%s names the metric %s, which there is not", p.path, name)
			}
		}
	}
	if named == 0 {
		t.Error("no page names a metric")
	}
}
