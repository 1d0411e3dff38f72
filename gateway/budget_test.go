package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
)

// quietUpstream answers every request with the same bytes and allocates
// nothing.
func quietUpstream(tb testing.TB, body string) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	go func() {
		for {
			c, acceptErr := l.Accept()
			if acceptErr != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				buffer, have := make([]byte, 64<<10), 0
				for {
					n, readErr := c.Read(buffer[have:])
					if readErr != nil {
						return
					}
					have += n
					if !bytes.HasSuffix(buffer[:have], []byte("\r\n\r\n")) {
						continue
					}
					have = 0
					if _, writeErr := c.Write(answer); writeErr != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// quietCaller sends the same call again and again and allocates nothing.
func quietCaller(tb testing.TB, address string, headers map[string]string) func() {
	tb.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	body := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_customer","arguments":{"customer_id":"cust_1"},` + modernMeta + `}}`
	var head strings.Builder
	head.WriteString("POST /mcp HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n" +
		"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: get_customer\r\n")
	for name, value := range headers {
		head.WriteString(name + ": " + value + "\r\n")
	}
	request := []byte(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head.String(), len(body), body))
	reader := bufio.NewReaderSize(c, 256<<10)
	return func() {
		if _, err := c.Write(request); err != nil {
			tb.Fatal(err)
		}
		length, ok := 0, false
		for {
			line, err := reader.ReadSlice('\n')
			if err != nil {
				tb.Fatal(err)
			}
			ok = ok || bytes.HasPrefix(line, []byte("HTTP/1.1 200"))
			if digits, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
				for _, d := range bytes.TrimSpace(digits) {
					length = length*10 + int(d-'0')
				}
			}
			if len(line) == 2 {
				break
			}
		}
		answer, err := reader.Peek(length)
		if err != nil || !ok || !bytes.Contains(answer, []byte(`"structuredContent"`)) {
			tb.Fatalf("answer %q %v", answer, err)
		}
		_, _ = reader.Discard(length)
	}
}

// budgetManifest has every guard on the way of a call.
const budgetManifest = guardedServer + `
auth:
  jwt: {issuer: "https://id.acme.example", audience: "https://mcp.acme.example/mcp", jwks_file: "${JWKS}"}
telemetry: {logs: {level: warn}}
upstreams:
  crm: {url: "${UPSTREAM}", timeout: 3s, breaker: {min_calls: 10}, retry: {attempts: 2}}
tools:
  get_customer:
    description: Retrieve a customer.
    roles: [support]
    rate_limit: 1000000/s
    concurrency: 100
    timeout: 5s
    request: GET /customers/{customer_id}
    input: {customer_id: {type: string, pattern: '^cust_'}}
`

const guardedServer = `version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", rate_limit: 1000000/s}
`

// TestCallAllocs is the budget of the hot path: what the whole process
// allocates for a call with every guard on.
func TestCallAllocs(t *testing.T) {
	id := newIdentity(t)
	r := start(t, budgetManifest, quietUpstream(t, `{"id":"cust_1","name":"Ann"}`), id.env)
	call := quietCaller(t, r.g.Addr().String(), id.bearer("ann", []string{"support"}, nil))
	call()
	allocs := testing.AllocsPerRun(500, call)
	t.Logf("%.1f allocations a call", allocs)
	if budget := 26.0; allocs > budget && !raceEnabled {
		t.Errorf("%.1f allocations a call, the budget is %v", allocs, budget)
	}
}

func BenchmarkCall(b *testing.B) {
	id := newIdentity(b)
	r := start(b, budgetManifest, quietUpstream(b, `{"id":"cust_1","name":"Ann"}`), id.env)
	call := quietCaller(b, r.g.Addr().String(), id.bearer("ann", []string{"support"}, nil))
	for b.Loop() {
		call()
	}
}

func BenchmarkCall64KiB(b *testing.B) {
	id := newIdentity(b)
	r := start(b, budgetManifest, quietUpstream(b, `{"rows":[`+strings.Repeat(`{"id":"cust_1","name":"Ann","n":12},`, 1800)+`{}]}`), id.env)
	call := quietCaller(b, r.g.Addr().String(), id.bearer("ann", []string{"support"}, nil))
	for b.Loop() {
		call()
	}
}
