package openapi

import (
	"encoding/json"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
)

// check makes sure that the arguments' schemas can be compiled. One that can't
// be is left open: what is wrong with it was wrong in the document.
func (t *tool) check() *skip {
	defs := t.schemas.defs
	if t.compiles(t.arguments) {
		return nil
	}
	if !t.compiles(nil) {
		for i := range defs.members {
			defs.members[i].value = object() // they refer to each other in a circle
		}
		t.notes.add("schemas that are made of themselves are left open")
	}
	for _, a := range t.arguments {
		if a.value != nil || t.compiles([]*argument{a}) {
			continue
		}
		t.notes.add("the schema of %s is left open: it can't be compiled", clip(a.wire, 60))
		open := object()
		if s := a.schema.str("description"); s != "" {
			open.set("description", text(s))
		}
		a.schema = open
	}
	if !t.compiles(t.arguments) {
		return skipFor(SkipBroken, "its schemas can't be compiled")
	}
	return nil
}

// compiles reports whether an input schema can be made of arguments.
func (t *tool) compiles(arguments []*argument) bool {
	properties := object()
	for _, a := range arguments {
		if a.value == nil {
			properties.add(a.name, a.schema)
		}
	}
	whole := object().set("type", text("object")).set("properties", properties)
	if len(t.schemas.defs.members) > 0 {
		whole.set("$defs", t.schemas.defs)
	}
	raw := whole.json()
	if !json.Valid(raw) {
		return false
	}
	_, err := schema.Compile(raw)
	return err == nil
}
