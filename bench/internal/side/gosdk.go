package side

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
)

// customerInput is the argument of every tool; the SDK infers the schema.
type customerInput struct {
	CustomerID string `json:"customer_id" jsonschema:"The unique customer identifier"`
}

// GoSDK is a server that a user of github.com/modelcontextprotocol/go-sdk
// writes by hand: typed tools, Streamable HTTP without sessions, plain JSON
// answers, and a net/http client that keeps enough idle connections. Like the
// floor, it knows no callers, roles, limits or breakers.
func GoSDK(addr, upstream string, tools []fixture.Tool) error {
	s := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "1.0.0"}, nil)
	transport := &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 90 * time.Second}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	for _, tool := range tools {
		mcp.AddTool(s, &mcp.Tool{Name: tool.Name, Description: tool.Description}, restTool(client, "http://"+upstream+tool.Path))
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	return (&http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
}

func restTool(client *http.Client, target string) mcp.ToolHandlerFor[customerInput, any] {
	return func(ctx context.Context, _ *mcp.CallToolRequest, in customerInput) (*mcp.CallToolResult, any, error) {
		at := strings.Replace(target, "{customer_id}", url.PathEscape(in.CustomerID), 1)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err != nil {
			return nil, nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, nil, err
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, nil, err
		}
		if res.StatusCode != http.StatusOK {
			return nil, nil, fmt.Errorf("the service said %d", res.StatusCode)
		}
		return nil, json.RawMessage(body), nil
	}
}
