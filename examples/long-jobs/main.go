// Command long-jobs is the service behind this example: reports that take
// longer than a request.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	server := http.Server{Addr: "127.0.0.1:9004", Handler: newReports(25), ReadHeaderTimeout: 5 * time.Second}
	fmt.Println("the report service runs at http://" + server.Addr)
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// noReport is the year whose report fails.
const noReport = 2020

// reports is a service that is done with a job once it was asked for it so many
// times: the same on every machine, however slow.
type reports struct {
	*http.ServeMux
	looks int

	mu   sync.Mutex
	jobs []*job
}

type job struct {
	asked int
	table string
	year  int
}

func newReports(looks int) *reports {
	s := &reports{ServeMux: http.NewServeMux(), looks: looks}
	s.HandleFunc("POST /exports", s.start("/exports/"))
	s.HandleFunc("GET /exports/{id}", s.export)
	s.HandleFunc("POST /reports", s.start(""))
	s.HandleFunc("GET /jobs/{id}", s.status)
	s.HandleFunc("GET /jobs/{id}/result", s.result)
	return s
}

// start takes a job on, and says where to ask for it: in a header, or in the
// body.
func (s *reports) start(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var wanted struct {
			Table string `json:"table"`
			Year  int    `json:"year"`
		}
		if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
			http.Error(w, "want JSON", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.jobs = append(s.jobs, &job{table: wanted.Table, year: wanted.Year})
		id := strconv.Itoa(len(s.jobs))
		s.mu.Unlock()
		if location != "" {
			w.Header().Set("Location", location+id)
			w.WriteHeader(http.StatusAccepted)
			return
		}
		reply(w, http.StatusAccepted, map[string]any{"job": id})
	}
}

// look finds the job of a request, and reports whether it is done.
func (s *reports) look(r *http.Request) (found job, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > len(s.jobs) {
		return job{}, false
	}
	one := s.jobs[id-1]
	one.asked++
	return *one, one.asked >= s.looks
}

func (s *reports) export(w http.ResponseWriter, r *http.Request) {
	found, done := s.look(r)
	if !done {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "text/csv")
	_, _ = fmt.Fprintf(w, "table,rows\n%s,4600\n", found.table) // the client may have gone
}

func (s *reports) status(w http.ResponseWriter, r *http.Request) {
	found, done := s.look(r)
	switch {
	case !done:
		reply(w, http.StatusOK, map[string]any{"state": "running"})
	case found.year == noReport:
		reply(w, http.StatusOK, map[string]any{"state": "failed"})
	default:
		reply(w, http.StatusOK, map[string]any{"state": "done"})
	}
}

func (s *reports) result(w http.ResponseWriter, r *http.Request) {
	found, _ := s.look(r)
	reply(w, http.StatusOK, map[string]any{"year": found.year, "revenue": 1000 * (found.year - 2000)})
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		return // the client has gone
	}
}
