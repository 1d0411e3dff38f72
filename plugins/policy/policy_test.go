package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is an Env.Keep over several builds.
type kept struct {
	mu     sync.Mutex
	values map[string]io.Closer
}

func (k *kept) keep(key string, build func() (io.Closer, error)) (io.Closer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok := k.values[key]; ok {
		return v, nil
	}
	v, err := build()
	if k.values == nil {
		k.values = map[string]io.Closer{}
	}
	k.values[key] = v
	return v, err
}

// notes is an Observer that remembers.
type notes struct {
	retries atomic.Int64
	cache   []string
	looked  chan struct{} // told of each look into the cache, if there is one
	mu      sync.Mutex
	states  []int
	state   func() int // of the breaker there is
}

func (n *notes) Cache(kind string, hit bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cache = append(n.cache, fmt.Sprint(kind, " ", hit))
	if n.looked != nil {
		n.looked <- struct{}{}
	}
}

func (n *notes) Breaker(_ string, state func() int) func() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = state
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.state = nil
	}
}

func (n *notes) BreakerState(_ string, state int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.states = append(n.states, state)
}
func (n *notes) KeySetRefresh(string, error)        {}
func (n *notes) UpstreamRequest(string, int, int64) {}
func (n *notes) Retry(string)                       { n.retries.Add(1) }

const inputSchema = `{"type":"object","additionalProperties":false,"required":["customer_id"],"properties":{` +
	`"customer_id":{"type":"string"},"limit":{"type":"integer","minimum":1,"default":10},"deep":{"type":"boolean"}}}`

func compiled(t testing.TB, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Compile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tool is get_customer.
func tool(t testing.TB) *plugins.Tool {
	t.Helper()
	return &plugins.Tool{
		Name: "get_customer", Input: compiled(t, inputSchema), Repeatable: true,
		Arguments: []plugins.Argument{
			{Name: "customer_id", Schema: []byte(`{"type":"string"}`)},
			{Name: "limit", Schema: []byte(`{"type":"integer","minimum":1,"default":10}`)},
			{Name: "deep", Schema: []byte(`{"type":"boolean"}`)},
		},
	}
}

func envFor(tool *plugins.Tool) plugins.Env {
	return plugins.Env{
		Name: tool.Name, Tool: tool, Upstream: "crm", Store: store.NewMemory(1000, nil),
		Observe: &notes{}, Keep: (&kept{}).keep,
	}
}

func callOf(tool *plugins.Tool, who string) *plugins.Call {
	return &plugins.Call{
		Tool: tool, Principal: &plugins.Principal{Key: who}, Record: &plugins.Record{},
		Arguments: []byte(`{"customer_id":"cust_1"}`),
	}
}

func fine(context.Context, *plugins.Call) (*mcp.Result, error) { return &mcp.Result{}, nil }

// failing answers with that error, counting attempts as an upstream does.
func failing(err error) plugins.Handler {
	return func(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
		call.Record.Attempts++
		return nil, err
	}
}

// wantKind fails the test unless err is a *plugins.Error of that kind.
func wantKind(t testing.TB, err error, kind plugins.Kind) *plugins.Error {
	t.Helper()
	e := failure(err)
	if e == nil || e.Kind != kind {
		t.Fatalf("error %v, want one of kind %d", err, kind)
	}
	return e
}

func build[S any](t testing.TB, part plugins.PolicyPart, settings S, env plugins.Env) plugins.Policy {
	t.Helper()
	p, err := part.New(settings, env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantMistake fails the test unless err says text at that path.
func wantMistake(t *testing.T, err error, path, text string) {
	t.Helper()
	mistakes, _ := errors.AsType[plugins.FieldErrors](err)
	if one, ok := errors.AsType[*plugins.FieldError](err); ok && len(mistakes) == 0 {
		mistakes = plugins.FieldErrors{one}
	}
	for _, m := range mistakes {
		if strings.Join(m.Path, ".") == path && strings.Contains(m.Message, text) {
			return
		}
	}
	t.Errorf("errors %v, want %q at %q", err, text, path)
}

func TestSeconds(t *testing.T) {
	for d, want := range map[int64]string{0: "1 second", 1: "1 second", 1e9: "1 second", 1e9 + 1: "2 seconds", 90e9: "90 seconds"} {
		if got := seconds(time.Duration(d)); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}

func TestKeepRefusesAnotherType(t *testing.T) {
	k := &kept{}
	env := plugins.Env{Keep: k.keep}
	if _, err := keep(env, "x", func() *running { return &running{} }); err != nil {
		t.Fatal(err)
	}
	if _, err := keep(env, "x", func() *circuit { return &circuit{} }); err == nil {
		t.Error("a value of another type is taken")
	}
}

func BenchmarkRateLimit(b *testing.B) {
	tl := tool(b)
	r := rule(b, "1000000/s", "")
	p, err := newRateLimit(RateLimit{r}, envFor(tl))
	if err != nil {
		b.Fatal(err)
	}
	h := p.Wrap(fine)
	calls := make([]*plugins.Call, 16) // one client alone would reach the limit
	for i := range calls {
		calls[i] = callOf(tl, "https://id.acme.example/alice"+strconv.Itoa(i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := h(context.Background(), calls[i%len(calls)]); err != nil {
			b.Fatal(err)
		}
	}
}
