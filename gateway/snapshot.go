package gateway

import (
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// snapshot is one compiled manifest. Nothing in it changes after build; a call
// sees one snapshot from start to end.
type snapshot struct {
	generation uint64
	loaded     time.Time
	manifest   *config.Manifest
	// warnings are those of loading and building the manifest.
	warnings config.Problems

	tools     map[string]*tool
	resources map[string]*resource // by URI; those that are no templates
	templates []*resource          // in the order in which they are tried
	prompts   map[string]*prompt
	// endpoints are the virtual servers, by path. Primary is that of clients
	// that name no path, and all shows everything, for the operator.
	endpoints    map[string]*endpoint
	primary, all *endpoint
	// logs says that log messages may be sent.
	logs bool

	auth      plugins.Authenticator
	issuers   []plugins.Issuers
	admission plugins.Handler
	front     front
	encoder   *mcp.Encoder

	uses atomic.Int64 // calls in flight, plus one while current
	free func()       // gives back what the snapshot kept
}

// use adds a user, or reports false when the snapshot is already freed.
func (s *snapshot) use() bool {
	for {
		n := s.uses.Load()
		if n == 0 {
			return false
		}
		if s.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// done takes a user off; the last one frees the snapshot.
func (s *snapshot) done() {
	if s.uses.Add(-1) == 0 {
		s.free()
	}
}

// acquire takes the current snapshot for a call; done gives it back. That of a
// closed gateway can still be had: what it kept is closed and says so.
func (g *Gateway) acquire() *snapshot {
	for {
		s := g.current.Load()
		if s.use() {
			return s
		}
		// A freed snapshot was replaced before it was freed, unless the
		// gateway is closed.
		if g.closed.Load() {
			s.uses.Add(1)
			return s
		}
	}
}
