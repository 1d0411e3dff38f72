package resources_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// rig is the example, the service behind it, and a client.
type rig struct {
	*exampletest.Gateway
	shop   *acme.Service
	client *exampletest.Client
}

func start(t *testing.T) rig {
	t.Helper()
	shop := exampletest.Acme(t)
	g := exampletest.Start(t, map[string]string{"ACME_URL": shop.URL()})
	return rig{Gateway: g, shop: shop.Service(), client: g.Client("")}
}

// content is what a resource holds.
type content struct {
	URI      string `json:"uri"`
	MIMEType string `json:"mimeType"`
	Text     string `json:"text"`
	Blob     []byte `json:"blob"`
}

// read reads a resource of one content.
func (r rig) read(t *testing.T, uri string) content {
	t.Helper()
	var result struct {
		Contents []content `json:"contents"`
	}
	r.client.Decode(r.client.Read(uri), &result)
	if len(result.Contents) != 1 || result.Contents[0].URI != uri {
		t.Fatalf("%s holds %+v", uri, result.Contents)
	}
	return result.Contents[0]
}

// TestRead reads one resource of each kind.
func TestRead(t *testing.T) {
	r := start(t)
	for _, c := range []struct{ uri, mimeType, text string }{
		{"acme://tiers", "text/markdown", "- gold: free returns for 90 days"},
		{"acme://handbook", "text/markdown", "# Support handbook"},
		{"acme://customers/" + acme.FirstCustomer, "application/json", `"name":"Amélie Laurent"`},
		{"acme://products/" + acme.FirstSKU + "/stock", "application/json", `"quantity":120`},
	} {
		if got := r.read(t, c.uri); got.MIMEType != c.mimeType || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: %+v", c.uri, got)
		}
	}
	picture := r.read(t, "acme://products/"+acme.FirstSKU+"/picture")
	if picture.MIMEType != "image/png" || !bytes.HasPrefix(picture.Blob, []byte("\x89PNG")) {
		t.Errorf("picture: %+v", picture)
	}
}

// TestUnknown demands an error for what is not there, and that a value can't
// leave its place in the URI.
func TestUnknown(t *testing.T) {
	r := start(t)
	for _, uri := range []string{"acme://nothing", "acme://customers/", "acme://customers/x/orders", "acme://customers/.."} {
		if a := r.client.Read(uri); a.Code == 0 {
			t.Errorf("%s: %s", uri, a.Result)
		}
	}
	if got := r.shop.Stats().Total; got != 0 {
		t.Errorf("%d requests reached the service", got)
	}
}

// TestComplete asks for suggestions of each kind.
func TestComplete(t *testing.T) {
	r := start(t)
	for _, c := range []struct{ of, argument, value, want string }{
		{"acme://customers/{customer_id}", "customer_id", "cust_8f3k", acme.FirstCustomer},
		{"acme://products/{sku}/picture", "sku", "WRK-1001", acme.FirstSKU},
		{"answer_ticket", "customer_id", "Amélie L", acme.FirstCustomer},
		{"answer_ticket", "tone", "b", "brief"},
	} {
		if got := r.client.Complete(c.of, c.argument, c.value); !slices.Contains(got, c.want) || len(got) > 3 {
			t.Errorf("%s of %s, %q typed: %v, want %s", c.argument, c.of, c.value, got, c.want)
		}
	}
}

// TestPrompt demands that a prompt brings along what it loads.
func TestPrompt(t *testing.T) {
	r := start(t)
	var result struct {
		Messages []struct {
			Role    string `json:"role"`
			Content struct {
				Type     string  `json:"type"`
				Text     string  `json:"text"`
				Resource content `json:"resource"`
			} `json:"content"`
		} `json:"messages"`
	}
	r.client.Decode(r.client.Prompt("answer_ticket", map[string]string{"customer_id": acme.FirstCustomer, "tone": "brief"}), &result)
	if len(result.Messages) != 3 {
		t.Fatalf("%+v", result)
	}
	for i, want := range []string{"# Support handbook", `"tier":"gold"`, "Draft an answer to Amélie Laurent (gold), in a brief tone."} {
		message := result.Messages[i]
		if message.Role != "user" || !strings.Contains(message.Content.Text+message.Content.Resource.Text, want) {
			t.Errorf("message %d is %+v, want %s in it", i, message, want)
		}
	}
	if a := r.client.Prompt("answer_ticket", map[string]string{"customer_id": "cust_00000000000000000000"}); a.Code == 0 {
		t.Errorf("a customer that is not there: %s", a.Result)
	}
}

// TestWatch demands that who subscribes hears of a change.
func TestWatch(t *testing.T) {
	r := start(t)
	uri := "acme://products/" + acme.FirstSKU + "/stock"
	changes := r.client.Listen(uri)
	// Once there is a second look, the first one has seen how it is now.
	looked := func(s acme.Stats) bool { return s.Routes["GET /products/{sku}/stock"] > 1 }
	if err := r.shop.Wait(t.Context(), looked); err != nil {
		t.Fatal(err)
	}
	sold := r.client.Call("create_order", map[string]any{
		"customer_id": acme.FirstCustomer, "items": []any{map[string]any{"sku": acme.FirstSKU, "quantity": 20}},
	})
	if !sold.OK() {
		t.Fatalf("%+v", sold)
	}
	if method, got := changes.Next(); method != "notifications/resources/updated" || got != uri {
		t.Errorf("%s %s", method, got)
	}
	var stock struct {
		Quantity int `json:"quantity"`
	}
	if err := json.Unmarshal([]byte(r.read(t, uri).Text), &stock); err != nil || stock.Quantity != 100 {
		t.Errorf("%+v, %v", stock, err)
	}
}
