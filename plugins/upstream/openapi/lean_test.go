package openapi

import (
	"fmt"
	"strings"
	"testing"
)

// many are values of an enum, quoted, for documents.
func many(n int) string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("value-%04d", i)
	}
	return strings.Join(values, ", ")
}

// definitionOf is that of the only operation of a document.
func definitionOf(t *testing.T, paths string) string {
	t.Helper()
	operations := inline(t, "openapi: 3.1.0\ninfo: {title: T, version: '1'}\nservers: [{url: 'https://a.example'}]\npaths: "+paths).Tools(Expose{})
	if len(operations) != 1 || operations[0].Skip != "" {
		t.Fatalf("operations are %+v", operations)
	}
	if _, _, err := prepare(service(t), operations[0].Name, operations[0].Definition); err != nil {
		t.Error(err)
	}
	return string(operations[0].Definition)
}

// body is a POST with a body of that schema and media type.
func body(mediaType, schema string) string {
	return "{/a: {post: {operationId: a, requestBody: {required: true, content: {" + mediaType + ": {schema: " + schema + "}}}, responses: {}}}}"
}

func wants(t *testing.T, got string, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(got, s) {
			t.Errorf("no %s in\n%.3000s", s, got)
		}
	}
}

// What must be given has its values, also where there is no room for others;
// of these some are named, or they are left out.
func TestEnumsInLeanDefinitions(t *testing.T) {
	var filler strings.Builder
	for i := range 40 {
		fmt.Fprintf(&filler, "f%d: {type: string, description: '%s'}, ", i, strings.Repeat("long words ", 30))
	}
	got := definitionOf(t, body("application/json", "{type: object, required: [kind], properties: {"+filler.String()+
		"kind: {type: string, enum: ["+many(60)+"]}, other: {type: string, description: Which., enum: ["+many(600)+"]}, few: {type: string, enum: ["+many(20)+"]}, "+
		"deep: {type: array, items: {type: object, required: [kind], properties: {kind: {type: string, enum: ["+many(61)+"]}, other: {type: string, enum: ["+many(601)+"]}, size: {type: integer}}}}}}"))
	wants(t, got, `"value-0059"]`, `"value-0060"]`, `"value-0019"]`, `"Which. One of 600 values such as value-0000, value-0001`)
	if strings.Contains(got, "One of 601") != strings.Contains(got, `"other":{"type":"string","description":"One of 601`) || strings.Contains(got, `"other":{"type":"string"}`) {
		t.Errorf("a nested enum is lost without a word:\n%s", got)
	}
}

// The parameter's own description doesn't hide what its values are.
func TestLongEnumOfParameter(t *testing.T) {
	got := definitionOf(t, "{/a: {get: {operationId: a, parameters: [{name: c, in: query, description: The category., schema: {type: string, enum: ["+many(600)+"]}}], responses: {}}}}")
	wants(t, got, `"description":"The category. One of 600 values such as value-0000, `)
}

// Of alternatives that there is no room for stays what tells them apart.
func TestKindsOfAlternatives(t *testing.T) {
	var options []string
	for i := range 12 {
		var members strings.Builder
		for j := range 30 {
			fmt.Fprintf(&members, "member_%d_%d: {type: string, description: '%s'}, ", i, j, strings.Repeat("words ", 20))
		}
		options = append(options, fmt.Sprintf("{type: object, required: [member_%d_1], properties: {%s type: {type: string, enum: [kind%d, also%d]}}}", i, members.String(), i, i))
	}
	// An object that allows anything would swallow the others.
	got := definitionOf(t, body("application/json", "{type: object, required: [method], properties: {method: {description: How., oneOf: ["+strings.Join(options, ", ")+", {type: object, properties: {type: {const: last}}}]}}}"))
	wants(t, got, "kind0", "also11", "last")
	d := inline(t, "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths: {}")
	c := newConverter(d, newMemory(), detail{depth: 1}, &notes{})
	n := object().set("oneOf", list(
		object().set("properties", object().set("a", object()).set("type", object().set("enum", listOf([]string{"x", "y"})))),
		object().set("allOf", list(object().set("properties", object().set("type", object().set("const", text("z")))))),
	))
	out := c.kinds(n, n.list("oneOf"), []*node{object(), object()}, true)
	wants(t, string(out.json()), `{"type":["object","null"],"properties":{"type":{"type":"string","enum":["x","y","z"]}},"required":["type"]}`)
}

