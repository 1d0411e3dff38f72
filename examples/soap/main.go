// Command soap is the two services behind this example: a CRM that speaks SOAP
// 1.1, and a warehouse that speaks SOAP 1.2.
package main

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"time"
)

// addr is where the manifest looks for the services.
const addr = "127.0.0.1:9005"

func main() {
	fmt.Println("the services are at http://" + addr)
	server := http.Server{Addr: addr, Handler: services(), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

// services serves the endpoints of both.
func services() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /crm.asmx", crm)
	mux.HandleFunc("POST /warehouse", warehouse)
	return mux
}

// getCustomer is the CRM's one operation.
type getCustomer struct {
	XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
	ID      string   `xml:"Body>GetCustomer>CustomerId"`
	All     bool     `xml:"Body>GetCustomer>WithInvoices"`
}

func crm(w http.ResponseWriter, r *http.Request) {
	var want getCustomer
	err := xml.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&want)
	switch {
	case err != nil:
		fault11(w, "soap:Client", "The envelope can't be read.")
	case r.Header.Get("SOAPAction") != `"urn:acme:crm/GetCustomer"`:
		fault11(w, "soap:Client", "Server did not recognize the value of HTTP Header SOAPAction.")
	case want.ID == "C1001":
		envelope11(w, `<Customer id="C1001"><Name>Müller &amp; Söhne</Name><City>Graz</City>`+
			`<Invoice number="R-77"><Due>2026-04-01</Due><Amount>120.50</Amount></Invoice>`+
			`<Invoice number="R-81"><Due>2026-04-15</Due><Amount>80.00</Amount></Invoice></Customer>`)
	case want.ID == "C1002":
		envelope11(w, `<Customer id="C1002"><Name>Ada Ltd</Name><City>Linz</City></Customer>`)
	case want.ID == "C5000":
		http.Error(w, "System.NullReferenceException at Acme.Crm.Db in C:\\inetpub\\crm.asmx:line 212", http.StatusInternalServerError)
	default:
		fault11(w, "soap:Client", "There is no customer "+want.ID+".")
	}
}

func envelope11(w http.ResponseWriter, answer string) {
	write(w, "text/xml; charset=utf-8", http.StatusOK,
		`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>`+
			`<GetCustomerResponse xmlns="urn:acme:crm">`+answer+`</GetCustomerResponse></soap:Body></soap:Envelope>`)
}

// fault11 is a fault as many services answer it, with a stack trace in it.
func fault11(w http.ResponseWriter, code, text string) {
	write(w, "text/xml; charset=utf-8", http.StatusInternalServerError,
		`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>`+
			`<faultcode>`+code+`</faultcode><faultstring>`+html.EscapeString(text)+`</faultstring>`+
			`<detail><trace>at Acme.Crm.Service.GetCustomer() in C:\inetpub\crm.asmx:line 88</trace></detail>`+
			`</soap:Fault></soap:Body></soap:Envelope>`)
}

// book is the warehouse's one operation.
type book struct {
	XMLName xml.Name `xml:"http://www.w3.org/2003/05/soap-envelope Envelope"`
	Channel string   `xml:"Header>Channel"`
	Book    struct {
		Day      string   `xml:"day,attr"`
		Customer string   `xml:"Customer"`
		Parcels  []parcel `xml:"Parcel"`
		Note     *string  `xml:"Note"`
	} `xml:"Body>Book"`
}

type parcel struct {
	Weight  float64 `xml:"kg,attr"`
	Content string  `xml:"Content"`
}

func warehouse(w http.ResponseWriter, r *http.Request) {
	var want book
	err := xml.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&want)
	kind, parameters, typeErr := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil, typeErr != nil, kind != "application/soap+xml", parameters["action"] != "urn:acme:warehouse/Book":
		fault12(w, http.StatusBadRequest, "env:Sender", "This is no booking.", "")
	case want.Channel == "":
		fault12(w, http.StatusInternalServerError, "env:MustUnderstand", "The channel is missing.", "")
	case want.Book.Day == "2026-12-24":
		fault12(w, http.StatusBadRequest, "env:Sender", "There is no room on 2026-12-24.", `<w:Full xmlns:w="urn:acme:warehouse"><w:NextDay>2026-12-28</w:NextDay></w:Full>`)
	default:
		number := "D-" + want.Book.Customer + "-" + strconv.Itoa(len(want.Book.Parcels))
		write(w, "application/soap+xml; charset=utf-8", http.StatusOK,
			`<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body><w:BookResponse xmlns:w="urn:acme:warehouse">`+
				`<w:Booking>`+html.EscapeString(number)+`</w:Booking><w:Day>`+html.EscapeString(want.Book.Day)+`</w:Day>`+
				`</w:BookResponse></env:Body></env:Envelope>`)
	}
}

func fault12(w http.ResponseWriter, status int, code, text, detail string) {
	write(w, "application/soap+xml; charset=utf-8", status,
		`<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body><env:Fault>`+
			`<env:Code><env:Value>`+code+`</env:Value></env:Code><env:Reason><env:Text xml:lang="en">`+html.EscapeString(text)+`</env:Text></env:Reason>`+
			`<env:Detail>`+detail+`</env:Detail></env:Fault></env:Body></env:Envelope>`)
}

func write(w http.ResponseWriter, kind string, status int, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	// An error says that the client has gone.
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?>`+body)
}
