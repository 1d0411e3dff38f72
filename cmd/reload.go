package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// reload asks a running gateway to reload its manifest, and says how it ended.
func (a *app) reload() *cobra.Command {
	var admin string
	var plan, asJSON bool
	c := &cobra.Command{
		Use:   "reload",
		Short: "Make a running gateway reload its manifest, and print the result.",
		Long: "Make a running gateway reload its manifest, and print what has changed, or why it was refused.\n\n" +
			"--plan asks what a reload would change, and changes nothing; it is told like the result of diff. It exits with 0,\n" +
			"or with 1 if the manifest has errors or what it changes needs a restart.",
		Args: noWords,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON && !plan {
				return usageError{errors.New("--json goes with --plan")}
			}
			err := a.runReload(c.Context(), admin, plan, asJSON)
			if asJSON {
				return a.failInJSON(err)
			}
			return err
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&admin, "admin", "", "address of the admin listener (default: the manifest's)")
	c.Flags().BoolVar(&plan, "plan", false, "tell what would change, and change nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "with --plan: print JSON")
	return c
}

func (a *app) runReload(ctx context.Context, admin string, plan, asJSON bool) error {
	if err := a.unreadable(admin); err != nil && asJSON {
		return err
	}
	address, err := a.reloadAddress(admin)
	if err != nil {
		return err
	}
	path := "/reload"
	if plan {
		path = "/plan"
	}
	status, body, err := askAdmin(ctx, http.MethodPost, address, path, nil, time.Minute)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return a.tellRefused(status, body, asJSON)
	case plan:
		return a.tellPlan(body, asJSON)
	}
	return a.tellReloaded(body)
}

// failInJSON prints an error that nobody has printed yet as JSON: who reads
// JSON reads it then, too.
func (a *app) failInJSON(err error) error {
	var usage usageError
	if err == nil || errors.Is(err, errSilent) || errors.As(err, &usage) {
		return err
	}
	r := refusal{}
	if !errors.As(err, &r.Problems) {
		r.Error = err.Error()
	}
	if err := a.printJSON(&r); err != nil {
		return err
	}
	return errSilent
}

// tellPlan prints what a reload would change.
func (a *app) tellPlan(body []byte, asJSON bool) error {
	var c gateway.Comparison
	if err := json.Unmarshal(body, &c); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	if err := a.printComparison(&c, asJSON); err != nil {
		return err
	}
	if len(c.NeedsRestart) > 0 {
		return errSilent
	}
	return nil
}

// reloadAddress is the address of the gateway that serves the manifest: the one
// given, or that of the manifest. One that can't be read may hide its address:
// what listens at the usual one may be another gateway, so nothing is guessed.
func (a *app) reloadAddress(given string) (string, error) {
	if err := a.unreadable(given); err != nil {
		return "", a.reportNoting(err, "nothing was reloaded; --admin ADDRESS names a running gateway")
	}
	return a.adminAddress(given)
}

// unreadable is why the manifest can't tell the address; nil if one is given, or
// if it can.
func (a *app) unreadable(given string) error {
	if given != "" {
		return nil
	}
	if m, err := config.Load(a.source(), gateway.Keys(a.parts)); err != nil && !m.Server.Written("admin") {
		return err
	}
	return nil
}

func (a *app) tellReloaded(body []byte) error {
	var g struct {
		gateway.Generation
		Changes string `json:"changes"`
	}
	if err := json.Unmarshal(body, &g); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	if err := a.printf("generation %d is active: %d tools, hash %s\n", g.Number, g.Tools, g.Hash); err != nil || g.Changes == "" {
		return err
	}
	return a.printf("%s\n", g.Changes)
}

// refusal is what POST /reload answers to a manifest that was refused.
type refusal struct {
	Problems config.Problems    `json:"problems,omitempty"`
	Error    string             `json:"error,omitempty"`
	Active   gateway.Generation `json:"result,omitzero"`
}

func (a *app) tellRefused(status int, body []byte, asJSON bool) error {
	var r refusal
	if err := json.Unmarshal(body, &r); err != nil || (len(r.Problems) == 0 && r.Error == "") {
		return fmt.Errorf("the gateway answered %d: %s", status, body)
	}
	if asJSON {
		if err := a.printJSON(&r); err != nil {
			return err
		}
		return errSilent
	}
	stays := fmt.Sprintf("generation %d stays active", r.Active.Number)
	if len(r.Problems) == 0 {
		return fmt.Errorf("refused: %s; %s", r.Error, stays)
	}
	err := r.Problems.Render(a.stderr, config.RenderOptions{
		Color: isTerminal(a.stderr), Root: workingFolder(), Note: stays, Sources: sourcesOf(r.Problems),
	})
	if err != nil {
		return fmt.Errorf("print problems: %w", err)
	}
	return errSilent
}

// sourcesOf reads the files that problems are in, where they are at hand: the
// gateway may run on another machine.
func sourcesOf(problems config.Problems) map[string][]byte {
	sources := make(map[string][]byte)
	for _, p := range problems {
		if _, known := sources[p.File]; known {
			continue
		}
		if text, err := os.ReadFile(p.File); err == nil {
			sources[p.File] = text
		}
	}
	return sources
}
