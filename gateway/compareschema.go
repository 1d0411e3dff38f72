package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// schemaChange is one difference of two JSON Schemas.
type schemaChange struct {
	// at is the way to it: .customer_id, .items[]; empty for the whole.
	at, says string
	// tighter says that values which were valid may not be any more; looser the
	// opposite.
	tighter, looser bool
}

// compareSchemas tells the differences that a validator or a reader could
// notice, in the order of the places.
func compareSchemas(old, next []byte) []schemaChange {
	was, err := strictjson.Decode(old, 0)
	is, nextErr := strictjson.Decode(next, 0)
	if err != nil || nextErr != nil {
		return nil
	}
	d := schemaDiff{}
	d.schema("", was, is)
	slices.SortStableFunc(d.changes, func(a, b schemaChange) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.says, b.says)) })
	return d.changes
}

type schemaDiff struct{ changes []schemaChange }

func (d *schemaDiff) add(at, says string, tighter, looser bool) {
	d.changes = append(d.changes, schemaChange{at, says, tighter, looser})
}

func (d *schemaDiff) schema(at string, was, is any) {
	x, isObject := asSchema(was)
	y, also := asSchema(is)
	if !isObject || !also {
		if !reflect.DeepEqual(was, is) {
			d.add(at, "the schema is another", true, true)
		}
		return
	}
	d.properties(at, x, y)
	for _, keyword := range union(x, y) {
		switch keyword {
		case "properties", "required":
		case "items":
			d.items(at, x, y)
		default:
			if !equalJSON(x[keyword], y[keyword]) {
				d.keyword(at, keyword, x, y)
			}
		}
	}
}

// asSchema takes `true` and an absent schema for one that allows anything.
func asSchema(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case nil:
		return map[string]any{}, true
	case bool:
		return map[string]any{}, v
	case map[string]any:
		return v, true
	}
	return nil, false
}

func equalJSON(x, y any) bool {
	if a, ok := x.(json.Number); ok {
		if b, also := y.(json.Number); also {
			return compareNumbers(a, b) == 0
		}
	}
	return reflect.DeepEqual(x, y)
}

func (d *schemaDiff) items(at string, x, y map[string]any) {
	_, was := x["items"]
	_, is := y["items"]
	if was || is {
		d.schema(at+"[]", x["items"], y["items"])
	}
}

// properties compares the members of objects: which there are, and which must
// be given.
func (d *schemaDiff) properties(at string, x, y map[string]any) {
	was, _ := x["properties"].(map[string]any)
	is, _ := y["properties"].(map[string]any)
	needed, needs := stringsOf(x["required"]), stringsOf(y["required"])
	for _, name := range union(was, is) {
		below := at + "." + name
		before, had := was[name]
		now, has := is[name]
		required := slices.Contains(needs, name)
		switch {
		case !had && required:
			d.add(below, "added, and required", true, !closedObject(x))
		case !had:
			d.add(below, "added, optional", !closedObject(x), closedObject(x))
		case !has:
			d.add(below, "removed", closedObject(y), !closedObject(y) || slices.Contains(needed, name))
		default:
			d.schema(below, before, now)
		}
		if had && has && required != slices.Contains(needed, name) {
			says := "is optional now"
			if required {
				says = "is required now"
			}
			d.add(below, says, required, !required)
		}
	}
}

// closedObject reports whether an object may have no members but those named.
func closedObject(schema map[string]any) bool {
	additional, written := schema["additionalProperties"].(bool)
	return written && !additional
}

func stringsOf(list any) []string {
	items, _ := list.([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// What becomes tighter if the number grows, and if it falls.
const (
	lowerBounds = " minimum exclusiveMinimum minLength minItems minProperties "
	upperBounds = " maximum exclusiveMaximum maxLength maxItems maxProperties "
	// annotating keywords say something to readers, and nothing to validators.
	annotating = " title description examples default deprecated readOnly writeOnly $comment contentMediaType contentEncoding "
)

// keyword compares the values of one keyword, which differ.
func (d *schemaDiff) keyword(at, keyword string, x, y map[string]any) {
	was, had := x[keyword]
	is, has := y[keyword]
	says := keyword + " " + shownJSON(was, had) + " -> " + shownJSON(is, has)
	switch {
	case strings.Contains(annotating, " "+keyword+" ") || strings.HasPrefix(keyword, "x-"):
		if keyword == "description" || keyword == "title" {
			says = keyword + " " + saysOf(had, has)
		}
		d.add(at, says, false, false)
	case keyword == "type":
		before, after := typesOf(was, had), typesOf(is, has)
		d.add(at, says, !covers(after, before), !covers(before, after))
	case keyword == "additionalProperties":
		d.add(at, says, has && is != true, had && was != true)
	case had && has:
		tighter, looser := bothWritten(keyword, was, is)
		d.add(at, says, tighter, looser)
	default:
		d.add(at, says, has, had)
	}
}

// bothWritten judges a keyword that has another value. What can't be judged may
// be tighter, and looser.
func bothWritten(keyword string, was, is any) (tighter, looser bool) {
	named := " " + keyword + " "
	switch {
	case keyword == "enum":
		before, after := valuesOf(was), valuesOf(is)
		return addsNames(after, before), addsNames(before, after)
	case strings.Contains(lowerBounds, named):
		order := compareValues(was, is)
		return order < 0, order > 0
	case strings.Contains(upperBounds, named):
		order := compareValues(was, is)
		return order > 0, order < 0
	}
	return true, true
}

func shownJSON(v any, there bool) string {
	if !there {
		return "none"
	}
	out, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(out)
}

// allTypes are those of JSON Schema; integer is a part of number.
const allTypes = "array boolean integer null number object string"

func typesOf(v any, there bool) []string {
	if !there {
		return strings.Fields(allTypes)
	}
	types := stringsOf(v)
	if one, ok := v.(string); ok {
		types = []string{one}
	}
	if slices.Contains(types, "number") {
		types = append(types, "integer")
	}
	return types
}

// covers reports whether the first list holds all of the second.
func covers(first, second []string) bool { return !addsNames(first, second) }

func valuesOf(v any) []string {
	items, _ := v.([]any)
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = shownJSON(item, true)
	}
	return out
}

func compareValues(x, y any) int {
	a, ok := x.(json.Number)
	b, also := y.(json.Number)
	if !ok || !also {
		return 0
	}
	return compareNumbers(a, b)
}

func compareNumbers(a, b json.Number) int {
	x, ok := new(big.Rat).SetString(a.String())
	y, also := new(big.Rat).SetString(b.String())
	if !ok || !also {
		return strings.Compare(a.String(), b.String())
	}
	return x.Cmp(y)
}
