package acme

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

const (
	seedCustomers = 500
	seedOrders    = 2000
	seedTickets   = 400
	// shippedAge is how many orders are newer than ShippedOrder: some four days.
	shippedAge = 36
	orderEvery = 173 * time.Minute // 2,000 of these reach back three quarters
)

// seed makes the rows of a new service, always the same ones.
func seed() *store {
	epoch, err := time.Parse(time.RFC3339, Epoch)
	if err != nil {
		panic("acme: Epoch: " + err.Error())
	}
	s := &store{
		rng:   rand.New(rand.NewPCG(2026, 3)), //nolint:gosec // made-up rows want repeatable numbers
		epoch: epoch,
	}
	s.seedProducts()
	s.seedCustomers()
	for i := range seedOrders {
		s.seedOrder(seedOrders - 1 - i)
	}
	for i := range seedTickets {
		s.seedTicket(seedTickets - 1 - i)
	}
	return s
}

func (s *store) chance(percent int) bool { return s.rng.IntN(100) < percent }

// pick returns one of the parts of a list.
func (s *store) pick(words, sep string) string {
	parts := strings.Split(words, sep)
	return parts[s.rng.IntN(len(parts))]
}

// ago returns a whole second between d and d+jitter before the epoch.
func (s *store) ago(d, jitter time.Duration) time.Time {
	return s.epoch.Add(-d - time.Duration(s.rng.Int64N(int64(jitter)))).Truncate(time.Second)
}

// seedProducts makes four variants of every article of the catalogue.
func (s *store) seedProducts() {
	for line := range strings.Lines(catalogue) {
		parts := strings.Split(strings.TrimSpace(line), "|")
		variants := []struct {
			suffix         string
			price, percent int
		}{{"", 100, 100}, {", large", 135, 140}, {fmt.Sprintf(" %q series", parts[2]), 160, 110}, {", set of 2", 190, 200}}
		n := 1000
		for _, article := range parts[3:] {
			fields := strings.Split(article, "/")
			price, weight := mustInt(fields[1]), mustInt(fields[2])
			for _, v := range variants {
				n++
				p := product{
					SKU: parts[1] + "-" + strconv.Itoa(n), Name: fields[0] + v.suffix, Category: parts[0],
					Price: cents(price * v.price / 100), WeightGrams: weight * v.percent / 100,
					Stock: 5 + s.rng.IntN(300), Warehouse: s.pick(warehouses, "|"), UpdatedAt: s.ago(time.Hour, 90*24*time.Hour),
				}
				switch {
				case p.SKU == FirstSKU:
					p.Stock = 120
				case p.SKU == SoldOutSKU || s.chance(5):
					p.Stock = 0
				}
				s.products.add(p.SKU, p)
			}
		}
	}
}

func mustInt(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic("acme: catalogue: " + err.Error())
	}
	return n
}

func (s *store) seedCustomers() {
	taken := map[string]bool{}
	for i := range seedCustomers {
		id := s.newID("cust_", 20)
		first, last := s.pick(firstNames, " "), s.pick(lastNames, " ")
		tier := "bronze"
		if n := s.rng.IntN(10); n == 0 {
			tier = "gold"
		} else if n < 4 {
			tier = "silver"
		}
		switch i { // the ones with a name in the documentation
		case 0:
			id, first, last, tier = FirstCustomer, "Amélie", "Laurent", "gold"
		case 1:
			id, first, last, tier = SecondCustomer, "Jonas", "Weber", "silver"
		}
		c := customer{ID: id, Name: first + " " + last, Tier: tier, Address: s.newAddress()}
		local := ascii(first) + "." + ascii(last)
		c.Email = local + "@" + s.pick(mailDomains, " ")
		if taken[c.Email] {
			c.Email = local + strconv.Itoa(i) + "@mail.example"
		}
		taken[c.Email] = true
		c.Phone = fmt.Sprintf("+49 30 5550%04d", i)
		if s.chance(20) {
			company := s.pick(companies, "|")
			c.Company = &company
		}
		c.CreatedAt = s.ago(time.Duration(seedCustomers-i)*40*time.Hour+243*24*time.Hour, 40*time.Hour)
		c.UpdatedAt = c.CreatedAt.Add(time.Duration(s.rng.IntN(5000)) * time.Hour)
		s.customers.add(c.ID, c)
	}
}

func (s *store) newAddress() address {
	city := strings.Split(s.pick(cities, "|"), "/")
	code := strings.Map(func(r rune) rune {
		if r == '#' {
			return rune("0123456789"[s.rng.IntN(10)])
		}
		return r
	}, city[2])
	return address{
		Street: s.pick(streets, "|") + " " + strconv.Itoa(1+s.rng.IntN(120)), PostalCode: code, City: city[0], Country: city[1],
	}
}
