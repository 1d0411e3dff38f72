package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// start runs the example; the pointer holds the last form that was sent.
func start(t *testing.T) (*exampletest.Gateway, *atomic.Pointer[url.Values]) {
	t.Helper()
	form := new(atomic.Pointer[url.Values])
	service := catalogue()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if got := r.Header.Get("Content-Type"); got != "application/x-www-form-urlencoded" {
				t.Errorf("Content-Type %q of an order", got)
			}
			if err := r.ParseForm(); err != nil {
				t.Errorf("form: %v", err)
			}
			form.Store(&r.PostForm)
		}
		service.ServeHTTP(w, r)
	}))
	t.Cleanup(upstream.Close)
	return exampletest.Start(t, map[string]string{"CATALOGUE_URL": upstream.URL}), form
}

// TestFind demands a list however many parts are found, and names in UTF-8.
func TestFind(t *testing.T) {
	g, _ := start(t)
	for word, want := range map[string]string{
		"ham":  `{"parts":[{"currency":"EUR","name":"Hammerstiel","number":"2001","price":6.20}]}`,
		"gebl": `{"parts":[{"currency":"EUR","name":"Sägeblatt 300","number":"1001","price":18.90},{"currency":"EUR","name":"Sägeblatt 400","number":"1002","price":24.50}]}`,
		"nail": `{"parts":[]}`,
	} {
		a := g.Call("", "find_parts", map[string]any{"word": word})
		var got, wanted any
		g.As(a, &got)
		g.As(exampletest.Answer{Structured: []byte(want)}, &wanted)
		if !a.OK() || !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: %s %s, want %s", word, a.Structured, a.Text, want)
		}
	}
}

// TestOrder demands that the service gets a form, and that its faults, which
// come with status 200, are told.
func TestOrder(t *testing.T) {
	g, form := start(t)
	a := g.Call("", "order_part", map[string]any{"part": "1001", "pieces": 3, "reference": "a & b=c"})
	if want := `"order":"B-1001-3"`; !a.OK() || !strings.Contains(string(a.Structured), want) {
		t.Errorf("got %s %s, want %s", a.Structured, a.Text, want)
	}
	if got := form.Load().Encode(); got != "nr=1001&qty=3&ref=a+%26+b%3Dc" {
		t.Errorf("the service got the form %s", got)
	}
	a = g.Call("", "order_part", map[string]any{"part": "9999", "pieces": 1})
	if want := `"reason":"unknown part"`; !a.OK() || !strings.Contains(string(a.Structured), want) {
		t.Errorf("got %s %s, want %s", a.Structured, a.Text, want)
	}
	if got := form.Load().Encode(); got != "nr=9999&qty=1" {
		t.Errorf("an argument left out was sent: %s", got)
	}
}

// TestErrors demands the texts of the manifest, and nothing of the service's.
func TestErrors(t *testing.T) {
	g, _ := start(t)
	for part, want := range map[string]string{
		"0000": "There is no part 0000. Find one with find_parts.",
		"2001": "The catalogue is out of order (500). Try again later.",
	} {
		if a := g.Call("", "get_stock", map[string]any{"part": part}); !a.IsError || a.Text != want {
			t.Errorf("%s: %+v, want %q", part, a, want)
		}
	}
	a := g.Call("", "get_stock", map[string]any{"part": "../order"})
	if !a.IsError || !strings.Contains(a.Text, "/part: expected") {
		t.Errorf("a part that is no number: %+v", a)
	}
	if a = g.Call("", "get_stock", map[string]any{"part": "1001"}); string(a.Structured) != `{"part":"1001","pieces":12}` {
		t.Errorf("stock: %s %s", a.Structured, a.Text)
	}
}

// TestTable demands that XML becomes JSON as the README says.
func TestTable(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(<.+>)` \\| `(\\{.+\\})` \\|$").FindAllStringSubmatch(string(readme), -1)
	if len(rows) < 5 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	var document atomic.Pointer[string]
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, *document.Load()) }))
	t.Cleanup(upstream.Close)
	t.Chdir(t.TempDir())
	manifest := "version: 1\nserver: {listen: \"${SALLYPORT_LISTEN}\", admin: \"${SALLYPORT_ADMIN}\"}\n" +
		"upstreams: {old: {url: \"${UPSTREAM}\"}}\ntools: {get: {description: Get it., request: GET /}}\n"
	if err := os.WriteFile("manifest.yaml", []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	g := exampletest.Start(t, map[string]string{"UPSTREAM": upstream.URL})
	for _, row := range rows {
		document.Store(&row[1])
		var got, want any
		g.As(g.Call("", "get", nil), &got)
		g.As(exampletest.Answer{Structured: []byte(row[2])}, &want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", row[1], got, want)
		}
	}
}
