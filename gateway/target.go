package gateway

import (
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// The kinds of targets, as parts know them.
const (
	kindTool     = "tool"
	kindResource = "resource"
	kindPrompt   = "prompt"
)

// target is what a client can call, made ready: a tool, a resource or template,
// a prompt.
type target struct {
	spec *plugins.Tool
	// order is what lists are sorted by.
	order string
	place config.Place
	parts map[string]config.Setting

	upstream string
	operator plugins.Operator
	programs []program
	polls    bool // it may wait for an upstream's job
	handler  plugins.Handler
	// permits ends in an error if the call may not be made; it does nothing else.
	permits   plugins.Handler
	admitters []plugins.Admitter
	// bounded says that the target's own timeout is within the server's.
	bounded bool
	warn    time.Duration // a call that takes longer is logged as slow
	// modern and legacy are its encoded definitions.
	modern, legacy []byte
}

// tool is a tool made ready to be listed and called.
type tool struct {
	target
	headers []schema.HeaderParam
	source  *config.Tool
}

// where is the place of policies on it.
func (t *target) where() plugins.Where {
	switch t.spec.Kind {
	case kindResource:
		return plugins.OnResource
	case kindPrompt:
		return plugins.OnPrompt
	}
	return plugins.OnTool
}

// admits reports whether the principal may see and call the target: listing
// and calling ask the same question.
func (t *target) admits(p *plugins.Principal) bool {
	for _, a := range t.admitters {
		if a.Admit(p) != nil {
			return false
		}
	}
	return true
}
