package mcp

import "github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"

// AppendProgress appends a notifications/progress
// (https://modelcontextprotocol.io/specification/2026-07-28/basic/utilities/progress).
// The token is that of the request, and must be there.
func AppendProgress(dst []byte, token ProgressToken, p *Progress) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`...)
	dst = append(dst, token...)
	dst = append(dst, `,"progress":`...)
	dst = appendNumber(dst, p.Progress)
	if p.Total != nil {
		dst = append(dst, `,"total":`...)
		dst = appendNumber(dst, *p.Total)
	}
	dst = appendMember(dst, "message", p.Message)
	return append(dst, `}}`...)
}

// AppendLog appends a notifications/message
// (https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging#log-message-notifications).
// The level must not be LevelOff; data that is nil is sent as null.
func AppendLog(dst []byte, m *LogMessage) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"`...)
	dst = append(dst, m.Level.String()...)
	dst = append(dst, '"')
	dst = appendMember(dst, "logger", m.Logger)
	dst = append(dst, `,"data":`...)
	if m.Data == nil {
		dst = append(dst, `null`...)
	}
	dst = append(dst, m.Data...)
	return append(dst, `}}`...)
}

// AppendListChanged appends the notification that a list has changed
// (2026-07-28, "Tools", section "List Changed Notification", and its like for
// prompts and resources). The subscription is the id of the
// subscriptions/listen whose stream it goes on; nil for legacy clients.
func AppendListChanged(dst []byte, list List, subscription ID) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/`...)
	switch list {
	case ResourceTemplates:
		dst = append(dst, Resources...) // there is none for templates alone
	default:
		dst = append(dst, list...)
	}
	dst = append(dst, `/list_changed"`...)
	if subscription.Valid() {
		dst = append(dst, `,"params":{`...)
		dst = appendSubscription(dst, subscription)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// AppendResourceUpdated appends a notifications/resources/updated
// (https://modelcontextprotocol.io/specification/2026-07-28/server/resources#subscriptions).
// The subscription is the id of the subscriptions/listen whose stream it goes
// on; nil for legacy clients.
func AppendResourceUpdated(dst []byte, uri string, subscription ID) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":`...)
	dst = strictjson.AppendString(dst, uri)
	if subscription.Valid() {
		dst = append(dst, ',')
		dst = appendSubscription(dst, subscription)
	}
	return append(dst, `}}`...)
}

// AppendAcknowledged appends a notifications/subscriptions/acknowledged, the
// first message on the stream of a subscriptions/listen: what of it is honoured
// (2026-07-28, "Subscriptions").
func AppendAcknowledged(dst []byte, subscription ID, honoured *Subscription) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{`...)
	dst = appendSubscription(dst, subscription)
	dst = append(dst, `,"notifications":{`...)
	start := len(dst)
	dst = appendFlag(dst, start, "toolsListChanged", honoured.Tools)
	dst = appendFlag(dst, start, "promptsListChanged", honoured.Prompts)
	dst = appendFlag(dst, start, "resourcesListChanged", honoured.Resources)
	if len(honoured.URIs) > 0 {
		dst = appendComma(dst, start)
		dst = append(dst, `"resourceSubscriptions":`...)
		dst = appendStrings(dst, honoured.URIs)
	}
	return append(dst, `}}}`...)
}

// AppendElicitationComplete appends a notifications/elicitation/complete: the
// page of a question in URL mode is done with. Only 2025-11-25 has it
// ("Elicitation", section "Completion Notifications").
func AppendElicitationComplete(dst []byte, elicitation string) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":`...)
	dst = strictjson.AppendString(dst, elicitation)
	return append(dst, `}}`...)
}

// AppendCancelled appends a notifications/cancelled: the server no longer waits
// for the answer to a request of its own. For legacy clients (2025-11-25,
// "Cancellation").
func AppendCancelled(dst []byte, id ID, reason string) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`...)
	dst = append(dst, id...)
	dst = appendMember(dst, "reason", reason)
	return append(dst, `}}`...)
}

// appendSubscription appends the _meta member that tells of which stream a
// message is.
func appendSubscription(dst []byte, id ID) []byte {
	dst = append(dst, `"_meta":{"`+metaSubscription+`":`...)
	dst = append(dst, id...)
	return append(dst, '}')
}
