// Command openapi is the service behind this example: as much of the billing
// API as its document promises.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// addr is where the manifest looks for the service.
const addr = "127.0.0.1:9011"

// token is what the manifest's BILLING_TOKEN has to be.
const token = "billing-token"

func main() {
	fmt.Println("the service is at http://" + addr + "/v2, with BILLING_TOKEN=" + token)
	server := http.Server{Addr: addr, Handler: newBilling(), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

// invoice is one of an account.
type invoice struct {
	ID      string  `json:"id"`
	Status  string  `json:"status"`
	Total   float64 `json:"total"`
	Lines   []line  `json:"lines"`
	account string
}

type line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// billing holds the invoices of all accounts.
type billing struct {
	http.Handler
	mu       sync.Mutex
	invoices []invoice
	made     map[string]invoice // by Idempotency-Key
}

func newBilling() *billing {
	b := &billing{made: map[string]invoice{}, invoices: []invoice{
		{ID: "in_1", Status: "open", Total: 12.5, Lines: []line{{"WRK-1", 1}}, account: "acc_7"},
		{ID: "in_2", Status: "paid", Total: 80, Lines: []line{{"WRK-2", 4}}, account: "acc_7"},
		{ID: "in_3", Status: "open", Total: 99, Lines: []line{{"WRK-3", 2}}, account: "acc_8"},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/accounts/{account}/invoices", b.list)
	mux.HandleFunc("POST /v2/accounts/{account}/invoices", b.create)
	mux.HandleFunc("GET /v2/accounts/{account}/invoices/{id}", b.get)
	mux.HandleFunc("DELETE /v2/accounts/{account}/invoices/{id}", b.void)
	mux.HandleFunc("GET /v2/reports/{day}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]any{"day": r.PathValue("day"), "invoices": 3})
	})
	b.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			answer(w, http.StatusUnauthorized, map[string]any{"detail": "The token is missing."})
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
	return b
}

func (b *billing) list(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		limit = 20
	}
	found := []invoice{}
	for _, in := range b.invoices {
		status := r.URL.Query().Get("status")
		if in.account == r.PathValue("account") && (status == "" || status == in.Status) && len(found) < limit {
			found = append(found, in)
		}
	}
	answer(w, http.StatusOK, map[string]any{"data": found})
}

func (b *billing) create(w http.ResponseWriter, r *http.Request) {
	var want struct {
		Lines []line `json:"lines"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&want); err != nil || len(want.Lines) == 0 {
		answer(w, http.StatusBadRequest, map[string]any{"detail": "lines must not be empty"})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	made, again := b.made[key]
	if !again {
		made = invoice{ID: "in_" + strconv.Itoa(len(b.invoices)+1), Status: "open", Lines: want.Lines, account: r.PathValue("account")}
		b.invoices = append(b.invoices, made)
		if key != "" {
			b.made[key] = made
		}
	}
	answer(w, http.StatusCreated, made)
}

// find is the number of an account's invoice; below zero if there is none.
func (b *billing) find(r *http.Request) int {
	return slices.IndexFunc(b.invoices, func(in invoice) bool {
		return in.ID == r.PathValue("id") && in.account == r.PathValue("account")
	})
}

func (b *billing) get(w http.ResponseWriter, r *http.Request) {
	if at := b.find(r); at >= 0 {
		answer(w, http.StatusOK, b.invoices[at])
		return
	}
	answer(w, http.StatusNotFound, map[string]any{"detail": "no row in table invoices"})
}

func (b *billing) void(w http.ResponseWriter, r *http.Request) {
	if at := b.find(r); at >= 0 {
		b.invoices[at].Status = "void"
	}
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error says that the client has gone; what is encoded here always can be.
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // as said above
}
