package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// start runs the shop, and remembers the last body that it got.
func start(t *testing.T) (env map[string]string, last *atomic.Pointer[string]) {
	t.Helper()
	last = new(atomic.Pointer[string])
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		body := string(data)
		last.Store(&body)
		r.Body = io.NopCloser(strings.NewReader(body))
		shop().ServeHTTP(w, r)
	}))
	t.Cleanup(upstream.Close)
	return map[string]string{"SHOP_URL": upstream.URL}, last
}

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) {
	env, _ := start(t)
	exampletest.Readme(t, cmd.Main, env)
}

// TestVariables demands that an argument stays a variable, whatever it says.
func TestVariables(t *testing.T) {
	env, last := start(t)
	g := exampletest.Start(t, env)
	word := `") { sku } customer(id: "c1`
	if a := g.Call("", "find_products", map[string]any{"word": word, "first": 3}); !a.OK() || a.Text != "[]" {
		t.Errorf("%+v", a)
	}
	want := `{"query":"query($word: String!, $first: Int!) { products(word: $word, first: $first) { sku name } }",` +
		`"variables":{"word":"\") { sku } customer(id: \"c1","first":3}}`
	if got := *last.Load(); got != want {
		t.Errorf("the service got\n%s\nwant\n%s", got, want)
	}
}

// TestErrors demands a note for errors beside data, and a failure for errors
// without, both with status 200.
func TestErrors(t *testing.T) {
	env, _ := start(t)
	g := exampletest.Start(t, env)
	a := g.Call("", "get_customer", map[string]any{"customer_id": "c2"})
	if !a.OK() || !strings.Contains(a.Text, "Bert") || !strings.Contains(a.Text, "The order service is down") {
		t.Errorf("a part can't be had: %+v", a)
	}
	if a = g.Call("", "get_customer", map[string]any{"customer_id": "c3"}); !a.OK() || !strings.Contains(a.Text, "There is no such customer.") {
		t.Errorf("nobody: %+v", a)
	}
	for id, want := range map[string]string{"c1": "Note N-2 is added.", "c2": "The shop refused: Only customers of this shop have notes."} {
		if a = g.Call("", "add_note", map[string]any{"customer_id": id, "text": "Hi"}); a.Text != want || a.IsError != (id == "c2") {
			t.Errorf("%s: %+v, want %q", id, a, want)
		}
	}
}
