package upstream

import (
	"errors"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// fillIns compiles what the gateway itself writes for arguments with a `value`.
// Expressions don't know such arguments: they have no value in a call.
func (p *planner) fillIns() {
	for i := range p.tool.Arguments {
		a := &p.tool.Arguments[i]
		if a.Value == nil {
			continue
		}
		t, err := expr.ParseJSON(a.Value, p.scope)
		if err != nil {
			p.unread(err, "input", a.Name, "value")
			continue
		}
		p.mention(t, "value of "+a.Name)
		p.filled[a.Name], p.op.evaluates = t, p.op.evaluates || t.Dynamic()
	}
}

// checkFillIn refuses a constant that can't be written at its place.
func (p *planner) checkFillIn(a *plugins.Argument, f *field) {
	if f.template == nil || f.template.Dynamic() {
		return
	}
	b := builder{op: p.op, values: &expr.Values{}}
	v, ok, err := b.value(f)
	if err == nil && ok {
		switch f.place {
		case inPath:
			_, err = f.appendPath(nil, &pairs{}, v)
		case inHeader:
			_, err = f.appendHeader(nil, v)
		case inQueryString, inForm, inCookie:
			_, err = f.appendPairs(nil, &pairs{}, v)
		case inBody, inFile:
		}
	}
	if err != nil || !ok && f.place == inPath {
		p.argumentFail(a, "value", "the value can't be written in the "+f.place.String()+" of a request", "")
	}
}

// needed is what the gateway writes where there must be something: a filter
// that isn't sent, because a caller lacks a claim, would let that caller see
// everything.
func (b *builder) needed(f *field) (any, error) {
	values := expr.Values{Demanding: true}
	if b.values != nil {
		values = *b.values
		values.Demanding = true
	}
	v, err := f.template.Value(&values)
	if errors.Is(err, expr.ErrNull) || err == nil && f.place != inBody && isEmpty(v) {
		refused := f.refuse("there is none for this call")
		refused.Cause = err
		return nil, refused
	}
	return v, err
}
