package acme_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-mcp/sallyport/examples/acme"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const unknown = "none_0000"

// send performs one request; a body makes it JSON. Headers are "Name: value".
func send(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// decode reads a JSON object, and fails the test when it isn't one.
func decode(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("status %d, body isn't a JSON object: %v\n%s", w.Code, err, w.Body)
	}
	return v
}

// at follows keys into nested objects.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// wantProblem checks an error answer's status, media type and kind.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, kind string) map[string]any {
	t.Helper()
	p := decode(t, w)
	if w.Code != status || p["type"] != "https://acme.example/problems/"+kind || p["status"] != float64(status) {
		t.Errorf("answered %d %s, want %d %s", w.Code, w.Body, status, kind)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q of an error", got)
	}
	return p
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestErrors walks every refusal that one request on fresh rows can get, and
// then checks that none of them changed a thing.
func TestErrors(t *testing.T) {
	s, untouched := acme.New(), acme.New()
	const okItems = `"items":[{"sku":"` + acme.FirstSKU + `","quantity":1}]`
	customer := `"customer_id":"` + acme.FirstCustomer + `"`
	for _, tc := range []struct {
		method, target, body string
		status               int
		kind, pointer        string
	}{
		{"GET", "/nowhere", "", 404, "not-found", ""},
		{"GET", "/", "", 404, "not-found", ""},
		{"GET", "/customers/", "", 404, "not-found", ""},
		{"GET", "/customers//orders", "", 404, "not-found", ""},
		{"GET", "/customers/../health", "", 404, "not-found", ""},
		{"DELETE", "/customers/" + acme.FirstCustomer, "", 405, "method-not-allowed", ""},
		{"GET", "/customers?tier=platinum", "", 400, "bad-query", ""},
		{"GET", "/customers?limit=0", "", 400, "bad-query", ""},
		{"GET", "/customers?limit=101", "", 400, "bad-query", ""},
		{"GET", "/customers?limit=ten", "", 400, "bad-query", ""},
		{"GET", "/customers?cursor=!", "", 400, "bad-query", ""},
		{"GET", "/customers?cursor=b3JkZXJzOjE", "", 400, "bad-query", ""},         // orders:1
		{"GET", "/customers?cursor=Y3VzdG9tZXJzOjk5OTk", "", 400, "bad-query", ""}, // customers:9999
		{"GET", "/customers?cursor=Y3VzdG9tZXJzOi0x", "", 400, "bad-query", ""},    // customers:-1
		{"GET", "/customers/" + unknown, "", 404, "not-found", ""},
		{"GET", "/customers/..%2Fhealth", "", 404, "not-found", ""},
		{"GET", "/customers/" + unknown + "/orders", "", 404, "not-found", ""},
		{"PATCH", "/customers/" + unknown, `{}`, 404, "not-found", ""},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"email":"no address"}`, 422, "invalid", "#/email"},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"email":"a@localhost"}`, 422, "invalid", "#/email"},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"email":"A <a@b.example>"}`, 422, "invalid", "#/email"},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"tier":"tin"}`, 422, "invalid", "#/tier"},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"name":" "}`, 422, "invalid", "#/name"},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"phone":""}`, 422, "invalid", "#/phone"},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"name":7}`, 422, "invalid", "#/name"},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"id":"x"}`, 400, "bad-body", ""},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{} {}`, 400, "bad-body", ""},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"name":`, 400, "bad-body", ""},
		{"PATCH", "/customers/" + acme.FirstCustomer, "", 415, "unsupported-media-type", ""},
		{"PATCH", "/customers/" + acme.FirstCustomer, `"` + strings.Repeat("x", 1<<20) + `"`, 413, "too-large", ""},
		{"PATCH", "/customers/" + acme.FirstCustomer, `{"email":"jonas.weber@letters.example"}`, 409, "email-taken", ""},
		{"GET", "/orders?status=lost", "", 400, "bad-query", ""},
		{"GET", "/orders?from=yesterday", "", 400, "bad-query", ""},
		{"GET", "/orders?to=2026-13-01", "", 400, "bad-query", ""},
		{"GET", "/orders?from=2026-02-02&to=2026-02-01T00:00:00Z", "", 400, "bad-query", ""},
		{"GET", "/orders/" + unknown, "", 404, "not-found", ""},
		{"POST", "/orders", `{"customer_id":"` + unknown + `",` + okItems + `}`, 422, "invalid", "#/customer_id"},
		{"POST", "/orders", `{` + customer + `,"items":[]}`, 422, "invalid", "#/items"},
		{"POST", "/orders", `{` + customer + `,"items":[{"sku":"X","quantity":1}]}`, 422, "invalid", "#/items/0/sku"},
		{"POST", "/orders", `{` + customer + `,"items":[{"sku":"WRK-1001","quantity":0}]}`, 422, "invalid", "#/items/0/quantity"},
		{"POST", "/orders", `{` + customer + `,"items":[{"sku":"WRK-1001","quantity":1001}]}`, 422, "invalid", "#/items/0/quantity"},
		{"POST", "/orders", `{` + customer + `,"items":[{"sku":"WRK-1001","quantity":1.5}]}`, 422, "invalid", "#/items/quantity"},
		{"POST", "/orders", `{` + customer + `,` + okItems + `,"note":"` + strings.Repeat("x", 501) + `"}`, 422, "invalid", "#/note"},
		{"POST", "/orders", `{` + customer + `,"items":[{"sku":"` + acme.SoldOutSKU + `","quantity":1}]}`, 409, "out-of-stock", ""},
		{"POST", "/orders", `{` + customer + `,"items":[{"sku":"WRK-1001","quantity":100},{"sku":"WRK-1001","quantity":21}]}`, 409, "out-of-stock", ""},
		{"POST", "/orders/" + unknown + "/cancel", "", 404, "not-found", ""},
		{"POST", "/orders/" + acme.ShippedOrder + "/cancel", "", 409, "already-shipped", ""},
		{"GET", "/products?category=boats", "", 400, "bad-query", ""},
		{"GET", "/products/" + unknown, "", 404, "not-found", ""},
		{"GET", "/products/" + unknown + "/stock", "", 404, "not-found", ""},
		{"GET", "/products/" + unknown + "/image", "", 404, "not-found", ""},
		{"POST", "/payments", `{` + customer + `}`, 422, "invalid", "#/amount_cents"},
		{"POST", "/payments", `{"amount_cents":5}`, 422, "invalid", "#/customer_id"},
		{"POST", "/payments", `{` + customer + `,"amount_cents":5,"method":"shells"}`, 422, "invalid", "#/method"},
		{"POST", "/payments", `{` + customer + `,"amount_cents":5,"method":"test_declined"}`, 402, "declined", ""},
		{"POST", "/payments", `{"order_id":"` + unknown + `","amount_cents":5}`, 422, "invalid", "#/order_id"},
		{"POST", "/payments", `{"order_id":"` + acme.FirstOrder + `","amount_cents":5}`, 422, "invalid", "#/amount_cents"},
		{"POST", "/payments", `{"order_id":"` + acme.FirstOrder + `","amount_cents":28800,"customer_id":"` + acme.SecondCustomer + `"}`, 422, "invalid", "#/customer_id"},
		{"POST", "/payments", `{"order_id":"` + acme.ShippedOrder + `","amount_cents":15880}`, 409, "not-payable", ""},
		{"GET", "/payments/" + unknown, "", 404, "not-found", ""},
		{"POST", "/payments/" + unknown + "/refund", "", 404, "not-found", ""},
		{"POST", "/payments/" + acme.FirstPayment + "/refund", `{"amount_cents":15881}`, 422, "invalid", "#/amount_cents"},
		{"POST", "/payments/" + acme.FirstPayment + "/refund", `{"amount_cents":0}`, 422, "invalid", "#/amount_cents"},
		{"GET", "/tickets?status=lost", "", 400, "bad-query", ""},
		{"GET", "/tickets/" + unknown, "", 404, "not-found", ""},
		{"POST", "/tickets", `{` + customer + `,"subject":"S","body":""}`, 422, "invalid", "#/body"},
		{"POST", "/tickets", `{` + customer + `,"subject":"","body":"B"}`, 422, "invalid", "#/subject"},
		{"POST", "/tickets", `{"customer_id":"x","subject":"S","body":"B"}`, 422, "invalid", "#/customer_id"},
		{"POST", "/tickets", `{` + customer + `,"subject":"S","body":"B","priority":"asap"}`, 422, "invalid", "#/priority"},
		{"POST", "/tickets", `{"customer_id":"` + acme.SecondCustomer + `","subject":"S","body":"B","order_id":"` + acme.FirstOrder + `"}`, 422, "invalid", "#/order_id"},
		{"POST", "/tickets/" + unknown + "/comments", `{"body":"B"}`, 404, "not-found", ""},
		{"POST", "/tickets/" + acme.FirstTicket + "/comments", `{"body":""}`, 422, "invalid", "#/body"},
		{"GET", "/invoices/" + unknown + ".xml", "", 404, "not-found", ""},
		{"GET", "/invoices/" + acme.FirstOrder, "", 404, "not-found", ""},
		{"GET", "/slow?ms=60001", "", 400, "bad-query", ""},
		{"GET", "/flaky?retry_after=-1", "", 400, "bad-query", ""},
	} {
		t.Run(tc.method+" "+tc.target, func(t *testing.T) {
			p := wantProblem(t, send(s, tc.method, tc.target, tc.body), tc.status, tc.kind)
			if tc.pointer == "" {
				return
			}
			list, _ := p["errors"].([]any)
			if len(list) != 1 || at(list[0], "pointer") != tc.pointer {
				t.Errorf("errors are %v, want one at %s", p["errors"], tc.pointer)
			}
		})
	}
	for _, path := range reads() {
		if got, want := send(s, "GET", path, ""), send(untouched, "GET", path, ""); got.Body.String() != want.Body.String() {
			t.Errorf("GET %s was changed by a refused request", path)
		}
	}
}
