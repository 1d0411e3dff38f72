package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

const issuer, audience = "https://id.example", "http://127.0.0.1:0/mcp"

// rig is the service, and whoever signs tokens with claims.
type rig struct {
	service *billing
	env     map[string]string
	key     *ecdsa.PrivateKey
}

func start(t *testing.T) rig {
	t.Helper()
	r := rig{service: newBilling()}
	upstream := httptest.NewServer(r.service)
	t.Cleanup(upstream.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		t.Fatal(err)
	}
	word := base64.RawURLEncoding.EncodeToString
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k", "use": "sig", "x": word(public[1:33]), "y": word(public[33:]),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	jwks := filepath.Join(t.TempDir(), "jwks.json")
	if err = os.WriteFile(jwks, set, 0o600); err != nil {
		t.Fatal(err)
	}
	r.key = key
	r.env = map[string]string{
		"BILLING_URL": upstream.URL + "/v2", "BILLING_TOKEN": token,
		"SALLYPORT_ISSUER": issuer, "SALLYPORT_JWKS": jwks,
	}
	return r
}

// token signs a token; without an account there is no such claim.
func (r rig) token(t *testing.T, account string, roles ...string) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "roles": roles,
	}
	if account != "" {
		claims["account"] = account
	}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	unsigned.Header["kid"] = "k"
	signed, err := unsigned.SignedString(r.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) { exampletest.Readme(t, cmd.Main, start(t).env) }

// TestTools demands that each caller sees what the manifest exposes to it, and
// that the account is none of the model's business.
func TestTools(t *testing.T) {
	r := start(t)
	g := exampletest.Start(t, r.env)
	read := []string{"billing_getInvoice", "billing_listInvoices", "daily_report"}
	for _, c := range []struct {
		account string
		roles   []string
		want    []string
	}{
		{"acc_7", nil, read},
		{"acc_7", []string{"sales"}, append([]string{"billing_createInvoice"}, read...)},
		{"acc_7", []string{"admin"}, append([]string{"billing_createInvoice", "billing_voidInvoice"}, read...)},
		{"", []string{"admin"}, nil},
	} {
		got := g.List(r.token(t, c.account, c.roles...))
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q with %v sees %v, want %v", c.account, c.roles, got, c.want)
		}
	}
	listed := g.Client(r.token(t, "acc_7", "admin")).Request("tools/list", "", map[string]any{})
	if text := string(listed.Result); strings.Contains(text, "accountId") || !strings.Contains(text, "invoiceId") {
		t.Errorf("the list names the account, or not the invoice: %s", text)
	}
}

// TestAccount demands that callers get what is theirs, and nothing of others.
func TestAccount(t *testing.T) {
	r := start(t)
	g := exampletest.Start(t, r.env)
	for account, want := range map[string]string{
		"acc_7": `[{"id":"in_1","status":"open","total":12.5}]`,
		"acc_8": `[{"id":"in_3","status":"open","total":99}]`,
	} {
		a := g.Call(r.token(t, account), "billing_listInvoices", map[string]any{"status": "open"})
		if !a.OK() || a.Text != want {
			t.Errorf("%s: %+v, want %s", account, a, want)
		}
	}
	own := r.token(t, "acc_7")
	if a := g.Call(own, "billing_getInvoice", map[string]any{"invoiceId": "in_3"}); !a.IsError || a.Text != "There is no such invoice." {
		t.Errorf("an invoice of another account: %+v", a)
	}
	if a := g.Call(own, "billing_listInvoices", map[string]any{"accountId": "acc_8"}); !a.IsError || strings.Contains(a.Text, "in_3") {
		t.Errorf("another account, asked for: %+v", a)
	}
	if a := g.Call(own, "billing_getInvoice", map[string]any{"invoiceId": "../../acc_8/invoices/in_3"}); !a.IsError {
		t.Errorf("an ID that is a path: %+v", a)
	}
}

// TestWrites demands a key for what is created, and a question before an
// invoice is voided.
func TestWrites(t *testing.T) {
	r := start(t)
	g := exampletest.Start(t, r.env)
	admin := r.token(t, "acc_7", "admin")
	a := g.Call(admin, "billing_createInvoice", map[string]any{"lines": []any{map[string]any{"sku": "WRK-1", "quantity": 2}}})
	if !a.OK() || len(r.service.made) != 1 {
		t.Errorf("%+v, %d with a key", a, len(r.service.made))
	}
	person := g.Client(admin)
	for _, c := range []struct {
		answer any
		status string
	}{{exampletest.Decline(), "open"}, {exampletest.Accept(map[string]any{}), "void"}} {
		person.Answers = map[string]any{"confirm": c.answer}
		told := person.Call("billing_voidInvoice", map[string]any{"invoiceId": "in_1"})
		if len(told.Asked) != 1 || told.Asked[0] != "Void the invoice in_1 for good?" || r.service.invoices[0].Status != c.status {
			t.Errorf("asked %q, and the invoice is %s, want %s", told.Asked, r.service.invoices[0].Status, c.status)
		}
	}
}

// TestImported demands that the generated manifest is what the document makes
// of it, and that it follows a newer one without losing an edit.
func TestImported(t *testing.T) {
	r := start(t)
	for name, value := range r.env {
		t.Setenv(name, value)
	}
	document, manifest, lock := read(t, "billing.openapi.yaml"), read(t, "imported.yaml"), read(t, "imported.openapi.lock")
	t.Chdir(t.TempDir())
	write(t, "imported.yaml", manifest)
	write(t, "imported.openapi.lock", lock)
	update := func(document string) {
		t.Helper()
		write(t, "billing.openapi.yaml", document)
		var out bytes.Buffer
		args := []string{"import", "openapi", "billing.openapi.yaml", "--update", "-c", "imported.yaml"}
		if code := cmd.Main(standard.Parts(), args, strings.NewReader(""), &out, &out); code != 0 {
			t.Fatalf("exit code %d: %s", code, out.String())
		}
	}
	update(document)
	if got := read(t, "imported.yaml"); got != manifest {
		t.Errorf("imported.yaml is not up to date: sallyport import openapi billing.openapi.yaml --update -c imported.yaml\n%s", got)
	}
	update(strings.ReplaceAll(strings.Replace(document, "summary: Void an invoice", "summary: Void an invoice that is open", 1), "summary: Create an invoice", "summary: Make one"))
	want := strings.Replace(manifest, "description: Void an invoice.", "description: Void an invoice that is open.", 1)
	if got := read(t, "imported.yaml"); got != want {
		t.Errorf("a newer document makes\n%s", got)
	}
	var out bytes.Buffer
	if code := cmd.Main(standard.Parts(), []string{"validate", "--strict", "-c", "imported.yaml"}, strings.NewReader(""), &out, &out); code != 0 {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
