package acme_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/acme"
)

func orderOf(sku string, quantity int) string {
	return fmt.Sprintf(`{"customer_id":%q,"items":[{"sku":%q,"quantity":%d}],"note":"from the body"}`, acme.FirstCustomer, sku, quantity)
}

func stockOf(t *testing.T, h http.Handler, sku string) float64 {
	t.Helper()
	n, _ := decode(t, send(h, "GET", "/products/"+sku+"/stock", ""))["quantity"].(float64)
	return n
}

func TestPatchCustomer(t *testing.T) {
	s := acme.New()
	path := "/customers/" + acme.FirstCustomer
	before := send(s, "GET", path, "")
	c := decode(t, send(s, "PATCH", path, `{"email":"amelie@new.example","name":null}`))
	if c["email"] != "amelie@new.example" || c["name"] != "Amélie Laurent" || c["updated_at"] != "2026-03-02T09:00:01Z" {
		t.Errorf("changed to %v", c)
	}
	after := send(s, "GET", path, "", "If-None-Match: "+before.Header().Get("ETag"))
	if after.Code != 200 || decode(t, after)["email"] != "amelie@new.example" {
		t.Errorf("read back %d %s", after.Code, after.Body)
	}
	if w := send(s, "PATCH", path, `{"tier":"silver"}`, "Content-Type: application/merge-patch+json"); w.Code != 200 {
		t.Errorf("merge patch: %d", w.Code)
	}
}

func TestOrderPayAndCancel(t *testing.T) {
	s := acme.New()
	w := send(s, "POST", "/orders", orderOf(acme.FirstSKU, 2))
	o := decode(t, w)
	id, _ := o["id"].(string)
	if w.Code != 201 || w.Header().Get("Location") != "/orders/"+id || o["status"] != "pending" || o["note"] != "from the body" {
		t.Fatalf("ordered: %d %s", w.Code, w.Body)
	}
	if at(o, "total", "cents") != 37800.0 || at(o, "total", "amount") != "378.00" || at(o, "total", "currency") != "EUR" {
		t.Errorf("total %v", o["total"])
	}
	if got := stockOf(t, s, acme.FirstSKU); got != 118 {
		t.Errorf("%v left in stock, want 118", got)
	}
	w = send(s, "POST", "/payments", `{"order_id":"`+id+`","amount_cents":37800,"method":"wallet"}`)
	p := decode(t, w)
	if w.Code != 201 || p["status"] != "captured" || p["customer_id"] != acme.FirstCustomer {
		t.Errorf("paid: %d %s", w.Code, w.Body)
	}
	if got := decode(t, send(s, "GET", "/orders/"+id, ""))["status"]; got != "paid" {
		t.Errorf("a paid order is %v", got)
	}
	for range 2 { // the second time changes nothing
		if w = send(s, "POST", "/orders/"+id+"/cancel", ""); w.Code != 200 || decode(t, w)["status"] != "cancelled" {
			t.Errorf("cancelled: %d %s", w.Code, w.Body)
		}
	}
	if got := stockOf(t, s, acme.FirstSKU); got != 120 {
		t.Errorf("%v in stock after cancelling, want 120", got)
	}
}

func TestShippingIsFreeFromHundredEuros(t *testing.T) {
	s := acme.New()
	for quantity, want := range map[int]float64{1: 495, 2: 495, 3: 0} { // 39.90 each
		o := decode(t, send(s, "POST", "/orders", orderOf("CMP-1013", quantity)))
		if at(o, "shipping", "cents") != want {
			t.Errorf("%d pieces ship for %v, want %v", quantity, at(o, "shipping", "cents"), want)
		}
	}
}

func TestOrderNoteFromHeader(t *testing.T) {
	o := decode(t, send(acme.New(), "POST", "/orders", orderOf(acme.FirstSKU, 1), "X-Note: from the header"))
	if o["note"] != "from the header" {
		t.Errorf("note %v", o["note"])
	}
}

func TestIdempotencyKey(t *testing.T) {
	s := acme.New()
	const key = "Idempotency-Key: k1"
	one := decode(t, send(s, "POST", "/orders", orderOf(acme.FirstSKU, 1), key))
	two := decode(t, send(s, "POST", "/orders", orderOf(acme.FirstSKU, 1), key))
	if one["id"] != two["id"] || stockOf(t, s, acme.FirstSKU) != 119 {
		t.Errorf("the same key made %v and %v", one["id"], two["id"])
	}
	wantProblem(t, send(s, "POST", "/orders", orderOf(acme.FirstSKU, 2), key), 422, "idempotency-key-reused")
	pay := `{"customer_id":"` + acme.FirstCustomer + `","amount_cents":100}`
	one, two = decode(t, send(s, "POST", "/payments", pay, key)), decode(t, send(s, "POST", "/payments", pay, key))
	if one["id"] != two["id"] || one["status"] != "captured" {
		t.Errorf("the same key paid %v and %v", one["id"], two["id"])
	}
	for path, body := range map[string]string{
		"/tickets": `{"customer_id":"` + acme.FirstCustomer + `","subject":"Saw","body":"Blunt."}`,
		"/tickets/" + acme.FirstTicket + "/comments": `{"body":"It is on its way."}`,
	} {
		one, two := decode(t, send(s, "POST", path, body, key)), decode(t, send(s, "POST", path, body, key))
		other := decode(t, send(s, "POST", path, body, "Idempotency-Key: k2"))
		if one["id"] == nil || one["id"] != two["id"] || one["id"] == other["id"] {
			t.Errorf("%s: the same key made %v and %v, another one %v", path, one["id"], two["id"], other["id"])
		}
	}
	// The thousandth key after it pushes the first one out.
	for i := range 1000 {
		send(s, "POST", "/payments", pay, "Idempotency-Key: more"+strconv.Itoa(i))
	}
	if again := decode(t, send(s, "POST", "/payments", pay, key)); again["id"] == one["id"] {
		t.Error("more than 1000 keys are remembered")
	}
}

