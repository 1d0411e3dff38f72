package acme

import (
	"net/http"
	"strconv"
	"time"
)

// maxSlow bounds the sleep of GET /slow.
const maxSlow = time.Minute

// slow sleeps for ms milliseconds, or until the client hangs up.
func (s *Service) slow(w http.ResponseWriter, r *http.Request) error {
	ms, err := intParam(r.URL.Query(), "ms", 1000, 0, int(maxSlow/time.Millisecond))
	if err != nil {
		return err
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	s.stats.count(func(st *Stats) { st.SlowStarted++ })
	select {
	case <-r.Context().Done():
		s.stats.count(func(st *Stats) { st.SlowCancelled++ })
		return nil // nobody is there to be answered
	case <-timer.C:
		s.stats.count(func(st *Stats) { st.SlowFinished++ })
	}
	writeJSON(w, http.StatusOK, struct {
		SleptMS int `json:"slept_ms"`
	}{ms})
	return nil
}

// flaky is unavailable for the first of every so many requests.
func (s *Service) flaky(w http.ResponseWriter, r *http.Request) error {
	after, err := intParam(r.URL.Query(), "retry_after", 1, 0, 3600)
	if err != nil {
		return err
	}
	n := s.flakyCalls.Add(1)
	if (n-1)%s.flakyEvery == 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
		return newProblem(http.StatusServiceUnavailable, "unavailable", "Please try again later.")
	}
	writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
		Calls  int64  `json:"calls"`
	}{"ok", n})
	return nil
}

const brokenBody = `panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6f2a31]

goroutine 4711 [running]:
acme.internal/shop/billing.(*Ledger).Post(0x0, {0xc000482000, 0x3, 0x4})
	/srv/build/shop/billing/ledger.go:218 +0x51
acme.internal/shop/api.(*Server).handleBroken(0xc0001b4000, {0x9a1f20, 0xc0002ce0e0}, 0xc000310000)
	/srv/build/shop/api/broken.go:42 +0x1c5
pq: connection to ` + BrokenMarker + ` user=shop sslmode=disable: SELECT * FROM ledger WHERE tenant = 7
`

// broken fails the way a careless service does.
func (s *Service) broken(w http.ResponseWriter, _ *http.Request) error {
	writeBody(w, http.StatusInternalServerError, "text/plain; charset=utf-8", []byte(brokenBody))
	return nil
}
