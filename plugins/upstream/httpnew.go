package upstream

import "github.com/sallyport-mcp/sallyport/plugins"

// NewHTTP builds the upstream that HTTP's settings describe, for other kinds
// that ask an HTTP service.
func NewHTTP(s HTTPSettings, env plugins.Env) (plugins.Upstream, error) { return newHTTP(s, env) }
