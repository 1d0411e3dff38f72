package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// goSDKSession is a session of github.com/modelcontextprotocol/go-sdk.
type goSDKSession struct{ *mcp.ClientSession }

func connectGoSDK(ctx context.Context, url, token, revision string) (session, error) {
	c := mcp.NewClient(&mcp.Implementation{Name: "sallyport-e2e", Version: "1.0.0"}, nil)
	transport := &mcp.StreamableClientTransport{
		Endpoint:   url,
		HTTPClient: &http.Client{Transport: bearer{token}},
		MaxRetries: -1,
	}
	s, err := c.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		return nil, err
	}
	return goSDKSession{s}, nil
}

func (s goSDKSession) revision() string { return s.InitializeResult().ProtocolVersion }

func (s goSDKSession) server() string {
	if info := s.InitializeResult().ServerInfo; info != nil {
		return info.Name
	}
	return ""
}

func (s goSDKSession) list(ctx context.Context) ([]tool, error) {
	var tools []tool
	for each, err := range s.Tools(ctx, nil) {
		if err != nil {
			return nil, err
		}
		tools = append(tools, tool{each.Name, each.Description, each.Annotations != nil && each.Annotations.ReadOnlyHint})
	}
	return tools, nil
}

func (s goSDKSession) call(ctx context.Context, name string, args map[string]any) (result, error) {
	answer, err := s.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		return result{}, err
	}
	r := result{isError: answer.IsError, structured: answer.StructuredContent}
	var texts []string
	for _, block := range answer.Content {
		switch block := block.(type) {
		case *mcp.TextContent:
			texts = append(texts, block.Text)
		case *mcp.ImageContent:
			r.images = append(r.images, block.MIMEType)
		}
	}
	r.text = strings.Join(texts, "\n")
	return r, nil
}

func (s goSDKSession) code(err error) int {
	var wire *jsonrpc.Error
	if errors.As(err, &wire) {
		return int(wire.Code)
	}
	return 0
}

func (s goSDKSession) close() error { return s.Close() }

// bearer adds a token to every request.
type bearer struct{ token string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return http.DefaultTransport.RoundTrip(r)
}
