package upstream

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// pathQuery makes ready a query written behind the path, pair by pair.
func (p *planner) pathQuery(pieces []expr.Piece) {
	var pair []piece
	end := func() {
		if len(pair) > 0 {
			p.op.query = append(p.op.query, p.pair(pair))
		}
		pair = nil
	}
	for _, e := range pieces {
		if e.Name != "" {
			pair = append(pair, piece{field: p.placeholder(inQueryString, e.Name)})
			continue
		}
		for i, text := range strings.Split(e.Literal, "&") {
			if i > 0 {
				end()
			}
			if text != "" {
				pair = append(pair, piece{literal: text})
			}
		}
	}
	end()
}

func (p *planner) pair(pieces []piece) queryPart {
	literal := pieces[0].literal
	if len(pieces) == 1 && pieces[0].field == nil {
		p.takeNames(literal)
		return queryPart{literal: literal}
	}
	part := queryPart{pieces: pieces}
	name, _, known := strings.Cut(literal, "=")
	if !known {
		at := slices.IndexFunc(pieces, func(e piece) bool { return e.field != nil })
		part.naming = pieces[at].field
		return part
	}
	p.takeNames(literal)
	if len(pieces) == 2 && strings.HasSuffix(literal, "=") && pieces[1].field != nil {
		part.whole = pieces[1].field
		named := part.whole.slot
		named.encoded, named.name = literal[:len(literal)-1], name
		if plain, err := url.QueryUnescape(name); err == nil {
			named.name = plain
		}
		part.named = &named
	}
	return part
}

// queryMap makes ready the query of the long form, and a key in the query.
func (p *planner) queryMap() {
	for _, name := range slices.Sorted(maps.Keys(p.req.Query)) {
		if p.op.queryNames.has(name) {
			p.fail(&plugins.FieldError{Message: "the URL has this parameter already", Offset: -1}, p.requestPath("query", name)...)
		}
		p.op.queryNames.add(name)
		if f := p.templateField(inQueryString, name, p.req.Query[name], "query"); f != nil {
			p.queryField(f)
		}
	}
	auth := p.upstream.settings.Auth
	if auth == nil || auth.Query == nil {
		return
	}
	if p.op.queryNames.has(auth.Query.Name) {
		p.fail(&plugins.FieldError{Message: fmt.Sprintf("the parameter %q is written by the upstream's `auth` only", auth.Query.Name)}, p.requestPath()...)
	}
	p.op.queryNames.add(auth.Query.Name)
	p.op.authQuery = string(appendPercent(nil, auth.Query.Name)) + "="
}

// queryField adds a parameter of the manifest; one that is the same for every
// call is written now.
func (p *planner) queryField(f *field) {
	if f.template.Dynamic() {
		p.op.query = append(p.op.query, queryPart{values: f})
		return
	}
	v, err := f.template.Value(&expr.Values{})
	var text []byte
	if err == nil {
		text, err = f.appendPairs(nil, &pairs{between: "&"}, v)
	}
	switch {
	case err != nil:
		p.fail(&plugins.FieldError{Message: "a query takes strings, numbers, booleans, and lists of them"}, p.requestPath("query", f.name)...)
	case len(text) > 0:
		p.op.query = append(p.op.query, queryPart{literal: string(text)})
		p.takeNames(string(text))
	}
}
