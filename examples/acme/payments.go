package acme

import (
	"net/http"
	"time"
)

// The states of a payment.
const (
	paymentCaptured = "captured"
	paymentRefunded = "refunded" // in full
	paymentFailed   = "failed"
)

// maxCharge bounds one payment: 50,000 euros.
const maxCharge = 5_000_000

// methodTestDeclined is a way to pay that is always declined.
const methodTestDeclined = "test_declined"

type payment struct {
	ID           string    `json:"id"`
	CustomerID   string    `json:"customer_id"`
	OrderID      *string   `json:"order_id"`
	Status       string    `json:"status"`
	Method       string    `json:"method"`
	Amount       cents     `json:"amount"`
	Refunded     cents     `json:"refunded"`
	RefundReason string    `json:"refund_reason"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

type newPayment struct {
	CustomerID  string  `json:"customer_id"`
	OrderID     *string `json:"order_id"`
	AmountCents int64   `json:"amount_cents"`
	Method      string  `json:"method"`
}

func payMethods() []string { return []string{"card", "bank_transfer", "wallet"} }

func (s *Service) getPayment(w http.ResponseWriter, r *http.Request) error {
	p, err := get(s.store, &s.store.payments, "payment", r.PathValue("id"))
	if err != nil {
		return err
	}
	serveResource(w, r, mediaJSON, p.UpdatedAt, encode(p))
	return nil
}

func (s *Service) createPayment(w http.ResponseWriter, r *http.Request) error {
	want := newPayment{Method: "card"}
	body, err := readJSON(r, &want)
	if err != nil {
		return err
	}
	made, err := s.store.charge(r, body, &want)
	if err != nil {
		return err
	}
	writeCreated(w, "/payments/"+made.ID, made)
	return nil
}

func (s *store) charge(r *http.Request, body []byte, want *newPayment) (payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	earlier, err := s.replays.find("payments ", r, body)
	if err != nil {
		return payment{}, err
	}
	if earlier != "" {
		return *s.payments.find(earlier), nil
	}
	var paid *order
	if want.OrderID != nil {
		paid = s.orders.find(*want.OrderID)
	}
	if err = s.checkPayment(want, paid); err != nil {
		return payment{}, err
	}
	if paid != nil && paid.Status != orderPending {
		return payment{}, newProblem(http.StatusConflict, "not-payable", "Order "+paid.ID+" is "+paid.Status+" and can't be paid.")
	}
	if want.Method == methodTestDeclined {
		return payment{}, newProblem(http.StatusPaymentRequired, "declined", "The payment was declined.")
	}
	now := s.now()
	p := payment{
		ID: s.newID("pay_", 12), CustomerID: want.CustomerID, OrderID: want.OrderID, Status: paymentCaptured,
		Method: want.Method, Amount: cents(want.AmountCents), CreatedAt: now, UpdatedAt: now,
	}
	if paid != nil {
		p.CustomerID = paid.CustomerID
		paid.Status, paid.UpdatedAt = orderPaid, now
	}
	s.payments.add(p.ID, p)
	s.replays.add("payments ", r, body, p.ID)
	return p, nil
}

// checkPayment wants an order and its exact total, or a customer and an amount.
func (s *store) checkPayment(want *newPayment, paid *order) error {
	var c checks
	c.want(oneOf(want.Method, append(payMethods(), methodTestDeclined)...), "/method", "must be card, bank_transfer or wallet")
	c.want(want.AmountCents >= 1 && want.AmountCents <= maxCharge, "/amount_cents", "must be a whole number from 1 to 5000000")
	if want.OrderID == nil {
		c.want(s.customers.find(want.CustomerID) != nil, "/customer_id", "must be the id of a customer when there is no order_id")
		return c.err()
	}
	c.want(paid != nil, "/order_id", "must be the id of an order")
	if paid != nil {
		c.want(want.CustomerID == "" || want.CustomerID == paid.CustomerID, "/customer_id", "must be the customer of the order")
		c.want(paid.Status != orderPending || cents(want.AmountCents) == paid.Total, "/amount_cents", "must be the total of the order")
	}
	return c.err()
}

type newRefund struct {
	AmountCents *int64 `json:"amount_cents"` // absent: all that is left
	Reason      string `json:"reason"`
}

func (s *Service) refundPayment(w http.ResponseWriter, r *http.Request) error {
	var want newRefund
	if r.ContentLength != 0 {
		if _, err := readJSON(r, &want); err != nil {
			return err
		}
	}
	p, err := s.store.refund(r.PathValue("id"), &want)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, p)
	return nil
}

func (s *store) refund(id string, want *newRefund) (payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments.find(id)
	if p == nil {
		return payment{}, notFound("payment", id)
	}
	if p.Status != paymentCaptured {
		return payment{}, newProblem(http.StatusConflict, "not-refundable", "Payment "+id+" is "+p.Status+" and can't be refunded.")
	}
	left := p.Amount - p.Refunded
	amount := left
	if want.AmountCents != nil {
		amount = cents(*want.AmountCents)
	}
	var c checks
	c.want(amount >= 1 && amount <= left, "/amount_cents", "must be from 1 to what is left of the payment")
	c.want(len(want.Reason) <= maxNote, "/reason", "must have at most 500 characters")
	if err := c.err(); err != nil {
		return payment{}, err
	}
	p.Refunded += amount
	p.RefundReason, p.UpdatedAt = want.Reason, s.now()
	if p.Refunded == p.Amount {
		p.Status = paymentRefunded
	}
	return *p, nil
}
