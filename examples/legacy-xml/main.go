// Command legacy-xml is the service behind this example: a parts catalogue as
// they were written in 2004.
package main

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// addr is where the manifest looks for the service.
const addr = "127.0.0.1:9001"

func main() {
	fmt.Println("the catalogue is at http://" + addr + "/cgi-bin")
	server := http.Server{Addr: addr, Handler: catalogue(), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

type part struct{ number, name, price string }

func parts() []part {
	return []part{
		{"1001", "S\xe4geblatt 300", "18.90"}, // ä in ISO-8859-1
		{"1002", "S\xe4geblatt 400", "24.50"},
		{"2001", "Hammerstiel", "6.20"},
	}
}

// catalogue serves the three pages of the service.
func catalogue() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cgi-bin/parts", findParts)
	mux.HandleFunc("GET /cgi-bin/stock/{file}", stock)
	mux.HandleFunc("POST /cgi-bin/order", order)
	return mux
}

func findParts(w http.ResponseWriter, r *http.Request) {
	var found strings.Builder
	for _, p := range parts() {
		if strings.Contains(strings.ToLower(p.name), strings.ToLower(r.URL.Query().Get("q"))) {
			found.WriteString(`<part nr="` + p.number + `"><name>` + p.name + `</name><price cur="EUR">` + p.price + "</price></part>")
		}
	}
	answer(w, "<parts>"+found.String()+"</parts>")
}

func stock(w http.ResponseWriter, r *http.Request) {
	switch r.PathValue("file") {
	case "1001.xml":
		answer(w, `<stock nr="1001"><pieces>12</pieces></stock>`)
	case "2001.xml":
		http.Error(w, "DBD::ODBC::db failed at stock.pl line 88.", http.StatusInternalServerError)
	default:
		http.NotFound(w, r)
	}
}

func order(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if r.PostFormValue("nr") != "1001" {
		answer(w, `<fault code="17"><text>unknown part</text></fault>`)
		return
	}
	answer(w, "<confirmation><order>B-1001-"+html.EscapeString(r.PostFormValue("qty"))+"</order><date>2004-03-02</date></confirmation>")
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/xml")
	// An error says that the client has gone.
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="ISO-8859-1"?>`+"\n"+body)
}
