package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ask(t *testing.T, h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	return w
}

func TestRoutes(t *testing.T) {
	h := handler(&catalog{})
	for _, route := range []struct {
		path        string
		status      int
		contentType string
	}{
		{"/health", http.StatusOK, ""},
		{"/image", http.StatusOK, "image/png"},
		{"/audio", http.StatusOK, "audio/wav"},
		{"/note", http.StatusOK, "text/plain; charset=utf-8"},
		{"/mixed", http.StatusOK, "application/json"},
		{"/error", http.StatusInternalServerError, "application/json"},
		{"/regions/north", http.StatusOK, "application/json"},
		{"/records/123", http.StatusOK, "application/json"},
		{"/clock", http.StatusOK, "text/plain; charset=utf-8"},
		{"/wait?ms=1", http.StatusOK, "application/json"},
		{"/wait?ms=-1", http.StatusBadRequest, "application/json"},
		{"/wait", http.StatusBadRequest, "application/json"},
		{"/jobs/1", http.StatusNotFound, "application/json"},
		{"/nothing", http.StatusNotFound, "text/plain; charset=utf-8"},
	} {
		got := ask(t, h, http.MethodGet, route.path, "")
		if got.Code != route.status || got.Header().Get("Content-Type") != route.contentType {
			t.Errorf("GET %s: %d %q, want %d %q", route.path,
				got.Code, got.Header().Get("Content-Type"), route.status, route.contentType)
		}
	}
}

func TestPictureIsAPixel(t *testing.T) {
	decoded, err := png.Decode(bytes.NewReader(ask(t, handler(&catalog{}), http.MethodGet, "/image", "").Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if size := decoded.Bounds().Size(); size.X != 1 || size.Y != 1 {
		t.Errorf("the picture is %v, want 1x1", size)
	}
}

func TestMixedCarriesThePicture(t *testing.T) {
	var body struct {
		Picture []byte
		Note    string
	}
	if err := json.Unmarshal(ask(t, handler(&catalog{}), http.MethodGet, "/mixed", "").Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(body.Picture, picture) || !json.Valid([]byte(body.Note)) {
		t.Errorf("got %+v", body)
	}
}

func TestJobs(t *testing.T) {
	h := handler(&catalog{})
	for _, each := range []struct {
		body   string
		status int
	}{
		{`{"seconds":0,"label":"a"}`, http.StatusOK},
		{`{"seconds":0,"fail":true}`, http.StatusInternalServerError},
		{`{"seconds":-1}`, http.StatusBadRequest},
		{`[]`, http.StatusBadRequest},
	} {
		if got := ask(t, h, http.MethodPost, "/jobs", each.body); got.Code != each.status {
			t.Errorf("POST /jobs %s: %d, want %d", each.body, got.Code, each.status)
		}
	}
	started := ask(t, h, http.MethodPost, "/jobs", `{"seconds":0.05,"label":"b"}`)
	address := started.Header().Get("Location")
	if started.Code != http.StatusAccepted || address == "" {
		t.Fatalf("POST /jobs: %d at %q, want 202 at an address", started.Code, address)
	}
	for {
		got := ask(t, h, http.MethodGet, address, "")
		if got.Code == http.StatusAccepted {
			ask(t, h, http.MethodGet, "/wait?ms=10", "")
			continue
		}
		if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "b took 0.05 s") {
			t.Errorf("GET %s: %d %s", address, got.Code, got.Body)
		}
		return
	}
}

func TestChange(t *testing.T) {
	reloads := 0
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method+r.URL.Path != "POST/reload" {
			w.WriteHeader(http.StatusNotFound)
		}
		reloads++
	}))
	defer admin.Close()
	changing := &catalog{folder: t.TempDir(), admins: []string{admin.URL, admin.URL + "/"}}
	if err := changing.begin(); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, handler(changing), http.MethodPost, "/changes/tools", ""); got.Code != http.StatusOK {
		t.Fatalf("POST /changes/tools: %d %s", got.Code, got.Body)
	}
	if reloads != 2 {
		t.Errorf("%d reloads, want one for each gateway", reloads)
	}
	for list, want := range map[string]string{"tools": "changed 1 times", "prompts": "changed 0 times"} {
		text, err := os.ReadFile(filepath.Join(changing.folder, list+".yaml"))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s says %q, %v; want %q", list, text, err, want)
		}
	}
	if got := ask(t, handler(changing), http.MethodPost, "/changes/roots", ""); got.Code != http.StatusNotFound {
		t.Errorf("POST /changes/roots: %d, want 404", got.Code)
	}
	admin.Close()
	if got := ask(t, handler(changing), http.MethodPost, "/changes/tools", ""); got.Code != http.StatusBadGateway {
		t.Errorf("without a gateway: %d, want 502", got.Code)
	}
}
