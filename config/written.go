package config

import (
	"bytes"
	"encoding/json"
	"sort"
	"strings"
)

// hiddenText stands for what must not be shown.
const hiddenText = "[secret]"

// JSON returns the value as it is written, for people to read: members in their
// order, variables by their names, and "[secret]" in place of what may be one.
// It is nil if nothing is written.
func (p Place) JSON() json.RawMessage {
	if p.node == nil {
		return nil
	}
	return appendWritten(nil, p.node, false)
}

// Same reports whether two values say the same, whatever their layout and the
// order of their keys. Variables count by what they hold, secrets too.
func (p Place) Same(other Place) bool {
	if p.node == nil || other.node == nil {
		return p.node == other.node
	}
	return bytes.Equal(appendWritten(nil, p.node, true), appendWritten(nil, other.node, true))
}

// appendWritten writes a value as JSON: to be compared, with everything in it
// and its keys sorted, or to be shown.
func appendWritten(dst []byte, n *node, compare bool) []byte {
	switch n.kind {
	case mappingNode:
		members := n.members
		if compare {
			members = append([]member(nil), members...)
			sort.Slice(members, func(i, j int) bool { return members[i].key.raw < members[j].key.raw })
		}
		dst = append(dst, '{')
		for i := range members {
			if i > 0 {
				dst = append(dst, ',')
			}
			key := members[i].key.raw
			if !compare && members[i].key.hidden {
				key = hiddenText
			}
			dst = append(appendString(dst, key), ':')
			dst = appendWritten(dst, members[i].value, compare)
		}
		return append(dst, '}')
	case sequenceNode:
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendWritten(dst, item, compare)
		}
		return append(dst, ']')
	default:
		return appendWrittenScalar(dst, n, compare)
	}
}

func appendWrittenScalar(dst []byte, n *node, compare bool) []byte {
	switch {
	case compare:
	case n.hidden || n.secret:
		return appendString(dst, hiddenText)
	case n.parts != nil:
		return appendString(dst, maskURLs(n.unexpanded()))
	}
	switch n.coreType() {
	case "null":
		return append(dst, "null"...)
	case "bool":
		if value, ok := boolText(n.text); ok && value {
			return append(dst, "true"...)
		} else if ok {
			return append(dst, "false"...)
		}
	case "int", "float":
		if digits, ok := jsonNumber(n.text); ok {
			return append(dst, digits...)
		}
	}
	if compare {
		return appendString(dst, n.text)
	}
	return appendString(dst, maskURLs(n.text))
}

// unexpanded is a scalar's text with the names of variables in place of what
// they hold.
func (n *node) unexpanded() string {
	var b strings.Builder
	b.WriteString(n.text[:n.parts[0].text])
	for i, p := range n.parts {
		end := len(n.text)
		if i+1 < len(n.parts) {
			end = n.parts[i+1].text
		}
		if p.name != "" {
			b.WriteString("${" + p.name + "}")
			continue
		}
		b.WriteString(n.text[p.text:end])
	}
	return b.String()
}
