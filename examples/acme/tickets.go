package acme

import (
	"net/http"
	"slices"
	"time"
)

// The states of a ticket.
const (
	ticketOpen    = "open"
	ticketWaiting = "waiting" // for the customer
	ticketClosed  = "closed"
)

const (
	maxSubject  = 200
	maxComment  = 5000
	maxComments = 500
)

// ticket's comments are only added to, so copies may share them.
type ticket struct {
	ID         string    `json:"id"`
	CustomerID string    `json:"customer_id"`
	OrderID    *string   `json:"order_id"`
	Status     string    `json:"status"`
	Priority   string    `json:"priority"`
	Subject    string    `json:"subject"`
	Body       string    `json:"body"`
	Comments   []comment `json:"comments"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

type comment struct {
	ID        string    `json:"id"`
	Author    string    `json:"author"`
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"created_at"`
}

func priorities() []string { return []string{"low", "normal", "high", "urgent"} }

func (s *Service) listTickets(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	status, err := wordParam(q, "status", ticketOpen, ticketWaiting, ticketClosed)
	if err != nil {
		return err
	}
	of := q.Get("customer_id")
	s.store.mu.RLock()
	found, err := paginate(list{name: "tickets", newestFirst: true}, s.store.tickets.all, q, func(t *ticket) bool {
		return (status == "" || t.Status == status) && (of == "" || t.CustomerID == of)
	})
	s.store.mu.RUnlock()
	if err != nil {
		return err
	}
	writePage(w, r, found)
	return nil
}

func (s *Service) getTicket(w http.ResponseWriter, r *http.Request) error {
	t, err := get(s.store, &s.store.tickets, "ticket", r.PathValue("id"))
	if err != nil {
		return err
	}
	serveResource(w, r, mediaJSON, t.UpdatedAt, encode(t))
	return nil
}

type newTicket struct {
	CustomerID string  `json:"customer_id"`
	OrderID    *string `json:"order_id"`
	Priority   string  `json:"priority"`
	Subject    string  `json:"subject"`
	Body       string  `json:"body"`
}

func (s *Service) createTicket(w http.ResponseWriter, r *http.Request) error {
	want := newTicket{Priority: "normal"}
	body, err := readJSON(r, &want)
	if err != nil {
		return err
	}
	made, err := s.store.openTicket(r, body, &want)
	if err != nil {
		return err
	}
	writeCreated(w, "/tickets/"+made.ID, made)
	return nil
}

func (s *store) openTicket(r *http.Request, body []byte, want *newTicket) (ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	earlier, err := s.replays.find("tickets ", r, body)
	if err != nil {
		return ticket{}, err
	}
	if earlier != "" {
		return *s.tickets.find(earlier), nil
	}
	var c checks
	c.want(s.customers.find(want.CustomerID) != nil, "/customer_id", "must be the id of a customer")
	c.want(validText(want.Subject, maxSubject), "/subject", "must have 1 to 200 characters")
	c.want(validText(want.Body, maxComment), "/body", "must have 1 to 5000 characters")
	c.want(oneOf(want.Priority, priorities()...), "/priority", "must be low, normal, high or urgent")
	if want.OrderID != nil {
		o := s.orders.find(*want.OrderID)
		c.want(o != nil && o.CustomerID == want.CustomerID, "/order_id", "must be the id of an order of this customer")
	}
	if err := c.err(); err != nil {
		return ticket{}, err
	}
	now := s.now()
	t := ticket{
		ID: s.newID("tck_", 12), CustomerID: want.CustomerID, OrderID: want.OrderID, Status: ticketOpen,
		Priority: want.Priority, Subject: want.Subject, Body: want.Body, Comments: []comment{}, CreatedAt: now, UpdatedAt: now,
	}
	s.tickets.add(t.ID, t)
	s.replays.add("tickets ", r, body, t.ID)
	return t, nil
}

type newComment struct {
	Author string `json:"author"`
	Body   string `json:"body"`
}

func (s *Service) commentTicket(w http.ResponseWriter, r *http.Request) error {
	want := newComment{Author: "agent"}
	body, err := readJSON(r, &want)
	if err != nil {
		return err
	}
	var c checks
	c.want(validText(want.Author, 100), "/author", "must have 1 to 100 characters")
	c.want(validText(want.Body, maxComment), "/body", "must have 1 to 5000 characters")
	if err := c.err(); err != nil {
		return err
	}
	id := r.PathValue("id")
	made, err := s.store.comment(id, r, body, &want)
	if err != nil {
		return err
	}
	writeCreated(w, "/tickets/"+id, made)
	return nil
}

func (s *store) comment(id string, r *http.Request, body []byte, want *newComment) (comment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	earlier, err := s.replays.find("comments "+id+" ", r, body)
	if err != nil {
		return comment{}, err
	}
	t := s.tickets.find(id)
	switch {
	case t == nil:
		return comment{}, notFound("ticket", id)
	case earlier != "":
		at := slices.IndexFunc(t.Comments, func(c comment) bool { return c.ID == earlier })
		return t.Comments[at], nil
	case t.Status == ticketClosed:
		return comment{}, newProblem(http.StatusConflict, "ticket-closed", "Ticket "+id+" is closed.")
	case len(t.Comments) >= maxComments:
		return comment{}, newProblem(http.StatusConflict, "ticket-full", "Ticket "+id+" has 500 comments already.")
	}
	now := s.now()
	made := comment{ID: s.newID("cmt_", 12), Author: want.Author, Body: want.Body, CreatedAt: now}
	t.Comments = append(t.Comments, made)
	t.UpdatedAt = now
	s.replays.add("comments "+id+" ", r, body, made.ID)
	return made, nil
}
