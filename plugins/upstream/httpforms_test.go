package upstream_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

func textOf(s string) *string { return &s }

// post is a request with one body more.
func post(change func(r *upstream.Request)) upstream.Request {
	r := upstream.Request{Method: "POST", Path: "/p"}
	change(&r)
	return r
}

func xmlOf(doc string) upstream.Request {
	return post(func(r *upstream.Request) { r.XML = raw(doc) })
}

func parts(doc string) upstream.Request {
	return post(func(r *upstream.Request) { r.Multipart = raw(doc) })
}

func soapOf(s upstream.SOAP) upstream.Request { return upstream.Request{SOAP: &s} }

func graph(g upstream.GraphQL) upstream.Request { return upstream.Request{GraphQL: &g} }

func schemaOf(name, schema string) plugins.Argument {
	return plugins.Argument{Name: name, Schema: []byte(schema)}
}

// part is a part of a multipart body as an outline shows it.
func part(header, content string) string {
	return "--boundary\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + content + "\r\n"
}

const (
	envelope11 = `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"`
	envelope12 = `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"`
	xmlHead    = `<?xml version="1.0" encoding="UTF-8"?>`
)

// Each form of a body, as it is sent.
func TestForms(t *testing.T) {
	base64File := func(name string) plugins.Argument {
		return plugins.Argument{Name: name, In: "file", Schema: []byte(`{"type":"string","contentEncoding":"base64"}`)}
	}
	order := schemaOf("order", `{"type":"object","properties":{"sku":{},"lines":{"type":"array","items":{"type":"object","properties":{"z":{},"a":{}}}},"@id":{}}}`)
	for _, tt := range []struct {
		name    string
		request upstream.Request
		args    []plugins.Argument
		call    string
		headers string
		body    string
	}{
		{
			"text", post(func(r *upstream.Request) { r.Text = textOf("Dear ${{ args.a }}: ${{ args.n }}") }),
			[]plugins.Argument{arg("a"), arg("n")}, `{"a":"é\r\n<","n":1.50}`, "Content-Type: text/plain; charset=utf-8", "Dear é\r\n<: 1.50",
		},
		{
			"text of another type", post(func(r *upstream.Request) { r.Text, r.MediaType = textOf("a,b"), "text/csv" }),
			nil, `{}`, "Content-Type: text/csv", "a,b",
		},
		{
			"bytes", post(func(r *upstream.Request) { r.Bytes, r.MediaType = raw(`"${{ args.a }}"`), "text/html" }),
			[]plugins.Argument{arg("a")}, `{"a":"PGI+"}`, "Content-Type: text/html", "<b>",
		},
		{
			"bytes in an outline", post(func(r *upstream.Request) { r.Bytes = raw(`"${{ args.a }}"`) }),
			[]plugins.Argument{arg("a")}, `{"a":"/w=="}`, "Content-Type: application/octet-stream", "[1 bytes]",
		},
		{
			"no bytes", post(func(r *upstream.Request) { r.Bytes = raw(`"${{ args.a }}"`) }),
			[]plugins.Argument{{Name: "a", Optional: true}}, `{}`, "Content-Length: 0", "",
		},
		{
			"JSON of another type", post(func(r *upstream.Request) { r.MediaType = "application/merge-patch+json" }),
			[]plugins.Argument{arg("a")}, `{"a":null}`, "Content-Type: application/merge-patch+json", `{"a":null}`,
		},
		{
			"files and what comes with them", short(t, "POST /p"),
			[]plugins.Argument{argIn("a", "form"), base64File("f"), argIn("o", "form"), argIn("l", "form"), {Name: "gone", In: "form", Optional: true}, {Name: "j", In: "form", MediaType: "application/json"}},
			`{"a":"x","f":"aGk=","o":{"k":1.0},"l":["p",2],"gone":null,"j":"q"}`, "Content-Type: multipart/form-data; boundary=boundary",
			part(`name="a"`, "x") + part("name=\"f\"; filename=\"f\"\r\nContent-Type: application/octet-stream", "hi") +
				part("name=\"o\"\r\nContent-Type: application/json", `{"k":1.0}`) + part(`name="l"`, "p") + part(`name="l"`, "2") +
				part("name=\"j\"\r\nContent-Type: application/json", `"q"`) + "--boundary--\r\n",
		},
		{
			"forms of files", short(t, "POST /p"),
			[]plugins.Argument{
				argIn("t", "file"), {Name: "o", In: "file", As: "up", Schema: []byte(`{"type":"object","properties":{"data":{"contentEncoding":"base64"}}}`)},
				{Name: "u", In: "file", Schema: []byte(`{"format":"uri"}`)}, {Name: "m", In: "file", MediaType: "image/png", Schema: []byte(`{"type":"array","items":{"contentEncoding":"base64"}}`)},
			},
			`{"t":"<é>","o":{"data":"aGk","name":"a \"b\".txt","mime_type":"text/x; q=1"},"u":"data:text/css,a%20%7B%7D","m":["eA==","/w=="]}`, "",
			part("name=\"t\"; filename=\"t\"\r\nContent-Type: text/plain; charset=utf-8", "<é>") +
				part("name=\"up\"; filename=\"a %22b%22.txt\"\r\nContent-Type: text/x; q=1", "hi") +
				part("name=\"u\"; filename=\"u\"\r\nContent-Type: text/css", "a {}") +
				part("name=\"m\"; filename=\"m\"\r\nContent-Type: image/png", "x") + part("name=\"m\"; filename=\"m\"\r\nContent-Type: image/png", "[1 bytes]") + "--boundary--\r\n",
		},
		{
			"listed parts, in their order", parts(`{"z":"n ${{ args.a }}","k":7,"s":["p","q"],"f":{"file":"${{ args.f }}","filename":"${{ args.a }}.pdf","media_type":"application/pdf"},"j":{"json":{"a":"${{ args.a }}"}},"t":{"text":"<x/>","media_type":"text/xml"},"none":null}`),
			[]plugins.Argument{arg("a"), arg("f"), argIn("more", "form")}, `{"a":"1","f":"aGk=","more":"m"}`, "",
			part(`name="z"`, "n 1") + part(`name="k"`, "7") + part(`name="s"`, "p") + part(`name="s"`, "q") +
				part("name=\"f\"; filename=\"1.pdf\"\r\nContent-Type: application/pdf", "hi") + part("name=\"j\"\r\nContent-Type: application/json", `{"a":"1"}`) +
				part("name=\"t\"\r\nContent-Type: text/xml", "<x/>") + part(`name="more"`, "m") + "--boundary--\r\n",
		},
		{
			"a form with a file, and the word boundary", post(func(r *upstream.Request) { r.Form = map[string]json.RawMessage{"b": raw(`"a boundary"`)} }),
			[]plugins.Argument{base64File("f")}, `{"f":""}`, "Content-Type: multipart/form-data; boundary=boundary1",
			"--boundary1\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\na boundary\r\n--boundary1\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n" +
				"Content-Type: application/octet-stream\r\n\r\n\r\n--boundary1--\r\n",
		},
		{
			"XML", xmlOf(`{"order":{"@id":7,"@note":"${{ args.note }}","@gone":"${{ args.gone }}","#text":"t","line":["a","${{ args.b }}",{"@n":1}],"empty":{},"null":null,"c":"${{ args.gone }}","n":1.50,"t":true}}`),
			[]plugins.Argument{arg("note"), arg("b"), {Name: "gone", Optional: true}}, `{"note":"\"<&>'\t\r\n","b":["<b>",null,2]}`, "Content-Type: application/xml",
			xmlHead + `<order id="7" note="&quot;&lt;&amp;&gt;&apos;&#9;&#13;&#10;">t<line>a</line><line>&lt;b&gt;</line><line>2</line><line n="1"></line><empty></empty><n>1.50</n><t>true</t></order>`,
		},
		{
			"XML of an argument, in the order of its schema", xmlOf(`{"o:order":{"@xmlns:o":"urn:o","o:in":"${{ args.order }}","li":"${{ args.order.lines }}"}}`),
			[]plugins.Argument{order}, `{"order":{"@id":"1","b":"x","lines":[{"a":1,"z":2},{"z":3}],"sku":"s","o:p":"q","#text":"&"}}`, "",
			xmlHead + `<o:order xmlns:o="urn:o"><o:in id="1"><sku>s</sku><lines><z>2</z><a>1</a></lines><lines><z>3</z></lines>&amp;<b>x</b><o:p>q</o:p></o:in><li><z>2</z><a>1</a></li><li><z>3</z></li></o:order>`,
		},
		{
			"XML whose root is an argument", xmlOf(`{"order":"${{ args.order }}"}`), []plugins.Argument{order}, `{"order":{"sku":""}}`, "", xmlHead + `<order><sku></sku></order>`,
		},
		{
			"SOAP 1.1", soapOf(upstream.SOAP{Action: "urn:crm#Find", Body: raw(`{"Find":{"@xmlns":"urn:crm","name":"${{ args.a }}"}}`)}),
			[]plugins.Argument{arg("a")}, `{"a":"]]>"}`, `SOAPAction: "urn:crm#Find"|Content-Type: text/xml; charset=utf-8|Accept: text/xml, */*;q=0.8`,
			envelope11 + `><soap:Body><Find xmlns="urn:crm"><name>]]&gt;</name></Find></soap:Body></soap:Envelope>`,
		},
		{
			"SOAP 1.2", upstream.Request{Method: "POST", Path: "/s", SOAP: &upstream.SOAP{
				Version: "1.2", Action: "urn:a", Namespaces: map[string]string{"c": "urn:crm&1"}, Header: raw(`{"c:Token":"t"}`), Body: raw(`{"c:Find":"${{ args.a }}","c:And":null}`),
			}},
			[]plugins.Argument{arg("a")}, `{"a":{"c:n":1}}`, `Content-Type: application/soap+xml; charset=utf-8; action="urn:a"|Accept: application/soap+xml, */*;q=0.8`,
			envelope12 + ` xmlns:c="urn:crm&amp;1"><soap:Header><c:Token>t</c:Token></soap:Header><soap:Body><c:Find><c:n>1</c:n></c:Find></soap:Body></soap:Envelope>`,
		},
		{
			"SOAP without an action", soapOf(upstream.SOAP{Body: raw(`{"a":{}}`)}), nil, `{}`, `SOAPAction: ""`, envelope11 + `><soap:Body><a></a></soap:Body></soap:Envelope>`,
		},
		{
			"GraphQL", graph(upstream.GraphQL{Document: "query Find($id: ID!, $n: Int = 1, $f: F) { c(id: $id, n: $n, f: $f) { name } }"}),
			[]plugins.Argument{arg("id"), {Name: "n", Optional: true}, {Name: "filter", As: "f"}}, `{"id":"\"}){x}","filter":{"a":1.0}}`,
			"Content-Type: application/json|Accept: application/graphql-response+json, application/json;q=0.9, */*;q=0.8",
			`{"query":"query Find($id: ID!, $n: Int = 1, $f: F) { c(id: $id, n: $n, f: $f) { name } }","variables":{"id":"\"}){x}","f":{"a":1.0}},"operationName":"Find"}`,
		},
		{"GraphQL without variables", graph(upstream.GraphQL{Document: "{ a }"}), nil, `{}`, "", `{"query":"{ a }"}`},
		{
			"GraphQL with written variables", graph(upstream.GraphQL{
				File: "testdata/several.graphql", Operation: "Second", Variables: raw(`{"a":"${{ args.x }}","b":["${{ caller.claims.tenant }}"]}`),
			}),
			[]plugins.Argument{{Name: "x", Optional: true}}, `{}`, "",
			`{"query":"# Two of them.\nquery First { a }\nmutation Second($a: Int, $b: [String!]!) @d(x: \"}\") { ...F @include(if: true) }\nfragment F on M { m(a: $a, b: $b, c: \"\"\"}\"\"\") }\n","variables":{"b":["acme"]},"operationName":"Second"}`,
		},
		{
			"JSON in the query and in a header", post(func(r *upstream.Request) {
				r.Method, r.Query = "GET", map[string]json.RawMessage{"q": raw(`"${{ args.a | tojson }}"`)}
			}),
			[]plugins.Argument{arg("a"), {Name: "h", In: "header", As: "X-H", MediaType: "application/json"}, {Name: "n", Optional: true, MediaType: "application/json"}},
			`{"a":{"b":[1.0]},"h":["x"]}`, `X-H: ["x"]|URL: /p?q=%7B%22b%22%3A%5B1.0%5D%7D`, "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op := prepare(t, build(t, base("http://127.0.0.1:1")), tt.request, tt.args...)
			o, err := op.Outline(callOf(t, tt.call))
			if err != nil {
				t.Fatal(err)
			}
			if string(o.Body) != tt.body {
				t.Errorf("body:\n got %s\nwant %s", o.Body, tt.body)
			}
			lines := []string{"URL: " + strings.TrimPrefix(o.URL, "http://127.0.0.1:1")}
			for _, h := range o.Header {
				lines = append(lines, h[0]+": "+h[1])
			}
			for _, want := range strings.Split(tt.headers, "|") {
				if all := strings.Join(lines, "\n") + "\n"; want != "" && !strings.Contains(all, want+"\n") {
					t.Errorf("no %s in\n%s", want, all)
				}
			}
		})
	}
}

// SOAP and GraphQL go to the upstream's URL itself, unless there is a path.
func TestFormsWithoutPath(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1:1":                 "http://127.0.0.1:1/",
		"http://127.0.0.1:1/graphql":         "http://127.0.0.1:1/graphql",
		"http://127.0.0.1:1/graphql/?key=v1": "http://127.0.0.1:1/graphql?key=v1",
	} {
		op := prepare(t, build(t, base(url)), graph(upstream.GraphQL{Document: "{ a }"}))
		o, err := op.Outline(callOf(t, `{}`))
		if err != nil || o.URL != want || o.Method != "POST" || op.Method() != "POST" {
			t.Errorf("%s: %s %v %v", url, o.Method, o.URL, err)
		}
	}
}
