package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"net/http"
	"net/http/httptest"
	"testing"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func TestRoutes(t *testing.T) {
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
		{"/nothing", http.StatusNotFound, "text/plain; charset=utf-8"},
	} {
		got := get(t, route.path)
		if got.Code != route.status || got.Header().Get("Content-Type") != route.contentType {
			t.Errorf("GET %s: %d %q, want %d %q", route.path,
				got.Code, got.Header().Get("Content-Type"), route.status, route.contentType)
		}
	}
}

func TestPictureIsAPixel(t *testing.T) {
	decoded, err := png.Decode(bytes.NewReader(get(t, "/image").Body.Bytes()))
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
	if err := json.Unmarshal(get(t, "/mixed").Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(body.Picture, picture) || !json.Valid([]byte(body.Note)) {
		t.Errorf("got %+v", body)
	}
}
