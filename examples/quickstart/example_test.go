package quickstart_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// rig is the quickstart, running, and a token for each of its roles.
type rig struct {
	*exampletest.Gateway
	tokens map[string]string
}

func start(t *testing.T) rig {
	t.Helper()
	key := exampletest.NewKey(t, "https://dev.sallyport.example", "http://127.0.0.1:0/mcp")
	r := rig{tokens: map[string]string{"none": key.Token("dora")}}
	for name, role := range map[string]string{"ann": "support", "ben": "sales", "cleo": "admin"} {
		r.tokens[role] = key.Token(name, role)
	}
	r.Gateway = exampletest.Start(t, map[string]string{
		"ACME_URL": exampletest.Acme(t).URL(), "SALLYPORT_JWKS": key.Path(),
	})
	return r
}

// everyone are the tools for whoever has a token.
func everyone() []string {
	return []string{"broken_report", "check_stock", "get_customer", "product_image", "search_customers", "slow_report"}
}

// TestRoles demands that a caller sees the tools of its role, and that the
// others don't exist for it.
func TestRoles(t *testing.T) {
	r := start(t)
	all := r.List(r.tokens["admin"])
	for role, more := range map[string][]string{
		"none":    nil,
		"support": {"comment_ticket", "get_invoice", "list_orders", "list_tickets"},
		"sales":   {"cancel_order", "charge_order", "create_order", "get_invoice", "list_orders", "place_order"},
		"admin": {
			"cancel_order", "charge_order", "comment_ticket", "create_order", "get_invoice", "list_orders",
			"list_tickets", "place_order", "refund_payment", "sales_report",
		},
	} {
		want := append(everyone(), more...)
		slices.Sort(want)
		if got := r.List(r.tokens[role]); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", role, got, want)
		}
		for _, tool := range all {
			if slices.Contains(want, tool) {
				continue
			}
			a := r.Call(r.tokens[role], tool, nil)
			if a.Status != 200 || a.Code != -32602 || a.Message != "Unknown tool: "+tool {
				t.Errorf("%s, whom %s calls: %+v", tool, role, a)
			}
		}
	}
}

// call is one call of the table below.
type call struct {
	tool      string
	arguments map[string]any
	wantText  string // in the text
	wantData  string // in structuredContent
	wantError bool
}

func calls() []call {
	customer, order := map[string]any{"customer_id": acme.FirstCustomer}, map[string]any{"order_id": acme.FirstOrder}
	return []call{
		{tool: "get_customer", arguments: customer, wantData: `"name":"Amélie Laurent"`},
		{
			tool: "get_customer", arguments: map[string]any{"customer_id": "cust_00000000000000000000"}, wantError: true,
			wantText: "No customer has the ID cust_00000000000000000000. Find one with search_customers.",
		},
		{tool: "search_customers", arguments: map[string]any{"prefix": "Amélie", "tier": "gold"}, wantData: acme.FirstCustomer},
		{tool: "list_orders", arguments: customer, wantData: acme.FirstOrder},
		{
			tool: "create_order", wantText: "is pending", wantData: `"status":"pending"`,
			arguments: map[string]any{
				"customer_id": acme.FirstCustomer, "note": "ring twice",
				"items": []any{map[string]any{"sku": acme.FirstSKU, "quantity": 2}},
			},
		},
		{
			tool: "create_order", wantError: true, wantText: "An item is out of stock. Ask check_stock how many there are.",
			arguments: map[string]any{
				"customer_id": acme.FirstCustomer,
				"items":       []any{map[string]any{"sku": acme.SoldOutSKU, "quantity": 1}},
			},
		},
		{tool: "cancel_order", arguments: order, wantData: `"status":"cancelled"`},
		{
			tool: "cancel_order", arguments: map[string]any{"order_id": acme.ShippedOrder}, wantError: true,
			wantText: "Order " + acme.ShippedOrder + " was shipped and can't be cancelled.",
		},
		{tool: "check_stock", arguments: map[string]any{"sku": acme.FirstSKU}, wantData: acme.FirstSKU},
		{tool: "check_stock", arguments: map[string]any{"sku": "anvil"}, wantError: true, wantText: "/sku: expected"},
		{tool: "get_invoice", arguments: order, wantData: `"invoice"`},
		{tool: "sales_report", wantText: "quarter"},
		{tool: "list_tickets", arguments: map[string]any{"status": "open"}, wantData: acme.FirstTicket},
		{
			tool: "comment_ticket", wantData: `"body":"It is on its way."`,
			arguments: map[string]any{"ticket_id": acme.FirstTicket, "body": "It is on its way."},
		},
		{tool: "slow_report", arguments: map[string]any{"ms": 1}, wantData: `"slept_ms":1`},
		{tool: "slow_report", arguments: map[string]any{"ms": 30000}, wantError: true, wantText: "There was no answer to slow_report within"},
		{tool: "broken_report", wantError: true, wantText: "500"},
	}
}

