// Command html-page is the service behind this example: help pages that were
// made for browsers.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// addr is where the manifest looks for the service.
const addr = "127.0.0.1:9008"

func main() {
	fmt.Println("the website is at http://" + addr)
	server := http.Server{Addr: addr, Handler: website(), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

func website() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /help", func(w http.ResponseWriter, _ *http.Request) {
		page(w, "Help", `<ul><li><a href="/help/returns">Returns</a></li><li><a href="/help/shipping">Shipping</a></li></ul>`)
	})
	mux.HandleFunc("GET /help/returns", func(w http.ResponseWriter, _ *http.Request) {
		page(w, "Returns", `<p class="lead" style="margin:0">Goods can be returned within <strong>30 days</strong>.</p>`+
			`<h2 id="how">How to return</h2><ol><li>Print the <a href="/help/label">label</a>.</li><li>Pack the goods.</li></ol>`+
			`<h2>Costs</h2><table><thead><tr><th>Tier</th><th>Cost</th></tr></thead><tbody>`+
			`<tr><td>gold</td><td>free</td></tr><tr><td>bronze</td><td>4.95 €</td></tr></tbody></table>`)
	})
	mux.HandleFunc("GET /help/shipping", func(w http.ResponseWriter, _ *http.Request) { page(w, "Shipping", countries()) })
	return mux
}

// countries is a long page.
func countries() string {
	var out strings.Builder
	out.WriteString("<p>We ship to these zones.</p>")
	for zone := 1; zone <= 40; zone++ {
		n := strconv.Itoa(zone)
		out.WriteString(`<section class="zone"><h2>Zone ` + n + `</h2><p>Parcels to zone ` + n + ` take ` + n + ` days and cost ` + n + `.90 €.</p></section>`)
	}
	return out.String()
}

func page(w http.ResponseWriter, title, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// An error says that the client has gone.
	_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="en"><head><title>`+title+` – Acme</title><link rel="stylesheet" href="/app.css">`+
		`<style>.lead{font-size:1.2rem}</style><script>window.dataLayer=[];dataLayer.push({page:"`+title+`"})</script></head>`+
		`<body><main><h1>`+title+`</h1>`+body+`</main><script src="/app.js"></script></body></html>`)
}
