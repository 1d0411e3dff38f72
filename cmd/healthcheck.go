package cmd

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthcheck asks a running gateway whether it is ready.
func (a *app) healthcheck() *cobra.Command {
	var admin string
	var live bool
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a running gateway whether it is ready; for containers without a shell.",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			address, err := a.adminAddress(admin)
			if err != nil {
				return err
			}
			path := "/health/ready"
			if live {
				path = "/health/live"
			}
			status, body, err := askAdmin(c.Context(), http.MethodGet, address, path, 3*time.Second)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				return fmt.Errorf("not ready: %s", body)
			}
			return a.printf("ok\n")
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&admin, "admin", "", "address of the admin listener (default: the manifest's)")
	c.Flags().BoolVar(&live, "live", false, "ask only whether the process lives")
	return c
}
