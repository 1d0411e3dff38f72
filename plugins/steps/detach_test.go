package steps

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestDetached(t *testing.T) {
	w := newWorld()
	begun, finish := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	w.tool("mail", func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		close(begun)
		<-finish
		ended <- ctx.Err()
		if call.Capabilities != (mcp.ClientCapabilities{}) || call.Talk != nil {
			t.Error("a detached call can reach the client")
		}
		return mcp.ErrorResult("nobody hears this"), nil
	})
	p := w.program(t, Step{ID: "m", Tool: "mail", Detach: true}, Step{ID: "after", Tool: "echo"})
	ctx, cancel := context.WithCancel(context.Background())
	call := newCall(nil)
	call.Talk = &talk{}
	run, _, err := p.Run(ctx, call)
	if got := outcomeOf(run, err); got != `{"after":{},"m":null}` {
		t.Errorf("got %q", got)
	}
	<-begun
	cancel()
	close(finish)
	if err := p.background.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the detached call ended with its caller: %v", err)
	}
	_, _, err = p.Run(context.Background(), newCall(nil))
	if got := outcomeOf(nil, err); got != "! The gateway is being shut down. Try again later." {
		t.Errorf("after Close: %q", got)
	}
}

func TestDetachedWaitsForAPlace(t *testing.T) {
	w := newWorld()
	finish := make(chan struct{})
	w.tool("mail", func(context.Context, *plugins.Call) (*mcp.Result, error) {
		<-finish
		return structured("{}"), nil
	})
	p := w.program(t, Step{ForEach: "[range(64)]", Tool: "mail", Detach: true})
	if _, _, err := p.Run(context.Background(), newCall(nil)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, _, err := p.Run(ctx, newCall(nil))
	if got := outcomeOf(nil, err); !strings.HasPrefix(got, "!timeout") {
		t.Errorf("with all places taken: %q", got)
	}
	close(finish)
	if err := p.background.Close(); err != nil {
		t.Error(err)
	}
	if n := len(w.done()); n != 64 {
		t.Errorf("%d calls, want 64", n)
	}
}
