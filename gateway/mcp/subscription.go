package mcp

import "github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"

// maxSubscribed bounds the resources of one subscription.
const maxSubscribed = 1000

// Subscription is what a client wants to hear of on the stream of a
// subscriptions/listen
// (2026-07-28, "Subscriptions").
type Subscription struct {
	// Tools, Prompts and Resources say that the lists are meant.
	Tools, Prompts, Resources bool
	// URIs are the resources whose updates are meant, each once.
	URIs []string
}

// DecodeListenParams decodes the params of subscriptions/listen. What it
// returns doesn't share memory with them; kinds of notifications that are not
// known are left out, and so not honoured.
func DecodeListenParams(params Params) (Subscription, *Error) {
	var s Subscription
	raw := params.Get("notifications")
	if raw == nil || !isObject(raw) {
		return s, invalid("notifications must be an object")
	}
	members, err := strictjson.Members(raw, nil)
	if err != nil {
		return s, invalid("notifications must be an object")
	}
	for i := range members {
		name, value := members[i].Name, members[i].Value
		ok := true
		switch name {
		case "toolsListChanged":
			s.Tools, ok = boolean(value)
		case "promptsListChanged":
			s.Prompts, ok = boolean(value)
		case "resourcesListChanged":
			s.Resources, ok = boolean(value)
		case "resourceSubscriptions":
			var rejected *Error
			if s.URIs, rejected = decodeURIs(value); rejected != nil {
				return Subscription{}, rejected
			}
		}
		if !ok {
			return Subscription{}, invalid("notifications." + name + " must be true or false")
		}
	}
	return s, nil
}

// boolean returns the value of a JSON boolean, and whether it is one.
func boolean(raw []byte) (value, ok bool) {
	value = string(raw) == "true"
	return value, value || string(raw) == "false"
}

func decodeURIs(raw []byte) ([]string, *Error) {
	elements, err := strictjson.Elements(raw, nil)
	if err != nil {
		return nil, invalid("notifications.resourceSubscriptions must be a list of strings")
	}
	if len(elements) > maxSubscribed {
		return nil, invalid("notifications.resourceSubscriptions must not hold more than 1000 URIs")
	}
	uris := make([]string, 0, len(elements))
	seen := make(map[string]bool, len(elements))
	for _, element := range elements {
		uri, ok := textCopy(element)
		if !ok {
			return nil, invalid("notifications.resourceSubscriptions must be a list of strings")
		}
		if !seen[uri] {
			seen[uri] = true
			uris = append(uris, uri)
		}
	}
	return uris, nil
}

// AppendListenResult appends the response to a subscriptions/listen, with which
// the server ends its stream.
func (e *Encoder) AppendListenResult(dst []byte, id ID) []byte {
	dst = append(appendHead(dst, id), `{"resultType":"complete",`...)
	dst = append(dst, e.serverMeta[:len(e.serverMeta)-1]...) // without the brace at its end
	dst = append(dst, `,"`+metaSubscription+`":`...)
	dst = append(dst, id...)
	return append(dst, `}}}`...)
}
