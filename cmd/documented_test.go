package cmd_test

import (
	"encoding/json"
	"net/http"
)

// newDocumented is a service that has its OpenAPI document at a usual place.
func newDocumented() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v3/api-docs", document)
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/v3/api-docs", http.StatusFound) })
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"id": r.PathValue("id")})
	})
	return mux
}

func document(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": "Things", "version": "1"},
		"servers": []any{map[string]any{"url": "http://" + r.Host}},
		"paths": map[string]any{"/things/{id}": map[string]any{"get": map[string]any{
			"operationId": "getThing", "summary": "Get a thing",
			"parameters": []any{map[string]any{"name": "id", "in": "path", "required": true, "schema": map[string]any{"type": "string"}}},
			"responses":  map[string]any{"200": map[string]any{"description": "ok"}},
		}}},
	})
}
