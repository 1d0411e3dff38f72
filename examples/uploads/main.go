// Command uploads is the service behind this example: an archive that says what
// it was sent.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// addr is where the manifest looks for the service.
const addr = "127.0.0.1:9010"

func main() {
	fmt.Println("the archive is at http://" + addr)
	server := http.Server{Addr: addr, Handler: archive(), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

// received is a part of a form.
type received struct {
	Name     string `json:"name"`
	Filename string `json:"filename,omitempty"`
	Type     string `json:"type,omitempty"`
	Bytes    int    `json:"bytes"`
	content  string
}

func archive() http.Handler {
	mux := http.NewServeMux()
	form := func(id string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			parts, err := readParts(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			answer(w, http.StatusCreated, map[string]any{"id": id, "parts": parts})
		}
	}
	mux.HandleFunc("POST /scans", form("scan-1"))
	mux.HandleFunc("POST /letters", form("letter-1"))
	mux.HandleFunc("PUT /photos/{customer}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<22))
		if err != nil || r.Header.Get("Content-Type") != "image/png" {
			http.Error(w, "want a PNG", http.StatusUnsupportedMediaType)
			return
		}
		answer(w, http.StatusOK, map[string]any{"bytes": len(body)})
	})
	return mux
}

// readParts reads the parts of a form in their order.
func readParts(r *http.Request) ([]received, error) {
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, fmt.Errorf("no form: %w", err)
	}
	var parts []received
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return parts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("next part: %w", err)
		}
		content, err := io.ReadAll(io.LimitReader(part, 1<<22))
		if err != nil {
			return nil, fmt.Errorf("read part: %w", err)
		}
		parts = append(parts, received{
			Name: part.FormName(), Filename: part.FileName(), Type: part.Header.Get("Content-Type"),
			Bytes: len(content), content: string(content),
		})
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error says that the client has gone; what is encoded here always can be.
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // as said above
}
