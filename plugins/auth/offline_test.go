package auth

import (
	"context"
	"net/http"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// TestOffline looks at a manifest with a key set: nothing fetches it, or waits
// for that.
func TestOffline(t *testing.T) {
	where := func(context.Context, http.RoundTripper) (string, error) {
		t.Error("asked where the key set is")
		return "", nil
	}
	r := newRemoteKeys("https://id.example", where, plugins.Env{Offline: true}, defaultFetching())
	select {
	case <-r.ended:
	default:
		t.Error("something goes on in the background")
	}
	if r.ready() == nil {
		t.Error("it has keys")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
