package standard

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/policy"
	"github.com/sallyport-mcp/sallyport/plugins/store"
)

func TestPipeline(t *testing.T) {
	var got []string
	for _, p := range Parts().Policies {
		where := ""
		for place, name := range map[plugins.Where]string{plugins.OnTool: "T", plugins.OnUpstream: "U", plugins.OnServer: "S", plugins.OnResource: "R", plugins.OnPrompt: "P"} {
			if p.Where&place != 0 {
				where += name
			}
		}
		letters := strings.Split(where, "")
		slices.Sort(letters)
		got = append(got, p.Key+":"+strings.Join(letters, ""))
	}
	want := []string{
		"roles:PRT", "scopes:PRT", "rate_limit:PRST", ":PRT", "when:PRT", "cache:PRT", "concurrency:RT",
		"timeout:PRT", "retry:RTU", "breaker:U", "timeout:U",
	}
	if !slices.Equal(got, want) {
		t.Errorf("pipeline %q, want %q", got, want)
	}
}

func TestPartsAreDocumented(t *testing.T) {
	seen := map[string]plugins.Where{}
	for _, p := range Parts().Policies {
		if p.Doc == "" || !strings.HasSuffix(p.Doc, ".") {
			t.Errorf("%q: doc %q is no sentence", p.Key, p.Doc)
		}
		if p.Where == 0 || p.Settings == nil || p.New == nil || p.Key == "" && !p.Always {
			t.Errorf("%q is not complete", p.Key)
		}
		if seen[p.Key]&p.Where != 0 {
			t.Errorf("%q is in the list twice for the same place", p.Key)
		}
		seen[p.Key] |= p.Where
	}
	for _, u := range Parts().Upstreams {
		if u.Doc == "" || u.Key == "" || u.Settings == nil || u.Request == nil || u.New == nil {
			t.Errorf("upstream %q is not complete", u.Key)
		}
	}
	for _, a := range Parts().Auth {
		if a.Doc == "" || a.Key == "" || a.Settings == nil || a.New == nil {
			t.Errorf("auth %q is not complete", a.Key)
		}
	}
	if Parts().Chain == nil {
		t.Error("nothing joins the ways to authenticate")
	}
}

func guarded(tb testing.TB) (plugins.Handler, *plugins.Call) {
	tb.Helper()
	input, err := schema.Compile([]byte(`{"type":"object","additionalProperties":false,"required":["customer_id"],"properties":{"customer_id":{"type":"string","pattern":"^cust_[a-z0-9]+$"}}}`))
	if err != nil {
		tb.Fatal(err)
	}
	tool := &plugins.Tool{
		Name: "get_customer", Input: input, Repeatable: true,
		Arguments: []plugins.Argument{{Name: "customer_id", Schema: []byte(`{"type":"string"}`)}},
	}
	env := plugins.Env{
		Name: tool.Name, Tool: tool, Upstream: "crm", Store: store.NewMemory(0, nil),
		Keep: func(_ string, build func() (io.Closer, error)) (io.Closer, error) { return build() },
	}
	rate, err := policy.MakeRate(1_000_000, time.Second, 100_000)
	if err != nil {
		tb.Fatal(err)
	}
	settings := []any{
		policy.Roles{"support", "admin"}, policy.Scopes{"mcp:use"},
		policy.RateLimit{{Rate: rate, Per: "client", Cost: 1, Answer: "http"}}, nil, policy.Concurrency(100),
		5 * time.Second, policy.Retry{Attempts: 3, Backoff: time.Millisecond, MaxBackoff: time.Second}, nil, time.Second,
	}
	handler := plugins.Handler(func(context.Context, *plugins.Call) (*mcp.Result, error) { return &mcp.Result{}, nil })
	parts := slices.DeleteFunc(Parts().Policies, func(p plugins.PolicyPart) bool { return p.Key == "when" || p.Key == "cache" })
	for i, part := range slices.Backward(parts) {
		p, err := part.New(settings[i], env)
		if err != nil {
			tb.Fatalf("%q: %v", part.Key, err)
		}
		handler = p.Wrap(handler)
	}
	return handler, &plugins.Call{
		Tool: tool, Record: &plugins.Record{}, Arguments: []byte(`{"customer_id":"cust_0123456789abcdefghij"}`),
		Principal: &plugins.Principal{Key: "https://id.acme.example/alice", Roles: []string{"support"}, Scopes: []string{"mcp:use"}},
	}
}

// Goal: below 2 µs on a quiet core.
func BenchmarkGuards(b *testing.B) {
	handler, call := guarded(b)
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	callers := make([]plugins.Principal, 16)
	for i := range callers {
		callers[i] = *call.Principal
		callers[i].Key += strconv.Itoa(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		call.Principal = &callers[i%len(callers)] // one alone would reach the limit
		if _, err := handler(ctx, call); err != nil {
			b.Fatal(err)
		}
	}
}

func TestGuardsAllocate(t *testing.T) {
	handler, call := guarded(t)
	ctx := context.Background()
	got := testing.AllocsPerRun(1000, func() {
		if _, err := handler(ctx, call); err != nil {
			t.Fatal(err)
		}
	})
	if got > allocationBudget {
		t.Errorf("%.0f allocations a call, the budget is %d", got, allocationBudget)
	}
}

// allocationBudget is what one call may allocate in all guards together: 10
// for two nested deadlines, 5 for decoding the arguments, and one each for the
// limiter's key, the call with arguments, the breaker's ticket and the result.
const allocationBudget = 20
