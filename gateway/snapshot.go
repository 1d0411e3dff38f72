package gateway

import (
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
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

	tools map[string]*tool
	// order holds the tools sorted by name, as lists show them.
	order []*tool
	lists listCache

	auth    plugins.Authenticator
	issuers []plugins.Issuers
	// scopes are all scopes that any tool asks for, sorted.
	scopes    []string
	admission plugins.Handler
	front     front
	encoder   *mcp.Encoder
	discover  []byte

	uses atomic.Int64 // calls in flight, plus one while current
	free func()       // gives back what the snapshot kept
}

// tool is a tool made ready to be listed and called.
type tool struct {
	spec      *plugins.Tool
	upstream  string
	operator  plugins.Operator
	handler   plugins.Handler
	admitters []plugins.Admitter
	headers   []schema.HeaderParam
	// modern and legacy are its encoded definitions.
	modern, legacy []byte
	source         *config.Tool
	// bounded says that the tool's own timeout is within the server's.
	bounded bool
	warn    time.Duration // a call that takes longer is logged as slow
}

// admits reports whether the principal may see and call the tool: listing and
// calling ask the same question.
func (t *tool) admits(p *plugins.Principal) bool {
	for _, a := range t.admitters {
		if a.Admit(p) != nil {
			return false
		}
	}
	return true
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
