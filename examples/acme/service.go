package acme

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
)

// Rows that documentation, examples and tests name. They are the same in every
// new service.
const (
	// Epoch is the moment at which the service's clock starts (RFC 3339).
	Epoch = "2026-03-02T09:00:00Z"

	// FirstCustomer is Amélie Laurent, gold tier.
	FirstCustomer = "cust_8f3k2m9x1q7w5r4t6y0z"
	// SecondCustomer is Jonas Weber, silver tier.
	SecondCustomer = "cust_2b6n4v8c0x1z3l5k7j9h"
	// FirstOrder is FirstCustomer's newest order: pending, so it can be paid
	// or cancelled.
	FirstOrder = "ord_7h2k9d4m1x5q"
	// ShippedOrder is an order of FirstCustomer that can't be cancelled any more.
	ShippedOrder = "ord_3w8t6n0b5c2v"
	// FirstPayment is the captured payment of ShippedOrder.
	FirstPayment = "pay_5r1z8j4f7g2s"
	// FirstTicket is FirstCustomer's open ticket about ShippedOrder.
	FirstTicket = "tck_9p4l2y7u3e6a"
	// FirstSKU is an anvil with 120 pieces in stock.
	FirstSKU = "WRK-1001"
	// SoldOutSKU is a product without stock.
	SoldOutSKU = "WRK-1002"

	// BrokenMarker is a text in the body of GET /broken. Whoever passes that
	// body on to a client leaks it.
	BrokenMarker = "db-primary.acme.internal:5432"
)

const (
	maxBody           = 1 << 20 // bytes of a request body
	defaultFlakyEvery = 3
)

// Options changes how a service behaves. The zero value is the open service.
type Options struct {
	// Token, when set, is the bearer token that every request must carry
	// (RFC 6750); others get 401.
	Token string
	// FlakyEvery makes GET /flaky fail for the first of every so many
	// requests; 0 means 3, and 1 makes it fail always.
	FlakyEvery int
}

// Service is the shop's HTTP API with its rows. It is safe for concurrent use.
type Service struct {
	store      *store
	stats      *recorder
	mux        *http.ServeMux
	token      [sha256.Size]byte
	needToken  bool
	flakyEvery int64
	flakyCalls atomic.Int64
}

// New returns a service with its rows as they are at the start. Where several
// options set the same field, the last one wins.
func New(opts ...Options) *Service {
	s := &Service{
		store:      seed(),
		stats:      newRecorder(),
		flakyEvery: defaultFlakyEvery,
	}
	for _, o := range opts {
		if o.Token != "" {
			s.token, s.needToken = sha256.Sum256([]byte(o.Token)), true
		}
		if o.FlakyEvery > 0 {
			s.flakyEvery = int64(o.FlakyEvery)
		}
	}
	s.mux = s.routes()
	return s
}

// Handler returns the service as a handler.
func (s *Service) Handler() http.Handler { return s }

// ServeHTTP answers one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.stats.count(func(st *Stats) { st.Total++ })
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if !s.authorized(r) {
		s.stats.count(func(st *Stats) { st.Unauthorized++ })
		w.Header().Set("WWW-Authenticate", `Bearer realm="acme"`)
		writeProblem(w, r, newProblem(http.StatusUnauthorized, "unauthorized", "A valid bearer token is required."))
		return
	}
	if p := r.URL.EscapedPath(); path.Clean(p) != p {
		// The mux would redirect to the clean path and hide a client's mistake.
		s.unmatched(http.StatusNotFound, "not-found", "There is nothing at this path.", "")(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// authorized compares digests, so the time taken tells nothing of the token.
func (s *Service) authorized(r *http.Request) bool {
	if !s.needToken {
		return true
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(token))
	return ok && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}

// endpoint answers a request or returns an error, best a *problem.
type endpoint func(http.ResponseWriter, *http.Request) error

type route struct {
	method, path string
	serve        endpoint
}

// invoicePath is what the mux can match; the suffix is checked by the endpoint.
const invoicePath = "/invoices/{file}"

func (s *Service) table() []route {
	return []route{
		{"GET", "/customers", s.listCustomers},
		{"GET", "/customers/{id}", s.getCustomer},
		{"PATCH", "/customers/{id}", s.patchCustomer},
		{"GET", "/customers/{id}/orders", s.customerOrders},
		{"GET", "/orders", s.listOrders},
		{"POST", "/orders", s.createOrder},
		{"GET", "/orders/{id}", s.getOrder},
		{"POST", "/orders/{id}/cancel", s.cancelOrder},
		{"GET", "/products", s.listProducts},
		{"GET", "/products/{sku}", s.getProduct},
		{"GET", "/products/{sku}/stock", s.getStock},
		{"GET", "/products/{sku}/image", s.getImage},
		{"POST", "/payments", s.createPayment},
		{"GET", "/payments/{id}", s.getPayment},
		{"POST", "/payments/{id}/refund", s.refundPayment},
		{"GET", "/tickets", s.listTickets},
		{"POST", "/tickets", s.createTicket},
		{"GET", "/tickets/{id}", s.getTicket},
		{"POST", "/tickets/{id}/comments", s.commentTicket},
		{"GET", invoicePath, s.getInvoice},
		{"GET", "/reports/sales.csv", s.salesReport},
		{"GET", "/status.html", s.statusPage},
		{"GET", "/legacy/latin1.txt", s.latin1},
		{"GET", "/slow", s.slow},
		{"GET", "/flaky", s.flaky},
		{"GET", "/broken", s.broken},
		{"GET", "/empty", s.empty},
		{"GET", "/health", s.health},
	}
}

// routes registers every route, and for every path an answer to other methods,
// because the mux's own are plain text.
func (s *Service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	allow := map[string][]string{}
	for _, rt := range s.table() {
		name := rt.method + " " + rt.path
		if rt.path == invoicePath {
			name = "GET /invoices/{order_id}.xml"
		}
		mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
			s.stats.count(func(st *Stats) { st.Routes[name]++ })
			s.answer(w, r, rt.serve)
		})
		allow[rt.path] = append(allow[rt.path], rt.method)
		if rt.method == http.MethodGet {
			allow[rt.path] = append(allow[rt.path], http.MethodHead)
		}
	}
	for at, methods := range allow {
		slices.Sort(methods)
		mux.HandleFunc(at, s.unmatched(http.StatusMethodNotAllowed, "method-not-allowed",
			"This resource does not have that method.", strings.Join(methods, ", ")))
	}
	mux.HandleFunc("/", s.unmatched(http.StatusNotFound, "not-found", "There is nothing at this path.", ""))
	return mux
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request, serve endpoint) {
	err := serve(w, r)
	if err == nil {
		return
	}
	var p *problem
	if !errors.As(err, &p) {
		p = newProblem(http.StatusInternalServerError, "internal", "The service failed.")
	}
	writeProblem(w, r, p)
}

func (s *Service) unmatched(status int, kind, detail, allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.stats.count(func(st *Stats) { st.Unmatched++ })
		if allow != "" {
			w.Header().Set("Allow", allow)
		}
		writeProblem(w, r, newProblem(status, kind, detail))
	}
}
