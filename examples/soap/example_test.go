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

// sent is a request as a service got it.
type sent struct {
	header http.Header
	body   string
}

// service runs both services, and remembers the last request.
func service(t *testing.T) (env map[string]string, last *atomic.Pointer[sent]) {
	t.Helper()
	last = new(atomic.Pointer[sent])
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		last.Store(&sent{r.Header, string(body)})
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		services().ServeHTTP(w, r)
	}))
	t.Cleanup(upstream.Close)
	return map[string]string{"SOAP_URL": upstream.URL}, last
}

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) {
	env, _ := service(t)
	exampletest.Readme(t, cmd.Main, env)
}

// TestLists demands a list of invoices whether there are two or none.
func TestLists(t *testing.T) {
	env, _ := service(t)
	g := exampletest.Start(t, env)
	for id, want := range map[string]int{"C1001": 2, "C1002": 0} {
		var got struct {
			Name     string `json:"name"`
			Invoices []struct {
				Euros float64 `json:"euros"`
			} `json:"invoices"`
		}
		g.As(g.Call("", "get_customer", map[string]any{"customer_id": id}), &got)
		if got.Invoices == nil || len(got.Invoices) != want || got.Name == "" {
			t.Errorf("%s: %+v, want %d invoices", id, got, want)
		}
	}
}

// TestBooking demands that arguments stay values, that what was not given is
// not sent, and that each call has a key of its own.
func TestBooking(t *testing.T) {
	env, last := service(t)
	g := exampletest.Start(t, env)
	keys := map[string]bool{}
	for _, content := range []string{"</w:Content></w:Parcel><w:Parcel kg=\"0\">", "Saws & blades"} {
		a := g.Call("", "book_delivery", map[string]any{
			"customer_id": "C1001", "day": "2026-04-02",
			"parcels": []any{map[string]any{"weight": 2.5, "content": content}},
		})
		if a.Text != "Delivery D-C1001-1 is booked for 2026-04-02." { // 1: one parcel
			t.Errorf("%q: %+v", content, a)
		}
		got := last.Load()
		keys[got.header.Get("Idempotency-Key")] = true
		if strings.Contains(got.body, "Note") {
			t.Errorf("a note that nobody gave was sent: %s", got.body)
		}
		want := `application/soap+xml; charset=utf-8; action="urn:acme:warehouse/Book"`
		if kind := got.header.Get("Content-Type"); kind != want {
			t.Errorf("Content-Type %s, want %s", kind, want)
		}
	}
	if len(keys) != 2 || keys[""] {
		t.Errorf("the keys of two calls are %v", keys)
	}
}

// TestFaults demands the texts of the manifest, and nothing of the services'
// insides.
func TestFaults(t *testing.T) {
	env, _ := service(t)
	g := exampletest.Start(t, env)
	for id, want := range map[string]string{
		"C1009": "The CRM refused: There is no customer C1009.", // a fault
		"C5000": "The CRM is out of order (500). Try again later.",
	} {
		if a := g.Call("", "get_customer", map[string]any{"customer_id": id}); !a.IsError || a.Text != want {
			t.Errorf("%s: %+v, want %q", id, a, want)
		}
	}
	a := g.Call("", "book_delivery", map[string]any{
		"customer_id": "C1001", "day": "2026-12-24",
		"parcels": []any{map[string]any{"weight": 1, "content": "Saws"}},
	})
	if want := "There is no room on 2026-12-24. The next day with room is 2026-12-28."; !a.IsError || a.Text != want {
		t.Errorf("%+v, want %q", a, want)
	}
}
