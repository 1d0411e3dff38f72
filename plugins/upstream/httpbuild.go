package upstream

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// builder writes the request of one call. Its buffers are used again.
type builder struct {
	op     *operation
	call   *plugins.Call
	values *expr.Values // nil if the operation has no expressions
	out    []byte       // request line, headers, body
	body   []byte
	extra  []string // undeclared arguments, sorted
	masked bool     // keys in the URL are masked, for outlines
	// ownType is the Content-Type that the body of this call has.
	ownType string
	// load reads a resource for the caller; nil if that is not wanted.
	load func(uri string) (*file, error)
}

// build writes the request into b.out. An error means that the values can't be
// sent.
func (b *builder) build(op *operation, call *plugins.Call) error {
	b.op, b.call, b.values, b.extra, b.ownType = op, call, nil, b.extra[:0], ""
	if op.evaluates {
		b.values = &expr.Values{Args: call.Args, Caller: call.Principal, Capabilities: call.Capabilities}
		if call.Run != nil {
			b.values.Value = call.Run.Value
		}
	}
	if op.open {
		b.findExtra()
	}
	b.out, b.body = append(b.out[:0], op.prefix...), b.body[:0]
	if err := b.path(); err != nil {
		return err
	}
	if err := b.query(); err != nil {
		return err
	}
	if err := b.content(); err != nil {
		return err
	}
	if err := b.headers(); err != nil {
		return err
	}
	b.out = append(append(b.out, "\r\n"...), b.body...)
	return nil
}

// findExtra notes the arguments that only an open input schema lets in.
func (b *builder) findExtra() {
	for name := range b.call.Args {
		if !b.op.known[name] {
			b.extra = append(b.extra, name)
		}
	}
	slices.Sort(b.extra)
}

// value returns a field's value; ok is false if it is left out.
func (b *builder) value(f *field) (v any, ok bool, err error) {
	if f.template != nil {
		if f.needed {
			v, err = b.needed(f)
		} else {
			v, err = f.template.Value(b.values)
		}
		if err == nil && f.asJSON {
			v, err = f.json(v)
		}
		return v, v != nil, evaluation(err)
	}
	if f.typed {
		if b.call.Run == nil || b.call.Run.Value == nil {
			return nil, false, nil
		}
		return *b.call.Run.Value, true, nil
	}
	v, ok = b.call.Args[f.arg]
	ok = ok && (v != nil || !f.optional)
	if ok && f.asJSON {
		v, err = f.json(v)
	}
	return v, ok, err
}

// json returns a value as the text that it is in JSON; null stays null.
func (f *field) json(v any) (any, error) {
	if v == nil {
		return nil, nil //nolint:nilnil // null is nothing
	}
	text, err := strictjson.Append(nil, v)
	if err != nil {
		return nil, f.refuse("it can't be written as JSON")
	}
	return string(text), nil
}

// evaluation turns a failed expression into a refusal.
func evaluation(err error) error {
	var refused *plugins.Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	out := &plugins.Error{Kind: plugins.KindInvalid, Message: "The request can't be made of these arguments. Nothing was sent.", Cause: err}
	var e *expr.Error
	if errors.As(err, &e) {
		out.Message = e.Message + " Nothing was sent."
	}
	return out
}

func (b *builder) path() error {
	for i := range b.op.segments {
		s := &b.op.segments[i]
		b.out = append(b.out, '/')
		start, list := len(b.out), pairs{}
		for j := range s.pieces {
			p := &s.pieces[j]
			if p.field == nil {
				b.out = append(b.out, p.literal...)
				continue
			}
			v, _, err := b.value(p.field)
			if err != nil {
				return err
			}
			if b.out, err = p.field.appendPath(b.out, &list, v); err != nil {
				return err
			}
		}
		if s.dynamic && expr.IsDots(b.out[start:]) {
			return s.lastField().refuse("it is `.` or `..`, which names another path")
		}
	}
	return nil
}

// lastField is the last argument in the segment.
func (s *segment) lastField() *field {
	var f *field
	for i := range s.pieces {
		if s.pieces[i].field != nil {
			f = s.pieces[i].field
		}
	}
	return f
}

func (b *builder) query() error {
	list := pairs{first: "?", between: "&"}
	for i := range b.op.query {
		part := &b.op.query[i]
		var err error
		switch {
		case part.values != nil:
			v, ok, valueErr := b.value(part.values)
			if valueErr != nil {
				return valueErr
			}
			if ok {
				b.out, err = part.values.appendPairs(b.out, &list, v)
			}
		case part.pieces != nil:
			err = b.pair(part, &list)
		default:
			b.out = append(list.start(b.out), part.literal...)
		}
		if err != nil {
			return err
		}
	}
	if b.op.rest == inQueryString {
		for _, name := range b.extra {
			if err := b.undeclared(name, &list); err != nil {
				return err
			}
		}
	}
	if b.op.authQuery == "" {
		return nil
	}
	b.out = append(list.start(b.out), b.op.authQuery...)
	if b.masked {
		b.out = append(b.out, mask...)
	} else {
		b.out = appendPercent(b.out, b.op.upstream.settings.Auth.Query.Value.Reveal())
	}
	return nil
}

