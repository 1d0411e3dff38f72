package cmd

import (
	"encoding/json"
	"fmt"
	"net/http"
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
			address, err := a.adminAddress(admin)
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

func (a *app) tellReloaded(body []byte) error {
	var g gateway.Generation
	if err := json.Unmarshal(body, &g); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return a.printf("generation %d is active: %d tools, hash %s\n", g.Number, g.Tools, g.Hash)
}

func (a *app) tellRefused(status int, body []byte) error {
	var refused struct {
		Problems config.Problems `json:"problems"`
		Error    string          `json:"error"`
	}
	if err := json.Unmarshal(body, &refused); err != nil || (len(refused.Problems) == 0 && refused.Error == "") {
		return fmt.Errorf("the gateway answered %d: %s", status, body)
	}
	if len(refused.Problems) > 0 {
		return a.report(refused.Problems)
	}
	return fmt.Errorf("refused: %s", refused.Error)
}