// An object that is cut keeps what must be in it, however deep it is.
func TestRequiredOfCutObjects(t *testing.T) {
	var filler strings.Builder
	for i := range 60 {
		fmt.Fprintf(&filler, "f%d: {type: object, properties: {a: {type: string, description: '%s'}}}, ", i, strings.Repeat("long words ", 30))
	}
	got := definitionOf(t, body("application/json", "{type: object, properties: {"+filler.String()+
		"policy: {type: object, required: [rules], properties: {rules: {type: array, items: {type: object, required: [conditions], properties: {conditions: {type: array, items: {type: object, required: [type, status], properties: {type: {type: string}, status: {type: string}, more: {type: string}}}}}}}}}}}"))
	wants(t, got, `"required":["type","status"]`)
}

// What is required and not declared is an argument, unless that isn't allowed.
func TestRequiredUndeclared(t *testing.T) {
	got := definitionOf(t, body("application/json", "{type: object, required: [uris], properties: {ids: {type: array}}}"))
	wants(t, got, `"uris":{}`)
	got = definitionOf(t, body("application/json", "{type: object, properties: {screens: {type: object, additionalProperties: false, required: [defaultScreen, b], properties: {a: {type: string}, b: {type: string}}}}}"))
	wants(t, got, `"required":["b"]`)
	got = definitionOf(t, body("application/json", "{allOf: [{type: object, required: [id, a], properties: {a: {type: string}}}, {type: object, properties: {id: {type: string, readOnly: true}}}]}"))
	if strings.Contains(got, `"id"`) {
		t.Errorf("what services set is an argument: %s", got)
	}
}

func TestAlternativesOfRequired(t *testing.T) {
	properties := "properties: {type: {type: string}, id: {type: string}, owner: {type: string}, repo: {type: string}, number: {type: integer}}"
	got := definitionOf(t, body("application/json", "{type: object, oneOf: [{required: [type, id]}, {required: [type, owner, repo, number]}], "+properties+"}"))
	wants(t, got, "Give either type and id, or type, owner, repo and number.")
	got = definitionOf(t, body("application/json", "{type: object, anyOf: [{required: [id]}, {required: [owner, repo]}], "+properties+"}"))
	wants(t, got, "Needs id, or owner and repo.")
}

// A body of format byte is the text itself.
func TestBase64Body(t *testing.T) {
	wants(t, definitionOf(t, body("image/jpeg", "{type: string, format: byte}")), `"text":"${{ args.body }}","media_type":"image/jpeg"`, `"contentEncoding":"base64"`)
	wants(t, definitionOf(t, body("image/jpeg", "{type: string, format: binary}")), `"bytes":"${{ args.body }}"`)
}

// A stream of events would hang until its timeout.
func TestEventStreams(t *testing.T) {
	d := inline(t, `{openapi: 3.0.0, servers: [{url: 'https://a.example'}], paths: {
  /a: {get: {responses: {'200': {content: {text/event-stream: {}}}}}},
  /b: {get: {responses: {'200': {content: {text/event-stream: {}, application/json: {}}}}}},
  /c: {get: {responses: {'204': {}, default: {content: {text/event-stream: {}}}}}}}}`)
	operations := d.Tools(Expose{})
	if len(operations) != 3 || operations[0].Skip != SkipAnswer+": text/event-stream has no end that a call could wait for" || operations[1].Skip != "" || operations[2].Skip != "" {
		t.Errorf("operations are %+v", operations)
	}
}
