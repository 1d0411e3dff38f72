package acme

import "time"

// seedOrder makes the order that has so many newer ones, and its payment.
func (s *store) seedOrder(newer int) {
	o := order{ID: s.newID("ord_", 12)}
	o.CustomerID = s.customers.all[s.rng.IntN(seedCustomers)].ID
	o.CreatedAt = s.ago(time.Duration(newer+1)*orderEvery, orderEvery)
	age := s.epoch.Sub(o.CreatedAt)
	switch n := s.rng.IntN(100); {
	case n < 11:
		o.Status = orderCancelled
	case age < 2*24*time.Hour && n < 60:
		o.Status = orderPending
	case age < 4*24*time.Hour:
		o.Status = orderPaid
	case age < 9*24*time.Hour:
		o.Status = orderShipped
	default:
		o.Status = orderDelivered
	}
	if s.chance(10) {
		o.Note = s.pick(orderNotes, "|")
	}
	items := make([]newItem, 1+s.rng.IntN(4))
	for i := range items {
		items[i] = newItem{s.products.all[s.rng.IntN(len(s.products.all))].SKU, 1 + s.rng.IntN(3)}
	}
	switch newer { // the ones with a name in the documentation
	case 0:
		o.ID, o.CustomerID, o.Status, o.Note = FirstOrder, FirstCustomer, orderPending, "Please ring twice."
		items = []newItem{{FirstSKU, 1}, {"CMP-1009", 2}}
	case shippedAge:
		o.ID, o.CustomerID, o.Status, o.Note = ShippedOrder, FirstCustomer, orderShipped, ""
		items = []newItem{{"KIT-1001", 1}, {"LGT-1005", 2}}
	}
	s.price(&o, items)
	o.UpdatedAt = o.CreatedAt
	switch o.Status {
	case orderPaid, orderCancelled:
		o.UpdatedAt = s.later(o.CreatedAt, 10*time.Hour)
	case orderShipped, orderDelivered:
		shipped := s.later(o.CreatedAt, 60*time.Hour)
		o.ShippedAt, o.UpdatedAt = &shipped, shipped
		if o.Status == orderDelivered {
			o.UpdatedAt = s.later(shipped, 100*time.Hour)
		}
	}
	s.orders.add(o.ID, o)
	s.seedPayment(&o)
}

// later returns a whole second after t, within d and before the epoch.
func (s *store) later(t time.Time, d time.Duration) time.Time {
	d = min(d, s.epoch.Sub(t))
	return t.Add(time.Duration(s.rng.Int64N(int64(d)))).Truncate(time.Second)
}

// seedPayment makes what was paid for an order. One order in four is paid on
// account, so there is no payment.
func (s *store) seedPayment(o *order) {
	orderID := o.ID
	p := payment{
		ID: s.newID("pay_", 12), CustomerID: o.CustomerID, OrderID: &orderID, Status: paymentCaptured,
		Method: payMethods()[s.rng.IntN(len(payMethods()))], Amount: o.Total,
	}
	onAccount := s.chance(25)
	p.CreatedAt = o.CreatedAt.Add(time.Duration(1+s.rng.IntN(300)) * time.Second)
	p.UpdatedAt = p.CreatedAt
	switch {
	case o.ID == ShippedOrder:
		p.ID, p.Method = FirstPayment, "card"
	case o.Status == orderPending || onAccount:
		return
	case o.Status == orderCancelled && s.chance(50):
		p.Status = paymentFailed
	case o.Status == orderCancelled:
		p.Status, p.Refunded, p.RefundReason = paymentRefunded, p.Amount, "Order was cancelled."
		p.UpdatedAt = s.later(p.CreatedAt, 48*time.Hour)
	}
	s.payments.add(p.ID, p)
}

// seedTicket makes the ticket that has so many newer ones.
func (s *store) seedTicket(newer int) {
	const every = 14 * time.Hour
	t := ticket{ID: s.newID("tck_", 12), Priority: priorities()[s.rng.IntN(4)], Comments: []comment{}}
	t.CreatedAt = s.ago(time.Duration(newer)*every+time.Hour, every)
	what := s.rng.IntN(8)
	t.Subject, t.Body = part(subjects, what), part(bodies, what)
	t.CustomerID = s.customers.all[s.rng.IntN(seedCustomers)].ID
	if s.chance(70) {
		o := s.orders.all[s.rng.IntN(seedOrders)]
		if o.CreatedAt.Before(t.CreatedAt) {
			t.CustomerID, t.OrderID = o.CustomerID, &o.ID
		}
	}
	switch n := s.rng.IntN(100); {
	case newer < 40 && n < 60:
		t.Status = ticketOpen
	case newer < 80 && n < 80:
		t.Status = ticketWaiting
	default:
		t.Status = ticketClosed
	}
	replies := s.rng.IntN(4)
	if newer == 0 { // the one with a name in the documentation
		orderID := ShippedOrder
		t.ID, t.CustomerID, t.OrderID, t.Status, t.Priority = FirstTicket, FirstCustomer, &orderID, ticketOpen, "high"
		t.Subject, t.Body, replies = part(subjects, 0), part(bodies, 0), 0
	}
	s.seedComments(&t, replies)
	s.tickets.add(t.ID, t)
}

// seedComments adds answers in turns of the shop and the customer.
func (s *store) seedComments(t *ticket, n int) {
	at := t.CreatedAt
	for i := range n {
		author := "support"
		if i%2 == 1 {
			author = "customer"
		}
		at = s.later(at, 30*time.Hour)
		t.Comments = append(t.Comments, comment{ID: s.newID("cmt_", 12), Author: author, Body: s.pick(replies, "|"), CreatedAt: at})
	}
	t.UpdatedAt = at
}
