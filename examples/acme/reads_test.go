package acme_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"image/png"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/acme"
)

// reads are the routes that answer 200 on a new service and change nothing.
func reads() []string {
	return []string{
		"/customers?limit=100", "/customers/" + acme.FirstCustomer, "/customers/" + acme.FirstCustomer + "/orders",
		"/orders?limit=100", "/orders/" + acme.FirstOrder, "/products?limit=100", "/products/" + acme.FirstSKU,
		"/products/" + acme.FirstSKU + "/stock", "/products/" + acme.FirstSKU + "/image", "/payments/" + acme.FirstPayment,
		"/tickets?limit=100", "/tickets/" + acme.FirstTicket, "/invoices/" + acme.FirstOrder + ".xml", "/reports/sales.csv",
		"/status.html", "/legacy/latin1.txt", "/slow?ms=0", "/health",
	}
}

// singles are those of them that carry validators.
func singles() []string {
	return slices.DeleteFunc(reads(), func(p string) bool {
		return strings.Contains(p, "?") || strings.HasSuffix(p, "/orders") ||
			slices.Contains([]string{"/reports/sales.csv", "/status.html", "/legacy/latin1.txt", "/health"}, p)
	})
}

func TestTwoServicesAnswerTheSameBytes(t *testing.T) {
	a, b := acme.New(), acme.New()
	for _, h := range []http.Handler{a, b} {
		order := `{"customer_id":"` + acme.SecondCustomer + `","items":[{"sku":"` + acme.FirstSKU + `","quantity":2}]}`
		if w := send(h, "POST", "/orders", order); w.Code != 201 {
			t.Fatalf("POST /orders: %d %s", w.Code, w.Body)
		}
	}
	for _, path := range reads() {
		wa, wb := send(a, "GET", path, ""), send(b, "GET", path, "")
		if wa.Code != 200 || wa.Body.Len() == 0 {
			t.Errorf("GET %s: %d with %d bytes", path, wa.Code, wa.Body.Len())
		}
		if !bytes.Equal(wa.Body.Bytes(), wb.Body.Bytes()) || wa.Header().Get("ETag") != wb.Header().Get("ETag") {
			t.Errorf("GET %s differs between two services", path)
		}
	}
}

func TestConditionalRequests(t *testing.T) {
	s := acme.New()
	for _, path := range singles() {
		w := send(s, "GET", path, "")
		tag, changed := w.Header().Get("ETag"), w.Header().Get("Last-Modified")
		if tag == "" || changed == "" {
			t.Errorf("GET %s: ETag %q, Last-Modified %q", path, tag, changed)
		}
		if w = send(s, "GET", path, "", "If-None-Match: "+tag); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("GET %s with its ETag: %d with %d bytes", path, w.Code, w.Body.Len())
		}
		if w = send(s, "GET", path, "", `If-None-Match: "other"`); w.Code != 200 {
			t.Errorf("GET %s with another ETag: %d", path, w.Code)
		}
		if w = send(s, "GET", path, "", "If-Modified-Since: "+changed); w.Code != 304 {
			t.Errorf("GET %s unchanged since %s: %d", path, changed, w.Code)
		}
	}
}

