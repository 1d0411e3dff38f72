// Command backend is the service behind the conformance example: it answers
// what the fixtures of the MCP conformance suite need from a service.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// picture is a PNG of one red pixel.
//
//go:embed pixel.png
var picture []byte

// sound is a WAV of eight silent samples.
//
//go:embed silence.wav
var sound []byte

func main() {
	addr := flag.String("listen", "127.0.0.1:9100", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr); err != nil {
		slog.Error("backend ended", "error", err)
		os.Exit(1)
	}
}

// serve answers on addr until the context ends.
func serve(ctx context.Context, addr string) error {
	server := &http.Server{
		Addr:              addr,
		Handler:           handler(),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	slog.Info("backend listens", "address", addr)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.Handle("GET /image", file("image/png", picture))
	mux.Handle("GET /audio", file("audio/wav", sound))
	mux.Handle("GET /note", file("text/plain; charset=utf-8", []byte("This is an embedded resource content.")))
	mux.HandleFunc("GET /mixed", func(w http.ResponseWriter, _ *http.Request) {
		// encoding/json writes the bytes of the picture as base64.
		writeJSON(w, http.StatusOK, map[string]any{"picture": picture, "note": `{"test":"data","value":123}`})
	})
	mux.HandleFunc("GET /error", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusInternalServerError, map[string]any{"error": "broken on purpose"})
	})
	mux.HandleFunc("GET /regions/{region}", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"region": r.PathValue("region")})
	})
	mux.HandleFunc("POST /contacts", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusCreated, map[string]any{"id": "contact_1"})
	})
	return mux
}

func file(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "can't encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
