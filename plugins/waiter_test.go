package plugins_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// TestAWaiterThatWasStopped shows that nothing is called once Stop has said
// that it wasn't: a connection is somebody else's by then.
func TestAWaiterThatWasStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var late atomic.Int64
	for range 1000 {
		var stopped atomic.Bool
		w := plugins.OnCancel(ctx, func() {
			if stopped.Load() {
				late.Add(1)
			}
		})
		stopped.Store(w.Stop())
	}
	for range 1000 { // a late call would come now
		runtime.Gosched()
	}
	if n := late.Load(); n > 0 {
		t.Errorf("called %d times of 1,000 after Stop had said that it was not", n)
	}
}
