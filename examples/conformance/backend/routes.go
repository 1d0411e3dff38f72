package main

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strconv"
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

// longestWait bounds GET /wait.
const longestWait = time.Minute

// handler has all routes.
func handler(changing *catalog) http.Handler {
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
	mux.HandleFunc("GET /records/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		writeJSON(w, http.StatusOK, map[string]any{"id": id, "templateTest": true, "data": "Data for ID: " + id})
	})
	mux.HandleFunc("GET /clock", clock)
	mux.HandleFunc("GET /wait", wait)
	new(jobs).route(mux)
	mux.HandleFunc("POST /changes/{list}", changing.change)
	return mux
}

// clock answers a text that changes every two seconds, for who watches it.
func clock(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("Watched resource content at " + time.Now().UTC().Truncate(2*time.Second).Format(time.TimeOnly)))
}

// wait answers after ?ms= milliseconds, unless its caller hangs up before.
func wait(w http.ResponseWriter, r *http.Request) {
	ms, err := strconv.Atoi(r.FormValue("ms"))
	if err != nil || ms < 0 || time.Duration(ms)*time.Millisecond > longestWait {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "ms is milliseconds, a minute at most"})
		return
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		writeJSON(w, http.StatusOK, map[string]any{"waited": ms})
	case <-r.Context().Done():
	}
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
