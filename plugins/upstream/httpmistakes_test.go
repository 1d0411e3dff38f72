package upstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// Every mistake in a body of its own form, with its exact place, text and hint.
func TestFormMistakes(t *testing.T) {
	document := func(text string) upstream.Request { return graph(upstream.GraphQL{Document: text}) }
	headers := func(name string, r upstream.Request) upstream.Request {
		r.Headers = map[string]json.RawMessage{name: raw(`"x/y"`)}
		return r
	}
	soap := func(body string) upstream.Request { return soapOf(upstream.SOAP{Body: raw(body)}) }
	value := func(a plugins.Argument, value string) plugins.Argument {
		a.Value = []byte(value)
		return a
	}
	x := arg("x")
	for _, tt := range []struct {
		request upstream.Request
		args    []plugins.Argument
		want    string
	}{
		// What requests have in common.
		{upstream.Request{Path: "/"}, nil, `request: missing field "method" in request (method: HTTP method, e.g. POST)`},
		{upstream.Request{Method: "GET"}, nil, `request: missing field "path" in request (path: path below the upstream's URL, e.g. /customers/{customer_id})`},
		{post(func(r *upstream.Request) {
			r.Form, r.XML, r.Text = map[string]json.RawMessage{}, raw(`{"a":1}`), textOf("")
		}), nil, `request.text: a request has one body, but there are form, xml and text at -1`},
		{upstream.Request{Method: "TRACE", Path: "/", Text: textOf("")}, nil, `request.method: TRACE has no body`},
		{upstream.Request{Method: "PUT", SOAP: &upstream.SOAP{Body: raw(`{}`)}}, nil, "request.method: soap is sent by POST only (take the method away)"},
		{upstream.Request{Method: "GET", GraphQL: &upstream.GraphQL{Document: "{a}"}}, nil, "request.method: graphql is sent by POST only (take the method away)"},
		{post(func(r *upstream.Request) { r.MediaType = "html" }), nil, `request.media_type: "html" is not a media type (write type/subtype, e.g. application/octet-stream)`},
		{post(func(r *upstream.Request) { r.MediaType, r.Multipart = "a/b", raw(`{}`) }), nil, "request.media_type: multipart has a media type of its own (take media_type away) at -1"},
		{headers("Content-Type", post(func(r *upstream.Request) { r.MediaType = "a/b" })), nil, "request.media_type: the header Content-Type says it already (take one of them away) at -1"},
		{post(func(r *upstream.Request) { r.Text = textOf("a") }), []plugins.Argument{x}, "input.x: the argument goes nowhere: `text` does not mention it (write ${{ args.x }} in `text`, or give it another place with `in:`)"},
		{post(func(r *upstream.Request) { r.Text = textOf("a") }), []plugins.Argument{argIn("x", "form")}, "input.x: the argument goes nowhere: `text` does not mention it (write ${{ args.x }} in `text`, or give it another place with `in:`)"},
		{post(func(r *upstream.Request) { r.Text = textOf("a") }), []plugins.Argument{argIn("x", "file")}, "input.x.in: a file is a part of a multipart body, but the request has `text` (write `multipart` instead, or place the argument by an expression)"},
		{post(func(r *upstream.Request) { r.Text = textOf("{{ args.x }}") }), []plugins.Argument{x}, "request.text: {{ args.x }} would stay as it is written (write ${{ args.x }})"},
		{post(func(r *upstream.Request) { r.Body = raw(`{"a":"{{ args.x }}"}`) }), []plugins.Argument{x, arg("y")}, "request.body.a: {{ args.x }} would stay as it is written (write ${{ args.x }})"},
		{post(func(r *upstream.Request) { r.Bytes = raw(`"${{ args.y }}"`) }), []plugins.Argument{x}, `request.bytes: there is no argument "y" (declared: x) at 9`},

		// Multipart.
		{parts(`[]`), nil, "request.multipart: want a mapping of parts (write {name: value})"},
		{parts(`{"a":{"b":1}}`), nil, `request.multipart.a.b: unknown field "b" in a part (a part has file, text or json, e.g. {json: {...}} for an object, and perhaps filename and media_type) at -1`},
		{parts(`{"a":{"filename":"b"}}`), nil, `request.multipart.a: a part that is a mapping has one of file, text and json (write {file: "${{ args.data }}", filename: a.png}, or {json: {...}} for an object)`},
		{parts(`{"a":{"file":"","filname":"x"}}`), nil, `request.multipart.a.filname: unknown field "filname" in a part (did you mean "filename"?) at -1`},
		{parts(`{"a":{"file":"","text":""}}`), nil, `request.multipart.a: a part that is a mapping has one of file, text and json (write {file: "${{ args.data }}", filename: a.png}, or {json: {...}} for an object)`},
		{parts(`{"a":{"text":"","media_type":"png"}}`), nil, `request.multipart.a.media_type: "png" is not a media type (write type/subtype, e.g. image/png)`},
		{parts(`{"a":{"text":"","filename":7}}`), nil, `request.multipart.a.filename: want a text`},
		{parts(`{"a":{"text":"${{ args.z }}"}}`), []plugins.Argument{x}, `request.multipart.a.text: there is no argument "z" (declared: x) at 9`},
		{headers("Content-Type", parts(`{}`)), nil, "request.headers.Content-Type: the Content-Type of a multipart body has its boundary, which is new for each request (take the header away)"},
		{parts(`{"a":1}`), []plugins.Argument{{Name: "x", In: "file", As: "a"}}, `input.x: the body has a part "a" already`},
		{parts(`{"a":1}`), []plugins.Argument{x}, "input.x: the argument goes nowhere: the request has a multipart body (give it `in: form`, for a part of text, or `in: file`)"},
		{parts(`{}`), []plugins.Argument{{Name: "x", In: "form", Style: "form"}}, "input.x.style: a multipart body has no styles (lists repeat their part, objects are parts of JSON)"},
		{parts(`{}`), []plugins.Argument{{Name: "x", In: "file", MediaType: "png"}}, `input.x.media_type: "png" is not a media type (write type/subtype, e.g. image/png)`},

		// XML.
		{xmlOf(`{}`), nil, "request.xml: an XML document has one root element (write {root: {...}})"},
		{xmlOf(`{"a":1,"b":2}`), nil, "request.xml: an XML document has one root element (write {root: {...}})"},
		{xmlOf(`{"a":[1]}`), nil, "request.xml: an XML document has one root element (write {root: {...}})"},
		{xmlOf(`{"a b":1}`), nil, `request.xml.a b: "a b" is not a name in XML (a name begins with a letter or _, and goes on with letters, digits, _ - and .) at -1`},
		{xmlOf(`{"a":{"1":1,"@-":2}}`), nil, `request.xml.a.1: "1" is not a name in XML (a name begins with a letter or _, and goes on with letters, digits, _ - and .) at -1; request.xml.a.@-: "-" is not a name in XML (a name begins with a letter or _, and goes on with letters, digits, _ - and .) at -1`},
		{xmlOf(`{"p:a":{"@q:b":1}}`), nil, `request.xml.p:a: the prefix "p" is not declared (write "@xmlns:p": the namespace, on the element or one around it) at -1; request.xml.p:a.@q:b: the prefix "q" is not declared (write "@xmlns:q": the namespace, on the element or one around it) at -1`},
		{xmlOf(`{"a":{"b":{"@xmlns:p":"u"},"p:c":1}}`), nil, `request.xml.a.p:c: the prefix "p" is not declared (write "@xmlns:p": the namespace, on the element or one around it) at -1`},
		{xmlOf(`{"a":{"@xmlns:p":"","@xmlns:xmlx":"u","@xmlns":7,"@xmlns:q":"${{ args.x }}"}}`), []plugins.Argument{x}, `request.xml.a.@xmlns:p: a prefix stands for a namespace, which is not empty; request.xml.a.@xmlns:xmlx: "xmlx" is not a prefix that can be declared at -1; request.xml.a.@xmlns: a namespace is a text without holes; request.xml.a.@xmlns:q: a namespace is a text without holes`},
		{xmlOf(`{"a":{"@b":[1],"#text":{}}}`), nil, `request.xml.a.@b: an attribute is a text, a number, true or false; request.xml.a.#text: want a text, a number, true or false`},
		{xmlOf(`{"a":{"b":[[1]]}}`), nil, `request.xml.a.b.0: a list of elements has no lists in it`},
		{xmlOf(`{"a":"\u0001"}`), nil, `request.xml.a: the text has a character that XML can't hold`},
		{xmlOf(`{"a":"${{ args.y }}"}`), []plugins.Argument{x}, `request.xml.a: there is no argument "y" (declared: x) at 9`},

		// SOAP.
		{soapOf(upstream.SOAP{Version: "2", Action: `a"b`, Namespaces: map[string]string{"soap": "u", "a": ""}, Body: raw(`{}`)}), nil,
			`request.soap.version: "2" is not a version of SOAP (1.1 or 1.2); request.soap.action: an action is a URI, without blanks and quotes; request.soap.namespaces.a: a prefix stands for a namespace, which is not empty; request.soap.namespaces.soap: "soap" is not a prefix that can be declared at -1`},
		{soap(`"x"`), nil, "request.soap.body: want a mapping of elements (write {name: value})"},
		{soap(`{"p:a":1}`), nil, `request.soap.body.p:a: the prefix "p" is not declared (write "@xmlns:p": the namespace, on the element or one around it) at -1`},
		{headers("soapaction", soap(`{}`)), nil, "request.soap.action: the request has this header already"},
		{soap(`{"a":1}`), []plugins.Argument{x}, "input.x: the argument goes nowhere: `soap` does not mention it (write ${{ args.x }} in `soap`, or give it another place with `in:`)"},

		// GraphQL.
		{graph(upstream.GraphQL{}), nil, "request.graphql: there is no document (write document: the query, or file: its name)"},
		{graph(upstream.GraphQL{Document: "{a}", File: "f"}), nil, "request.graphql.file: there is a document already (take one of document and file away) at -1"},
		{graph(upstream.GraphQL{File: "testdata/none.graphql"}), nil, "request.graphql.file: the file can't be read: no such file or directory"},
		{graph(upstream.GraphQL{File: "testdata/several.graphql"}), nil, "request.graphql.file: line 3: the document has several operations (write `operation`: one of First, Second)"},
		{graph(upstream.GraphQL{File: "testdata/several.graphql", Operation: "Frist"}), nil, `request.graphql.operation: the document has no operation "Frist" (did you mean "First"?)`},
		{document(`{ a(b: "${{ args.x }}") }`), []plugins.Argument{x}, `request.graphql.document: arguments come into a GraphQL document as variables only (declare a variable, e.g. query($id: ID!), and use $id) at 8`},
		{document("a"), nil, "request.graphql.document: want query, mutation or fragment, found a"},
		{document("query A"), nil, "request.graphql.document: the document ends where { is wanted at 7"},
		{document("{ a"), nil, "request.graphql.document: the { is not closed"},
		{document("{ a )"), nil, "request.graphql.document: want }, found ) at 4"},
		{document("fragment F on A { a }"), nil, "request.graphql.document: the document has no operation (write query { ... })"},
		{document("subscription { a }"), nil, "request.graphql.document: a subscription has no single answer, so it can't be a tool (write a query)"},
		{document(`{ a(b: "c) }`), nil, "request.graphql.document: the string is not closed at 7"},
		{document("{ a% }"), nil, `request.graphql.document: '%' can't stand in a GraphQL document at 3`},
		{document("{ a(b: $x) }"), []plugins.Argument{x}, "request.graphql.document: the variable $x is not declared (declare it: query($x: String!)) at 7"},
		{document("query($id: ID) { a(b: $idd, c: $id) }"), []plugins.Argument{arg("id")}, "request.graphql.document: the variable $idd is not declared (did you mean $id?) at 22"},
		{document("query($x: ID) { a }"), []plugins.Argument{x}, "request.graphql.document: the variable $x is declared, but not used at 6"},
		{document("query($x: ID, $x: ID) { a(b: $x) }"), []plugins.Argument{x}, "request.graphql.document: the variable $x is declared twice at 14"},
		{document("query($x ID) { a }"), nil, "request.graphql.document: want a colon and a type, found ID at 9"},
		{document("query($x: ID = ) { a }"), nil, "request.graphql.document: want a value, found ) at 15"},
		{document("query($ids: ID) { a(b: $ids) }"), []plugins.Argument{arg("id")}, `request.graphql.document: there is no argument for the variable $ids (did you mean "id"?) at 6; input.id: the argument goes nowhere: the GraphQL operation declares no variable $id (declare it there and use it, or give the argument another place with ` + "`in:`)"},
		{document("query($a: ID) { a(b: $a) }"), nil, "request.graphql.document: there is no argument for the variable $a (declare it in `input`, or write `variables: {a: ...}`) at 6"},
		{document("query($x: [ID!]!) { a(b: $x) }"), []plugins.Argument{{Name: "x", Optional: true}}, "request.graphql.document: $x ([ID!]!) must be given, but the argument \"x\" is optional (take `optional` away, or make the variable [ID!]) at 6"},
		{graph(upstream.GraphQL{Document: "query($x: ID!) { a(b: $x) }", Variables: raw(`{"y":1}`)}), nil, `request.graphql.variables.y: the operation declares no variable $y (it declares x) at -1; request.graphql.variables: the operation needs the variable $x (ID!) (write it here)`},
		{graph(upstream.GraphQL{Document: "{ a }", Variables: raw(`[]`)}), nil, "request.graphql.variables: want a mapping of variables (write {id: \"${{ args.id }}\"})"},

		// Values of the gateway's own.
		{short(t, "GET /"), []plugins.Argument{value(argIn("x", "header"), `"é"`)}, "input.x.value: the value can't be written in the header of a request"},
		{short(t, "GET /{x}"), []plugins.Argument{value(x, `null`)}, "input.x.value: the value can't be written in the path of a request"},
		{short(t, "GET /"), []plugins.Argument{value(argIn("x", "path"), `1`)}, "input.x: the path has no placeholder {x} (write {x} in the path)"},
		{short(t, "GET /"), []plugins.Argument{value(x, `"${{ args.x }}"`)}, "input.x.value: there is no argument \"x\" (the gateway fills it in itself; write its `value` here) at 9"},
		{short(t, "GET /"), []plugins.Argument{value(x, `"${{ status }}"`)}, `input.x.value: "status" is not known here (known here: args, caller) at 4`},
		{post(func(r *upstream.Request) { r.Body = raw(`"${{ args }}"`) }), []plugins.Argument{value(x, `1`)}, "input.x: the argument goes nowhere: `body` does not mention it (write ${{ args.x }} in `body`, or give it another place with `in:`)"},
	} {
		_, err := build(t, base("http://127.0.0.1:1")).Prepare(plugins.Operation{Tool: tool(tt.args), Request: tt.request})
		if got := mistakes(err); got != tt.want {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
	}
}

// mistakes prints field errors as `path: message (hint) at offset`.
func mistakes(err error) string {
	var all plugins.FieldErrors
	var one *plugins.FieldError
	if errors.As(err, &one) {
		all = plugins.FieldErrors{one}
	}
	_ = errors.As(err, &all)
	lines := make([]string, 0, len(all))
	for _, e := range all {
		line := strings.Join(e.Path, ".") + ": " + e.Message
		if e.Hint != "" {
			line += " (" + e.Hint + ")"
		}
		if e.Offset != 0 {
			line += fmt.Sprint(" at ", e.Offset)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}
