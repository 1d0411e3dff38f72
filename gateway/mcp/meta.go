package mcp

import (
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// The keys of a request's _meta that the protocol defines.
const (
	metaRevision     = "io.modelcontextprotocol/protocolVersion"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaClientInfo   = "io.modelcontextprotocol/clientInfo"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
	metaServerInfo   = "io.modelcontextprotocol/serverInfo"
	metaSubscription = "io.modelcontextprotocol/subscriptionId"
)

// extensionTasks names the extension of background tasks (SEP-2663).
const extensionTasks = "io.modelcontextprotocol/tasks"

// ProgressToken names, in notifications/progress, the request whose progress is
// told: a JSON string or integer, echoed byte by byte. Nil if the client wants
// to hear of none.
type ProgressToken []byte

// Meta is what a request says of itself in params._meta.
type Meta struct {
	// Claimed says that the request carries a protocol version, and so is
	// modern.
	Claimed  bool
	Revision string
	// HasCapabilities says that capabilities were declared, be they none.
	HasCapabilities bool
	Capabilities    ClientCapabilities
	// LogLevel is the level from which on the client wants log messages while
	// this request is served (2026-07-28; legacy clients call logging/setLevel).
	LogLevel Level
	// UnknownLogLevel says that the client named a level that there isn't: to be
	// refused with BadLogLevel, once the era is known to be modern.
	UnknownLogLevel bool
	// ProgressToken is there if the client wants to hear of the request's
	// progress, in all revisions. It points into the body.
	ProgressToken ProgressToken
	// ClientName and ClientVersion are what the client says of itself: for
	// logs only.
	ClientName, ClientVersion string
	// TraceParent, TraceState and Baggage are the W3C trace context, as sent.
	TraceParent, TraceState, Baggage string
	// malformed names the first key whose value has the wrong type.
	malformed string
}

// DecodeMeta decodes params._meta. A malformed value of a known key is
// remembered, and reported once the era is known.
func DecodeMeta(params Params) (Meta, *Error) {
	var m Meta
	raw := params.Get("_meta")
	if raw == nil {
		return m, nil
	}
	if !isObject(raw) {
		return m, BadRequest(CodeInvalidParams, "Invalid params: _meta must be an object")
	}
	var space [12]strictjson.Member
	members, err := strictjson.Members(raw, space[:0])
	if err != nil {
		return m, BadRequest(CodeParse, "Parse error: "+err.Error())
	}
	for i := range members {
		m.take(members[i].Name, members[i].Value)
	}
	return m, nil
}

func (m *Meta) take(name string, value []byte) {
	switch name {
	case metaRevision:
		m.Claimed = true
		m.text(name, value, &m.Revision)
	case metaCapabilities:
		m.HasCapabilities = true
		if !isObject(value) {
			m.fault(name)
			return
		}
		m.Capabilities = decodeCapabilities(value)
	case metaClientInfo:
		if !isObject(value) {
			m.fault(name)
			return
		}
		m.ClientName, m.ClientVersion = decodeClientInfo(value)
	case metaLogLevel:
		level, ok := text(value)
		if !ok {
			m.fault(name)
			return
		}
		m.LogLevel, ok = ParseLevel(level)
		m.UnknownLogLevel = !ok
	case "progressToken":
		// A token of another type is as good as none: nobody is owed progress.
		if validID(value) {
			m.ProgressToken = value
		}
	case "traceparent":
		m.text(name, value, &m.TraceParent)
	case "tracestate":
		m.text(name, value, &m.TraceState)
	case "baggage":
		m.text(name, value, &m.Baggage)
	}
}

func (m *Meta) text(name string, value []byte, into *string) {
	s, ok := text(value)
	if !ok {
		m.fault(name)
		return
	}
	*into = s
}

func (m *Meta) fault(name string) {
	// A bad trace context is dropped, never a reason to refuse (W3C Trace
	// Context, section 3.2).
	if m.malformed == "" && strings.HasPrefix(name, "io.modelcontextprotocol/") {
		m.malformed = name
	}
}

// decodeCapabilities reads a capabilities object; an empty elicitation object
// declares form mode.
func decodeCapabilities(raw []byte) ClientCapabilities {
	var c ClientCapabilities
	var space [8]strictjson.Member
	members, err := strictjson.Members(raw, space[:0])
	if err != nil {
		return c
	}
	for i := range members {
		if !isObject(members[i].Value) {
			continue
		}
		switch members[i].Name {
		case "elicitation":
			c.Elicitation, c.ElicitationURL = elicitationModes(members[i].Value)
		case "sampling":
			c.Sampling = true
		case "roots":
			c.Roots = true
		case "extensions":
			c.Tasks = hasTasks(members[i].Value)
		}
	}
	return c
}

func elicitationModes(raw []byte) (form, url bool) {
	var space [4]strictjson.Member
	members, err := strictjson.Members(raw, space[:0])
	if err != nil {
		return false, false
	}
	for i := range members {
		form = form || members[i].Name == "form"
		url = url || members[i].Name == "url"
	}
	return form || !url, url
}

// hasTasks reports whether an extensions object declares that of tasks
// (SEP-2663, "Capability Negotiation").
func hasTasks(raw []byte) bool {
	var space [4]strictjson.Member
	members, err := strictjson.Members(raw, space[:0])
	if err != nil {
		return false
	}
	declared := Params(members).Get(extensionTasks)
	return declared != nil && isObject(declared)
}

// decodeClientInfo reads the name and version of a clientInfo object.
func decodeClientInfo(raw []byte) (name, version string) {
	var space [8]strictjson.Member
	members, err := strictjson.Members(raw, space[:0])
	if err != nil {
		return "", ""
	}
	for i := range members {
		v := members[i].Value
		if len(v) == 0 || v[0] != '"' {
			continue
		}
		switch members[i].Name {
		case "name":
			name, _ = strictjson.UnquoteAlias(v)
		case "version":
			version, _ = strictjson.UnquoteAlias(v)
		}
	}
	return clip(name), clip(version)
}
