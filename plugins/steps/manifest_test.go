package steps_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/steps"
	"github.com/sallyport-mcp/sallyport/plugins/transform"
)

const manifest = `
version: 1
tools:
  place_order:
    description: Places an order.
    input: {customer_id: {type: string}, items: {type: array}, amount: {type: number}}
    confirm: "Order ${{ args.items | length }} lines?"
    steps:
      - {id: customer, tool: get_customer, args: {customer_id: "${{ args.customer_id }}"}}
      - {id: stock, for_each: args.items, parallel: 4, tool: check_inventory, args: {product_id: "${{ item.product_id }}"}}
      - {require: 'steps.stock.all(s, s.available)', otherwise: Out of stock.}
      - {progress: 50, total: 100, message: Stock is reserved.}
      - {id: ok, ask: {message: "Charge ${{ args.amount }}?", schema: {sure: {type: boolean, default: true}}}}
      - {id: pay, tool: charge, args: {amount: "${{ args.amount }}"}, undo: {tool: refund, args: {payment: "${{ steps.pay.id }}"}}}
      - parallel:
          - {id: roots, roots: {}}
          - {id: model, sample: {messages: [{role: user, text: Hello}]}, optional: true}
          - {id: page, ask: {message: Log in, url: "https://id.example/", timeout: 90s}}
      - {log: info, message: Paid, data: {id: "${{ steps.pay.id }}"}}
      - {tool: mail, args: {order: "${{ steps.pay }}"}, detach: true, when: steps.ok.sure}
    response:
      poll: {status: "GET /jobs/{id}", until: .done, every: 5s}
      content: [{step: pay}]
`

func TestManifest(t *testing.T) {
	response := transform.Part().Settings
	m, err := config.Load(config.Source{Path: "m.yaml", Overlay: map[string][]byte{"m.yaml": []byte(manifest)}}, config.Parts{
		Tool: []config.Part{
			{Key: "steps", Settings: steps.Steps().Settings}, {Key: "confirm", Settings: steps.Confirm().Settings},
			{Key: "response", Settings: response},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tool := m.Tools["place_order"]
	list, ok := tool.Parts["steps"].Value.([]steps.Step)
	if !ok || list[1].Parallel.Limit != 4 || len(list[6].Parallel.Steps) != 3 || list[6].Parallel.Steps[2].Ask.Timeout != 90*time.Second ||
		list[4].Ask.Timeout != 5*time.Minute || list[6].Parallel.Steps[1].Sample.MaxTokens != 1000 {
		t.Fatalf("steps %+v", tool.Parts["steps"].Value)
	}
	env := plugins.Env{
		Name: "place_order", Tools: []string{"charge", "check_inventory", "get_customer", "mail", "place_order", "refund"},
		Tool: &plugins.Tool{Kind: "tool", Name: "place_order"},
	}
	program, err := steps.Steps().New(list, env)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(program.Steps(), " "); got != "customer stock ok pay roots model page" {
		t.Errorf("steps %s", got)
	}
	if _, err = steps.Confirm().New(tool.Parts["confirm"].Value, env); err != nil {
		t.Error(err)
	}
	env.Steps, env.Upstream = program.Steps(), "shop"
	if _, err = transform.Part().New(tool.Parts["response"].Value, env); err != nil {
		t.Error(err)
	}
}
