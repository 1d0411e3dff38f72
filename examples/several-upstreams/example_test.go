package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// rig is the example, running.
type rig struct {
	*exampletest.Gateway
	shipping *shipping
	rates    *rates
}

func start(t *testing.T) rig {
	t.Helper()
	r := rig{shipping: new(shipping), rates: new(rates)}
	parcels, exchange := httptest.NewServer(r.shipping), httptest.NewServer(r.rates)
	t.Cleanup(parcels.Close)
	t.Cleanup(exchange.Close)
	r.Gateway = exampletest.Start(t, map[string]string{
		"CRM_URL": exampletest.Acme(t, acme.Options{Token: crmToken}).URL(), "CRM_TOKEN": crmToken,
		"SHIPPING_URL": parcels.URL, "SHIPPING_KEY": shippingKey,
		"RATES_URL": exchange.URL, "RATES_PASSWORD": ratesPassword,
	})
	return r
}

func (r rig) track() exampletest.Answer {
	return r.Call("", "track_parcel", map[string]any{"number": "0123456789"})
}

func (r rig) customer() exampletest.Answer {
	return r.Call("", "get_customer", map[string]any{"customer_id": acme.FirstCustomer})
}

func (r rig) rate() exampletest.Answer {
	return r.Call("", "exchange_rate", map[string]any{"currency": "USD"})
}

// TestCredentials demands that every service gets its own credentials.
func TestCredentials(t *testing.T) {
	r := start(t)
	for name, a := range map[string]exampletest.Answer{"crm": r.customer(), "shipping": r.track(), "rates": r.rate()} {
		if !a.OK() {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestBreaker demands that the breaker of a service that fails opens, that it
// is left alone from then on, and that the others' tools go on.
func TestBreaker(t *testing.T) {
	r := start(t)
	r.shipping.broken.Store(true)
	for range 4 { // min_calls
		if a := r.track(); !a.IsError || a.Text != "The parcel service failed (500). Try again later." {
			t.Fatalf("while the breaker is closed: %+v", a)
		}
	}
	before := r.shipping.requests.Load()
	a := r.track()
	if !a.IsError || !strings.Contains(a.Text, "is left alone for a while") {
		t.Errorf("once the breaker is open: %+v", a)
	}
	if sent := r.shipping.requests.Load() - before; sent != 0 {
		t.Errorf("%d requests reached a service whose breaker is open", sent)
	}
	if a := r.customer(); !a.OK() {
		t.Errorf("a customer, while the parcels fail: %+v", a)
	}
	if a := r.rate(); !a.OK() {
		t.Errorf("a rate, while the parcels fail: %+v", a)
	}
	metrics := r.Metrics()
	for _, want := range []string{
		`sallyport_breaker_state{upstream="shipping"} 2`,
		`sallyport_breaker_state{upstream="crm"} 0`,
		`mcp_tool_calls_total{status="breaker_open",tool_name="track_parcel"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestRetry demands that a service which is busy for a moment is asked again.
func TestRetry(t *testing.T) {
	r := start(t)
	if a := r.rate(); !a.OK() || strings.TrimSpace(string(a.Structured)) != `{"base":"EUR","rate":"1.08"}` {
		t.Errorf("%+v", a)
	}
	if sent := r.rates.requests.Load(); sent != 2 {
		t.Errorf("%d requests for one call, want 2", sent)
	}
	if want := `sallyport_upstream_retries_total{upstream="rates"} 1`; !strings.Contains(r.Metrics(), want) {
		t.Errorf("the metrics lack %s", want)
	}
}

// TestLimits demands that each tool has its own limit, told in its own way.
func TestLimits(t *testing.T) {
	r := start(t)
	for range 3 { // burst
		r.rate()
	}
	if a := r.rate(); a.Status != 429 || a.Code != 42900 || a.Header.Get("Retry-After") == "" {
		t.Errorf("a fourth rate at once: %+v", a)
	}
	for range 2 { // burst
		if a := r.Call("", "book_pickup", map[string]any{"day": "2026-03-09"}); !a.OK() {
			t.Errorf("a pickup: %+v", a)
		}
	}
	if a := r.Call("", "book_pickup", map[string]any{"day": "2026-03-09"}); !a.IsError || !strings.HasPrefix(a.Text, "Rate limit reached: 6 calls per hour") {
		t.Errorf("a third pickup at once: %+v", a)
	}
	if a := r.customer(); !a.OK() {
		t.Errorf("the limits of other tools held a customer back: %+v", a)
	}
}
