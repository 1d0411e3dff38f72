package openapi

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

const shop = `openapi: 3.0.0
info: {title: Shop, version: "1"}
servers: [{url: https://shop.test/v1}]
security: [{token: []}]
paths:
  /invoices:
    get: {operationId: listInvoices, tags: [reports], responses: {}}
    post: {operationId: createInvoice, responses: {}}
    head: {operationId: probe, responses: {}}
  /invoices/{id}:
    get: {operationId: getInvoice, tags: [invoices], responses: {}}
  /elsewhere:
    get: {operationId: elsewhere, servers: [{url: https://other.test}], responses: {}}
components:
  securitySchemes:
    token: {type: http, scheme: bearer}
`

// files are what a test's document refers to.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, os.ErrNotExist
	}
	return []byte(text), nil
}

func exposed(t *testing.T, s Settings, f files) (plugins.Exposure, error) {
	t.Helper()
	return Part().Expose(s, f.read)
}

func names(tools []plugins.ExposedTool) string {
	all := make([]string, len(tools))
	for i := range tools {
		all[i] = tools[i].Name
	}
	return strings.Join(all, " ")
}

func TestExpose(t *testing.T) {
	for _, c := range []struct {
		name   string
		expose Expose
		want   string
	}{
		{"all", Expose{}, "listInvoices createInvoice getInvoice"},
		{"by id", Expose{Include: []string{"getInvoice"}}, "getInvoice"},
		{"by pattern", Expose{Include: []string{"*Invoice"}}, "createInvoice getInvoice"},
		{"by tag", Expose{Include: []string{"tag:rep*"}}, "listInvoices"},
		{"by path", Expose{Include: []string{"GET /invoices/*"}}, "getInvoice"},
		{"by any method", Expose{Include: []string{"* /invoices"}}, "listInvoices createInvoice"},
		{"head by name", Expose{Include: []string{"probe"}}, "probe"},
		{"exclude", Expose{Exclude: []string{"create*"}}, "listInvoices getInvoice"},
		{"prefix", Expose{Include: []string{"bill_get*"}, Prefix: "bill_"}, "bill_getInvoice"},
		{"rename", Expose{Rename: map[string]string{"getInvoice": "invoice", "POST /invoices": "bill"}, Prefix: "x_"}, "x_listInvoices bill invoice"},
		{"a name taken by rename", Expose{Rename: map[string]string{"getInvoice": "createInvoice"}}, "listInvoices createInvoice_post createInvoice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := exposed(t, Settings{OpenAPI: "/m/shop.yaml", Expose: c.expose}, files{"/m/shop.yaml": shop})
			if err != nil {
				t.Fatal(err)
			}
			if names(got.Tools) != c.want {
				t.Errorf("exposes %s, want %s", names(got.Tools), c.want)
			}
			if s := got.Settings.(Settings); s.URL != "https://shop.test/v1" {
				t.Errorf("the URL is %q", s.URL)
			}
		})
	}
}