// undeclared writes an argument that only an open input schema lets in.
func (b *builder) undeclared(name string, list *pairs) (err error) {
	s := slot{place: inQueryString, arg: name, name: name, style: "form", explode: true, taken: b.op.queryNames}
	v := b.call.Args[name]
	_, isObject := v.(map[string]any)
	if s.taken.has(name) || !isObject && !isEmpty(v) && !list.admit(s.taken, name) {
		return s.refuse("the name is in use there")
	}
	s.encoded = encodeName(inQueryString, name)
	b.out, err = s.appendPairs(b.out, list, v)
	return err
}

// pair writes a pair of the query that has placeholders.
func (b *builder) pair(part *queryPart, list *pairs) error {
	if part.whole != nil {
		v, ok, err := b.value(part.whole)
		if err != nil || !ok || isEmpty(v) {
			return err
		}
		if part.whole.explode || part.whole.style == "deepObject" {
			if !isScalar(v) {
				b.out, err = part.named.appendPairs(b.out, list, v)
				return err
			}
		}
	}
	b.out = list.start(b.out)
	start := len(b.out)
	for i := range part.pieces {
		p := &part.pieces[i]
		if p.field == nil {
			b.out = append(b.out, p.literal...)
			continue
		}
		v, ok, err := b.value(p.field)
		if err != nil {
			return err
		}
		if !ok || isEmpty(v) {
			continue
		}
		between, refused := p.field.separator()
		if b.out, err = p.field.list(b.out, v, between, refused); err != nil {
			return err
		}
	}
	if part.naming == nil {
		return nil
	}
	name, _, _ := strings.Cut(string(b.out[start:]), "=")
	plain, err := url.QueryUnescape(name)
	if err != nil || plain != "" && !list.admit(b.op.queryNames, plain) {
		return part.naming.refuse("the name is in use there")
	}
	return nil
}

func (b *builder) headers() error {
	b.out = append(b.out, b.op.lines...)
	for i := range b.op.headers {
		f := &b.op.headers[i]
		v, ok, err := b.value(f)
		if err != nil {
			return err
		}
		if !ok || isEmpty(v) {
			continue
		}
		b.out = append(append(b.out, f.name...), ": "...)
		if b.out, err = f.appendHeader(b.out, v); err != nil {
			return err
		}
		b.out = append(b.out, "\r\n"...)
	}
	if err := b.cookies(); err != nil {
		return err
	}
	if b.op.idempotency != "" {
		b.idempotency()
	}
	b.trace("X-Request-ID: ", b.call.RequestID)
	b.trace("traceparent: ", b.call.Trace.Parent)
	b.trace("tracestate: ", b.call.Trace.State)
	b.trace("baggage: ", b.call.Trace.Baggage)
	if b.op.conditional && b.call.Run != nil && b.call.Run.Condition != nil {
		b.trace("If-None-Match: ", b.call.Run.Condition.ETag)
		b.trace("If-Modified-Since: ", b.call.Run.Condition.LastModified)
	}
	hasBody := b.op.bodyKind != noBody || len(b.body) > 0
	if hasBody && b.contentType() != "" {
		b.out = append(append(append(b.out, "Content-Type: "...), b.contentType()...), "\r\n"...)
	}
	if hasBody || !inQuery(b.op.method) {
		b.out = append(strconv.AppendInt(append(b.out, "Content-Length: "...), int64(len(b.body)), 10), "\r\n"...)
	}
	return nil
}

func (b *builder) contentType() string {
	if b.op.bodyKind == noBody && !b.op.typed() {
		return "application/json"
	}
	if b.ownType != "" {
		return b.ownType
	}
	return b.op.contentType
}

// typed reports whether the manifest writes the Content-Type.
func (op *operation) typed() bool {
	return slices.ContainsFunc(op.head, func(l headerLine) bool { return len(l.name) == 12 && equalFold(l.name, "content-type") })
}

func (b *builder) cookies() error {
	list := pairs{first: "Cookie: ", between: "; "}
	for i := range b.op.cookies {
		f := &b.op.cookies[i]
		v, ok, err := b.value(f)
		if err != nil {
			return err
		}
		if ok {
			if b.out, err = f.appendPairs(b.out, &list, v); err != nil {
				return err
			}
		}
	}
	if list.count > 0 {
		b.out = append(b.out, "\r\n"...)
	}
	return nil
}

// trace writes a header of the gateway's own, if there is something to write.
func (b *builder) trace(name, value string) {
	if value != "" && isHeaderValue(value) {
		b.out = append(append(append(b.out, name...), value...), "\r\n"...)
	}
}
