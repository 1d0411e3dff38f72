package acme

import (
	"net/http"
	"net/mail"
	"strings"
	"time"
)

type customer struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	Phone     string    `json:"phone"`
	Tier      string    `json:"tier"` // gold, silver or bronze
	Company   *string   `json:"company"`
	Address   address   `json:"address"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type address struct {
	Street     string `json:"street"`
	PostalCode string `json:"postal_code"`
	City       string `json:"city"`
	Country    string `json:"country"` // ISO 3166-1 alpha-2
}

func tiers() []string { return []string{"gold", "silver", "bronze"} }

func (s *Service) listCustomers(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	tier, err := wordParam(q, "tier", tiers()...)
	if err != nil {
		return err
	}
	prefix := strings.ToLower(q.Get("prefix"))
	s.store.mu.RLock()
	found, err := paginate(list{name: "customers"}, s.store.customers.all, q, func(c *customer) bool {
		return (tier == "" || c.Tier == tier) && (prefix == "" || hasPrefix(prefix, c.ID, c.Name, c.Email))
	})
	s.store.mu.RUnlock()
	if err != nil {
		return err
	}
	writePage(w, r, found)
	return nil
}

// hasPrefix reports whether one of the texts begins with the lower-case prefix.
func hasPrefix(prefix string, texts ...string) bool {
	for _, t := range texts {
		if strings.HasPrefix(strings.ToLower(t), prefix) {
			return true
		}
	}
	return false
}

func (s *Service) getCustomer(w http.ResponseWriter, r *http.Request) error {
	c, err := get(s.store, &s.store.customers, "customer", r.PathValue("id"))
	if err != nil {
		return err
	}
	serveResource(w, r, mediaJSON, c.UpdatedAt, encode(c))
	return nil
}

// customerPatch holds what may be changed; what is absent or null stays.
type customerPatch struct {
	Name  *string `json:"name"`
	Email *string `json:"email"`
	Phone *string `json:"phone"`
	Tier  *string `json:"tier"`
}

func (p *customerPatch) check() error {
	var c checks
	c.want(p.Name == nil || validText(*p.Name, 100), "/name", "must have 1 to 100 characters")
	c.want(p.Email == nil || validEmail(*p.Email), "/email", "must be an e-mail address")
	c.want(p.Phone == nil || validText(*p.Phone, 30), "/phone", "must have 1 to 30 characters")
	c.want(p.Tier == nil || oneOf(*p.Tier, tiers()...), "/tier", "must be gold, silver or bronze")
	return c.err()
}

func (s *Service) patchCustomer(w http.ResponseWriter, r *http.Request) error {
	var patch customerPatch
	if _, err := readJSON(r, &patch); err != nil {
		return err
	}
	if err := patch.check(); err != nil {
		return err
	}
	changed, err := s.store.changeCustomer(r.PathValue("id"), &patch)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, changed)
	return nil
}

func (s *store) changeCustomer(id string, patch *customerPatch) (customer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.customers.find(id)
	if c == nil {
		return customer{}, notFound("customer", id)
	}
	if patch.Email != nil && s.emailTaken(*patch.Email, id) {
		return customer{}, newProblem(http.StatusConflict, "email-taken", "Another customer has this e-mail address.")
	}
	for _, f := range []struct {
		to   *string
		from *string
	}{{&c.Name, patch.Name}, {&c.Email, patch.Email}, {&c.Phone, patch.Phone}, {&c.Tier, patch.Tier}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	c.UpdatedAt = s.now()
	return *c, nil
}

func (s *store) emailTaken(email, except string) bool {
	for i := range s.customers.all {
		if c := &s.customers.all[i]; c.ID != except && strings.EqualFold(c.Email, email) {
			return true
		}
	}
	return false
}

// validEmail accepts a bare address (RFC 5322 addr-spec) at a dotted domain.
func validEmail(text string) bool {
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || len(text) > 254 {
		return false
	}
	_, domain, _ := strings.Cut(text, "@")
	return strings.Contains(strings.Trim(domain, "."), ".")
}

// validText wants something to read, in at most so many bytes.
func validText(text string, most int) bool {
	return strings.TrimSpace(text) != "" && len(text) <= most
}

func (s *Service) customerOrders(w http.ResponseWriter, r *http.Request) error {
	c, err := get(s.store, &s.store.customers, "customer", r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.pageOrders(w, r, func(o *order) bool { return o.CustomerID == c.ID })
}
