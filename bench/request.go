package main

import (
	"fmt"
	"strings"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
)

// plainRequests returns the request of a side that speaks no MCP.
func plainRequests(addr, path string) func(fixture.Call) [][]byte {
	return func(call fixture.Call) [][]byte {
		target := strings.Replace(path, "{customer_id}", string(call.Customer[:]), 1)
		return [][]byte{fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n\r\n", target, addr)}
	}
}

// callRequests returns a tools/call of revision 2026-07-28, once for every
// token. All MCP sides get the same bytes, save for the port in Host.
func callRequests(addr, tool string, tokens []string) func(fixture.Call) [][]byte {
	return func(call fixture.Call) [][]byte {
		params := fmt.Sprintf(`"name":"%s","arguments":{"customer_id":"%s"},`, tool, call.Customer)
		return mcpRequests(addr, "tools/call", params, "Mcp-Name: "+tool+"\r\n", call, tokens)
	}
}

// listRequests returns a tools/list of revision 2026-07-28.
func listRequests(addr string, tokens []string) func(fixture.Call) [][]byte {
	return func(call fixture.Call) [][]byte {
		return mcpRequests(addr, "tools/list", "", "", call, tokens)
	}
}

func mcpRequests(addr, method, params, header string, call fixture.Call, tokens []string) [][]byte {
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
		`"io.modelcontextprotocol/clientCapabilities":{},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}}`
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"%s","params":{%s%s}}`, call.ID, method, params, meta)
	list := make([][]byte, len(tokens))
	for i, token := range tokens {
		list[i] = fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
			"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: %s\r\n%s"+
			"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", addr, method, header, token, len(body), body)
	}
	return list
}
