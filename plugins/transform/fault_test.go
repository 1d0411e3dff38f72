package transform

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	fault11 = `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>` +
		`<faultcode>soap:Client</faultcode><faultstring>No customer at http://10.0.0.7/crm with token=abc.</faultstring>` +
		`<detail><e:Code xmlns:e="urn:x">42</e:Code></detail></soap:Fault></soap:Body></soap:Envelope>`
	fault12 = `<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body><env:Fault>` +
		`<env:Code><env:Value>env:Sender</env:Value></env:Code><env:Reason><env:Text xml:lang="en">Unknown order</env:Text>` +
		`<env:Text xml:lang="de">Unbekannt</env:Text></env:Reason></env:Fault></env:Body></env:Envelope>`
	envelope = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><t>1</t></s:Header><s:Body>` +
		`<r:GetOrderResponse xmlns:r="urn:shop"><r:Id>7</r:Id><r:Total currency="EUR">12.50</r:Total></r:GetOrderResponse></s:Body></s:Envelope>`
)

// formAnswer is an answer to a request of a form.
type formAnswer struct {
	answer
	form string
}

func formOutcome(t *testing.T, s Settings, a formAnswer) string {
	t.Helper()
	freed := 0
	resp := a.response(&freed)
	resp.Form = a.form
	result, err := mustBuild(t, s).Transform(t.Context(), testCall(), resp)
	if err != nil {
		if freed != 1 {
			t.Errorf("freed %d times", freed)
		}
		e := failureOf(t, err)
		if e.Kind != plugins.KindStatus {
			t.Errorf("the kind is %v", e.Kind)
		}
		return "!" + e.Message
	}
	checkEncoded(t, result)
	return golden(result)
}

func TestBodiesThatTellFailures(t *testing.T) {
	xml := func(status int, body string) formAnswer {
		return formAnswer{answer: answer{status: status, contentType: "text/xml; charset=utf-8", body: body}}
	}
	soap := func(status int, body string) formAnswer {
		a := xml(status, body)
		a.form = formSOAP
		return a
	}
	js := func(body string) formAnswer {
		return formAnswer{answer: answer{contentType: "application/json", body: body}}
	}
	graphql := func(body string) formAnswer {
		a := js(body)
		a.form = formGraphQL
		return a
	}
	slack := Settings{Failed: ".ok == false"}
	own := Settings{Failed: ".ok == false", Errors: map[string]string{"failed": "Slack says ${{ .error }} to ${{ args.id }} (${{ status }})."}}
	usual := Settings{Failed: ".ok == false", Errors: map[string]string{"default": "Something is wrong: ${{ .error }}", "5xx": "Down."}}
	told := Settings{Errors: map[string]string{"failed": "${{ .code }}/${{ .reason }}/${{ .detail.Code }}", "500": "five hundred: ${{ .reason }}"}}
	byFault := Settings{Errors: map[string]string{"failed": "${{ .code }}/${{ .reason }}", "5xx": "Down.", "default": "No."}}
	broken := Settings{Failed: ".ok == false", Errors: map[string]string{"failed": "${{ .error | keys }}"}}

	tests := []struct {
		name string
		set  Settings
		a    formAnswer
		want string
	}{
		{"no failure", slack, js(`{"ok":true}`), "text {\"ok\":true}\nstructured {\"ok\":true}"},
		{"failure in the body", slack, js(`{"ok":false,"error":"channel_not_found"}`), `!The service answered that this has failed. It says: "channel_not_found".`},
		{"failure without words", slack, js(`{"ok":false,"stack":"at Main.java"}`), `!The service answered that this has failed.`},
		{"secrets are hidden", slack, js(`{"ok":false,"error":"see http://10.0.0.1/x with Bearer abc"}`), `!The service answered that this has failed. It says: "see [hidden] with Bearer [hidden]".`},
		{"own words", own, js(`{"ok":false,"error":"channel_not_found"}`), `!Slack says channel_not_found to ord_1 (200).`},
		{"default words", usual, js(`{"ok":false,"error":"x"}`), `!Something is wrong: x`},
		{"words that fail", broken, js(`{"ok":false,"error":1}`), `!The service answered that this has failed.`},
		{"empty body", slack, js(``), "text Done: the service answered 200 without content."},
		{"expression that does not fit", Settings{Failed: ".a.b.c == 1"}, js(`[1]`), "text An expression of the tool's definition does not fit these values."},

		{"fault 1.1 with 500", Settings{}, xml(500, fault11), `!The service answered with a fault. It says: "No customer at [hidden] with [hidden]".`},
		{"fault 1.1 with 200", Settings{}, soap(200, fault11), `!The service answered with a fault. It says: "No customer at [hidden] with [hidden]".`},
		{"fault 1.2", Settings{}, soap(200, fault12), `!The service answered with a fault. It says: "Unknown order".`},
		{"fault without a reason", Settings{}, xml(500, `<Envelope><Body><Fault/></Body></Envelope>`), `!The service answered with a fault.`},
		{"fault in own words", told, soap(200, fault11), `!soap:Client/No customer at http://10.0.0.7/crm with token=abc./42`},
		{"fault by status", told, soap(500, fault12), `!five hundred: Unknown order`},
		{"fault before class", byFault, soap(500, fault12), `!env:Sender/Unknown order`},
		{"no fault", byFault, soap(500, `<a/>`), `!Down.`},
		{"envelope", Settings{}, soap(200, envelope), "text {\"GetOrderResponse\":{\"Id\":\"7\",\"Total\":{\"@currency\":\"EUR\",\"#text\":\"12.50\"}}}\nstructured {\"GetOrderResponse\":{\"Id\":\"7\",\"Total\":{\"@currency\":\"EUR\",\"#text\":\"12.50\"}}}"},
		{"envelope, selected", Settings{Select: ".GetOrderResponse.Id"}, soap(200, envelope), "text 7"},
		{"empty envelope", Settings{}, soap(200, `<Envelope><Body/></Envelope>`), "text {}\nstructured {}"},
		{"envelope of another request", Settings{Select: ".Envelope.Body.GetOrderResponse.Id"}, xml(200, envelope), "text 7"},
		{"no envelope", Settings{}, soap(200, `<a>1</a>`), "text {\"a\":\"1\"}\nstructured {\"a\":\"1\"}"},

		{"error in XML", Settings{}, xml(400, `<error><code>7</code><message>Name is missing</message></error>`), `!The service did not accept these arguments (400). It says: "Name is missing". Correct them and call again.`},
		{"error in XML, own words", Settings{Errors: map[string]string{"4xx": "${{ .error.code }}: ${{ .error.message }}"}}, xml(400, `<error><code>7</code><message>Name is missing</message></error>`), `!7: Name is missing`},
		{"broken XML", Settings{Errors: map[string]string{"4xx": "It is ${{ . }}."}}, xml(400, `<error>`), `!It is .`},

		{"data", Settings{}, graphql(`{"data":{"b":{"n":12345678901234567890},"a":1}}`), "text {\"b\":{\"n\":12345678901234567890},\"a\":1}\nstructured {\"b\":{\"n\":12345678901234567890},\"a\":1}"},
		{"data, selected", Settings{Select: ".b.n"}, graphql(`{"data":{"b":{"n":7}}}`), "text 7"},
		{"data and errors", Settings{}, graphql(`{"data":{"a":null},"errors":[{"message":"a is gone","path":["a"]}]}`), "text {\"a\":null}\ntext The service could not answer all of it. It says: \"a is gone\".\nstructured {\"a\":null}"},
		{"errors without data", Settings{}, graphql(`{"data":null,"errors":[{"message":"Unknown field"},{"message":"Twice"}]}`), `!The service answered that this has failed. It says: "Unknown field; Twice".`},
		{"errors only", Settings{Errors: map[string]string{"failed": "${{ .errors[0].message }}!"}}, graphql(`{"errors":[{"message":"No"}]}`), `!No!`},
		{"neither", Settings{}, graphql(`{"extensions":{}}`), `!The service answered that this has failed.`},
		{"data that is null", Settings{}, graphql(`{"data":null}`), "text null"},
		{"failure in the data", Settings{Failed: ".pay.userErrors | length > 0"}, graphql(`{"data":{"pay":{"userErrors":[{"message":"x"}]}}}`), `!The service answered that this has failed.`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := formOutcome(t, tt.set, tt.a); got != tt.want && got != tt.want+"\nerror" {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFailureTextsAreBounded(t *testing.T) {
	long := strings.Repeat("a very long reason ", 200)
	for name, s := range map[string]Settings{
		"ours":  {Failed: ".ok == false"},
		"own":   {Failed: ".ok == false", MaxTokens: 100, Errors: map[string]string{"failed": "${{ .error }}"}},
		"fault": {Errors: map[string]string{"default": "${{ .error }}"}, MaxTokens: 100},
	} {
		a := formAnswer{answer: answer{contentType: "application/json", body: `{"ok":false,"error":"` + long + `"}`}}
		if name == "fault" {
			a.status = 500
		}
		if got := formOutcome(t, s, a); len(got) > 700 || len(got) < 100 {
			t.Errorf("%s: %d bytes: %s", name, len(got), got)
		}
	}
}

func TestSchemaOfSOAPAndGraphQL(t *testing.T) {
	s := Settings{Schema: json.RawMessage(`{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}}`)}
	got := formOutcome(t, s, formAnswer{answer{contentType: "application/graphql-response+json", body: `{"data":{"a":1}}`}, formGraphQL})
	if want := "text {\"a\":1}\nstructured {\"a\":1}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
