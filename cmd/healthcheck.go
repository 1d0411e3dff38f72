package cmd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
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
		Args:  noWords,
		RunE: func(c *cobra.Command, _ []string) error {
			address, err := a.adminAddress(admin)
			if err != nil {
				return err
			}
			path := "/health/ready"
			if live {
				path = "/health/live"
			}
			status, body, err := askAdmin(c.Context(), http.MethodGet, address, path, nil, 3*time.Second)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				return fmt.Errorf("not ready: %s", failing(body))
			}
			return a.printf("ok\n")
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&admin, "admin", "", "address of the admin listener (default: the manifest's)")
	c.Flags().BoolVar(&live, "live", false, "ask only whether the process lives")
	return c
}

// failing tells which checks fail, as far as the answer says.
func failing(body []byte) string {
	var answer struct {
		Checks []struct {
			Name  string `json:"name"`
			OK    bool   `json:"ok"`
			Error string `json:"error"`
		} `json:"checks"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return string(body)
	}
	var all []string
	for _, c := range answer.Checks {
		if !c.OK {
			all = append(all, c.Name+": "+c.Error)
		}
	}
	return strings.Join(all, "; ")
}
