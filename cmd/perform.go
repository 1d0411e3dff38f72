package cmd

import (
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// calling are the flags of what calls something of a manifest.
type calling struct {
	as, url, token  string
	scopes, answers []string
	dryRun, raw     bool
}

// add gives a command the flags that all of them have.
func (f *calling) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.as, "as", "cli", "the caller: subject[:role,role]")
	flags.StringSliceVar(&f.scopes, "scopes", nil, "the caller's OAuth scopes")
	flags.StringArrayVar(&f.answers, "answer", nil, "answer to a question, ID=JSON: the form's object, or true or false; repeatable")
	flags.BoolVar(&f.raw, "raw", false, "print the JSON-RPC response as it is")
}

// perform calls something of the manifest and prints what it answers. An
// interrupt ends the call, which undoes what its steps have done.
func (a *app) perform(c *cobra.Command, flags *calling, i *gateway.Invocation) error {
	asker, err := a.asker(flags.answers)
	if err != nil {
		return err
	}
	g, err := a.open()
	if err != nil {
		return err
	}
	i.Caller = parseCaller(flags.as)
	i.Caller.Scopes = flags.scopes
	if flags.dryRun {
		return errors.Join(a.dryRun(g, i), g.Close())
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if asker != nil {
		i.Ask = asker.ask
	}
	teller := &teller{out: a.stderr}
	i.Talk, i.Waiting = teller, teller.waiting
	response, err := g.Perform(ctx, i)
	if err == nil {
		err = a.printResponse(response, flags.raw)
	}
	if closeErr := g.Close(); err == nil {
		err = closeErr
	}
	return err
}

// dryRun prints the upstream request that a call would make.
func (a *app) dryRun(g *gateway.Gateway, i *gateway.Invocation) error {
	request, err := g.DryRun(i.Name, i.Arguments, i.Caller, i.Kind)
	if err != nil {
		return err
	}
	return a.printRequest(request)
}

// teller tells on standard error what a running call has to say.
type teller struct {
	mu      sync.Mutex
	out     io.Writer
	reached float64
	told    bool
	// waited is what was said of the last wait.
	waited string
}

// Progress implements plugins.Talk.
func (t *teller) Progress(p mcp.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told && p.Progress <= t.reached {
		return
	}
	t.told, t.reached = true, p.Progress
	line := strconv.FormatFloat(p.Progress, 'f', -1, 64)
	if p.Total != nil {
		line += "/" + strconv.FormatFloat(*p.Total, 'f', -1, 64)
	}
	t.say(line + " " + p.Message)
}

// Log implements plugins.Talk.
func (t *teller) Log(m mcp.LogMessage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.say(fmt.Sprintf("%s: %s: %s", m.Level, m.Logger, m.Data))
}

// waiting tells of a wait for a job, once for each state that the job is in.
func (t *teller) waiting(wait time.Duration, status string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if status == "" {
		status = "the service is working on it"
	}
	if line := fmt.Sprintf("%s; looking again in %s", strings.TrimSuffix(status, "."), wait.Round(time.Millisecond)); line != t.waited {
		t.waited = line
		t.say(line)
	}
}

// say writes a line. Nothing can be done about an error stream that can't be
// written to.
func (t *teller) say(line string) { _, _ = fmt.Fprintln(t.out, "...", line) }
