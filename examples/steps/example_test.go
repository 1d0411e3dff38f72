package steps_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// rig is the example, the service behind it, and a client with a person.
type rig struct {
	*exampletest.Gateway
	shop   *acme.Service
	person *exampletest.Client
}

func start(t *testing.T) rig {
	t.Helper()
	shop := exampletest.Acme(t)
	g := exampletest.Start(t, map[string]string{"ACME_URL": shop.URL()})
	person := g.Client("")
	person.Answers = map[string]any{
		"confirm": exampletest.Accept(map[string]any{}),
		"wish":    exampletest.Accept(map[string]any{"note": "ring twice"}),
	}
	return rig{Gateway: g, shop: shop.Service(), person: person}
}

// order are the arguments of an order of one piece of each product.
func order(payBy string, skus ...string) map[string]any {
	items := make([]any, len(skus))
	for i, sku := range skus {
		items[i] = map[string]any{"sku": sku, "quantity": 1}
	}
	return map[string]any{"customer_id": acme.FirstCustomer, "items": items, "pay_by": payBy}
}

// sent is how often the shop was asked for something.
func (r rig) sent(route string) int64 { return r.shop.Stats().Routes[route] }

// TestOrder demands that one call makes the whole order: the person is asked
// twice, no step is done twice, and support hears of it.
func TestOrder(t *testing.T) {
	r := start(t)
	a := r.person.Call("place_order", order("card", acme.FirstSKU, acme.FirstSKU))
	if !a.OK() || !strings.HasSuffix(a.Text, " is paid, 378.00 euros in all.") {
		t.Fatalf("%+v", a)
	}
	want := []string{
		"Place an order of 2 pieces for " + acme.FirstCustomer + ", paid by card?",
		"Is there something that the warehouse should know?",
	}
	if !slices.Equal(a.Asked, want) || a.Rounds != 3 {
		t.Errorf("asked %q in %d rounds", a.Asked, a.Rounds)
	}
	if len(a.Told) != 2 || a.Told[0] != "Everything is in stock." || !strings.HasSuffix(a.Told[1], " is created.") {
		t.Errorf("told %q", a.Told)
	}
	// One call for each item, though the call came back twice with questions.
	for route, times := range map[string]int64{
		"GET /products/{sku}/stock": 2, "POST /orders": 1, "POST /payments": 1, "POST /orders/{id}/cancel": 0,
	} {
		if got := r.sent(route); got != times {
			t.Errorf("%s was sent %d times, want %d", route, got, times)
		}
	}
	// The detached step ends when it likes.
	if err := r.shop.Wait(t.Context(), func(s acme.Stats) bool { return s.Routes["POST /tickets"] == 1 }); err != nil {
		t.Error(err)
	}
}

// TestNo demands that nothing happens if the person says no.
func TestNo(t *testing.T) {
	r := start(t)
	r.person.Answers["confirm"] = exampletest.Decline()
	a := r.person.Call("place_order", order("card", acme.FirstSKU))
	if !a.IsError || !strings.HasPrefix(a.Text, "The person declined: Place an order of 1 pieces") {
		t.Errorf("%+v", a)
	}
	if total := r.shop.Stats().Total; total != 0 {
		t.Errorf("%d requests reached the shop", total)
	}
}

// TestNobody demands that a client without a person is refused what has to be
// confirmed, before anything is done.
func TestNobody(t *testing.T) {
	r := start(t)
	a := r.Call("", "place_order", order("card", acme.FirstSKU))
	if a.Code != -32021 || !strings.Contains(a.Message, "A person has to confirm this") {
		t.Errorf("%+v", a)
	}
	if total := r.shop.Stats().Total; total != 0 {
		t.Errorf("%d requests reached the shop", total)
	}
}

// TestSoldOut demands that the guard ends the call before there is an order.
func TestSoldOut(t *testing.T) {
	r := start(t)
	a := r.person.Call("place_order", order("card", acme.FirstSKU, acme.SoldOutSKU))
	if !a.IsError || a.Text != "Out of stock: "+acme.SoldOutSKU+". Nothing was ordered." || r.sent("POST /orders") != 0 {
		t.Errorf("%+v", a)
	}
}

// TestDeclinedPayment demands that the order is taken back if it can't be paid.
func TestDeclinedPayment(t *testing.T) {
	r := start(t)
	a := r.person.Call("place_order", order("test_declined", acme.FirstSKU))
	if !a.IsError || a.Text != "The payment was declined. Undone: order." {
		t.Errorf("%+v", a)
	}
	if got := r.sent("POST /orders/{id}/cancel"); got != 1 {
		t.Errorf("%d orders were cancelled", got)
	}
}
