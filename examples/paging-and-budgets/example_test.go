package pagingandbudgets_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

func start(t *testing.T) (*acme.Server, map[string]string) {
	t.Helper()
	service := exampletest.Acme(t)
	return service, map[string]string{"ACME_URL": service.URL()}
}

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) {
	_, env := start(t)
	exampletest.Readme(t, cmd.Main, env)
}

// TestCount demands that all pages are read, in as many requests as there are.
func TestCount(t *testing.T) {
	service, env := start(t)
	g := exampletest.Start(t, env)
	var states map[string]int
	g.As(g.Call("", "count_orders", nil), &states)
	sum := 0
	for _, n := range states {
		sum += n
	}
	if sent := service.Service().Stats().Total; sum != 2000 || sent != 20 {
		t.Errorf("%d orders in %d requests, want 2000 in 20", sum, sent)
	}
}

// TestGoOn demands that the cursor which the model is told leads on, without a
// gap and without an order twice.
func TestGoOn(t *testing.T) {
	_, env := start(t)
	g := exampletest.Start(t, env)
	seen := map[string]bool{}
	arguments := map[string]any{}
	for range 3 {
		a := g.Call("", "list_orders", arguments)
		var orders []struct {
			ID string `json:"id"`
		}
		g.As(a, &orders)
		if len(orders) != 10 {
			t.Fatalf("%d orders: %s", len(orders), a.Text)
		}
		for _, o := range orders {
			if seen[o.ID] {
				t.Errorf("%s comes twice", o.ID)
			}
			seen[o.ID] = true
		}
		told := regexp.MustCompile(`call again with cursor "([^"]+)"`).FindStringSubmatch(a.Text)
		if told == nil {
			t.Fatalf("the model is not told how to go on: %s", a.Text)
		}
		arguments["cursor"] = told[1]
	}
	if a := g.Call("", "list_orders", map[string]any{"limit": 50}); !a.IsError {
		t.Errorf("a model gives what is the gateway's: %+v", a)
	}
}

// TestBudgets demands that answers keep to their budgets and are never cut in
// the middle, and that what fits is left alone.
func TestBudgets(t *testing.T) {
	_, env := start(t)
	g := exampletest.Start(t, env)
	for tool, c := range map[string]struct {
		arguments map[string]any
		budget    int
	}{
		"search_products": {map[string]any{"prefix": "WRK"}, 600},
		"list_customers":  {map[string]any{"tier": "bronze"}, 2000},
	} {
		a := g.Call("", tool, c.arguments)
		if n := tokens.Estimate([]byte(a.Text)); !a.OK() || n > c.budget || n < c.budget*3/4 {
			t.Errorf("%s: %d tokens, want %d at most, and most of them used", tool, n, c.budget)
		}
		if !json.Valid(a.Structured) || tokens.Estimate(a.Structured) > c.budget {
			t.Errorf("%s: the structured content: %s", tool, a.Structured)
		}
		if !regexp.MustCompile(`… \d+ more of \d+`).MatchString(a.Text) {
			t.Errorf("%s does not say what is missing: %s", tool, a.Text)
		}
	}
	if a := g.Call("", "search_products", map[string]any{"prefix": "WRK", "limit": 3}); strings.Contains(a.Text, "…") || !json.Valid([]byte(a.Text)) {
		t.Errorf("what fits is changed: %s", a.Text)
	}
}
