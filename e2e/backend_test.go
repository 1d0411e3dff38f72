package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// pixel is a PNG of one pixel; testdata/shop/logo.png is the same.
const pixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde" +
	"\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82"

// stateWait bounds how long the backend lets a client wait for a slow request
// to start or to stop. It is below the 30 s after which the slow request would
// end by itself, so that only a cancellation can stop it in time.
const stateWait = 10 * time.Second

// shop is the REST service behind the gateway. Besides its resources it has
// slow requests, whose start and end other requests can wait for, and news,
// which others can write.
type shop struct {
	url string

	mu   sync.Mutex
	slow map[string]*slowRequest
	news map[string]string

	// folder of the manifest that tells what is announced; empty if nothing is.
	folder    string
	announced []string
	admins    []string // gateways to reload after an announcement
}

// slowRequest has one channel for each state, closed when it is reached.
type slowRequest struct{ started, released, stopped chan struct{} }

// startShop serves a shop until the test ends.
func startShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{slow: map[string]*slowRequest{}, news: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /customers", s.customers)
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
	mux.HandleFunc("GET /news/{id}", s.readNews)
	mux.HandleFunc("PUT /news/{id}", s.writeNews)
	mux.HandleFunc("PUT /announcements/{id}", s.announce)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *shop) customers(w http.ResponseWriter, r *http.Request) {
	found := []map[string]any{}
	for _, id := range []string{"c1", "c2", "c20", "d1"} {
		if strings.HasPrefix(id, r.FormValue("prefix")) {
			found = append(found, map[string]any{"id": id})
		}
	}
	writeJSON(w, http.StatusOK, found)
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

func (s *shop) readNews(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	text, ok := s.news[r.PathValue("id")]
	s.mu.Unlock()
	if !ok {
		text = "No news."
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, text)
}

func (s *shop) writeNews(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.news[r.PathValue("id")] = string(text)
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// announces makes the shop write what is announced into the folder of a
// manifest, and reload the gateways.
func (s *shop) announces(folder string, admins []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folder, s.admins = folder, admins
	if err := os.MkdirAll(filepath.Join(folder, "changing"), 0o750); err != nil {
		return err
	}
	return s.publish()
}

// publish writes the tool whose description is all that was announced.
func (s *shop) publish() error {
	text := fmt.Sprintf(`tools:
  latest_news:
    description: "Announced: %s."
    roles: [support]
    response: {text: All is well.}
`, strings.Join(s.announced, ", "))
	path := filepath.Join(s.folder, "changing", "news.yaml")
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path) // a gateway that starts meanwhile reads all of it
}

// announce changes the list of tools, and answers when the gateways know it.
func (s *shop) announce(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announced = append(s.announced, r.PathValue("id"))
	if err := s.publish(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, admin := range s.admins {
		if err := reload(r.Context(), admin); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// reload has the gateway of that admin listener read its manifest again.
func reload(ctx context.Context, admin string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, admin+"/reload", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s/reload: %s", admin, response.Status)
	}
	return nil
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
