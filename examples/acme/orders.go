package acme

import (
	"net/http"
	"net/url"
	"time"
)

// The states of an order, in the order in which it passes them.
const (
	orderPending   = "pending"
	orderPaid      = "paid"
	orderShipped   = "shipped"
	orderDelivered = "delivered"
	orderCancelled = "cancelled"
)

// order is never changed in its items, so copies may share them.
type order struct {
	ID         string      `json:"id"`
	CustomerID string      `json:"customer_id"`
	Status     string      `json:"status"`
	Items      []orderItem `json:"items"`
	Shipping   cents       `json:"shipping"`
	Total      cents       `json:"total"`
	Note       string      `json:"note"`
	CreatedAt  time.Time   `json:"created_at"`
	UpdatedAt  time.Time   `json:"updated_at"`
	ShippedAt  *time.Time  `json:"shipped_at"`
}

type orderItem struct {
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	Quantity  int    `json:"quantity"`
	UnitPrice cents  `json:"unit_price"`
	LineTotal cents  `json:"line_total"`
}

func (s *Service) getOrder(w http.ResponseWriter, r *http.Request) error {
	o, err := get(s.store, &s.store.orders, "order", r.PathValue("id"))
	if err != nil {
		return err
	}
	serveResource(w, r, mediaJSON, o.UpdatedAt, encode(o))
	return nil
}

func (s *Service) listOrders(w http.ResponseWriter, r *http.Request) error {
	return s.pageOrders(w, r, func(*order) bool { return true })
}

// pageOrders answers with the wanted orders that the query asks for.
func (s *Service) pageOrders(w http.ResponseWriter, r *http.Request, wanted func(*order) bool) error {
	q := r.URL.Query()
	status, err := wordParam(q, "status", orderPending, orderPaid, orderShipped, orderDelivered, orderCancelled)
	if err != nil {
		return err
	}
	from, to, err := span(q)
	if err != nil {
		return err
	}
	s.store.mu.RLock()
	found, err := paginate(list{name: "orders", newestFirst: true}, s.store.orders.all, q, func(o *order) bool {
		return wanted(o) && (status == "" || o.Status == status) &&
			(from.IsZero() || !o.CreatedAt.Before(from)) && (to.IsZero() || o.CreatedAt.Before(to))
	})
	s.store.mu.RUnlock()
	if err != nil {
		return err
	}
	writePage(w, r, found)
	return nil
}

// span reads from (inclusive) and to. A date as to includes its whole day; a
// point in time is exclusive.
func span(q url.Values) (from, to time.Time, err error) {
	from, _, err = timeParam(q, "from")
	if err != nil {
		return from, to, err
	}
	to, isDate, err := timeParam(q, "to")
	if err != nil {
		return from, to, err
	}
	if isDate {
		to = to.AddDate(0, 0, 1)
	}
	if !to.IsZero() && to.Before(from) {
		return from, to, badQuery("from must not be later than to.")
	}
	return from, to, nil
}

func timeParam(q url.Values, name string) (at time.Time, isDate bool, err error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, false, nil
	}
	if at, err = time.Parse(time.DateOnly, text); err == nil {
		return at, true, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err == nil {
		return at, false, nil
	}
	return time.Time{}, false, badQuery(name + " must be a date (2026-03-02) or an RFC 3339 time.")
}
