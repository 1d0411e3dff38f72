package upstream

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// appendDeep appends the pairs of a value below the parameter of a deepObject;
// path is what stands behind the parameter's name, in brackets. OpenAPI leaves
// open what is within the members of such an object; this is how servers read
// it: v[a][b]=1 for objects, v[a][]=1 for lists of scalars, and v[a][0][b]=1 for
// lists of anything else.
func (s *slot) appendDeep(dst []byte, p *pairs, path string, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return dst, nil
	case map[string]any:
		for _, name := range members(v) {
			if name == "" || strings.ContainsAny(name, "[]") {
				return dst, s.refuseMember(name)
			}
			if dst, err = s.appendDeep(dst, p, path+s.bracket(name), v[name]); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case []any:
		return s.appendDeepList(dst, p, path, v)
	}
	dst = append(append(append(p.start(dst), s.encoded...), path...), '=')
	return s.item(dst, v, "")
}

// appendDeepList appends the pairs of a list below a deepObject.
func (s *slot) appendDeepList(dst []byte, p *pairs, path string, list []any) ([]byte, error) {
	flat := !slices.ContainsFunc(list, func(item any) bool { return item == nil || !isScalar(item) })
	at := s.bracket("")
	var err error
	for i, item := range list {
		if !flat {
			at = s.bracket(strconv.Itoa(i))
		}
		if isEmpty(item) {
			return dst, s.refuse("an item of a list is empty")
		}
		if dst, err = s.appendDeep(dst, p, path+at, item); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// bracket returns a name in brackets, as the place wants it.
func (s *slot) bracket(name string) string {
	text := []byte("%5B")
	if s.place == inForm {
		text = appendForm(text, name)
	} else {
		text = appendPercent(text, name)
	}
	return string(append(text, "%5D"...))
}

// flat makes a text of an item that is a list or an object itself. OpenAPI leaves
// open what that is in a query or a form; services that take such expect JSON.
func (s *slot) flat(item any) any {
	if item == nil || isScalar(item) || s.place != inQueryString && s.place != inForm {
		return item
	}
	text, err := strictjson.Append(nil, item)
	if err != nil {
		return item
	}
	return string(text)
}