// TestPaging reads whole lists page by page, and counts and names each row once.
func TestPaging(t *testing.T) {
	s := acme.New()
	shippedAt, _ := decode(t, send(s, "GET", "/orders/"+acme.ShippedOrder, ""))["created_at"].(string)
	for _, tc := range []struct {
		path, key, first string
		least, most      int
	}{
		{"/customers?limit=100", "id", acme.FirstCustomer, 500, 500},
		{"/customers?limit=7&tier=gold", "id", acme.FirstCustomer, 30, 80},
		{"/customers?prefix=am%C3%A9lie+l", "id", acme.FirstCustomer, 1, 5},
		{"/customers?prefix=" + acme.SecondCustomer[:9], "id", acme.SecondCustomer, 1, 1},
		{"/customers?prefix=zzzz", "id", "", 0, 0},
		{"/orders?limit=99", "id", acme.FirstOrder, 2000, 2000},
		{"/orders?limit=5&status=pending", "id", acme.FirstOrder, 5, 40},
		{"/orders?status=shipped&limit=100", "id", "", 20, 60},
		{"/orders?from=2026-03-02", "id", acme.FirstOrder, 1, 5},
		{"/orders?from=" + shippedAt + "&to=" + shippedAt, "id", "", 0, 0},
		{"/orders?from=" + shippedAt + "&limit=1", "id", acme.FirstOrder, 37, 37},
		{"/orders?to=2025-08-01&limit=100", "id", "", 150, 300},
		{"/customers/" + acme.FirstCustomer + "/orders?limit=1", "id", acme.FirstOrder, 3, 20},
		{"/products?limit=33", "sku", acme.FirstSKU, 200, 200},
		{"/products?category=kitchen", "sku", "KIT-1001", 20, 20},
		{"/products?prefix=wrk-10", "sku", acme.FirstSKU, 20, 20},
		{"/tickets", "id", acme.FirstTicket, 400, 400},
		{"/tickets?status=open&limit=2", "id", acme.FirstTicket, 5, 40},
		{"/tickets?customer_id=" + acme.FirstCustomer, "id", acme.FirstTicket, 1, 9},
	} {
		seen := map[string]bool{}
		for next := tc.path; next != ""; {
			w := send(s, "GET", next, "")
			body := decode(t, w)
			rows, _ := body["data"].([]any)
			for _, row := range rows {
				id, _ := at(row, tc.key).(string)
				if len(seen) == 0 && tc.first != "" && id != tc.first {
					t.Errorf("%s: the first row is %s, want %s", tc.path, id, tc.first)
				}
				if seen[id] {
					t.Fatalf("%s: %s comes twice", tc.path, id)
				}
				seen[id] = true
			}
			next, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
			if cursor, more := body["next_cursor"].(string); more != (next != "") || !strings.Contains(next, cursor) {
				t.Fatalf("%s: next_cursor %q, Link %q", tc.path, cursor, next)
			}
		}
		if len(seen) < tc.least || len(seen) > tc.most {
			t.Errorf("%s: %d rows, want %d to %d", tc.path, len(seen), tc.least, tc.most)
		}
	}
}

func TestPagingWhileOrdersArrive(t *testing.T) {
	s := acme.New()
	first := decode(t, send(s, "GET", "/orders?limit=1", ""))
	send(s, "POST", "/orders", `{"customer_id":"`+acme.FirstCustomer+`","items":[{"sku":"`+acme.FirstSKU+`","quantity":1}]}`)
	cursor, _ := first["next_cursor"].(string)
	second := decode(t, send(s, "GET", "/orders?limit=1&cursor="+cursor, ""))
	rows, _ := second["data"].([]any)
	if len(rows) != 1 || at(rows[0], "id") == acme.FirstOrder {
		t.Errorf("the second page repeats the first: %v", rows)
	}
}

func TestCustomerShape(t *testing.T) {
	c := decode(t, send(acme.New(), "GET", "/customers/"+acme.FirstCustomer, ""))
	if id, _ := c["id"].(string); !regexp.MustCompile(`^cust_[a-z0-9]{20}$`).MatchString(id) {
		t.Errorf("id %q", id)
	}
	if c["name"] != "Amélie Laurent" || c["email"] != "amelie.laurent@mail.example" || c["tier"] != "gold" {
		t.Errorf("the first customer is %v", c)
	}
}

func TestStock(t *testing.T) {
	s := acme.New()
	full := decode(t, send(s, "GET", "/products/"+acme.FirstSKU+"/stock", ""))
	none := decode(t, send(s, "GET", "/products/"+acme.SoldOutSKU+"/stock", ""))
	if full["available"] != true || full["quantity"] != 120.0 || none["available"] != false || none["quantity"] != 0.0 {
		t.Errorf("stock of %v and %v", full, none)
	}
}

