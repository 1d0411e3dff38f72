package e2e

import (
	"context"
	"errors"
	"strings"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// mcpGoSession is a session of github.com/mark3labs/mcp-go.
type mcpGoSession struct {
	*mcpclient.Client

	initialized *mcp.InitializeResult
}

func connectMCPGo(ctx context.Context, url, token, revision string) (session, error) {
	var headers map[string]string
	if token != "" {
		headers = map[string]string{"Authorization": "Bearer " + token}
	}
	over, err := transport.NewStreamableHTTP(url, transport.WithHTTPHeaders(headers))
	if err != nil {
		return nil, err
	}
	c := mcpclient.NewClient(over, mcpclient.WithProtocolVersion(revision))
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	request := mcp.InitializeRequest{}
	request.Params.ClientInfo = mcp.Implementation{Name: "sallyport-e2e", Version: "1.0.0"}
	initialized, err := c.Initialize(ctx, request)
	if err != nil {
		return nil, err
	}
	return mcpGoSession{c, initialized}, nil
}

func (s mcpGoSession) revision() string { return s.initialized.ProtocolVersion }

func (s mcpGoSession) server() string { return s.initialized.ServerInfo.Name }

func (s mcpGoSession) list(ctx context.Context) ([]tool, error) {
	listed, err := s.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, err
	}
	var tools []tool
	for _, each := range listed.Tools {
		readOnly := each.Annotations.ReadOnlyHint
		tools = append(tools, tool{each.Name, each.Description, readOnly != nil && *readOnly})
	}
	return tools, nil
}

func (s mcpGoSession) call(ctx context.Context, name string, args map[string]any) (result, error) {
	request := mcp.CallToolRequest{}
	request.Params.Name = name
	request.Params.Arguments = args
	answer, err := s.CallTool(ctx, request)
	if err != nil {
		return result{}, err
	}
	r := result{isError: answer.IsError, structured: answer.StructuredContent}
	var texts []string
	for _, block := range answer.Content {
		switch block := block.(type) {
		case mcp.TextContent:
			texts = append(texts, block.Text)
		case mcp.ImageContent:
			r.images = append(r.images, block.MIMEType)
		}
	}
	r.text = strings.Join(texts, "\n")
	return r, nil
}

// code knows the one code that mcp-go maps to an error of its own.
func (s mcpGoSession) code(err error) int {
	if errors.Is(err, mcp.ErrInvalidParams) {
		return mcp.INVALID_PARAMS
	}
	return 0
}

func (s mcpGoSession) close() error { return s.Close() }
