package cmd

import (
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
			address, err := a.reloadAddress(admin)
			if err != nil {
				return err
			}
			path := "/reload"
			if plan {
				path = "/plan"
			}
			status, body, err := askAdmin(c.Context(), http.MethodPost, address, path, nil, time.Minute)
			switch {
			case err != nil:
				return err
			case status != http.StatusOK:
				return a.tellRefused(status, body)
			case plan:
				return a.tellPlan(body, asJSON)
			}
			return a.tellReloaded(body)
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&admin, "admin", "", "address of the admin listener (default: the manifest's)")
	c.Flags().BoolVar(&plan, "plan", false, "tell what would change, and change nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "with --plan: print JSON")
	return c
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
	if given == "" {
		m, err := config.Load(a.source(), gateway.Keys(a.parts))
		if err != nil && !m.Server.Written("admin") {
			return "", a.reportNoting(err, "nothing was reloaded; --admin ADDRESS names a running gateway")
		}
	}
	return a.adminAddress(given)
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
	Problems config.Problems    `json:"problems"`
	Error    string             `json:"error"`
	Active   gateway.Generation `json:"result"`
}

func (a *app) tellRefused(status int, body []byte) error {
	var r refusal
	if err := json.Unmarshal(body, &r); err != nil || (len(r.Problems) == 0 && r.Error == "") {
		return fmt.Errorf("the gateway answered %d: %s", status, body)
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
