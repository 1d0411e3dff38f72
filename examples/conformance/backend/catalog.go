package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// reloadTimeout bounds one reload of a gateway.
const reloadTimeout = 5 * time.Second

// catalog is the part of the manifest that changes while the gateway runs: one
// tool and one prompt, whose descriptions count the changes. It writes them as
// files that the manifest includes, and has the gateways reload them. That is
// how a service announces that what it offers has changed.
type catalog struct {
	folder string   // of the files; empty if nothing changes
	admins []string // base URLs of the gateways' admin listeners

	mu      sync.Mutex
	changes map[string]int
}

// parts are the lists that change, and what the manifest says of them; %d is
// the number of changes.
func parts() map[string]string {
	return map[string]string{
		"tools": `tools:
  test_changing_tool:
    description: "Its definition has changed %d times."
    response: {text: It is the newest.}
`,
		"prompts": `prompts:
  test_changing_prompt:
    description: "Its definition has changed %d times."
    messages:
      - {role: user, text: It is the newest.}
`,
	}
}

// begin writes the first state of all lists.
func (c *catalog) begin() error {
	c.changes = map[string]int{}
	if c.folder == "" {
		return nil
	}
	if err := os.MkdirAll(c.folder, 0o750); err != nil {
		return err
	}
	for list := range parts() {
		if err := c.write(list); err != nil {
			return err
		}
	}
	return nil
}

// write replaces the file of a list at once, so that no half of it is read.
func (c *catalog) write(list string) error {
	text := fmt.Sprintf(parts()[list], c.changes[list])
	name := filepath.Join(c.folder, list+".yaml")
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil { //nolint:gosec // the folder is a flag's, the list one of parts
		return err
	}
	return os.Rename(name+".new", name) //nolint:gosec // as above
}

// change changes a list, and answers when the gateways have reloaded it.
func (c *catalog) change(w http.ResponseWriter, r *http.Request) {
	list := r.PathValue("list")
	if _, known := parts()[list]; !known || c.folder == "" {
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "nothing of that name changes; is -generated set?"})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes[list]++
	err := c.write(list)
	for _, admin := range c.admins {
		if err == nil {
			err = reload(r.Context(), admin)
		}
	}
	if err != nil {
		writeJSON(w, http.StatusBadGateway, map[string]any{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"list": list, "changes": c.changes[list]})
}

// reload asks the gateway with that admin listener to read its manifest again.
func reload(ctx context.Context, admin string) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(admin, "/")+"/reload", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway refused to reload: %s", response.Status)
	}
	return nil
}
