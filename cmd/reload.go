package cmd

import (
	"encoding/json"
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
	c := &cobra.Command{
		Use:   "reload",
		Short: "Make a running gateway reload its manifest, and print the result.",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			address, err := a.reloadAddress(admin)
			if err != nil {
				return err
			}
			status, body, err := askAdmin(c.Context(), http.MethodPost, address, "/reload", time.Minute)
			if err != nil {
				return err
			}
			if status == http.StatusOK {
				return a.tellReloaded(body)
			}
			return a.tellRefused(status, body)
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&admin, "admin", "", "address of the admin listener (default: the manifest's)")
	return c
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
	var g gateway.Generation
	if err := json.Unmarshal(body, &g); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return a.printf("generation %d is active: %d tools, hash %s\n", g.Number, g.Tools, g.Hash)
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
