// Command xml is the service behind this example: a carrier that takes and
// answers XML.
package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// addr is where the manifest looks for the service.
const addr = "127.0.0.1:9006"

func main() {
	fmt.Println("the carrier is at http://" + addr)
	server := http.Server{Addr: addr, Handler: new(carrier).routes(), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

// carrier holds what was announced.
type carrier struct {
	mu        sync.Mutex
	shipments []shipment
}

// shipment is a request.
type shipment struct {
	XMLName   xml.Name `xml:"urn:carrier:2 shipment"`
	Express   bool     `xml:"express,attr"`
	Name      string   `xml:"to>address>name"`
	City      string   `xml:"to>address>city"`
	Country   string   `xml:"to>address>country"`
	Parcels   []parcel `xml:"parcel"`
	Reference *string  `xml:"reference"`
}

type parcel struct {
	Weight  float64 `xml:"kg,attr"`
	Content string  `xml:",chardata"`
}

// announced is the answer to a request.
type announced struct {
	XMLName xml.Name `xml:"shipment"`
	Number  string   `xml:"number,attr"`
	Parcels []string `xml:"parcel"`
	Price   string   `xml:"price"`
}

// tracked is the answer to the question where a shipment is.
type tracked struct {
	XMLName xml.Name `xml:"shipment"`
	State   string   `xml:"state,attr"`
	Events  []event  `xml:"event"`
}

type event struct {
	At    string `xml:"at,attr"`
	Place string `xml:",chardata"`
}

// refusal is a failure.
type refusal struct {
	XMLName xml.Name `xml:"error"`
	Field   string   `xml:"field"`
	Message string   `xml:"message"`
}

func (c *carrier) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /shipments", c.announce)
	mux.HandleFunc("GET /shipments/{number}", c.track)
	return mux
}

func (c *carrier) announce(w http.ResponseWriter, r *http.Request) {
	var s shipment
	if err := xml.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&s); err != nil || len(s.Parcels) == 0 {
		answer(w, http.StatusBadRequest, refusal{Field: "shipment", Message: "not valid"})
		return
	}
	if s.Country != "AT" && s.Country != "DE" {
		answer(w, http.StatusUnprocessableEntity, refusal{Field: "country", Message: "we deliver to AT and DE only"})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shipments = append(c.shipments, s)
	made := announced{Number: "S-" + strconv.Itoa(len(c.shipments)), Price: "9.90"}
	if s.Express {
		made.Price = "24.90"
	}
	for i := range s.Parcels {
		made.Parcels = append(made.Parcels, made.Number+"/"+strconv.Itoa(i+1))
	}
	answer(w, http.StatusCreated, made)
}

func (c *carrier) track(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.shipments {
		if r.PathValue("number") == "S-"+strconv.Itoa(i+1) {
			answer(w, http.StatusOK, tracked{State: "announced", Events: []event{{At: "2026-04-01T08:00:00Z", Place: "Vienna"}}})
			return
		}
	}
	answer(w, http.StatusNotFound, refusal{Field: "number", Message: "unknown"})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	// An error says that the client has gone.
	_ = xml.NewEncoder(w).Encode(v)
}
