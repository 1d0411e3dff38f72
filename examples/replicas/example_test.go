package replicas_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/examples/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m) }

// rig is two gateways behind a balancer.
type rig struct {
	t        *testing.T
	shop     *acme.Service
	replicas [2]*exampletest.Gateway
	// served counts the requests that the balancer gave to each.
	served [2]atomic.Int64
	url    string // of the endpoint, at the balancer
	client *http.Client
}

func start(t *testing.T) *rig {
	t.Helper()
	shop := exampletest.Acme(t)
	r := &rig{t: t, shop: shop.Service()}
	balancer := httptest.NewUnstartedServer(nil)
	r.url = "http://" + balancer.Listener.Addr().String() + "/mcp"
	env := map[string]string{
		"ACME_URL": shop.URL(), "SALLYPORT_KEY": "0123456789abcdef0123456789abcdef",
		"PUBLIC_URL": "http://" + balancer.Listener.Addr().String(),
	}
	var to [2]*httputil.ReverseProxy
	for i := range r.replicas {
		r.replicas[i] = exampletest.Start(t, env)
		to[i] = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: r.replicas[i].Addr().String()})
		to[i].FlushInterval = -1 // an event is sent on when it comes
	}
	var next atomic.Int64
	balancer.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		i := int(next.Add(1)) % len(to)
		r.served[i].Add(1)
		to[i].ServeHTTP(w, q)
	})
	balancer.Start()
	t.Cleanup(balancer.Close)
	r.client = balancer.Client()
	return r
}

// both demands that both replicas had a part in it.
func (r *rig) both() {
	r.t.Helper()
	if a, b := r.served[0].Load(), r.served[1].Load(); a == 0 || b == 0 {
		r.t.Errorf("the replicas served %d and %d requests", a, b)
	}
}

// order are the arguments of an order.
func order() map[string]any {
	return map[string]any{
		"customer_id": acme.FirstCustomer,
		"items":       []any{map[string]any{"sku": acme.FirstSKU, "quantity": 1}},
	}
}

// TestRounds demands that a call which one replica asks a question about goes
// on at the other, and that the order is made once.
func TestRounds(t *testing.T) {
	r := start(t)
	person := r.replicas[0].Client("").At(r.url)
	person.Answers = map[string]any{"confirm": exampletest.Accept(map[string]any{})}
	a := person.Call("create_order", order())
	if !a.OK() || a.Rounds != 2 || !strings.Contains(a.Text, `"status":"pending"`) {
		t.Errorf("%d %d %s %s", a.Status, a.Code, a.Message, a.Text)
	}
	if made := r.shop.Stats().Routes["POST /orders"]; made != 1 {
		t.Errorf("%d orders were made", made)
	}
	r.both()
}

// TestSession demands the same of a session of revision 2025-11-25: every
// request may arrive anywhere, also the reply to a question that waits on the
// stream of another.
func TestSession(t *testing.T) {
	r := start(t)
	begun := r.post("", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",`+
		`"capabilities":{"elicitation":{}},"clientInfo":{"name":"test","version":"1"}}}`)
	r.drain(begun)
	session := begun.Header.Get("Mcp-Session-Id")
	arguments, err := json.Marshal(order())
	if err != nil {
		t.Fatal(err)
	}
	stream := r.post(session, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"create_order","arguments":`+string(arguments)+`}}`)
	events := bufio.NewReader(stream.Body)
	question := r.event(events)
	if question.Method != "elicitation/create" {
		t.Fatalf("%+v", question)
	}
	reply := r.post(session, `{"jsonrpc":"2.0","id":`+string(question.ID)+`,"result":{"action":"accept","content":{}}}`)
	r.drain(reply)
	if reply.StatusCode != http.StatusAccepted {
		t.Errorf("the reply was answered with %d", reply.StatusCode)
	}
	if answer := r.event(events); string(answer.ID) != "2" || !strings.Contains(string(answer.Result), "pending") {
		t.Errorf("%s %s", answer.ID, answer.Result)
	}
	r.drain(stream)
	r.both()
}

// message is a JSON-RPC message of the gateway's.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
}

// post sends a message of a session to the balancer.
func (r *rig) post(session, body string) *http.Response {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	if session != "" {
		request.Header.Set("MCP-Protocol-Version", "2025-11-25")
		request.Header.Set("Mcp-Session-Id", session)
	}
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	return response
}

// drain reads an answer to its end.
func (r *rig) drain(response *http.Response) {
	r.t.Helper()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		r.t.Error(err)
	}
	if err := response.Body.Close(); err != nil {
		r.t.Error(err)
	}
}

// event reads the next message of an event stream; events without one only
// tell where to resume.
func (r *rig) event(lines *bufio.Reader) message {
	r.t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			r.t.Fatalf("the stream has ended: %v", err)
		}
		data, isData := strings.CutPrefix(line, "data: {")
		if !isData {
			continue
		}
		var m message
		if err := json.Unmarshal([]byte("{"+data), &m); err != nil {
			r.t.Fatalf("%s: %v", line, err)
		}
		return m
	}
}
