package e2e

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// mcpGoSession is a session of github.com/mark3labs/mcp-go.
type mcpGoSession struct {
	*mcpclient.Client

	initialized *mcp.InitializeResult
	host        *host
	stop        *func() // ends the listening of a modern session
}

func connectMCPGo(ctx context.Context, url, token, revision string, h *host) (session, error) {
	var headers map[string]string
	if token != "" {
		headers = map[string]string{"Authorization": "Bearer " + token}
	}
	options := []transport.StreamableHTTPCOption{
		transport.WithHTTPHeaders(headers), transport.WithHTTPLogger(slog.New(slog.DiscardHandler)),
	}
	if revision < rev0728 { // with a stream of its own, mcp-go speaks legacy revisions only
		options = append(options, transport.WithContinuousListening())
	}
	over, err := transport.NewStreamableHTTP(url, options...)
	if err != nil {
		return nil, err
	}
	return connectMCPGoOver(ctx, over, revision, h)
}

func connectMCPGoOver(ctx context.Context, over transport.Interface, revision string, h *host) (session, error) {
	c := mcpclient.NewClient(over, mcpclient.WithProtocolVersion(revision),
		mcpclient.WithElicitationHandler(mcpGoHost{h}), mcpclient.WithSamplingHandler(mcpGoHost{h}),
		mcpclient.WithRootsHandler(mcpGoHost{h}))
	// The context of Start is that of the listening stream.
	if err := c.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	c.OnNotification(func(n mcp.JSONRPCNotification) { mcpGoHost{h}.told(n) })
	request := mcp.InitializeRequest{}
	request.Params.ClientInfo = mcp.Implementation{Name: "sallyport-e2e", Version: "1.0.0"}
	initialized, err := c.Initialize(ctx, request)
	if err != nil {
		return nil, err
	}
	stop := func() {}
	return mcpGoSession{c, initialized, h, &stop}, nil
}

// mcpGoHost is a host as mcp-go calls it.
type mcpGoHost struct{ *host }

func (h mcpGoHost) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	answer := &mcp.ElicitationResult{}
	answer.Action = mcp.ElicitationResponseActionDecline
	if filled := h.elicit(r.Params.Message); filled != nil {
		answer.Action, answer.Content = mcp.ElicitationResponseActionAccept, filled
	}
	return answer, nil
}

func (mcpGoHost) CreateMessage(context.Context, mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	answer := &mcp.CreateMessageResult{Model: modelName, StopReason: "endTurn"}
	answer.Role, answer.Content = mcp.RoleAssistant, mcp.NewTextContent(modelSays)
	return answer, nil
}

func (mcpGoHost) ListRoots(context.Context, mcp.ListRootsRequest) (*mcp.ListRootsResult, error) {
	return &mcp.ListRootsResult{Roots: []mcp.Root{{URI: rootURI, Name: "shop"}}}, nil
}

func (h mcpGoHost) told(n mcp.JSONRPCNotification) {
	fields := n.Params.AdditionalFields
	h.note(func(all *notes) {
		switch n.Method {
		case string(mcp.MethodNotificationProgress):
			progress, _ := fields["progress"].(float64)
			all.progress = append(all.progress, progress)
		case string(mcp.MethodNotificationMessage):
			all.logs = append(all.logs, fmt.Sprintf("%v: %v", fields["level"], fields["data"]))
		case mcp.MethodNotificationResourceUpdated:
			all.updated = append(all.updated, fmt.Sprint(fields["uri"]))
		case mcp.MethodNotificationToolsListChanged:
			all.changed++
		case mcp.MethodNotificationSubscriptionsAcknowledged:
			all.acknowledged++
		}
	})
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
	return s.callTool(ctx, name, args, nil)
}

func (s mcpGoSession) follow(ctx context.Context, name string, args map[string]any) (result, error) {
	return s.callTool(ctx, name, args, &mcp.Meta{ProgressToken: name + "-progress"})
}