// TestTools calls every tool as admin, who may call all.
func TestTools(t *testing.T) {
	r := start(t)
	untried := r.List(r.tokens["admin"])
	tried := func(tool string) {
		untried = slices.DeleteFunc(untried, func(name string) bool { return name == tool })
	}
	for _, c := range calls() {
		tried(c.tool)
		a := r.Call(r.tokens["admin"], c.tool, c.arguments)
		if a.Status != 200 || a.Code != 0 || a.IsError != c.wantError ||
			!strings.Contains(a.Text, c.wantText) || !strings.Contains(string(a.Structured), c.wantData) {
			t.Errorf("%s %v: %d %d %s\n  text %s\n  data %s", c.tool, c.arguments, a.Status, a.Code, a.Message, a.Text, a.Structured)
		}
		if strings.Contains(a.Text, acme.BrokenMarker) {
			t.Errorf("%s passes on what the service leaks: %s", c.tool, a.Text)
		}
	}
	tried("place_order") // by TestPlaceOrder
	tried("refund_payment")
	person := r.Client(r.tokens["admin"])
	person.Answers = map[string]any{"confirm": exampletest.Accept(map[string]any{})}
	refund := person.Call("refund_payment", map[string]any{"payment_id": acme.FirstPayment})
	if !refund.OK() || len(refund.Asked) != 1 || !strings.Contains(string(refund.Structured), `"refunded"`) {
		t.Errorf("refund_payment: %+v", refund)
	}
	tried("charge_order")
	tried("product_image")
	a := r.Call(r.tokens["admin"], "product_image", map[string]any{"sku": acme.FirstSKU})
	if len(a.Blocks) != 1 || a.Blocks[0].Type != "image" || a.Blocks[0].MIMEType != "image/png" || len(a.Blocks[0].Data) == 0 {
		t.Errorf("product_image: %+v", a)
	}
	if len(untried) > 0 {
		t.Errorf("nobody calls %v", untried)
	}
}

// TestPlaceOrder demands that a person is asked before there is an order, and
// that a client without one is refused.
func TestPlaceOrder(t *testing.T) {
	r := start(t)
	arguments := map[string]any{
		"customer_id": acme.FirstCustomer, "items": []any{map[string]any{"sku": acme.FirstSKU, "quantity": 2}},
	}
	if a := r.Call(r.tokens["sales"], "place_order", arguments); a.Code != -32021 {
		t.Errorf("without a person: %d %s %s", a.Code, a.Message, a.Text)
	}
	person := r.Client(r.tokens["sales"])
	person.Answers = map[string]any{"confirm": exampletest.Decline()}
	if a := person.Call("place_order", arguments); !a.IsError || !strings.HasPrefix(a.Text, "The person declined: Order 2 pieces") {
		t.Errorf("declined: %d %s %s", a.Code, a.Message, a.Text)
	}
	person.Answers["confirm"] = exampletest.Accept(map[string]any{})
	a := person.Call("place_order", arguments)
	if !a.OK() || !strings.HasSuffix(a.Text, " is paid, 378.00 EUR in all.") || !slices.Equal(a.Told, []string{"Everything is in stock."}) {
		t.Errorf("accepted: %d %s %s, told %q", a.Code, a.Message, a.Text, a.Told)
	}
}

// TestReading reads a resource and a prompt, and asks for suggestions.
func TestReading(t *testing.T) {
	r := start(t)
	ann, ben := r.Client(r.tokens["support"]), r.Client(r.tokens["sales"])
	for _, c := range []struct {
		answer exampletest.Talk
		want   string
	}{
		{ann.Read("acme://customers/" + acme.FirstCustomer), "Amélie Laurent"},
		{ann.Read("acme://products/" + acme.FirstSKU + "/stock"), acme.FirstSKU},
		{ann.Prompt("answer_ticket", map[string]string{"customer_id": acme.FirstCustomer}), "Draft an answer to Amélie Laurent, a gold customer."},
	} {
		if c.answer.Code != 0 || !strings.Contains(string(c.answer.Result), c.want) {
			t.Errorf("%d %s %s, want %s", c.answer.Code, c.answer.Message, c.answer.Result, c.want)
		}
	}
	if a := ben.Prompt("answer_ticket", map[string]string{"customer_id": acme.FirstCustomer}); a.Code == 0 {
		t.Errorf("a prompt for support, rendered for sales: %s", a.Result)
	}
	for of, typed := range map[string][3]string{
		"acme://customers/{customer_id}": {"customer_id", "cust_8f3k", acme.FirstCustomer},
		"acme://products/{sku}/stock":    {"sku", "WRK-100", acme.FirstSKU},
		"answer_ticket":                  {"customer_id", "Amélie L", acme.FirstCustomer},
	} {
		if got := ann.Complete(of, typed[0], typed[1]); !slices.Contains(got, typed[2]) {
			t.Errorf("%s of %s: %v, want %s", typed[0], of, got, typed[2])
		}
	}
}

// TestNobody demands a 401 without a token.
func TestNobody(t *testing.T) {
	r := start(t)
	if a := r.Call("", "check_stock", map[string]any{"sku": acme.FirstSKU}); a.Status != 401 || a.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("%+v", a)
	}
}
