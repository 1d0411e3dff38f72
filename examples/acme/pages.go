package acme

import (
	"bytes"
	"html/template"
	"net/http"
)

const statusHTML = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Acme Outfitters: status</title>
<style>body { font-family: sans-serif }</style>
<script>console.log("nothing of this belongs into an answer")</script>
</head>
<body>
<h1>All systems normal</h1>
<p>As of <time datetime="{{.AsOf}}">{{.AsOf}}</time>. Questions? See the <a href="/health">health check</a>.</p>
<table>
<thead><tr><th>Data</th><th>Rows</th></tr></thead>
<tbody>
{{range .Rows}}<tr><td>{{.Name}}</td><td>{{.Count}}</td></tr>
{{end}}</tbody>
</table>
<ul>
<li>Web shop: <strong>up</strong></li>
<li>Payments: <strong>up</strong></li>
<li>Warehouse &amp; shipping: <em>slower than usual</em></li>
</ul>
</body>
</html>
`

type rowCount struct {
	Name  string
	Count int
}

func (s *Service) statusPage(w http.ResponseWriter, _ *http.Request) error {
	tmpl, err := template.New("status").Parse(statusHTML)
	if err != nil {
		return err
	}
	s.store.mu.RLock()
	rows := []rowCount{
		{"Customers", len(s.store.customers.all)},
		{"Orders", len(s.store.orders.all)},
		{"Products", len(s.store.products.all)},
		{"Payments", len(s.store.payments.all)},
		{"Tickets", len(s.store.tickets.all)},
	}
	s.store.mu.RUnlock()
	var b bytes.Buffer
	if err = tmpl.Execute(&b, struct {
		AsOf string
		Rows []rowCount
	}{Epoch, rows}); err != nil {
		return err
	}
	writeBody(w, http.StatusOK, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// latin1Text is the body of GET /legacy/latin1.txt in ISO-8859-1. In UTF-8:
//
//	Lagerbestand Köln: 17 Stück à 24,50 £
//	Rückfragen an Frau Müller, Übergabe um ¼ nach 9.
//	Señor Núñez: «déjà vu».
const latin1Text = "Lagerbestand K\xf6ln: 17 St\xfcck \xe0 24,50 \xa3\n" +
	"R\xfcckfragen an Frau M\xfcller, \xdcbergabe um \xbc nach 9.\n" +
	"Se\xf1or N\xfa\xf1ez: \xabd\xe9j\xe0 vu\xbb.\n"

func (s *Service) latin1(w http.ResponseWriter, _ *http.Request) error {
	writeBody(w, http.StatusOK, "text/plain; charset=ISO-8859-1", []byte(latin1Text))
	return nil
}

func (s *Service) empty(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) health(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, struct {
		Status  string `json:"status"`
		Service string `json:"service"`
	}{"ok", "acme"})
	return nil
}
