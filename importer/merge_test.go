package importer

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

// billing is the document of the tests, with words replaced.
func billing(t *testing.T, replace ...string) *openapi.Document {
	t.Helper()
	data, err := os.ReadFile("testdata/billing.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi.Parse("billing.openapi.yaml", []byte(replaced(t, string(data), replace...)), refuse)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func refuse(string) ([]byte, error) { return nil, os.ErrNotExist }

// replaced replaces each first text of a pair, which must be there once.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if n := strings.Count(text, pairs[i]); n != 1 {
			t.Fatalf("%q is there %d times in:\n%s", pairs[i], n, text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func imported(t *testing.T, doc *openapi.Document, o OpenAPIOptions) *Draft {
	t.Helper()
	d, err := OpenAPI(doc, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// stored is a lock as it is read from its file.
func stored(t *testing.T, l *Lock) *Lock {
	t.Helper()
	data, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadLock(data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return read
}

// told are changes in a line each.
func told(changes []Change) string {
	var out strings.Builder
	for i := range changes {
		out.WriteString(strings.TrimSpace(changes[i].line()) + "\n")
	}
	return out.String()
}

// TestUpdate edits a generated manifest by hand, merges a newer document, and
// compares the text byte by byte: want says which parts of the edited text
// change, and nothing else may.
func TestUpdate(t *testing.T) {
	for _, test := range []struct {
		name     string
		hand     []string // what a person replaces in the manifest
		document []string // what changes in the document
		want     []string // what the merge then changes in the manifest
		told     []string
	}{
		{name: "nothing"},
		{
			name:     "a description follows the document",
			document: []string{"summary: Void an invoice", "summary: Void an invoice for good"},
			want:     []string{"description: Void an invoice.", "description: Void an invoice for good."},
			told:     []string{"updated  voidInvoice: description"},
		},
		{
			name: "a description edited by hand stays",
			hand: []string{"description: Void an invoice.", "description: Cancel it."},
			document: []string{
				"summary: Void an invoice", "summary: Void an invoice for good",
			},
			told: []string{"kept     voidInvoice: description (yours Cancel it., the document Void an invoice. -> Void an invoice for good.)"},
		},
		{
			name: "comments, blank lines and quotes stay",
			hand: []string{
				"\n  getReport:\n    description: Get the report of a day.\n",
				"\n\n  # The reports, as the bank wants them.\n\n  \"getReport\":   # daily\n    # In short:\n    description:   'Get the report of a day.' # for now\n\n",
			},
			document: []string{"summary: Get the report of a day", "summary: Get the report of one day"},
			want:     []string{"    description:   'Get the report of a day.' # for now\n", "    description: Get the report of one day.  # for now\n"},
			told:     []string{"updated  getReport: description"},
		},
		{
			name:     "policies added by hand stay",
			hand:     []string{"  voidInvoice:\n", "  voidInvoice:\n    roles: [admin]\n    confirm: \"Void ${{ args.invoiceId }}?\"\n"},
			document: []string{"summary: Void an invoice", "summary: Void it"},
			want:     []string{"description: Void an invoice.", "description: Void it."},
			told:     []string{"updated  voidInvoice: description"},
		},
		{
			name:     "a key of an argument is merged beside one edited by hand",
			hand:     []string{"limit: {type: integer, minimum: 1, maximum: 100, default: 20}", "limit: {type: integer, minimum: 1, maximum: 10, default: 20}"},
			document: []string{"maximum: 100, default: 20", "maximum: 200, default: 50"},
			want:     []string{"maximum: 10, default: 20", "maximum: 10, default: 50"},
			told:     []string{"kept     listInvoices: input.limit.maximum (yours 10, the document 100 -> 200)", "updated  listInvoices: input.limit"},
		},
		{
			name:     "an argument that was removed stays away, a new one comes",
			hand:     []string{"      tags: {type: array, items: {type: string}, optional: true, style: pipeDelimited}\n", ""},
			document: []string{"        - {name: limit,", "        - {name: page, in: query, schema: {type: integer}}\n        - {name: limit,"},
			want:     []string{"      limit: {type", "      page: {type: integer, optional: true}\n      limit: {type"},
			told:     []string{"updated  listInvoices: input.page", "left out listInvoices: input.tags (you removed it)"},
		},
		{
			name:     "an argument that the document dropped goes",
			document: []string{"        - {name: X-Trace, in: header, schema: {type: string}}\n", ""},
			want:     []string{"      X-Trace: {type: string, optional: true, in: header}\n", ""},
			told:     []string{"updated  getReport: input.X-Trace"},
		},
		{
			name:     "a tool that was removed stays away",
			hand:     []string{"  voidInvoice:\n    description: Void an invoice.\n    request: DELETE /invoices/{invoiceId}\n    input:\n      invoiceId: {type: string, description: The invoice's ID.}\n    tags: [invoices]\n\n", ""},
			document: []string{"summary: Void an invoice", "summary: Void it"},
			told:     []string{"left out voidInvoice (you removed it)"},
		},
		{
			name: "a new operation is added where the document has it",
			document: []string{
				"  /reports/{day}:\n", "  /ping:\n    get: {operationId: ping, summary: Ping, responses: {\"200\": {description: ok}}}\n  /reports/{day}:\n",
			},
			want: []string{"\n  getReport:\n", "\n  ping:\n    description: Ping.\n    request: GET /ping\n\n  getReport:\n"},
			told: []string{"added    ping"},
		},
		{
			name:     "an operation that vanished takes its tool along",
			document: []string{"    delete:\n      operationId: voidInvoice\n      tags: [invoices]\n      summary: Void an invoice\n      responses: {\"204\": {description: done}}\n", ""},
			want:     []string{"  voidInvoice:\n    description: Void an invoice.\n    request: DELETE /invoices/{invoiceId}\n    input:\n      invoiceId: {type: string, description: The invoice's ID.}\n    tags: [invoices]\n\n", ""},
			told:     []string{"removed  voidInvoice (the document no longer has its operation)"},
		},
		{
			name:     "but not if somebody edited it",
			hand:     []string{"  voidInvoice:\n", "  voidInvoice:\n    roles: [admin]\n"},
			document: []string{"    delete:\n      operationId: voidInvoice\n      tags: [invoices]\n      summary: Void an invoice\n      responses: {\"204\": {description: done}}\n", ""},
			told:     []string{"kept     voidInvoice (edited by hand, but the document no longer has its operation: remove it yourself)"},
		},
		{
			name:     "or commented on it",
			hand:     []string{"    request: DELETE /invoices/{invoiceId}\n", "    request: DELETE /invoices/{invoiceId}   # careful\n"},
			document: []string{"    delete:\n      operationId: voidInvoice\n      tags: [invoices]\n      summary: Void an invoice\n      responses: {\"204\": {description: done}}\n", ""},
			told:     []string{"kept     voidInvoice (edited by hand, but the document no longer has its operation: remove it yourself)"},
		},
		{
			name:     "a tool renamed by hand keeps its name",
			hand:     []string{"  voidInvoice:\n", "  cancel_invoice:\n"},
			document: []string{"summary: Void an invoice", "summary: Void it"},
			want:     []string{"description: Void an invoice.", "description: Void it."},
			told:     []string{"kept     cancel_invoice (your name for voidInvoice)", "updated  cancel_invoice: description"},
		},
		{
			name:     "an operation that the document renames keeps its tool",
			document: []string{"operationId: voidInvoice", "operationId: cancelInvoice"},
		},
		{
			name:     "an operation that moves keeps its tool, and what was edited",
			hand:     []string{"description: Void an invoice.", "description: Cancel it."},
			document: []string{"    delete:\n      operationId: voidInvoice", "    put:\n      operationId: voidInvoice"},
			want:     []string{"request: DELETE /invoices/{invoiceId}", "request: PUT /invoices/{invoiceId}"},
			told:     []string{"kept     voidInvoice: description (yours Cancel it., the document Void an invoice.)", "updated  voidInvoice: request"},
		},
		{
			name:     "order is the author's",
			hand:     []string{"    description: Void an invoice.\n    request: DELETE /invoices/{invoiceId}\n", "    request: DELETE /invoices/{invoiceId}\n    description: Void an invoice.\n"},
			document: []string{"summary: Void an invoice", "summary: Void it"},
			want:     []string{"description: Void an invoice.", "description: Void it."},
			told:     []string{"updated  voidInvoice: description"},
		},
		{
			name:     "a stanza on one line is rewritten only if it changes",
			hand:     []string{"    input:\n      day: {type: string, format: date}\n", "    input:\n      day: {format: date,   type: string}\n"},
			document: []string{"summary: Void an invoice", "summary: Void it"},
			want:     []string{"description: Void an invoice.", "description: Void it."},
			told:     []string{"updated  voidInvoice: description"},
		},
		{
			name:     "the upstream follows, and keeps what was added",
			hand:     []string{"    auth: {bearer: ", "    timeout: 3s # slow\n    auth: {bearer: "},
			document: []string{"https://api.billing.example/v2", "https://api.billing.example/v3"},
			want:     []string{"url: https://api.billing.example/v2", "url: https://api.billing.example/v3"},
			told:     []string{"updated  upstreams.billing: url"},
		},
		{
			name:     "an upstream's URL of one's own stays",
			hand:     []string{"url: https://api.billing.example/v2", "url: ${BILLING_URL}"},
			document: []string{"https://api.billing.example/v2", "https://api.billing.example/v3"},
			told:     []string{"kept     upstreams.billing: url (yours ${BILLING_URL}, the document https://api.billing.example/v2 -> https://api.billing.example/v3)"},
		},
		{
			name:     "tools of other upstreams name theirs, and new ones do",
			hand:     []string{"  billing:\n    url", "  other: {url: \"http://127.0.0.1:9001\"}\n  billing:\n    url"},
			document: []string{"  /reports/{day}:\n", "  /ping:\n    get: {operationId: ping, summary: Ping, responses: {\"200\": {description: ok}}}\n  /reports/{day}:\n"},
			want: []string{
				"    description: >-\n      List", "    description: >-\n      List",
			},
			told: []string{"added    ping"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := OpenAPIOptions{Source: "billing.openapi.yaml"}
			first := imported(t, billing(t), o)
			edited := replaced(t, string(first.Manifest()), test.hand...)
			next := imported(t, billing(t, test.document...), o)
			text, lock, changes, err := Update([]byte(edited), stored(t, first.Lock(o)), next, o)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(test.name, "tools of other") {
				if !strings.Contains(string(text), "  ping:\n    description: Ping.\n    upstream: billing\n    request: GET /ping\n") {
					t.Errorf("the new tool doesn't name its upstream:\n%s", text)
				}
				return
			}
			if want := replaced(t, edited, test.want...); string(text) != want {
				t.Errorf("the merge made:\n%s\nwant:\n%s", text, want)
			}
			if got, want := told(changes), strings.Join(append(test.told, ""), "\n"); got != want {
				t.Errorf("told:\n%swant:\n%s", got, want)
			}
			again, _, _, err := Update(text, stored(t, lock), imported(t, billing(t, test.document...), o), o)
			if err != nil || string(again) != string(text) {
				t.Errorf("a second merge of the same document changes: %v\n%s", err, again)
			}
		})
	}
}

// TestUpdateFollows merges documents that differ in many ways into a manifest
// that nobody edited: it then says what a new import says.
func TestUpdateFollows(t *testing.T) {
	o := OpenAPIOptions{Source: "billing.openapi.yaml"}
	changes := [][2]string{
		{"https://api.billing.example/v2", "https://api.billing.example/v3"},
		{"security: [{token: []}]\n", "security: [{key: []}]\n"},
		{"    token: {type: http, scheme: bearer}\n", "    key: {type: apiKey, in: header, name: X-Key}\n"},
		{"summary: List invoices\n", "summary: List all invoices\n"},
		{"maximum: 100, ", ""},
		{"        - {name: status, in: query, description: \"Only invoices in this state: open, paid or void\", schema: {type: string, enum: [open, paid, void]}}\n", ""},
		{"- {name: X-Trace, in: header,", "- {name: X-Span, in: header, description: \"One\\ntwo\","},
		{"required: [customer, lines]", "required: [customer]"},
		{"    delete:\n      operationId: voidInvoice\n      tags: [invoices]\n      summary: Void an invoice\n      responses: {\"204\": {description: done}}\n", ""},
		{"  /reports/{day}:\n", "  /ping:\n    get: {operationId: ping, summary: Ping, responses: {\"200\": {description: ok}}}\n  /reports/{day}:\n"},
		{"content: {application/json: {schema: {$ref: '#/components/schemas/Invoice'}}}}, \"404\"", "}, \"404\""},
		{"parent: {$ref: '#/components/schemas/Line'}", "of: {type: array, items: {type: string}}"},
	}
	rapid.Check(t, func(r *rapid.T) {
		var document []string
		for _, change := range changes {
			if rapid.Bool().Draw(r, change[0]) {
				document = append(document, change[0], change[1])
			}
		}
		first, next := imported(t, billing(t), o), imported(t, billing(t, document...), o)
		text, _, _, err := Update(first.Manifest(), stored(t, first.Lock(o)), next, o)
		if err != nil {
			r.Fatal(err)
		}
		s, err := newSheet(text)
		if err != nil {
			r.Fatalf("%v\n%s", err, text)
		}
		got, err := valueOf(s.root)
		if err != nil {
			r.Fatal(err)
		}
		want := next.root()
		want.set("version", json.Number("1"))
		if !equal(got, want) {
			r.Fatalf("merged:\n%s\nwant:\n%s", text, next.Manifest())
		}
	})
}

// TestUpdateWithoutLock takes all that is there for written by hand.
func TestUpdateWithoutLock(t *testing.T) {
	const hand = `version: 1
upstreams: {crm: {url: "http://127.0.0.1:9000"}}
tools:
  # Mine.
  getReport: {description: A report., request: "GET /mine"}
`
	o := OpenAPIOptions{Source: "billing.openapi.yaml", Upstream: "crm"}
	text, _, changes, err := Update([]byte(hand), nil, imported(t, billing(t), o), o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), hand) {
		t.Errorf("what was there changed:\n%s", text)
	}
	if !strings.Contains(string(text), "\n  voidInvoice:\n") || strings.Contains(string(text), "/reports/") {
		t.Errorf("want the other tools added:\n%s", text)
	}
	if got := told(changes); !strings.Contains(got, "kept     getReport") || !strings.Contains(got, "added    voidInvoice") {
		t.Errorf("told:\n%s", got)
	}
}

// TestUpdateBesideAnother merges into a manifest of another service: its
// requests and credentials must not meet those of the document's.
func TestUpdateBesideAnother(t *testing.T) {
	const hand = `version: 1
upstreams:
  crm: {url: "https://crm.example", auth: {bearer: "${CRM_TOKEN}"}}
tools:
  get_customer:
    description: A customer.   # mine
    request: GET /customers/{id}
    input: {id: {type: string}}
  get_lead: {description: A lead., request: "GET /lead"} # short
  hello: {description: Hello., response: {text: Hello}}
`
	o := OpenAPIOptions{Source: "billing.openapi.yaml"}
	text, lock, changes, err := Update([]byte(hand), nil, imported(t, billing(t), o), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"    description: A customer.   # mine\n    upstream: crm\n    request: GET /customers/{id}\n",
		"  get_lead:  # short\n    description: A lead.\n    upstream: crm\n    request: GET /lead\n",
		"  hello: {description: Hello., response: {text: Hello}}\n",
		"  billing:\n    url: https://api.billing.example/v2\n",
		"  voidInvoice:\n    description: Void an invoice.\n    upstream: billing\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("want %q in:\n%s", want, text)
		}
	}
	if got := told(changes); !strings.Contains(got, "updated  get_customer: upstream (there is more than one now)") || !strings.Contains(got, "added    upstreams.billing") {
		t.Errorf("told:\n%s", got)
	}
	again, _, changes, err := Update(text, stored(t, lock), imported(t, billing(t), o), o)
	if err != nil || string(again) != string(text) || Summary(changes) != "nothing to change" {
		t.Errorf("a second merge changes: %v, %s\n%s", err, told(changes), again)
	}
}

// TestUpdateOfTheSameService takes an upstream at the document's URL for its
// service.
func TestUpdateOfTheSameService(t *testing.T) {
	for _, url := range []string{"https://api.billing.example/v2/", "${MONEY_URL:-https://api.billing.example/v2}"} {
		hand := "version: 1\nupstreams:\n  crm: {url: \"https://crm.example\"}\n  money: {url: \"" + url + "\"}\n"
		o := OpenAPIOptions{}
		text, _, _, err := Update([]byte(hand), nil, imported(t, billing(t), o), o)
		if err != nil || !strings.HasPrefix(string(text), hand) || !strings.Contains(string(text), "    upstream: money\n") {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestUpdateOrphan tells at each merge of a tool that stays without its
// operation, and follows the operation when that comes back.
func TestUpdateOrphan(t *testing.T) {
	o := OpenAPIOptions{}
	without := []string{"    delete:\n      operationId: voidInvoice\n      tags: [invoices]\n      summary: Void an invoice\n      responses: {\"204\": {description: done}}\n", ""}
	first := imported(t, billing(t), o)
	text := []byte(replaced(t, string(first.Manifest()), "description: Void an invoice.", "description: Cancel it."))
	lock := first.Lock(o)
	for range 3 {
		var changes []Change
		var err error
		text, lock, changes, err = Update(text, stored(t, lock), imported(t, billing(t, without...), o), o)
		if err != nil || !strings.Contains(told(changes), "kept     voidInvoice (edited by hand") || Summary(changes) != "nothing to change" {
			t.Fatalf("%v: told:\n%s", err, told(changes))
		}
	}
	text, _, changes, err := Update(text, stored(t, lock), imported(t, billing(t), o), o)
	if err != nil || strings.Contains(string(text), "voidInvoice_2") || strings.Contains(told(changes), "added") {
		t.Errorf("%v: told:\n%s", err, told(changes))
	}
}

// TestUpdateRenamedUpstream finds the service again by its URL, and else asks.
func TestUpdateRenamedUpstream(t *testing.T) {
	o := OpenAPIOptions{}
	first := imported(t, billing(t), o)
	renamed := replaced(t, string(first.Manifest()), "  billing:\n    url", "  money:\n    url")
	text, _, changes, err := Update([]byte(renamed), stored(t, first.Lock(o)), imported(t, billing(t), o), o)
	if err != nil || string(text) != renamed {
		t.Errorf("%v: told:\n%s\n%s", err, told(changes), text)
	}
	moved := replaced(t, renamed, "https://api.billing.example/v2", "${MONEY_URL}")
	if _, _, _, err = Update([]byte(moved), stored(t, first.Lock(o)), imported(t, billing(t), o), o); err == nil || !strings.Contains(err.Error(), "--upstream") {
		t.Errorf("want the name asked for: %v", err)
	}
	o.Upstream, o.Variables = "money", "billing"
	text, _, _, err = Update([]byte(moved), stored(t, first.Lock(o)), imported(t, billing(t), o), o)
	if err != nil || string(text) != moved {
		t.Errorf("%v:\n%s", err, text)
	}
}

// TestUpdateAddsTools merges into a manifest that has none yet, and keeps its
// line breaks.
func TestUpdateAddsTools(t *testing.T) {
	const hand = "version: 1\r\nupstreams:\r\n  crm:\r\n    url: http://127.0.0.1:9000   # mine\r\n"
	o := OpenAPIOptions{Source: "billing.openapi.yaml"}
	text, _, _, err := Update([]byte(hand), nil, imported(t, billing(t), o), o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), hand) || !strings.Contains(string(text), "\r\n\r\ntools:\r\n  listInvoices:\r\n") {
		t.Errorf("%q", text)
	}
	if strings.Count(string(text), "\n") != strings.Count(string(text), "\r\n") {
		t.Error("line breaks are mixed")
	}
}

// TestUpdateRefuses says what can't be merged into.
func TestUpdateRefuses(t *testing.T) {
	o := OpenAPIOptions{}
	for _, text := range []string{"", "{version: 1}", "- a", "a: [", "text"} {
		if _, _, _, err := Update([]byte(text), nil, imported(t, billing(t), o), o); err == nil {
			t.Errorf("%q was merged into", text)
		}
	}
	for _, text := range []string{"", "{}", `{"version": 2, "upstream": "a", "settings": {}, "tools": {}}`, `{"version": 1, "upstream": "a", "settings": {}, "tools": {"a": {}}}`} {
		if _, err := ReadLock([]byte(text)); err == nil {
			t.Errorf("the lock %q was read", text)
		}
	}
}
