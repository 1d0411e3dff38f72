package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// goSDKSession is a session of github.com/modelcontextprotocol/go-sdk.
type goSDKSession struct {
	*mcp.ClientSession

	level *mcp.LoggingLevel // of log messages, told with each modern call
	host  *host
}

func connectGoSDK(ctx context.Context, url, token, revision string, h *host) (session, error) {
	return connectGoSDKOver(ctx, &mcp.StreamableClientTransport{
		Endpoint:   url,
		HTTPClient: &http.Client{Transport: bearer{token}},
		MaxRetries: -1,
	}, revision, h)
}

func connectGoSDKOver(ctx context.Context, transport mcp.Transport, revision string, h *host) (session, error) {
	c := mcp.NewClient(&mcp.Implementation{Name: "sallyport-e2e", Version: "1.0.0"}, goSDKOptions(h))
	c.AddRoots(&mcp.Root{URI: rootURI, Name: "shop"})
	c.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
			if method == "notifications/subscriptions/acknowledged" {
				h.note(func(n *notes) { n.acknowledged++ })
			}
			return next(ctx, method, r)
		}
	})
	s, err := c.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		return nil, err
	}
	return goSDKSession{s, new(mcp.LoggingLevel), h}, nil
}

// goSDKOptions lets the host answer and listen.
func goSDKOptions(h *host) *mcp.ClientOptions {
	return &mcp.ClientOptions{
		CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{
				Role: "assistant", Content: &mcp.TextContent{Text: modelSays}, Model: modelName, StopReason: "endTurn",
			}, nil
		},
		ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			if answer := h.elicit(r.Params.Message); answer != nil {
				return &mcp.ElicitResult{Action: "accept", Content: answer}, nil
			}
			return &mcp.ElicitResult{Action: "decline"}, nil
		},
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {
			h.note(func(n *notes) { n.changed++ })
		},
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) {
			h.note(func(n *notes) { n.updated = append(n.updated, r.Params.URI) })
		},
		LoggingMessageHandler: func(_ context.Context, r *mcp.LoggingMessageRequest) {
			h.note(func(n *notes) { n.logs = append(n.logs, fmt.Sprintf("%s: %v", r.Params.Level, r.Params.Data)) })
		},
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
			h.note(func(n *notes) { n.progress = append(n.progress, r.Params.Progress) })
		},
	}
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
	return s.callTool(ctx, &mcp.CallToolParams{Name: name, Arguments: args})
}

func (s goSDKSession) follow(ctx context.Context, name string, args map[string]any) (result, error) {
	params := &mcp.CallToolParams{Name: name, Arguments: args}
	params.SetProgressToken(name + "-progress")
	return s.callTool(ctx, params)
}

func (s goSDKSession) callTool(ctx context.Context, params *mcp.CallToolParams) (result, error) {
	if s.revision() >= rev0728 && *s.level != "" {
		if params.Meta == nil {
			params.Meta = mcp.Meta{}
		}
		params.Meta[mcp.MetaKeyLogLevel] = *s.level
	}
	answer, err := s.CallTool(ctx, params)
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

func (s goSDKSession) setLevel(ctx context.Context, level string) error {
	*s.level = mcp.LoggingLevel(level)
	if s.revision() >= rev0728 {
		return nil
	}
	return s.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: mcp.LoggingLevel(level)})
}

func (s goSDKSession) resources(ctx context.Context) (resources, templates []string, err error) {
	for each, err := range s.Resources(ctx, nil) {
		if err != nil {
			return nil, nil, err
		}
		resources = append(resources, each.URI)
	}
	for each, err := range s.ResourceTemplates(ctx, nil) {
		if err != nil {
			return nil, nil, err
		}
		templates = append(templates, each.URITemplate)
	}
	return resources, templates, nil
}

func (s goSDKSession) read(ctx context.Context, uri string) (content, error) {
	answer, err := s.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
	if err != nil {
		return content{}, err
	}
	if len(answer.Contents) != 1 {
		return content{}, fmt.Errorf("%d contents", len(answer.Contents))
	}
	one := answer.Contents[0]
	return content{one.URI, one.MIMEType, one.Text, string(one.Blob)}, nil
}

func (s goSDKSession) prompts(ctx context.Context) ([]string, error) {
	var names []string
	for each, err := range s.Prompts(ctx, nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, each.Name)
	}
	return names, nil
}

func (s goSDKSession) prompt(ctx context.Context, name string, args map[string]string) ([]string, error) {
	answer, err := s.GetPrompt(ctx, &mcp.GetPromptParams{Name: name, Arguments: args})
	if err != nil {
		return nil, err
	}
	var messages []string
	for _, each := range answer.Messages {
		text, ok := each.Content.(*mcp.TextContent)
		if !ok {
			return nil, fmt.Errorf("a message is a %T", each.Content)
		}
		messages = append(messages, fmt.Sprintf("%s: %s", each.Role, text.Text))
	}
	return messages, nil
}

func (s goSDKSession) complete(ctx context.Context, of reference, argument, value string) ([]string, error) {
	ref := &mcp.CompleteReference{Type: "ref/prompt", Name: of.prompt}
	if of.template != "" {
		ref = &mcp.CompleteReference{Type: "ref/resource", URI: of.template}
	}
	answer, err := s.Complete(ctx, &mcp.CompleteParams{
		Ref: ref, Argument: mcp.CompleteParamsArgument{Name: argument, Value: value},
	})
	if err != nil {
		return nil, err
	}
	return answer.Completion.Values, nil
}

// listen does nothing: the session listens to changes of the list on its own.
func (s goSDKSession) listen(context.Context) error { return nil }

// subscribe waits until a modern subscription stands: the SDK doesn't.
func (s goSDKSession) subscribe(ctx context.Context, uri string) error {
	before := s.host.notes().acknowledged
	if err := s.Subscribe(ctx, &mcp.SubscribeParams{URI: uri}); err != nil || s.revision() < rev0728 {
		return err
	}
	return s.host.await(ctx, func(n notes) bool { return n.acknowledged > before })
}

func (s goSDKSession) unsubscribe(ctx context.Context, uri string) error {
	return s.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: uri})
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
