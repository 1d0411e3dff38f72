package main

import (
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
	upstream := httptest.NewServer(website())
	t.Cleanup(upstream.Close)
	return map[string]string{"WEBSITE_URL": upstream.URL}
}

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) { exampletest.Readme(t, cmd.Main, start(t)) }

// TestMarkdown demands that nothing for browsers is left, and that a long page
// keeps to its budget for the model, but not for people.
func TestMarkdown(t *testing.T) {
	g := exampletest.Start(t, start(t))
	a := g.Call("", "read_page", map[string]any{"name": "shipping"})
	for _, no := range []string{"<", "dataLayer", "font-size", "app.js"} {
		if strings.Contains(a.Text, no) {
			t.Errorf("the model reads %q:\n%s", no, a.Text)
		}
	}
	if n := tokens.Estimate([]byte(a.Text)); n > 400 || n < 300 {
		t.Errorf("%d tokens, want 400 at most, and most of them used", n)
	}
	read := g.Client("").Read("help://pages/shipping")
	if text := string(read.Result); !strings.Contains(text, "## Zone 40") || !strings.Contains(text, "text/markdown") {
		t.Errorf("the resource is not whole: %s", text)
	}
}

// TestMissing demands the text of the manifest.
func TestMissing(t *testing.T) {
	g := exampletest.Start(t, start(t))
	if a := g.Call("", "read_page", map[string]any{"name": "payment"}); !a.IsError || a.Text != "There is no help page payment. See list_pages." {
		t.Errorf("%+v", a)
	}
	if a := g.Call("", "read_page", map[string]any{"name": "../admin"}); !a.IsError || !strings.Contains(a.Text, "/name: expected") {
		t.Errorf("a name that is a path: %+v", a)
	}
}
