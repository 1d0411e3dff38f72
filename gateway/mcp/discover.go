package mcp

import "github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"

// Capabilities are what a server offers; what is not declared is not served
// (2026-07-28, schema "ServerCapabilities").
type Capabilities struct {
	Tools, Prompts, Resources bool
	// Subscribe says that clients may subscribe to resources.
	Subscribe bool
	// ListChanged says that clients hear of changes of all lists.
	ListChanged          bool
	Completions, Logging bool
	// Tasks says that a modern client that declares the extension may get a
	// background task for an answer.
	Tasks bool
}

// appendCapabilities appends the capabilities that the revision has.
func appendCapabilities(dst []byte, r Revision, c *Capabilities) []byte {
	dst = append(dst, '{')
	start := len(dst)
	if c.Tools {
		dst = append(dst, `"tools":{`...)
		dst = appendFlag(dst, len(dst), "listChanged", c.ListChanged)
		dst = append(dst, '}')
	}
	if c.Resources {
		dst = append(appendComma(dst, start), `"resources":{`...)
		first := len(dst)
		dst = appendFlag(dst, first, "subscribe", c.Subscribe)
		dst = appendFlag(dst, first, "listChanged", c.ListChanged)
		dst = append(dst, '}')
	}
	if c.Prompts {
		dst = append(appendComma(dst, start), `"prompts":{`...)
		dst = appendFlag(dst, len(dst), "listChanged", c.ListChanged)
		dst = append(dst, '}')
	}
	if c.Completions && r.Completions() {
		dst = append(appendComma(dst, start), `"completions":{}`...)
	}
	if c.Logging {
		dst = append(appendComma(dst, start), `"logging":{}`...)
	}
	if c.Tasks && r.Modern() {
		dst = append(appendComma(dst, start), `"extensions":{"`+extensionTasks+`":{}}`...)
	}
	return append(dst, '}')
}

// DiscoverResult encodes the result of server/discover
// (2026-07-28, schema "DiscoverResult").
func (e *Encoder) DiscoverResult(c Capabilities, instructions string) []byte {
	dst := e.appendCacheable([]byte(`{`), 0, Public)
	dst = append(dst, `"supportedVersions":[`...)
	for i, r := range modernRevisions() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strictjson.AppendString(dst, string(r))
	}
	dst = append(dst, `],"capabilities":`...)
	dst = appendCapabilities(dst, Newest, &c)
	dst = appendMember(dst, "instructions", instructions)
	return append(dst, '}')
}

// InitializeResult encodes the result of initialize (2025-11-25, "Lifecycle",
// section "Initialization").
func InitializeResult(r Revision, info ServerInfo, c Capabilities, instructions string) []byte {
	dst := []byte(`{"protocolVersion":`)
	dst = strictjson.AppendString(dst, string(r))
	dst = append(dst, `,"capabilities":`...)
	dst = appendCapabilities(dst, r, &c)
	dst = append(dst, `,"serverInfo":`...)
	dst = info.appendJSON(dst)
	dst = appendMember(dst, "instructions", instructions)
	return append(dst, '}')
}