func TestRefund(t *testing.T) {
	s := acme.New()
	path := "/payments/" + acme.FirstPayment + "/refund"
	p := decode(t, send(s, "POST", path, `{"amount_cents":880,"reason":"dent"}`))
	if p["status"] != "captured" || at(p, "refunded", "amount") != "8.80" || p["refund_reason"] != "dent" {
		t.Errorf("refunded in part: %v", p)
	}
	wantProblem(t, send(s, "POST", path, `{"amount_cents":15001}`), 422, "invalid")
	if p = decode(t, send(s, "POST", path, "")); p["status"] != "refunded" || at(p, "refunded", "cents") != 15880.0 {
		t.Errorf("refunded: %v", p)
	}
	wantProblem(t, send(s, "POST", path, ""), 409, "not-refundable")
}

func TestTickets(t *testing.T) {
	s := acme.New()
	w := send(s, "POST", "/tickets", `{"customer_id":"`+acme.FirstCustomer+`","subject":"S","body":"<B> & Ü","order_id":"`+acme.FirstOrder+`"}`)
	made := decode(t, w)
	id, _ := made["id"].(string)
	if w.Code != 201 || w.Header().Get("Location") != "/tickets/"+id || made["status"] != "open" || made["priority"] != "normal" {
		t.Fatalf("opened: %d %s", w.Code, w.Body)
	}
	if !strings.Contains(w.Body.String(), "<B> & Ü") {
		t.Errorf("text isn't as it was sent: %s", w.Body)
	}
	w = send(s, "POST", "/tickets/"+id+"/comments", `{"body":"Hello."}`)
	if c := decode(t, w); w.Code != 201 || c["author"] != "agent" || c["body"] != "Hello." || w.Header().Get("Location") != "/tickets/"+id {
		t.Errorf("commented: %d %s", w.Code, w.Body)
	}
	comments, _ := decode(t, send(s, "GET", "/tickets/"+id, ""))["comments"].([]any)
	if len(comments) != 1 || at(comments[0], "body") != "Hello." {
		t.Errorf("comments %v", comments)
	}
}

func TestClosedTicketTakesNoComment(t *testing.T) {
	s := acme.New()
	rows, _ := decode(t, send(s, "GET", "/tickets?status=closed&limit=1", ""))["data"].([]any)
	if len(rows) != 1 {
		t.Fatal("no ticket is closed")
	}
	id, _ := at(rows[0], "id").(string)
	wantProblem(t, send(s, "POST", "/tickets/"+id+"/comments", `{"body":"B"}`), 409, "ticket-closed")
}

func TestTicketHoldsAtMost500Comments(t *testing.T) {
	s := acme.New()
	path := "/tickets/" + acme.FirstTicket + "/comments"
	for i := range 500 {
		if w := send(s, "POST", path, `{"body":"B"}`); w.Code != 201 {
			t.Fatalf("comment %d: %d", i+1, w.Code)
		}
	}
	wantProblem(t, send(s, "POST", path, `{"body":"B"}`), 409, "ticket-full")
}

// TestConcurrentOrdersNeverOversell has 30 buyers race for 120 pieces in fives
// while others read; the race detector watches.
func TestConcurrentOrdersNeverOversell(t *testing.T) {
	s := acme.New()
	var wg sync.WaitGroup
	codes := make([]int, 30)
	for i := range codes {
		wg.Go(func() { codes[i] = send(s, "POST", "/orders", orderOf(acme.FirstSKU, 5)).Code })
		if i >= 6 { // so many readers are enough
			continue
		}
		wg.Go(func() {
			for _, path := range append(reads(), "/flaky", "/broken") {
				send(s, "GET", path, "")
			}
			send(s, "POST", "/tickets/"+acme.FirstTicket+"/comments", `{"body":"B"}`)
			send(s, "PATCH", "/customers/"+acme.FirstCustomer, `{"tier":"gold"}`)
			send(s, "POST", "/payments/"+acme.FirstPayment+"/refund", `{"amount_cents":1}`)
		})
	}
	wg.Wait()
	count := map[int]int{}
	for _, c := range codes {
		count[c]++
	}
	if count[201] != 24 || count[409] != 6 || stockOf(t, s, acme.FirstSKU) != 0 {
		t.Errorf("answers %v, %v left", count, stockOf(t, s, acme.FirstSKU))
	}
}
