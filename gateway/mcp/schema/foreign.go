package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// foreign is a schema with keywords beyond our own code, compiled by a
// complete implementation.
type foreign struct {
	schema *jsonschema.Schema
}

// here is the name of the schema's text for its compiler. It is no address.
const here = "urn:schema"

// noLoader fetches nothing.
type noLoader struct{}

var errNotFetched = errors.New("not fetched")

// Load refuses.
func (noLoader) Load(string) (any, error) { return nil, errNotFetched }

// compileForeign compiles the text, which it may change.
func compileForeign(doc any, draft int) (*foreign, error) {
	if ptr, found := unboundNumber(doc); found {
		return nil, errorAt(ptr, "number beyond 1000 digits")
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(func(pattern string) (jsonschema.Regexp, error) { return toRegexp(pattern) })
	switch draft {
	case draft07:
		c.DefaultDraft(jsonschema.Draft7)
		dropFormats(doc)
	case draft2019:
		c.DefaultDraft(jsonschema.Draft2019)
	default:
		c.DefaultDraft(jsonschema.Draft2020)
	}
	if err := c.AddResource(here, doc); err != nil {
		return nil, &Error{Message: strings.ReplaceAll(err.Error(), here, "")}
	}
	compiled, err := c.Compile(here)
	if err != nil {
		return nil, explainForeign(err, doc)
	}
	return &foreign{compiled}, nil
}

// dropFormats makes format an annotation in draft-07 too.
func dropFormats(v any) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	if _, isText := object["format"].(string); isText {
		delete(object, "format")
	}
	for keyword, value := range object {
		for _, sub := range subschemas(keyword, value) {
			dropFormats(sub.value)
		}
	}
}

// explainForeign says in our words why a schema doesn't compile.
func explainForeign(err error, doc any) error {
	var (
		load    *jsonschema.LoadURLError
		pointer *jsonschema.JSONPointerNotFoundError
		anchor  *jsonschema.AnchorNotFoundError
		invalid *jsonschema.SchemaValidationError
		regex   *jsonschema.InvalidRegexError
	)
	const mend = "put the schema it means under $defs"
	switch {
	case errors.As(err, &load):
		return &Error{Path: findRef(doc, false), Message: "a $ref points outside the schema, and references are never fetched", Hint: mend}
	case errors.As(err, &pointer), errors.As(err, &anchor):
		return &Error{Path: findRef(doc, true), Message: "a $ref points to nothing inside the schema", Hint: mend}
	case errors.As(err, &regex):
		return &Error{Message: regex.Err.Error()}
	case errors.As(err, &invalid):
		var why *jsonschema.ValidationError
		if errors.As(invalid.Err, &why) {
			if all := mapErrors(why, nil); len(all) > 0 {
				return errorAt(all[0].Pointer, "must be "+all[0].Expected)
			}
		}
	}
	return &Error{Message: strings.ReplaceAll(err.Error(), here, "")}
}

// findRef returns the place of the first $ref that our own code can't resolve,
// of those inside the schema's text or those outside of it; nil if all can be.
func findRef(doc any, within bool) []string {
	c := compiler{doc: doc}
	var search func(v any, ptr string) []string
	search = func(v any, ptr string) []string {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		if ref, isText := object["$ref"].(string); isText && strings.HasPrefix(ref, "#") == within {
			if _, _, found := c.lookup(ref); !found {
				return splitPointer(ptr + "/$ref")
			}
		}
		for _, keyword := range sortedNames(object) {
			for _, sub := range subschemas(keyword, object[keyword]) {
				if path := search(sub.value, ptr+sub.ptr); path != nil {
					return path
				}
			}
		}
		return nil
	}
	return search(doc, "")
}

// validate appends violations in the order of their pointers, because the
// implementation finds them in no particular one.
func (f *foreign) validate(v any, dst []Violation) []Violation {
	if ptr, found := unboundNumber(v); found {
		return append(dst, Violation{Pointer: ptr, Expected: "a number of at most 1000 digits", Got: "a longer one"})
	}
	var why *jsonschema.ValidationError
	if err := f.schema.Validate(plain(v)); err == nil {
		return dst
	} else if !errors.As(err, &why) {
		return append(dst, Violation{Expected: "a value that obeys the schema", Got: describeValue(v)})
	}
	found := mapErrors(why, v)
	slices.SortFunc(found, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Expected, b.Expected))
	})
	found = slices.Compact(found)
	return append(dst, found[:min(len(found), MaxViolations)]...)
}

// unboundNumber finds a number whose digits, written out, would be more than
// 1000: the implementation does write them out.
func unboundNumber(v any) (ptr string, found bool) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			if ptr, found = unboundNumber(item); found {
				return "/" + itoa(i) + ptr, true
			}
		}
	case map[string]any:
		for name, member := range v {
			if ptr, found = unboundNumber(member); found {
				return "/" + escape(shorten(name, 64)) + ptr, true
			}
		}
	case json.Number:
		d := parseDecimal(string(v))
		return "", len(v) > 1000 || d.exp > 1000 || d.exp < -1000
	}
	return "", false
}

// plain replaces the numbers that the implementation doesn't know.
func plain(v any) any {
	switch v := v.(type) {
	case *big.Int:
		return json.Number(v.String())
	case []any:
		for i, item := range v {
			if _, isBig := item.(*big.Int); isBig || kindOf(item)&(kindArray|kindObject) != 0 {
				out := slices.Clone(v)
				for k := i; k < len(out); k++ {
					out[k] = plain(out[k])
				}
				return out
			}
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[name] = plain(member)
		}
		return out
	}
	return v
}
