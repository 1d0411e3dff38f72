package importer

import (
	"os"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

func parsed(t *testing.T, text string) *openapi.Document {
	t.Helper()
	doc, err := openapi.Parse("d.yaml", []byte(text), refuse)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// withHead is a document with one operation below the lines given.
func withHead(lines string) string {
	return "openapi: 3.1.0\ninfo: {title: The Things REST API v2, version: '1'}\n" + lines + `
paths:
  /things: {get: {operationId: listThings, summary: List things, responses: {"200": {description: ok}}}}
`
}

// TestUpstreamOf says where the service is, and how it is authenticated to.
func TestUpstreamOf(t *testing.T) {
	scheme := func(text string) string {
		return "servers: [{url: 'https://t.example'}]\nsecurity: [{s: []}]\ncomponents: {securitySchemes: {s: " + text + "}}\n"
	}
	for _, test := range []struct{ name, head, want, note string }{
		{"no server", "", "url: ${THINGS_URL:-http://127.0.0.1:9000}\n", "set THINGS_URL"},
		{"a relative one", "servers: [{url: /api/v2}]\n", "url: ${THINGS_URL:-http://127.0.0.1:9000/api/v2}\n", "set THINGS_URL"},
		{"two", "servers: [{url: 'https://a.example/x/'}, {url: 'https://b.example'}]\n", "  # Other servers of the document: https://b.example\n  things:\n    url: https://a.example/x\n", ""},
		{"bearer", scheme("{type: http, scheme: bearer}"), "bearer: '${THINGS_TOKEN:?an access token of things}'", "set THINGS_TOKEN"},
		{"basic", scheme("{type: http, scheme: basic}"), "${THINGS_USER:?a user of things}", "THINGS_USER, THINGS_PASSWORD"},
		{"header", scheme("{type: apiKey, in: header, name: X-Api-Key}"), "header: {name: X-Api-Key, value: '${THINGS_API_KEY:?", "THINGS_API_KEY"},
		{"query", scheme("{type: apiKey, in: query, name: api-key}"), "query: {name: api-key, value: '${THINGS_API_KEY:?", "THINGS_API_KEY"},
		{"cookie", scheme("{type: apiKey, in: cookie, name: sid}"), "header: {name: Cookie, value: 'sid=${THINGS_SID:?", "THINGS_SID"},
		{"oauth2", scheme("{type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://t.example/token', scopes: {}}}}"), "bearer: '${THINGS_TOKEN:?", "THINGS_TOKEN"},
		{"unknown", scheme("{type: mutualTLS}"), "url: https://t.example\n\ntools", "no auth was written: there is none for s (mutualTLS)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := imported(t, parsed(t, withHead(test.head)), OpenAPIOptions{})
			if !strings.Contains(string(d.Manifest()), test.want) {
				t.Errorf("want %q in:\n%s", test.want, d.Manifest())
			}
			var preview strings.Builder
			if err := d.Preview.Write(&preview); err != nil || !strings.Contains(preview.String(), test.note) {
				t.Errorf("want %q told: %v\n%s", test.note, err, preview.String())
			}
		})
	}
}

// TestDocumentName calls services as a person would.
func TestDocumentName(t *testing.T) {
	for title, want := range map[string]string{
		"GitHub's official OpenAPI spec + Octokit extension": "github",
		"GitHub v3 REST API":       "github",
		"The Things REST API v2":   "things",
		"Twilio - Api":             "twilio",
		"Item Shop":                "item_shop",
		"YouTube Data API":         "youtube_data",
		"Swagger Petstore":         "petstore",
		"Billing: all of it, 2026": "billing",
		"API":                      "from_file",
	} {
		if got := documentName(title, "from-file.openapi.yaml"); got != want {
			t.Errorf("%s: %s, want %s", title, got, want)
		}
	}
}

// TestSwagger calls a document of version 2.0 by the name that it had.
func TestSwagger(t *testing.T) {
	doc := parsed(t, "swagger: '2.0'\ninfo: {title: T, version: '1'}\nhost: t.example\npaths: {/a: {get: {operationId: a, responses: {}}}}\n")
	if got := imported(t, doc, OpenAPIOptions{}).Preview.Document; got != "T, Swagger 2.0" {
		t.Error(got)
	}
}

// TestChosenURL replaces the document's servers, and must be one.
func TestChosenURL(t *testing.T) {
	doc := parsed(t, withHead("servers: [{url: 'https://a.example'}]\n"))
	d := imported(t, doc, OpenAPIOptions{URL: "http://127.0.0.1:1/x", Upstream: "My Shop"})
	if !strings.Contains(string(d.Manifest()), "  my_shop:\n    url: http://127.0.0.1:1/x\n") {
		t.Errorf("%s", d.Manifest())
	}
	for _, url := range []string{"a.example", "https://user:p@a.example", "https://a.example?x=1", "ftp://a.example", "https://a b"} {
		if _, err := OpenAPI(doc, OpenAPIOptions{URL: url}); err == nil {
			t.Errorf("%s is taken for a URL of a service", url)
		}
	}
}

// TestNothing tells why no operation becomes a tool.
func TestNothing(t *testing.T) {
	doc := parsed(t, "openapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths: {/a: {trace: {responses: {}}}}\n")
	d, err := OpenAPI(doc, OpenAPIOptions{})
	if !IsNothing(err) || d == nil || d.Preview.Skipped != 1 {
		t.Errorf("%v: %+v", err, d)
	}
}

// TestBilling writes the document of the tests, as a person would.
func TestBilling(t *testing.T) {
	const path = "testdata/billing.golden.yaml"
	got := imported(t, billing(t), OpenAPIOptions{Source: "billing.openapi.yaml"}).Manifest()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(got) != string(want) {
		t.Errorf("%v, written:\n%s\nwant:\n%s", err, got, want)
	}
}

// TestWidth keeps the lines of a manifest readable.
func TestWidth(t *testing.T) {
	for i, line := range strings.Split(string(imported(t, billing(t), OpenAPIOptions{Source: "billing.openapi.yaml"}).Manifest()), "\n") {
		if len(line) > textWidth {
			t.Errorf("line %d has %d characters: %s", i+1, len(line), line)
		}
	}
}
