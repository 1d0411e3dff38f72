package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// pixel is a PNG of one pixel.
const pixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde" +
	"\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82"

// stateWait bounds how long the backend lets a client wait for a slow request
// to start or to stop. It is below the 30 s after which the slow request would
// end by itself, so that only a cancellation can stop it in time.
const stateWait = 10 * time.Second

// shop is the REST service behind the gateway. Besides its resources it has
// slow requests, whose start and end other requests can wait for.
type shop struct {
	mu   sync.Mutex
	slow map[string]*slowRequest
}

// slowRequest has one channel for each state, closed when it is reached.
type slowRequest struct{ started, released, stopped chan struct{} }

// startShop serves a shop until the test ends and returns its URL.
func startShop(t *testing.T) string {
	t.Helper()
	s := &shop{slow: map[string]*slowRequest{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /customers/{id}", s.customer)
	mux.HandleFunc("PUT /customers/{id}/seen", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, []map[string]any{{"id": "ord_1", "total": 12.5}, {"id": "ord_2", "total": 7}})
	})
	mux.HandleFunc("GET /picture", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write([]byte(pixel))
	})
	mux.HandleFunc("GET /slow/{id}", s.wait)
	mux.HandleFunc("GET /slow/{id}/started", s.await(func(r *slowRequest) chan struct{} { return r.started }))
	mux.HandleFunc("GET /slow/{id}/release", s.release)
	mux.HandleFunc("GET /slow/{id}/stopped", s.await(func(r *slowRequest) chan struct{} { return r.stopped }))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func (s *shop) customer(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if id == "missing" {
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "no such customer"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"id": id, "first": "Ada", "last": "Lovelace", "orders": 2, "secret": "s"})
}

// wait answers only when its caller hangs up, when it is released, or after 30 s.
func (s *shop) wait(w http.ResponseWriter, r *http.Request) {
	request := s.request(r.PathValue("id"))
	close(request.started)
	defer close(request.stopped)
	ctx, cancel := context.WithTimeout(r.Context(), 3*stateWait)
	defer cancel()
	select {
	case <-ctx.Done():
	case <-request.released:
	}
	writeJSON(w, http.StatusOK, map[string]any{"id": r.PathValue("id")})
}

// release ends a slow request; 409 if its caller has ended it before.
func (s *shop) release(w http.ResponseWriter, r *http.Request) {
	request := s.request(r.PathValue("id"))
	select {
	case <-request.stopped:
		w.WriteHeader(http.StatusConflict)
	default:
		close(request.released)
		w.WriteHeader(http.StatusNoContent)
	}
}

// await answers 204 as soon as the slow request has reached the state.
func (s *shop) await(state func(*slowRequest) chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), stateWait)
		defer cancel()
		select {
		case <-state(s.request(r.PathValue("id"))):
			w.WriteHeader(http.StatusNoContent)
		case <-ctx.Done():
			w.WriteHeader(http.StatusGatewayTimeout)
		}
	}
}

func (s *shop) request(id string) *slowRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	request, ok := s.slow[id]
	if !ok {
		request = &slowRequest{started: make(chan struct{}), released: make(chan struct{}), stopped: make(chan struct{})}
		s.slow[id] = request
	}
	return request
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // the tests' own values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
