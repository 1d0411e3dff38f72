package upstream

import (
	"bytes"
	"maps"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

const mask = "[secret]"

// Outline describes the request the call would send. With an error it says
// where arguments go, and nothing else.
func (op *operation) Outline(call *plugins.Call) (*plugins.Outline, error) {
	b := builder{masked: true}
	if err := b.build(op, call); err != nil {
		return &plugins.Outline{Method: op.method, Form: op.protocol, Places: maps.Clone(op.places)}, err
	}
	head, body, _ := bytes.Cut(b.out, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	target, _, _ := strings.Cut(strings.TrimPrefix(lines[0], op.method+" "), " ")
	scheme := "http://"
	if op.upstream.base.https {
		scheme = "https://"
	}
	o := &plugins.Outline{
		Method: op.method, URL: scheme + op.upstream.base.header + target,
		Body: body, Form: op.protocol, Places: maps.Clone(op.places),
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if op.isSecret(name) {
			value = mask
		}
		o.Header = append(o.Header, [2]string{name, value})
	}
	return o, nil
}

func (op *operation) isSecret(name string) bool {
	for _, l := range op.head {
		if l.secret && strings.EqualFold(l.name, name) {
			return true
		}
	}
	return false
}