func (s mcpGoSession) callTool(ctx context.Context, name string, args map[string]any, meta *mcp.Meta) (result, error) {
	request := mcp.CallToolRequest{}
	request.Params.Name = name
	request.Params.Arguments = args
	request.Params.Meta = meta
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

func (s mcpGoSession) setLevel(ctx context.Context, level string) error {
	request := mcp.SetLevelRequest{}
	request.Params.Level = mcp.LoggingLevel(level)
	return s.SetLevel(ctx, request)
}

func (s mcpGoSession) resources(ctx context.Context) (resources, templates []string, err error) {
	listed, err := s.ListResources(ctx, mcp.ListResourcesRequest{})
	if err != nil {
		return nil, nil, err
	}
	for _, each := range listed.Resources {
		resources = append(resources, each.URI)
	}
	more, err := s.ListResourceTemplates(ctx, mcp.ListResourceTemplatesRequest{})
	if err != nil {
		return nil, nil, err
	}
	for _, each := range more.ResourceTemplates {
		templates = append(templates, each.URITemplate.Raw())
	}
	return resources, templates, nil
}

func (s mcpGoSession) read(ctx context.Context, uri string) (content, error) {
	request := mcp.ReadResourceRequest{}
	request.Params.URI = uri
	answer, err := s.ReadResource(ctx, request)
	if err != nil {
		return content{}, err
	}
	if len(answer.Contents) != 1 {
		return content{}, fmt.Errorf("%d contents", len(answer.Contents))
	}
	switch one := answer.Contents[0].(type) {
	case mcp.TextResourceContents:
		return content{one.URI, one.MIMEType, one.Text, ""}, nil
	case mcp.BlobResourceContents:
		blob, err := base64.StdEncoding.DecodeString(one.Blob)
		return content{one.URI, one.MIMEType, "", string(blob)}, err
	default:
		return content{}, fmt.Errorf("contents are %T", one)
	}
}

func (s mcpGoSession) prompts(ctx context.Context) ([]string, error) {
	listed, err := s.ListPrompts(ctx, mcp.ListPromptsRequest{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, each := range listed.Prompts {
		names = append(names, each.Name)
	}
	return names, nil
}

func (s mcpGoSession) prompt(ctx context.Context, name string, args map[string]string) ([]string, error) {
	request := mcp.GetPromptRequest{}
	request.Params.Name, request.Params.Arguments = name, args
	answer, err := s.GetPrompt(ctx, request)
	if err != nil {
		return nil, err
	}
	var messages []string
	for _, each := range answer.Messages {
		text, ok := each.Content.(mcp.TextContent)
		if !ok {
			return nil, fmt.Errorf("a message is a %T", each.Content)
		}
		messages = append(messages, fmt.Sprintf("%s: %s", each.Role, text.Text))
	}
	return messages, nil
}

func (s mcpGoSession) complete(ctx context.Context, of reference, argument, value string) ([]string, error) {
	request := mcp.CompleteRequest{}
	request.Params.Ref = mcp.PromptReference{Type: "ref/prompt", Name: of.prompt}
	if of.template != "" {
		request.Params.Ref = mcp.ResourceReference{Type: "ref/resource", URI: of.template}
	}
	request.Params.Argument = mcp.CompleteArgument{Name: argument, Value: value}
	answer, err := s.Complete(ctx, request)
	if err != nil {
		return nil, err
	}
	return answer.Completion.Values, nil
}

func (s mcpGoSession) listen(ctx context.Context) error { return s.listenTo(ctx, nil) }

// listenTo opens the stream of a modern session and waits until it stands. The
// stream of a legacy session is there from the beginning.
func (s mcpGoSession) listenTo(ctx context.Context, uris []string) error {
	if s.revision() < rev0728 {
		return nil
	}
	before := s.host.notes().acknowledged
	filter := mcp.SubscriptionFilter{ToolsListChanged: true, ResourceSubscriptions: uris}
	(*s.stop)()
	stop, err := s.ListenAsync(context.WithoutCancel(ctx), filter, nil)
	if err != nil {
		return err
	}
	*s.stop = stop
	return s.host.await(ctx, func(n notes) bool { return n.acknowledged > before })
}

func (s mcpGoSession) subscribe(ctx context.Context, uri string) error {
	if s.revision() >= rev0728 {
		return s.listenTo(ctx, []string{uri})
	}
	request := mcp.SubscribeRequest{}
	request.Params.URI = uri
	return s.Client.Subscribe(ctx, request)
}

func (s mcpGoSession) unsubscribe(ctx context.Context, uri string) error {
	if s.revision() >= rev0728 {
		return s.listenTo(ctx, nil)
	}
	request := mcp.UnsubscribeRequest{}
	request.Params.URI = uri
	return s.Client.Unsubscribe(ctx, request)
}

// code knows the codes that mcp-go maps to errors of its own.
func (s mcpGoSession) code(err error) int {
	switch {
	case errors.Is(err, mcp.ErrInvalidParams):
		return mcp.INVALID_PARAMS
	case errors.Is(err, mcp.ErrResourceNotFound):
		return mcp.RESOURCE_NOT_FOUND
	}
	return 0
}

func (s mcpGoSession) close() error {
	(*s.stop)()
	return s.Close()
}
