package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

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

// refusal is what POST /reload answers to a manifest that was refused.
type refusal struct {
	Problems []struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
		Message  string `json:"message"`
		Hint     string `json:"hint"`
		Severity string `json:"severity"`
	} `json:"problems"`
	Error string `json:"error"`
}

func (a *app) tellRefused(status int, body []byte) error {
	var r refusal
	if err := json.Unmarshal(body, &r); err != nil || (len(r.Problems) == 0 && r.Error == "") {
		return fmt.Errorf("the gateway answered %d: %s", status, body)
	}
	if len(r.Problems) == 0 {
		return fmt.Errorf("refused: %s", r.Error)
	}
	for _, p := range r.Problems {
		line := fmt.Sprintf("%s:%d:%d: %s: %s\n", p.File, p.Line, p.Column, p.Severity, p.Message)
		if p.Hint != "" {
			line += "    hint: " + p.Hint + "\n"
		}
		if _, err := io.WriteString(a.stderr, line); err != nil {
			return fmt.Errorf("print problems: %w", err)
		}
	}
	return errors.New("refused; the active manifest stays")
}
