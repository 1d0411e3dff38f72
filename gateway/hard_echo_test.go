package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestEchoesTellNoCredentials calls upstreams that answer with the request
// they were sent: clients and logs see it without the gateway's credentials.
func TestEchoesTellNoCredentials(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		echo := fmt.Sprint(req.Header, req.RequestURI, user, " ", password)
		switch {
		case strings.Contains(req.URL.Path, "401"): // whose details a client sees
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnprocessableEntity)
		case strings.Contains(req.URL.Path, "500"):
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusInternalServerError)
		case strings.Contains(req.URL.Path, "text"):
			_, _ = fmt.Fprint(w, echo)
			return
		default:
			w.Header().Set("Content-Type", "application/json")
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"detail": echo, "title": echo})
	})
	r := start(t, canaryManifest+canaryTools(), b.URL, canaries())
	for _, upstream := range []string{"by_header", "by_query", "by_bearer", "by_basic"} {
		for _, as := range []string{"json", "text", "401", "500"} {
			a := r.call(upstream+"_"+as, `{"v":"x"}`, nil)
			if as != "500" && !strings.Contains(a.body, "**********") {
				t.Errorf("%s_%s: no echo: %.300s", upstream, as, a.body)
			}
			for name, value := range canaries() {
				if strings.Contains(fmt.Sprint(a.body, a.header, r.log.String()), value) {
					t.Errorf("%s_%s tells %s: %.300s", upstream, as, name, a.body)
				}
			}
		}
	}
}
