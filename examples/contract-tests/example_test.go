package contracttests_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// nowhere is an address that nobody may ask.
const nowhere = "http://127.0.0.1:1"

// TestReadme demands that the page shows what is printed.
func TestReadme(t *testing.T) { exampletest.Readme(t, cmd.Main, map[string]string{"CRM_URL": nowhere}) }

// TestComplete demands an example of every tool.
func TestComplete(t *testing.T) {
	t.Setenv("CRM_URL", nowhere)
	var out bytes.Buffer
	if code := cmd.Main(standard.Parts(), []string{"test", "--strict"}, strings.NewReader(""), &out, &out); code != 0 {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}

// TestBroken demands that a mistake in the manifest is found, and told in the
// words of the page.
func TestBroken(t *testing.T) {
	manifest, customer := read(t, "manifest.yaml"), read(t, "customer.json")
	_, shown, ok := strings.Cut(read(t, "README.md"), "```text\n")
	shown, _, _ = strings.Cut(shown, "```")
	if !ok {
		t.Fatal("README.md shows no failure")
	}
	t.Setenv("CRM_URL", nowhere)
	t.Chdir(t.TempDir())
	broken := strings.Replace(manifest, "'{id, name, tier, city", "'{id, name, level: .tier, city", 1)
	if broken == manifest {
		t.Fatal("nothing is broken")
	}
	for name, text := range map[string]string{"broken.yaml": broken, "customer.json": customer} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	code := cmd.Main(standard.Parts(), []string{"test", "-c", "broken.yaml", "get_customer"}, strings.NewReader(""), &out, &out)
	if code != 1 || !strings.HasPrefix(out.String(), shown) {
		t.Errorf("exit code %d:\n%s\nwant\n%s", code, out.String(), shown)
	}
}

// TestMock demands that a client of mock mode gets the examples' answers, those
// that fit its arguments first.
func TestMock(t *testing.T) {
	g := exampletest.StartMock(t, map[string]string{"CRM_URL": nowhere})
	a := g.Call("", "get_customer", map[string]any{"customer_id": "cust_1"})
	if !a.OK() || a.Text != `{"city":"London","id":"cust_1","name":"Ada Lovelace","tier":"gold"}` {
		t.Errorf("%+v", a)
	}
	if a = g.Call("", "get_customer", map[string]any{"customer_id": "cust_404"}); !a.IsError || a.Text != "No customer has the ID cust_404." {
		t.Errorf("%+v", a)
	}
	if a = g.Call("", "customer_summary", map[string]any{"customer_id": "cust_1"}); !a.OK() || a.Text != "Ada Lovelace has 2 orders." {
		t.Errorf("%+v", a)
	}
	person := g.Client("")
	person.Answers = map[string]any{"confirm": exampletest.Accept(map[string]any{})}
	told := person.Call("cancel_order", map[string]any{"order_id": "ord_2", "reason": "A mistake"})
	if told.Text != "Order ord_2 is cancelled." || len(told.Asked) != 1 {
		t.Errorf("%+v", told)
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