func TestExposeMistakes(t *testing.T) {
	noServer := strings.Replace(shop, "servers: [{url: https://shop.test/v1}]", "servers: [{url: /v1}]", 1)
	for _, c := range []struct {
		name, document string
		expose         Expose
		want           string
	}{
		{"include", shop, Expose{Include: []string{"getInvoices"}}, `expose.include.0: no operation of the document is meant by "getInvoices" (did you mean "getInvoice"?)`},
		{"tag", shop, Expose{Exclude: []string{"tag:report"}}, `expose.exclude.0: no operation of the document is meant by "tag:report" (did you mean "tag:reports"?)`},
		{"rename", shop, Expose{Rename: map[string]string{"GetInvoice": "x"}}, `expose.rename.GetInvoice: the document has no operation "GetInvoice" (did you mean "getInvoice"?)`},
		{"new name", shop, Expose{Rename: map[string]string{"getInvoice": "an invoice"}}, `expose.rename.getInvoice: "an invoice" can't be the name of a tool (use letters, digits, - and _, at most 64 of them)`},
		{"one name for two", shop, Expose{Rename: map[string]string{"getInvoice": "x", "listInvoices": "x"}}, `expose.rename.listInvoices: "x" is the name of "getInvoice" already ()`},
		{"prefix", shop, Expose{Prefix: "a b"}, `expose.prefix: "a b" can't begin the name of a tool (use letters, digits, - and _, at most 32 of them)`},
		{"wanted and skipped", shop, Expose{Include: []string{"elsewhere"}}, "expose.include: operation \"elsewhere\" can't become a tool: server: it is at https://other.test; write `url` (take it out of include)"},
		{"no server", noServer, Expose{}, `openapi: the document's first server, "/v1", is no URL that requests can be sent to (write url: https://…/v1)`},
		{"no document", "a: b", Expose{}, `openapi: no OpenAPI document: it says neither openapi: 3.x nor swagger: "2.0" at its top ()`},
		{"old", "swagger: '1.2'", Expose{}, `openapi: version "1.2" is not known: want OpenAPI 3.0, 3.1 or 3.2, or Swagger 2.0 ()`},
		{"no YAML", "a: [", Expose{}, `openapi: the YAML can't be read: yaml: line 1: did not find expected node content ()`},
		{"no JSON", "{\n \"a\" 1}", Expose{}, `openapi: the JSON can't be read: line 2: a colon is missing ()`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := exposed(t, Settings{OpenAPI: "/m/d.yaml", Expose: c.expose}, files{"/m/d.yaml": c.document})
			var one *plugins.FieldError
			if !errors.As(err, &one) {
				t.Fatalf("error %v", err)
			}
			if got := one.Error() + " (" + one.Hint + ")"; got != c.want {
				t.Errorf("says\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	_, err := exposed(t, Settings{OpenAPI: "/m/missing.yaml"}, files{})
	if err == nil || !strings.Contains(err.Error(), "can't read the document") {
		t.Errorf("a missing document says %v", err)
	}
}

func TestExposeWarnings(t *testing.T) {
	document := files{"/m/shop.yaml": shop}
	told := func(s Settings) (all []string) {
		got, err := exposed(t, s, document)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range got.Warnings {
			var one *plugins.FieldError
			if !errors.As(w, &one) {
				t.Fatalf("%v is no field error", w)
			}
			all = append(all, one.Error()+" ("+one.Hint+")")
		}
		return all
	}
	s := Settings{OpenAPI: "/m/shop.yaml"}
	want := []string{
		"openapi: 1 of 5 operations become no tools: operation \"elsewhere\" (server: it is at https://other.test; write `url`) (name them under expose.exclude to leave them out knowingly)",
		`openapi: operation "listInvoices" asks for authentication (token), and the upstream has no auth (write auth: {bearer: "${API_TOKEN}"})`,
	}
	if got := told(s); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("warns\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.URL, s.Headers = "https://mine.test", map[string]plugins.Secret{"Authorization": plugins.NewSecret("Bearer x")}
	if got := told(s); got != nil {
		t.Errorf("warns %q of what the manifest answers", got)
	}
}

// TestReload shows that a document is parsed again only if it or a file that
// it refers to has changed.
func TestReload(t *testing.T) {
	f := files{
		"/m/a.yaml": "openapi: 3.0.0\npaths: {/a: {$ref: 'b.yaml#/item'}}",
		"/m/b.yaml": "item: {get: {operationId: first, responses: {}}}",
	}
	part := Part()
	expose := func() (string, map[string]int) {
		t.Helper()
		read := map[string]int{}
		got, err := part.Expose(Settings{OpenAPI: "/m/a.yaml", HTTPSettings: upstream.HTTPSettings{URL: "https://a.test"}}, func(path string) ([]byte, error) {
			read[path]++
			return f.read(path)
		})
		if err != nil {
			t.Fatal(err)
		}
		return names(got.Tools), read
	}
	first, _ := expose()
	again, read := expose()
	if first != "first" || again != "first" || read["/m/a.yaml"] != 1 || read["/m/b.yaml"] != 1 {
		t.Errorf("exposes %s, then %s; read %v", first, again, read)
	}
	f["/m/b.yaml"] = "item: {get: {operationId: second, responses: {}}}"
	if changed, _ := expose(); changed != "second" {
		t.Errorf("exposes %s after the file changed", changed)
	}
	delete(f, "/m/b.yaml")
	if gone, _ := expose(); gone != "" {
		t.Errorf("exposes %s after the file is gone", gone)
	}
	f["/m/b.yaml"] = "item: {get: {operationId: third, responses: {}}}"
	if back, _ := expose(); back != "third" {
		t.Errorf("exposes %s after the file is back", back)
	}
}

func TestPartBuildsUpstream(t *testing.T) {
	part := Part()
	got, err := part.Expose(Settings{OpenAPI: "/m/shop.yaml"}, files{"/m/shop.yaml": shop}.read)
	if err != nil {
		t.Fatal(err)
	}
	u, err := part.New(got.Settings, plugins.Env{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	tool, op, err := prepare(u, got.Tools[2].Name, got.Tools[2].Definition)
	if err != nil {
		t.Fatal(err)
	}
	outline, err := op.Outline(&plugins.Call{Tool: tool, Args: map[string]any{"id": "a/b"}})
	if err != nil || outline.URL != "https://shop.test/v1/invoices/a%2Fb" {
		t.Errorf("asks %v (%v)", outline, err)
	}
	if err := (Settings{}).Validate(); err != nil {
		t.Errorf("without a url: %v", err)
	}
	bad := Settings{HTTPSettings: upstream.HTTPSettings{URL: "ftp://x"}}
	if err := bad.Validate(); err == nil {
		t.Error("a wrong url is not refused")
	}
}
