package acme

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// invoice is the XML form of an order, as an older billing system writes it.
type invoice struct {
	XMLName  xml.Name        `xml:"urn:acme:invoice:1 invoice"`
	Number   string          `xml:"number,attr"`
	Currency string          `xml:"currency,attr"`
	Issued   string          `xml:"issued,attr"`
	Order    invoiceOrder    `xml:"order"`
	Customer invoiceCustomer `xml:"customer"`
	Lines    []invoiceLine   `xml:"lines>line"`
	Shipping string          `xml:"shipping"`
	Total    invoiceAmount   `xml:"total"`
}

type invoiceOrder struct {
	ID     string `xml:"id,attr"`
	Status string `xml:"status,attr"`
}

type invoiceCustomer struct {
	ID      string `xml:"id,attr"`
	Name    string `xml:"name"`
	Email   string `xml:"email"`
	Street  string `xml:"address>street"`
	City    string `xml:"address>city"`
	Country string `xml:"address>country"`
}

type invoiceLine struct {
	N           int           `xml:"n,attr"`
	SKU         string        `xml:"sku,attr"`
	Description string        `xml:"description"`
	Quantity    int           `xml:"quantity"`
	Unit        string        `xml:"unit-price"`
	Amount      invoiceAmount `xml:"amount"`
}

type invoiceAmount struct {
	Cents int64  `xml:"cents,attr"`
	Text  string `xml:",chardata"`
}

func (s *Service) getInvoice(w http.ResponseWriter, r *http.Request) error {
	id, ok := strings.CutSuffix(r.PathValue("file"), ".xml")
	if !ok {
		return notFound("invoice", r.PathValue("file"))
	}
	s.store.mu.RLock()
	at, ok := s.store.orders.at[id]
	if !ok {
		s.store.mu.RUnlock()
		return notFound("invoice for order", id)
	}
	o := s.store.orders.all[at]
	c := *s.store.customers.find(o.CustomerID)
	s.store.mu.RUnlock()
	body, err := xml.MarshalIndent(newInvoice(at, &o, &c), "", "  ")
	if err != nil {
		return err
	}
	changed := o.UpdatedAt
	if c.UpdatedAt.After(changed) {
		changed = c.UpdatedAt
	}
	serveResource(w, r, "application/xml; charset=utf-8", changed, append([]byte(xml.Header), append(body, '\n')...))
	return nil
}

func newInvoice(at int, o *order, c *customer) *invoice {
	inv := &invoice{
		Number:   fmt.Sprintf("INV-%d-%05d", o.CreatedAt.Year(), at+1),
		Currency: currency,
		Issued:   o.CreatedAt.Format(time.DateOnly),
		Order:    invoiceOrder{ID: o.ID, Status: o.Status},
		Customer: invoiceCustomer{
			ID: c.ID, Name: c.Name, Email: c.Email,
			Street: c.Address.Street, City: c.Address.City, Country: c.Address.Country,
		},
		Shipping: o.Shipping.String(),
		Total:    invoiceAmount{int64(o.Total), o.Total.String()},
	}
	for i, it := range o.Items {
		inv.Lines = append(inv.Lines, invoiceLine{
			N: i + 1, SKU: it.SKU, Description: it.Name, Quantity: it.Quantity,
			Unit: it.UnitPrice.String(), Amount: invoiceAmount{int64(it.LineTotal), it.LineTotal.String()},
		})
	}
	return inv
}
