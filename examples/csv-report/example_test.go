package main

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

func start(t *testing.T) map[string]string {
	t.Helper()
	upstream := httptest.NewServer(reports())
	t.Cleanup(upstream.Close)
	return map[string]string{"REPORTS_URL": upstream.URL}
}

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) { exampletest.Readme(t, cmd.Main, start(t)) }

// TestRows demands that rows are left out whole, within the budget, and not
// where all of them fit.
func TestRows(t *testing.T) {
	g := exampletest.Start(t, start(t))
	a := g.Call("", "list_sales", map[string]any{"year": 2025})
	if n := tokens.Estimate([]byte(a.Text)); !a.OK() || n > 500 || n < 400 {
		t.Errorf("%d tokens, want 500 at most, and most of them used", n)
	}
	lines := strings.Split(strings.TrimSpace(a.Text), "\n")
	for _, row := range lines[1 : len(lines)-1] {
		if !strings.HasPrefix(row, "2025-01-") || strings.Count(strings.ReplaceAll(row, `"Linz; Hauptplatz"`, "Linz"), ";") != 4 {
			t.Errorf("a row is cut: %s", row)
		}
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "… ") || !strings.Contains(last, "of 1095") {
		t.Errorf("the note is %q", last)
	}
}

// TestSums demands sums over all rows, with cents that are exact.
func TestSums(t *testing.T) {
	g := exampletest.Start(t, start(t))
	type shop struct {
		Shop   string
		Days   int
		Pieces int
		Euros  json.Number
	}
	var got []shop
	a := g.Call("", "sales_by_shop", map[string]any{"year": 2024})
	g.As(a, &got)
	if len(got) != 3 || got[1].Shop != "Linz; Hauptplatz" || got[1].Days != 366 {
		t.Fatalf("%s", a.Structured)
	}
	for _, s := range got {
		cents, err := json.Number(strings.Replace(s.Euros.String(), ".", "", 1)).Int64()
		if whole := strings.Contains(s.Euros.String(), "."); err != nil || !whole || cents != int64(s.Pieces)*199 {
			t.Errorf("%s sold %d pieces for %s euros, want 19.90 each", s.Shop, s.Pieces, s.Euros)
		}
	}
}

// TestFile demands the file as the service sent it.
func TestFile(t *testing.T) {
	g := exampletest.Start(t, start(t))
	a := g.Call("", "download_sales", map[string]any{"year": 2025})
	var file struct {
		URI  string `json:"uri"`
		Text string `json:"text"`
	}
	if len(a.Blocks) != 1 || json.Unmarshal(a.Blocks[0].Resource, &file) != nil {
		t.Fatalf("%s", a.Result)
	}
	if rows := strings.Count(file.Text, "\n"); rows != 1096 || file.URI != "reports://sales/2025.csv" {
		t.Errorf("%s has %d rows", file.URI, rows)
	}
}
