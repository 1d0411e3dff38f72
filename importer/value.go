package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A value is a JSON value whose members keep their order: *object, []any,
// string, json.Number, bool or nil.

// member is a name with its value.
type member struct {
	key   string
	value any
}

// object is a JSON object in its order.
type object struct{ members []member }

// pairs makes an object of names and values, in turn.
func pairs(all ...any) *object {
	o := &object{}
	for i := 0; i+1 < len(all); i += 2 {
		if key, ok := all[i].(string); ok {
			o.set(key, all[i+1])
		}
	}
	return o
}

// get returns the value of a key.
func (o *object) get(key string) (any, bool) {
	if o == nil {
		return nil, false
	}
	for i := range o.members {
		if o.members[i].key == key {
			return o.members[i].value, true
		}
	}
	return nil, false
}

// has reports whether there is such a key.
func (o *object) has(key string) bool {
	_, ok := o.get(key)
	return ok
}

// text returns the value of a key that is a string.
func (o *object) text(key string) string {
	v, _ := o.get(key)
	s, _ := v.(string)
	return s
}

// object returns the value of a key that is an object, or nil.
func (o *object) object(key string) *object {
	v, _ := o.get(key)
	below, _ := v.(*object)
	return below
}

// list returns the value of a key that is a list, or nil.
func (o *object) list(key string) []any {
	v, _ := o.get(key)
	below, _ := v.([]any)
	return below
}

// set replaces the value of a key, or appends it.
func (o *object) set(key string, v any) {
	for i := range o.members {
		if o.members[i].key == key {
			o.members[i].value = v
			return
		}
	}
	o.members = append(o.members, member{key, v})
}

// MarshalJSON writes the members in their order.
func (o *object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o.members {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := encode(m.key)
		if err != nil {
			return nil, err
		}
		v, err := encode(m.value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), v...)
	}
	return append(out, '}'), nil
}

// encode writes a value as JSON, without escapes for HTML.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// maxDepth is how deep values may be nested.
const maxDepth = 200

// decode reads one JSON value. Of members with the same name the last one
// counts.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err = d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: there is more behind the value")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return decodeObject(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			item, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	o := &object{}
	seen := map[string]int{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		if at, twice := seen[key]; twice {
			o.members[at].value = v
			continue
		}
		seen[key] = len(o.members)
		o.members = append(o.members, member{key, v})
	}
	_, err := d.Token()
	return o, err
}

// equal reports whether two values are the same; the order of members is not
// looked at.
func equal(a, b any) bool {
	switch a := a.(type) {
	case *object:
		b, ok := b.(*object)
		if !ok || len(a.members) != len(b.members) {
			return false
		}
		return !slices.ContainsFunc(a.members, func(m member) bool {
			other, there := b.get(m.key)
			return !there || !equal(m.value, other)
		})
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	}
	switch b.(type) {
	case *object, []any:
		return false
	}
	return a == b
}
