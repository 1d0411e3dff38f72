package upstream

import (
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// maxOrderDepth bounds how deep schemas are read for the order of members.
const maxOrderDepth = 32

// memberOrder is the order in which a schema lists the members of objects.
// Arguments have none, but sequences of elements do (xs:sequence).
type memberOrder struct {
	names   []string
	members []*memberOrder
	items   *memberOrder
}

// readOrder reads a schema; nil if it says nothing.
func readOrder(schema []byte, depth int) *memberOrder {
	if depth == 0 || len(schema) == 0 || strictjson.Check(schema, 0) != nil {
		return nil
	}
	keys, err := strictjson.Members(schema, nil)
	if err != nil {
		return nil
	}
	o := &memberOrder{}
	for _, k := range keys {
		switch k.Name {
		case "items":
			o.items = readOrder(k.Value, depth-1)
		case "properties":
			properties, err := strictjson.Members(k.Value, nil)
			if err != nil {
				return nil
			}
			for _, m := range properties {
				o.names = append(o.names, strings.Clone(m.Name))
				o.members = append(o.members, readOrder(m.Value, depth-1))
			}
		}
	}
	return o
}

// member is the order within a member.
func (o *memberOrder) member(name string) *memberOrder {
	if o == nil {
		return nil
	}
	if i := slices.Index(o.names, name); i >= 0 {
		return o.members[i]
	}
	return nil
}

// item is the order within the items of a list.
func (o *memberOrder) item() *memberOrder {
	if o == nil {
		return nil
	}
	return o.items
}

// sort returns the members of an object: those that the schema lists, and then
// the others by name. Null is none.
func (o *memberOrder) sort(object map[string]any) []string {
	rest := members(object)
	if o == nil {
		return rest
	}
	var out []string
	for _, name := range o.names {
		if i := slices.Index(rest, name); i >= 0 {
			out, rest = append(out, name), slices.Delete(rest, i, i+1)
		}
	}
	return append(out, rest...)
}
