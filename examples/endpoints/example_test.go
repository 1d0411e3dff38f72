package endpoints_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

const issuer = "https://id.example"

func start(t *testing.T) (*exampletest.Key, map[string]string) {
	t.Helper()
	key := exampletest.NewKey(t, issuer, "http://127.0.0.1:0/mcp")
	return key, map[string]string{
		"ACME_URL": exampletest.Acme(t).URL(), "SALLYPORT_ISSUER": issuer, "SALLYPORT_JWKS": key.Path(),
	}
}

// at is a client of one endpoint.
func at(g *exampletest.Gateway, path, token string) *exampletest.Client {
	return g.Client(token).At("http://" + g.Addr().String() + path)
}

// TestReadme demands that the page shows what is printed, and that everybody
// sees what its table says.
func TestReadme(t *testing.T) {
	key, env := start(t)
	exampletest.Readme(t, cmd.Main, env)
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(/[a-z/]+)` \\| ([a-z ]+) \\| (.+) \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) != 5 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	g := exampletest.Start(t, env)
	for _, row := range rows {
		token := key.Token("ann", "support")
		if row[2] == "admin" {
			token = key.Token("bob", "admin")
		}
		answer := at(g, row[1], token).Request("tools/list", "", map[string]any{})
		if strings.HasPrefix(row[3], "nothing: 404") {
			if answer.Status != http.StatusNotFound || answer.Tools != nil {
				t.Errorf("%s for %s: %d %v", row[1], row[2], answer.Status, answer.Tools)
			}
			continue
		}
		slices.Sort(answer.Tools)
		if got := "`" + strings.Join(answer.Tools, "`, `") + "`"; got != row[3] {
			t.Errorf("%s for %s lists %s, want %s", row[1], row[2], got, row[3])
		}
	}
}

// TestCalls demands that an endpoint serves what it shows, and nothing else.
func TestCalls(t *testing.T) {
	key, env := start(t)
	g := exampletest.Start(t, env)
	ann := key.Token("ann", "support")
	if a := at(g, "/mcp/support", ann).Call("get_customer", map[string]any{"customer_id": acme.FirstCustomer}); !a.OK() {
		t.Errorf("%+v", a)
	}
	for path, tool := range map[string]string{"/mcp/support": "find_products", "/mcp/all": "cancel_order"} {
		if a := at(g, path, ann).Call(tool, map[string]any{"prefix": "WRK", "order_id": acme.FirstOrder}); a.OK() || a.Code == 0 {
			t.Errorf("%s serves %s: %+v", path, tool, a)
		}
	}
}

// TestSearch demands that a search finds what was meant, and for each caller
// only what that one may call.
func TestSearch(t *testing.T) {
	key, env := start(t)
	g := exampletest.Start(t, env)
	ann, bob := key.Token("ann", "support"), key.Token("bob", "admin")
	for _, c := range []struct{ token, query, first string }{
		{ann, "how many pieces are there", "check_stock"},
		{ann, "details of a customer", "get_customer"},
		{bob, "cancel an order", "cancel_order"},
	} {
		a := at(g, "/mcp/all", c.token).Call("search_tools", map[string]any{"query": c.query})
		found := regexp.MustCompile(`"name":"([a-z_]+)"`).FindStringSubmatch(string(a.Structured) + a.Text)
		if !a.OK() || found == nil || found[1] != c.first {
			t.Errorf("%q finds %v first, want %s: %s", c.query, found, c.first, a.Text)
		}
	}
	a := at(g, "/mcp/all", ann).Call("search_tools", map[string]any{"query": "cancel an order"})
	if strings.Contains(string(a.Result), "cancel_order") {
		t.Errorf("ann finds what she may not call: %s", a.Result)
	}
	call := func(token string) exampletest.Talk {
		return at(g, "/mcp/all", token).Call("call_tool", map[string]any{"name": "cancel_order", "arguments": map[string]any{"order_id": acme.FirstOrder}})
	}
	if a := call(ann); a.OK() {
		t.Errorf("ann cancels: %+v", a)
	}
	if a := call(bob); !a.OK() || !strings.Contains(a.Text, "cancelled") {
		t.Errorf("bob can't cancel: %+v", a)
	}
}
