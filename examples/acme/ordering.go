package acme

import (
	"net/http"
	"strconv"
)

const (
	maxItems     = 50
	maxQuantity  = 1000
	maxNote      = 500
	shippingCost = cents(495)
	freeShipping = cents(10000) // orders from this value on ship free
)

type newOrder struct {
	CustomerID string    `json:"customer_id"`
	Items      []newItem `json:"items"`
	Note       string    `json:"note"`
}

type newItem struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

func (s *Service) createOrder(w http.ResponseWriter, r *http.Request) error {
	var want newOrder
	body, err := readJSON(r, &want)
	if err != nil {
		return err
	}
	if note := r.Header.Get("X-Note"); note != "" {
		want.Note = note
	}
	made, err := s.store.placeOrder(r, body, &want)
	if err != nil {
		return err
	}
	writeCreated(w, "/orders/"+made.ID, made)
	return nil
}

func (s *store) placeOrder(r *http.Request, body []byte, want *newOrder) (order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	earlier, err := s.replays.find("orders ", r, body)
	if err != nil {
		return order{}, err
	}
	if earlier != "" {
		return *s.orders.find(earlier), nil
	}
	if err = s.checkOrder(want); err != nil {
		return order{}, err
	}
	need := map[string]int{}
	for _, it := range want.Items {
		need[it.SKU] += it.Quantity
		if p := s.products.find(it.SKU); p.Stock < need[it.SKU] {
			return order{}, newProblem(http.StatusConflict, "out-of-stock",
				"Product "+it.SKU+" has "+strconv.Itoa(p.Stock)+" in stock.")
		}
	}
	now := s.now()
	for sku, n := range need {
		p := s.products.find(sku)
		p.Stock -= n
		p.UpdatedAt = now
	}
	o := order{
		ID: s.newID("ord_", 12), CustomerID: want.CustomerID, Status: orderPending,
		Note: want.Note, CreatedAt: now, UpdatedAt: now,
	}
	s.price(&o, want.Items)
	s.orders.add(o.ID, o)
	s.replays.add("orders ", r, body, o.ID)
	return o, nil
}

func (s *store) checkOrder(want *newOrder) error {
	var c checks
	c.want(s.customers.find(want.CustomerID) != nil, "/customer_id", "must be the id of a customer")
	c.want(len(want.Items) > 0 && len(want.Items) <= maxItems, "/items", "must have 1 to 50 items")
	c.want(len(want.Note) <= maxNote, "/note", "must have at most 500 characters")
	for i, it := range want.Items {
		at := "/items/" + strconv.Itoa(i)
		c.want(s.products.find(it.SKU) != nil, at+"/sku", "must be the SKU of a product")
		c.want(it.Quantity >= 1 && it.Quantity <= maxQuantity, at+"/quantity", "must be a whole number from 1 to 1000")
	}
	return c.err()
}

// price fills in items, shipping and total from the products' prices.
func (s *store) price(o *order, items []newItem) {
	var sum cents
	for _, it := range items {
		p := s.products.find(it.SKU)
		line := orderItem{SKU: p.SKU, Name: p.Name, Quantity: it.Quantity, UnitPrice: p.Price, LineTotal: p.Price * cents(it.Quantity)}
		o.Items = append(o.Items, line)
		sum += line.LineTotal
	}
	if sum < freeShipping {
		o.Shipping = shippingCost
	}
	o.Total = sum + o.Shipping
}

func (s *Service) cancelOrder(w http.ResponseWriter, r *http.Request) error {
	o, err := s.store.cancel(r.PathValue("id"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, o)
	return nil
}

// cancel puts the items back into stock. Cancelling twice changes nothing.
func (s *store) cancel(id string) (order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders.find(id)
	switch {
	case o == nil:
		return order{}, notFound("order", id)
	case o.Status == orderCancelled:
		return *o, nil
	case o.Status == orderShipped || o.Status == orderDelivered:
		return order{}, newProblem(http.StatusConflict, "already-shipped",
			"Order "+id+" is "+o.Status+" and can't be cancelled.")
	}
	now := s.now()
	for _, it := range o.Items {
		p := s.products.find(it.SKU)
		p.Stock += it.Quantity
		p.UpdatedAt = now
	}
	o.Status, o.UpdatedAt = orderCancelled, now
	return *o, nil
}
