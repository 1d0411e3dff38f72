package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// shortStream is how long streams stay open here, and longCall how long a
	// call takes: its client has to come back for the answer, more than once.
	shortStream = time.Second
	longCall    = 2500 * time.Millisecond
)

// TestShortStreams has clients of 2025-11-25 call something that takes longer
// than streams stay open.
func TestShortStreams(t *testing.T) {
	t.Parallel()
	d := deploy(t, 1, nil, "SALLYPORT_STREAM="+shortStream.String())
	t.Run("client", func(t *testing.T) {
		t.Run("go-sdk", func(t *testing.T) {
			t.Parallel()
			h := newHost()
			s, err := connectGoSDKOver(t.Context(), &mcp.StreamableClientTransport{
				Endpoint: d.url, HTTPClient: &http.Client{Transport: bearer{token(t, "ada", "support")}},
			}, rev1125, h)
			if err != nil {
				t.Fatal(err)
			}
			takeLong(t, d, "go")
			got, err := s.follow(t.Context(), "slow_stock", map[string]any{"id": "go"})
			if err != nil || got.isError || got.text != "Done." {
				t.Errorf("got %+v, %v", got, err)
			}
			visit{client: client{name: "short", revision: rev1125}, session: s, host: h, backend: d.backend}.do(t,
				[]check{{"subscribe", checkSubscribe}, {"list changed", checkListChanged}, {"ask", checkAsk}})
		})
		for _, c := range nodeClients() {
			if c.revision != rev1125 {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				id := strings.ReplaceAll(c.name, " ", "-")
				call, err := json.Marshal(map[string]any{"tool": "slow_stock", "args": map[string]any{"id": id}})
				if err != nil {
					t.Fatal(err)
				}
				takeLong(t, d, id)
				c.run(t, d.url, token(t, "ada", "support"), []string{"connect", "list", "call", "close"}, "CALL="+string(call))
			})
		}
	})
}

// takeLong has the backend answer the slow request of that id some time after
// it has begun.
func takeLong(t *testing.T, d deployment, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), checkTimeout)
	ended := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	go func() {
		defer close(ended)
		if status(ctx, d.backend+"/slow/"+id+"/started") != http.StatusNoContent {
			return
		}
		timer := time.NewTimer(longCall)
		defer timer.Stop()
		select {
		case <-timer.C:
			status(ctx, d.backend+"/slow/"+id+"/release")
		case <-ctx.Done():
		}
	}()
}
