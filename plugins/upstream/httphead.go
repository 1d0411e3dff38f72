package upstream

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// headerMap makes ready the headers of the long form.
func (p *planner) headerMap() {
	for _, name := range slices.Sorted(maps.Keys(p.req.Headers)) {
		path := p.requestPath("headers", name)
		t, err := expr.ParseJSON(p.req.Headers[name], p.scope)
		if err != nil {
			p.unread(err, path...)
			continue
		}
		dynamic := t.Dynamic()
		if err := p.headerName(name, dynamic); err != nil {
			err.Offset = -1 // it is the name that is wrong
			p.fail(err, path...)
			continue
		}
		if dynamic {
			if f := p.templateField(inHeader, name, p.req.Headers[name], "headers"); f != nil {
				p.op.headers = append(p.op.headers, *f)
			}
			continue
		}
		v, err := t.Value(&expr.Values{})
		text, textErr := scalar(v)
		if err != nil || textErr != nil || !isHeaderValue(text) {
			p.fail(&plugins.FieldError{Message: "a header's value is visible ASCII characters, with blanks inside only"}, path...)
			continue
		}
		p.op.head = append(p.op.head, headerLine{name: name, value: text})
	}
}

// headerName checks a header of the tool and notes it.
func (p *planner) headerName(name string, dynamic bool) *plugins.FieldError {
	if err := checkHeaderName(name, dynamic); err != nil {
		return err
	}
	lower := strings.ToLower(name)
	if a := p.upstream.settings.Auth; a != nil && a.Header != nil && strings.EqualFold(a.Header.Name, name) {
		return &plugins.FieldError{Message: name + " is written by the upstream's `auth` only"}
	}
	if p.headNames[lower] {
		return &plugins.FieldError{Message: "the request has this header already"}
	}
	p.headNames[lower] = true
	return nil
}

// staticHead makes the bytes of all headers that are the same for every call.
func (p *planner) staticHead() {
	head := []headerLine{{name: "Host", value: p.upstream.base.header}}
	own := map[string]string{"User-Agent": userAgent, "Accept": "application/json, */*;q=0.8"}
	if p.accept != "" {
		own["Accept"] = p.accept
	}
	if p.op.multipart() { // whose boundary only we know
		p.headNames["content-type"] = true
	}
	s := &p.upstream.settings
	for name := range s.Headers {
		for standard := range own {
			if strings.EqualFold(name, standard) {
				delete(own, standard)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if !p.headNames[strings.ToLower(name)] {
			head = append(head, headerLine{name: name, value: own[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if !p.headNames[strings.ToLower(name)] {
			head = append(head, headerLine{name: name, value: s.Headers[name].Reveal(), secret: true})
			p.headNames[strings.ToLower(name)] = true
		}
	}
	if line, ok := s.Auth.line(); ok {
		head = append(head, line)
		if strings.EqualFold(line.name, "Cookie") && len(p.op.cookies) > 0 {
			p.fail(&plugins.FieldError{Message: "Cookie is written by the upstream's `auth` only"}, "input", p.op.cookies[0].arg)
		}
	}
	if p.headNames["content-type"] {
		p.op.contentType = ""
	}
	p.op.head = append(head, p.op.head...)
	p.op.lines = append(p.op.lines, " HTTP/1.1\r\n"...)
	for _, l := range p.op.head {
		p.op.lines = append(append(append(append(p.op.lines, l.name...), ": "...), l.value...), "\r\n"...)
	}
}

// line returns the header that authenticates the gateway.
func (a *HTTPAuth) line() (headerLine, bool) {
	switch {
	case a == nil || a.Query != nil:
		return headerLine{}, false
	case a.Header != nil:
		return headerLine{name: a.Header.Name, value: a.Header.Value.Reveal(), secret: true}, true
	case a.Basic != nil:
		pair := a.Basic.User + ":" + a.Basic.Password.Reveal()
		return headerLine{name: "Authorization", value: "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)), secret: true}, true
	}
	return headerLine{name: "Authorization", value: "Bearer " + a.Bearer.Reveal(), secret: true}, true
}
