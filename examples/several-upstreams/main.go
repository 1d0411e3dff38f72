// Command several-upstreams is the services behind this example: the demo
// service with a token, a parcel service and one for exchange rates.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/examples/acme"
)

// The credentials of the three services.
const (
	crmToken      = "crm-token"
	shippingKey   = "shipping-key"
	ratesPassword = "rates-password"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if _, err := acme.Start("127.0.0.1:9000", acme.Options{Token: crmToken}); err != nil {
		return fmt.Errorf("crm: %w", err)
	}
	fmt.Printf("three services run; before `sallyport serve`:\n\n"+
		"  export CRM_TOKEN=%s SHIPPING_KEY=%s RATES_PASSWORD=%s\n\n"+
		"curl -X POST http://127.0.0.1:9002/fail makes the parcel service fail, or work again.\n",
		crmToken, shippingKey, ratesPassword)
	failed := make(chan error, 2)
	go func() { failed <- serve("127.0.0.1:9002", new(shipping)) }()
	go func() { failed <- serve("127.0.0.1:9003", new(rates)) }()
	return <-failed
}

func serve(addr string, h http.Handler) error {
	server := http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	return errors.Join(fmt.Errorf("%s ended", addr), server.ListenAndServe())
}

// shipping is the parcel service.
type shipping struct {
	broken   atomic.Bool
	requests atomic.Int64
}

// ServeHTTP answers whoever has the key.
func (s *shipping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/fail" {
		s.broken.Store(!s.broken.Load())
		return
	}
	s.requests.Add(1)
	switch {
	case r.Header.Get("X-Api-Key") != shippingKey:
		http.Error(w, "no key", http.StatusUnauthorized)
	case s.broken.Load():
		http.Error(w, "database is locked", http.StatusInternalServerError)
	case r.Method == http.MethodPost:
		reply(w, map[string]string{"pickup": "p1", "status": "booked"})
	default:
		reply(w, map[string]string{"parcel": strings.TrimPrefix(r.URL.Path, "/parcels/"), "place": "Hub Vienna"})
	}
}

// rates tells exchange rates; the first of every two requests finds it busy.
type rates struct{ requests atomic.Int64 }

// ServeHTTP answers whoever has the password.
func (s *rates) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	switch {
	case user != "acme" || password != ratesPassword:
		http.Error(w, "no password", http.StatusUnauthorized)
	case s.requests.Add(1)%2 == 1:
		http.Error(w, "busy", http.StatusServiceUnavailable)
	default:
		reply(w, map[string]string{"base": "EUR", "rate": "1.08"})
	}
}

func reply(w http.ResponseWriter, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		return // the client has gone
	}
}
