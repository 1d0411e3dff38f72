package upstream

import (
	"slices"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// content writes the body.
func (b *builder) content() error {
	if len(b.extra) > 0 && b.op.rest == inBody && b.op.bodyKind != jsonMembers && b.op.bodyKind != noBody && !b.op.usesAll() {
		s := slot{place: inBody, arg: b.extra[0]}
		return s.refuse("the tool does not declare it")
	}
	switch b.op.bodyKind {
	case jsonTemplate:
		var err error
		b.body, err = b.op.body.Append(b.body, b.values)
		return evaluation(err)
	case jsonMembers:
		return b.object()
	case formBody:
		return b.fields(b.op.form)
	case ownBody:
		return b.op.content.write(b)
	case noBody:
		if len(b.extra) > 0 && b.op.rest == inBody && !b.op.usesAll() {
			return b.object()
		}
	}
	return nil
}

// usesAll reports whether the body mentions args as a whole.
func (op *operation) usesAll() bool {
	if op.body == nil {
		return false
	}
	_, all := op.body.Arguments()
	return all
}

// object writes arguments as members of a JSON object.
func (b *builder) object() error {
	if err := b.members(b.op.members); err != nil {
		return err
	}
	if b.op.rest != inBody || len(b.extra) == 0 {
		return nil
	}
	b.body = b.body[:len(b.body)-1]
	for _, name := range b.extra {
		s := slot{place: inBody, arg: name, name: name}
		if slices.ContainsFunc(b.op.members, func(f field) bool { return f.name == name }) {
			return s.refuse("the name is in use there")
		}
		if err := b.member(&s, b.call.Args[name]); err != nil {
			return err
		}
	}
	b.body = append(b.body, '}')
	return nil
}

// members writes fields as members of a JSON object.
func (b *builder) members(fields []field) error {
	b.body = append(b.body, '{')
	for i := range fields {
		v, ok, err := b.value(&fields[i])
		if err != nil {
			return err
		}
		if ok {
			if err := b.member(&fields[i].slot, v); err != nil {
				return err
			}
		}
	}
	b.body = append(b.body, '}')
	return nil
}

// member writes one member of a JSON object that is open.
func (b *builder) member(f *slot, v any) (err error) {
	if b.body[len(b.body)-1] != '{' {
		b.body = append(b.body, ',')
	}
	b.body = append(strictjson.AppendString(b.body, f.name), ':')
	if b.body, err = strictjson.Append(b.body, v); err != nil {
		return f.refuse("it can't be written as JSON")
	}
	return nil
}

// fields writes a form.
func (b *builder) fields(form []field) error {
	list := pairs{between: "&"}
	for i := range form {
		v, ok, err := b.value(&form[i])
		if err != nil {
			return err
		}
		if ok {
			if b.body, err = form[i].appendPairs(b.body, &list, v); err != nil {
				return err
			}
		}
	}
	return nil
}
