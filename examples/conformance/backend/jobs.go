package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxJobs bounds the jobs that are remembered: the oldest is forgotten first.
const maxJobs = 1000

// jobs is work that takes longer than a request: POST /jobs answers 202 with
// the job's address, which answers 202 until the job is done, and then what
// came of it.
type jobs struct {
	mu    sync.Mutex
	next  int
	known map[int]job
}

// job is one of them. Nothing happens in it but time.
type job struct {
	Seconds float64 `json:"seconds"`
	Label   string  `json:"label"`
	// Fail makes the job end with an error.
	Fail bool      `json:"fail"`
	ends time.Time // when it is done
}

func (j *jobs) route(mux *http.ServeMux) {
	mux.HandleFunc("POST /jobs", j.start)
	mux.HandleFunc("GET /jobs/{id}", j.show)
}

// start takes a job on. What takes no time is answered at once.
func (j *jobs) start(w http.ResponseWriter, r *http.Request) {
	var wanted job
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&wanted); err != nil || wanted.Seconds < 0 {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "want {seconds, label, fail}"})
		return
	}
	if wanted.Seconds == 0 {
		wanted.answer(w, 0)
		return
	}
	wanted.ends = time.Now().Add(time.Duration(wanted.Seconds * float64(time.Second)))
	working(w, j.add(wanted), wanted)
}

func (j *jobs) add(wanted job) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.known == nil {
		j.known = map[int]job{}
	}
	j.next++
	j.known[j.next] = wanted
	delete(j.known, j.next-maxJobs)
	return j.next
}

func (j *jobs) show(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	j.mu.Lock()
	known, ok := j.known[id]
	j.mu.Unlock()
	switch {
	case err != nil || !ok:
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "no such job"})
	case time.Now().Before(known.ends):
		working(w, id, known)
	default:
		known.answer(w, id)
	}
}

// working answers for a job that isn't done.
func working(w http.ResponseWriter, id int, known job) {
	w.Header().Set("Location", fmt.Sprintf("/jobs/%d", id))
	writeJSON(w, http.StatusAccepted, map[string]any{"id": id, "status": "working", "label": known.Label})
}

// answer answers for a job that is done.
func (j job) answer(w http.ResponseWriter, id int) {
	if j.Fail {
		writeJSON(w, http.StatusInternalServerError, map[string]any{"id": id, "status": "failed", "error": "broken on purpose"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"id": id, "status": "done", "label": j.Label, "result": fmt.Sprintf("%s took %v s", j.Label, j.Seconds),
	})
}
