package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// stdio serves one client over standard input and output.
func (a *app) stdio() *cobra.Command {
	var as, endpoint string
	var scopes []string
	var examples exampleFlags
	c := &cobra.Command{
		Use:   "stdio",
		Short: "Serve one client over standard input and output, as desktop clients start servers.",
		Long: "Serve one MCP client over standard input and output, a message a line, until the input ends.\n\n" +
			"No listener is opened. Whoever starts the process is the caller given by --as, with its roles;\n" +
			"the log goes to standard error. SIGHUP reloads the manifest.",
		Example: `  claude mcp add crm -- sallyport stdio -c manifest.yaml --as ann:support`,
		Args:    noWords,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := examples.check(); err != nil {
				return err
			}
			caller := parseCaller(as)
			caller.Scopes, caller.Endpoint = scopes, endpoint
			return a.runStdio(c.Context(), caller, &examples)
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&as, "as", "stdio", "the caller: subject[:role,role]")
	c.Flags().StringVar(&endpoint, "endpoint", "", "path of the endpoint to serve (default: /mcp, or the first)")
	c.Flags().StringSliceVar(&scopes, "scopes", nil, "the caller's OAuth scopes")
	examples.add(c)
	return c
}

func (a *app) runStdio(ctx context.Context, caller gateway.Caller, examples *exampleFlags) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// A client that closes our output before our input is no reason to die of.
	signal.Ignore(syscall.SIGPIPE)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	log := newLog(a.stderr)
	g, err := gateway.New(examples.with(gateway.Options{Source: a.source(), Parts: a.parts, Log: log.Logger, Version: Version()})) //nolint:contextcheck // what it starts has a life of its own
	if err != nil {
		return a.report(err)
	}
	log.configure(g.Manifest().Telemetry.Logs)
	warn(log.Logger, g)
	reload := a.reloader(g, log) //nolint:contextcheck // what it starts has a life of its own
	done := make(chan error, 1)
	go func() { done <- g.ServeStdio(ctx, a.stdin, a.stdout, caller) }()
	for {
		select {
		case err = <-done:
			return errors.Join(err, g.Close()) //nolint:contextcheck // what it starts has a life of its own
		case <-hangups:
			reload()
		}
	}
}
