package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// start runs the archive, and remembers the parts of the last form.
func start(t *testing.T) (env map[string]string, last *atomic.Pointer[[]received]) {
	t.Helper()
	last = new(atomic.Pointer[[]received])
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		if r.Method == http.MethodPost {
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			parts, err := readParts(r)
			if err != nil {
				t.Errorf("%v", err)
			}
			last.Store(&parts)
			r.MultipartForm = nil
		}
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(strings.NewReader(string(body)))
		archive().ServeHTTP(w, again)
	}))
	t.Cleanup(upstream.Close)
	return map[string]string{"ARCHIVE_URL": upstream.URL}, last
}

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) {
	env, _ := start(t)
	exampletest.Readme(t, cmd.Main, env)
}

// TestBase64 demands that the service gets the bytes, and fields as they are.
func TestBase64(t *testing.T) {
	env, last := start(t)
	g := exampletest.Start(t, env)
	pdf := "%PDF-1.7\r\n--boundary--\r\n\x00\xff"
	a := g.Call("", "add_scan", map[string]any{
		"scan": base64.StdEncoding.EncodeToString([]byte(pdf)), "customer": "c1\r\n\r\nx", "tags": []any{"a", "b"},
	})
	if !a.OK() {
		t.Fatalf("%+v", a)
	}
	got := *last.Load()
	if len(got) != 4 || got[0].content != pdf || got[0].Type != "application/pdf" || got[1].content != "c1\r\n\r\nx" || got[3].content != "b" {
		t.Errorf("the service got %+v", got)
	}
}

// TestResources demands that a resource arrives as it is, and that nothing but
// resources of the manifest can be sent.
func TestResources(t *testing.T) {
	env, last := start(t)
	g := exampletest.Start(t, env)
	letter := func(attachments ...any) exampletest.Answer {
		return g.Call("", "send_letter", map[string]any{"customer": "c1", "subject": "Hello", "text": "Dear", "attachments": attachments})
	}
	terms, err := os.ReadFile("terms.md")
	if err != nil {
		t.Fatal(err)
	}
	if a := letter("archive://terms", "archive://terms"); !a.OK() {
		t.Fatalf("%+v", a)
	}
	got := *last.Load()
	if len(got) != 4 || got[0].content != `{"customer":"c1","subject":"Hello"}` || got[2].content != string(terms) || got[2].Type != "text/markdown" {
		t.Errorf("the service got %+v", got)
	}
	last.Store(nil)
	for _, uri := range []string{"file:///etc/passwd", "terms.md", "http://127.0.0.1:9010/scans", "archive://other"} {
		if a := letter(uri); !a.IsError || last.Load() != nil {
			t.Errorf("%s: %+v", uri, a)
		}
	}
}