func TestImageIsPNG(t *testing.T) {
	s := acme.New()
	one, two := send(s, "GET", "/products/"+acme.FirstSKU+"/image", ""), send(s, "GET", "/products/"+acme.SoldOutSKU+"/image", "")
	if got := one.Header().Get("Content-Type"); got != "image/png" {
		t.Errorf("Content-Type %q", got)
	}
	if bytes.Equal(one.Body.Bytes(), two.Body.Bytes()) {
		t.Error("two products have the same picture")
	}
	img, err := png.Decode(one.Body)
	if err != nil || img.Bounds().Dx() != 64 || img.Bounds().Dy() != 64 {
		t.Errorf("want 64 by 64 pixels, got %v, %v", img, err)
	}
}

func TestInvoiceXML(t *testing.T) {
	w := send(acme.New(), "GET", "/invoices/"+acme.FirstOrder+".xml", "")
	var inv struct {
		XMLName xml.Name `xml:"urn:acme:invoice:1 invoice"`
		Number  string   `xml:"number,attr"`
		Lines   []struct {
			SKU string `xml:"sku,attr"`
		} `xml:"lines>line"`
		Total string `xml:"total"`
	}
	if err := xml.Unmarshal(w.Body.Bytes(), &inv); err != nil {
		t.Fatal(err)
	}
	if inv.Number != "INV-2026-02000" || len(inv.Lines) != 2 || inv.Lines[0].SKU != acme.FirstSKU || inv.Total != "288.00" {
		t.Errorf("invoice %+v", inv)
	}
	if got := w.Header().Get("Content-Type"); got != "application/xml; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestSalesCSV(t *testing.T) {
	w := send(acme.New(), "GET", "/reports/sales.csv", "")
	if !strings.Contains(w.Body.String(), `,"`) {
		t.Error("no field is quoted")
	}
	records, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(records) != 31 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if want := "quarter,category,orders,units,revenue_eur,best_seller"; strings.Join(records[0], ",") != want {
		t.Errorf("header %q", records[0])
	}
}

func TestPlainAnswers(t *testing.T) {
	s := acme.New()
	for _, tc := range []struct {
		path      string
		status    int
		mediaType string
		contains  string
	}{
		{"/status.html", 200, "text/html; charset=utf-8", "<td>Customers</td><td>500</td>"},
		{"/legacy/latin1.txt", 200, "text/plain; charset=ISO-8859-1", "K\xf6ln: 17 St\xfcck \xe0 24,50 \xa3"},
		{"/broken", 500, "text/plain; charset=utf-8", acme.BrokenMarker},
		{"/empty", 204, "", ""},
		{"/health", 200, "application/json", `{"status":"ok","service":"acme"}`},
		{"/slow?ms=1", 200, "application/json", `{"slept_ms":1}`},
	} {
		w := send(s, "GET", tc.path, "")
		if w.Code != tc.status || w.Header().Get("Content-Type") != tc.mediaType || !strings.Contains(w.Body.String(), tc.contains) {
			t.Errorf("GET %s: %d %q\n%s", tc.path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

func TestFlakyFailsFirstOfEvery(t *testing.T) {
	for every, want := range map[int][]int{
		0: {503, 200, 200, 503, 200, 200, 503},
		2: {503, 200, 503, 200},
		1: {503, 503},
	} {
		s := acme.New(acme.Options{FlakyEvery: every})
		for i, status := range want {
			w := send(s, "GET", "/flaky?retry_after=7", "")
			if w.Code != status || (status == 503) != (w.Header().Get("Retry-After") == "7") {
				t.Errorf("every %d, call %d: %d, Retry-After %q", every, i+1, w.Code, w.Header().Get("Retry-After"))
			}
		}
	}
}
