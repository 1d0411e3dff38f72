package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// call calls one tool.
func (a *app) call() *cobra.Command {
	var flags calling
	c := &cobra.Command{
		Use:   "call TOOL [name=text | name:=json]...",
		Short: "Call a tool: of the manifest, or of a running gateway with --url.",
		Long: "Call a tool and print what a client would get.\n\n" +
			"Without --url the manifest is read and the call goes through all its policies, as the caller given by --as,\n" +
			"to the upstream. What the tool asks the person is asked on the terminal, or answered by --answer; progress and\n" +
			"waiting are told on standard error. With --url a running gateway is asked, with the token of --token or\n" +
			"SALLYPORT_TOKEN; there questions can't be answered.",
		Example: "  sallyport call get_customer customer_id=42 --as ann:support\n" +
			"  sallyport call get_customer customer_id=42 --dry-run\n" +
			"  sallyport call delete_customer customer_id=42 --answer confirm=true\n" +
			`  sallyport call place_order amount:=12.5 --answer 'details={"note": "by car"}'` + "\n" +
			"  sallyport call --url http://127.0.0.1:8080/mcp get_customer customer_id=42",
		ValidArgsFunction: a.completeNames(gateway.KindTool),
		Args:              usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			arguments, err := parseArguments(args[1:])
			if err != nil {
				return err
			}
			if flags.url != "" {
				return a.callRemote(c, flags, args[0], arguments)
			}
			return a.perform(c, &flags, &gateway.Invocation{Kind: gateway.KindTool, Name: args[0], Arguments: arguments})
		},
	}
	a.manifestFlag(c)
	flags.add(c)
	f := c.Flags()
	f.BoolVar(&flags.dryRun, "dry-run", false, "print the upstream request instead of sending it")
	f.StringVar(&flags.url, "url", "", "endpoint of a running gateway")
	f.StringVar(&flags.token, "token", os.Getenv("SALLYPORT_TOKEN"), "bearer token for --url (default: $SALLYPORT_TOKEN)")
	f.Lookup("token").DefValue = ""
	return c
}

// callResponse is the part of a response that is printed.
type callResponse struct {
	Result struct {
		// ResultType is input_required if the tool asks something.
		ResultType string         `json:"resultType"`
		Content    []contentBlock `json:"content"`
		IsError    bool           `json:"isError"`
		// Contents are those of a resource.
		Contents []resourceContent `json:"contents"`
		// Messages are those of a prompt.
		Messages []struct {
			Role    string       `json:"role"`
			Content contentBlock `json:"content"`
		} `json:"messages"`
	} `json:"result"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// contentBlock is a content block.
type contentBlock struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	MIMEType string          `json:"mimeType"`
	Data     []byte          `json:"data"`
	URI      string          `json:"uri"`
	Resource resourceContent `json:"resource"`
}

// resourceContent is what a resource holds.
type resourceContent struct {
	URI      string  `json:"uri"`
	MIMEType string  `json:"mimeType"`
	Text     *string `json:"text"`
	Blob     []byte  `json:"blob"`
}

// String is a block as it is printed: a text, or a line in its place.
func (b *contentBlock) String() string {
	switch b.Type {
	case "text":
		return b.Text
	case "resource":
		res := b.Resource
		size := len(res.Blob)
		if res.Text != nil {
			size = len(*res.Text)
		}
		return fmt.Sprintf("[resource %s, %s, %d bytes]", res.URI, res.MIMEType, size)
	case "resource_link":
		return fmt.Sprintf("[link %s]", b.URI)
	}
	return fmt.Sprintf("[%s, %s, %d bytes]", b.Type, b.MIMEType, len(b.Data))
}

// printResponse prints the content blocks of a response, the contents of a
// resource, or the messages of a prompt.
func (a *app) printResponse(response []byte, raw bool) error {
	var r callResponse
	if err := json.Unmarshal(response, &r); err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	if raw {
		if err := a.printf("%s\n", response); err != nil || r.Error != nil || r.Result.IsError {
			return errors.Join(err, errSilent)
		}
		return nil
	}
	switch {
	case r.Error != nil:
		return fmt.Errorf("error %d: %s", r.Error.Code, r.Error.Message)
	case r.Result.ResultType == "input_required":
		return errors.New("the tool asks a question, which can't be answered over --url: call it without, or use a client")
	}
	var text []byte
	for i := range r.Result.Content {
		text = fmt.Appendf(text, "%s\n", &r.Result.Content[i])
	}
	for i := range r.Result.Messages {
		m := &r.Result.Messages[i]
		text = fmt.Appendf(text, "%s: %s\n", m.Role, &m.Content)
	}
	for _, c := range r.Result.Contents {
		if c.Text != nil {
			text = fmt.Appendf(text, "%s\n", *c.Text)
			continue
		}
		text = fmt.Appendf(text, "[%s, %s, %d bytes]\n", c.URI, c.MIMEType, len(c.Blob))
	}
	if err := a.printf("%s", text); err != nil {
		return err
	}
	if r.Result.IsError {
		return errSilent
	}
	return nil
}

// printRequest prints a request as it would go over the wire.
func (a *app) printRequest(r *gateway.RequestNote) error {
	if err := a.printf("%s %s\n", r.Method, r.URL); err != nil {
		return err
	}
	for _, h := range r.Headers {
		if err := a.printf("%s: %s\n", h[0], h[1]); err != nil {
			return err
		}
	}
	if r.Body == "" {
		return nil
	}
	return a.printf("\n%s\n", r.Body)
}
