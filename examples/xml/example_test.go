package main

import (
	"net/http/httptest"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// start runs the carrier.
func start(t *testing.T) (*carrier, map[string]string) {
	t.Helper()
	c := new(carrier)
	upstream := httptest.NewServer(c.routes())
	t.Cleanup(upstream.Close)
	return c, map[string]string{"CARRIER_URL": upstream.URL}
}

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) {
	_, env := start(t)
	exampletest.Readme(t, cmd.Main, env)
}

// TestTree demands that the carrier reads what the model said: attributes,
// lists, and texts that look like markup.
func TestTree(t *testing.T) {
	c, env := start(t)
	g := exampletest.Start(t, env)
	a := g.Call("", "create_shipment", map[string]any{
		"to":      map[string]any{"country": "AT", "city": "Graz", "street": "Ring 1", "name": "</name><country>LI</country>"},
		"parcels": []any{map[string]any{"kg": 2.5, "content": "Saws"}, map[string]any{"kg": 1, "content": "a < b & c"}},
		"express": true, "reference": "R-1",
	})
	if !a.OK() || string(a.Structured) != `{"euros":24.9,"parcels":["S-1/1","S-1/2"],"shipment":"S-1"}` {
		t.Fatalf("%s %s", a.Structured, a.Text)
	}
	got := c.shipments[0]
	if got.Name != "</name><country>LI</country>" || got.Country != "AT" || got.City != "Graz" || !got.Express {
		t.Errorf("the carrier read %+v", got)
	}
	if got.Reference == nil || *got.Reference != "R-1" {
		t.Errorf("the reference is %v", got.Reference)
	}
	if len(got.Parcels) != 2 || got.Parcels[1] != (parcel{Weight: 1, Content: "a < b & c"}) {
		t.Errorf("the parcels are %+v", got.Parcels)
	}
	a = g.Call("", "create_shipment", map[string]any{
		"to":      map[string]any{"country": "AT", "city": "Graz", "street": "Ring 1", "name": "Ada"},
		"parcels": []any{map[string]any{"kg": 1, "content": "Books"}},
	})
	if !a.OK() || c.shipments[1].Reference != nil || string(a.Structured) != `{"euros":9.9,"parcels":["S-2/1"],"shipment":"S-2"}` {
		t.Errorf("%s %s, and the reference is %v", a.Structured, a.Text, c.shipments[1].Reference)
	}
}

// TestFailures demands the texts of the manifest.
func TestFailures(t *testing.T) {
	_, env := start(t)
	g := exampletest.Start(t, env)
	a := g.Call("", "create_shipment", map[string]any{
		"to":      map[string]any{"country": "LI", "city": "Vaduz", "street": "Ring 1", "name": "Ada"},
		"parcels": []any{map[string]any{"kg": 1, "content": "Books"}},
	})
	if want := "The carrier refused: we deliver to AT and DE only (country)"; !a.IsError || a.Text != want {
		t.Errorf("%+v, want %q", a, want)
	}
	if a = g.Call("", "track_shipment", map[string]any{"number": "S-9"}); !a.IsError || a.Text != "There is no shipment S-9." {
		t.Errorf("%+v", a)
	}
}
