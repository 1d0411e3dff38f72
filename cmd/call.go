package cmd

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// calling are the flags of call.
type calling struct {
	as, url, token string
	scopes         []string
	dryRun, raw    bool
}

// call calls one tool.
func (a *app) call() *cobra.Command {
	var flags calling
	c := &cobra.Command{
		Use:   "call TOOL [name=text | name:=json]...",
		Short: "Call a tool: of the manifest, or of a running gateway with --url.",
		Long: "Call a tool and print what a client would get.\n\n" +
			"Without --url the manifest is read and the call goes through all its policies, as the caller given by --as,\n" +
			"to the upstream. With --url a running gateway is asked, with the token of --token or SALLYPORT_TOKEN.",
		Example: "  sallyport call get_customer customer_id=42 --as ann:support\n" +
			"  sallyport call get_customer customer_id=42 --dry-run\n" +
			"  sallyport call --url http://127.0.0.1:8080/mcp get_customer customer_id=42",
		ValidArgsFunction: a.completeTools,
		Args:              usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			arguments, err := parseArguments(args[1:])
			if err != nil {
				return err
			}
			if flags.url != "" {
				return a.callRemote(c, flags, args[0], arguments)
			}
			return a.callLocal(c, flags, args[0], arguments)
		},
	}
	a.manifestFlag(c)
	f := c.Flags()
	f.StringVar(&flags.as, "as", "cli", "the caller: subject[:role,role]")
	f.StringSliceVar(&flags.scopes, "scopes", nil, "the caller's OAuth scopes")
	f.BoolVar(&flags.dryRun, "dry-run", false, "print the upstream request instead of sending it")
	f.BoolVar(&flags.raw, "raw", false, "print the JSON-RPC response as it is")
	f.StringVar(&flags.url, "url", "", "endpoint of a running gateway")
	f.StringVar(&flags.token, "token", os.Getenv("SALLYPORT_TOKEN"), "bearer token for --url (default: $SALLYPORT_TOKEN)")
	f.Lookup("token").DefValue = ""
	return c
}

func (a *app) callLocal(c *cobra.Command, flags calling, tool string, arguments []byte) error {
	g, err := a.open()
	if err != nil {
		return err
	}
	err = a.callGateway(c, g, flags, tool, arguments)
	if closeErr := g.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (a *app) callGateway(c *cobra.Command, g *gateway.Gateway, flags calling, tool string, arguments []byte) error {
	caller := parseCaller(flags.as)
	caller.Scopes = flags.scopes
	if flags.dryRun {
		request, err := g.DryRun(tool, arguments, caller)
		if err != nil {
			return err
		}
		return a.printRequest(request)
	}
	response, err := g.Invoke(c.Context(), tool, arguments, caller)
	if err != nil {
		return err
	}
	return a.printResponse(response, flags.raw)
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

// callResponse is the part of a tools/call response that is printed.
type callResponse struct {
	Result struct {
		Content []struct {
			Type     string `json:"type"`
			Text     string `json:"text"`
			MIMEType string `json:"mimeType"`
			Data     []byte `json:"data"`
			URI      string `json:"uri"`
			Resource struct {
				URI      string `json:"uri"`
				MIMEType string `json:"mimeType"`
				Text     string `json:"text"`
				Blob     []byte `json:"blob"`
			} `json:"resource"`
		} `json:"content"`
		IsError bool `json:"isError"`
	} `json:"result"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// printResponse prints the content blocks of a response.
func (a *app) printResponse(response []byte, raw bool) error {
	if raw {
		return a.printf("%s\n", response)
	}
	var r callResponse
	if err := json.Unmarshal(response, &r); err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	if r.Error != nil {
		return fmt.Errorf("error %d: %s", r.Error.Code, r.Error.Message)
	}
	for _, block := range r.Result.Content {
		var err error
		switch block.Type {
		case "text":
			err = a.printf("%s\n", block.Text)
		case "resource":
			res := block.Resource
			err = a.printf("[resource %s, %s, %d bytes]\n", res.URI, res.MIMEType, len(res.Text)+len(res.Blob))
		case "resource_link":
			err = a.printf("[link %s]\n", block.URI)
		default:
			err = a.printf("[%s, %s, %d bytes]\n", block.Type, block.MIMEType, len(block.Data))
		}
		if err != nil {
			return err
		}
	}
	if r.Result.IsError {
		return errSilent
	}
	return nil
}
