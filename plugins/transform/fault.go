package transform

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// The forms of requests whose answers have errors of their own (see
// plugins.Response).
const (
	formGraphQL = "graphql"
	formSOAP    = "soap"
)

// keyFailed is the key of `errors` for answers that say in their body that
// they are failures.
const keyFailed = "failed"

// judge finds out whether an answer with a status below 300 is a failure by
// what its body says: a SOAP fault, GraphQL errors without data, or what the
// setting failed knows. What GraphQL wraps its data in is taken away.
func (t *transform) judge(ctx context.Context, call *plugins.Call, resp *plugins.Response, r *reading) error {
	if fault := faultOf(r.value); fault != nil {
		return t.refuseBody(call, resp, fault, faultText(fault)) //nolint:contextcheck // a text's expressions have a clock of their own
	}
	if resp.Form == formGraphQL {
		if err := t.unwrapGraphQL(call, resp, r); err != nil { //nolint:contextcheck // see above
			return err
		}
	}
	if t.failure == nil || r.media != nil {
		return nil
	}
	v := valuesOf(call, resp)
	v.Body = r.value
	failed, err := holds(ctx, t.failure, v, false)
	switch {
	case err != nil && r.empty: // an expression for a body has nothing to say of none
		return nil
	case err != nil:
		return fmt.Errorf("finding out whether the answer is a failure: %w", err)
	case failed:
		return t.refuseBody(call, resp, r.value, "The service answered that this has failed."+saidIn(r.value)) //nolint:contextcheck // see above
	}
	return nil
}

// refuseBody makes an error of an answer whose body says that it is one: the
// manifest's text for it, or else the given.
func (t *transform) refuseBody(call *plugins.Call, resp *plugins.Response, body any, otherwise string) error {
	e := &plugins.Error{
		Kind: plugins.KindStatus, Status: resp.Status, Message: t.bound(call, otherwise),
		Cause: fmt.Errorf("the upstream answered with status %d and a body that tells a failure (%s)", resp.Status, describe(resp)),
	}
	text := t.refusal[keyFailed]
	if text == nil {
		text = t.refusal["default"]
	}
	if text != nil {
		t.write(e, text, call, resp, body)
	}
	return e
}

// write renders a failure's text of the manifest.
func (t *transform) write(e *plugins.Error, text *expr.Text, call *plugins.Call, resp *plugins.Response, body any) {
	v := valuesOf(call, resp)
	v.Body = body
	rendered, err := renderText(text, v)
	if err != nil {
		e.Cause = fmt.Errorf("the text in errors for status %d failed: %w", resp.Status, causeOf(err))
		return
	}
	e.Message, e.Written = t.bound(call, clip(string(clean(rendered)), maxRefusalText)), true
}

// bound shortens a failure's text to the budget.
func (t *transform) bound(call *plugins.Call, text string) string {
	if !t.bounded(call) || t.cheaply([]byte(text)) <= t.limit {
		return text
	}
	return string(cutLines([]byte(text), t.limit, linesOf(), "The text was too long to be shown whole."))
}

// faultOf returns the fault in a SOAP envelope, of version 1.1
// (https://www.w3.org/TR/2000/NOTE-SOAP-20000508/, section 4.4) or 1.2
// (https://www.w3.org/TR/soap12-part1/, section 5.4), as {code, reason, detail};
// nil if there is none. The value is what readXML makes.
func faultOf(value any) map[string]any {
	root, _ := value.(map[string]any)
	envelope, _ := root["Envelope"].(map[string]any)
	body, _ := envelope["Body"].(map[string]any)
	inner, has := body["Fault"]
	if !has {
		return nil
	}
	fault, _ := inner.(map[string]any) // one without elements is a text
	code, reason, detail := fault["faultcode"], fault["faultstring"], fault["detail"]
	if inner, is := fault["Code"].(map[string]any); is {
		code = inner["Value"]
	}
	if inner, is := fault["Reason"].(map[string]any); is {
		reason = inner["Text"]
	}
	if detail == nil {
		detail = fault["Detail"]
	}
	return map[string]any{"code": wordsOf(code), "reason": wordsOf(reason), "detail": detail}
}

// wordsOf returns the text of an element, of the first if there are several,
// whatever attributes it has.
func wordsOf(value any) any {
	switch v := value.(type) {
	case []any:
		if len(v) > 0 {
			return wordsOf(v[0])
		}
	case map[string]any:
		return v["#text"]
	case string:
		return v
	}
	return nil
}

// faultText tells a fault to a model.
func faultText(fault map[string]any) string {
	reason, _ := fault["reason"].(string)
	if reason = strings.TrimSuffix(clip(oneLine(reason), maxSaid), "."); reason == "" {
		return "The service answered with a fault."
	}
	return `The service answered with a fault. It says: "` + reason + `".`
}

// soapBody returns the body of an envelope; nil if there is none, or if it
// holds a fault.
func soapBody(root *element, name string) *element {
	if name != "Envelope" {
		return nil
	}
	body := root.child("Body")
	if body == nil || body.child("Fault") != nil {
		return nil
	}
	return body
}

// unwrapGraphQL takes the data out of an answer of GraphQL
// (https://spec.graphql.org/, section "Response Format"). Errors without data
// are a failure; with data they are told besides.
func (t *transform) unwrapGraphQL(call *plugins.Call, resp *plugins.Response, r *reading) error {
	body, ok := r.value.(map[string]any)
	if !ok {
		return unreadable(resp, "an answer of GraphQL", errors.New("the body is no object"))
	}
	all, _ := body["errors"].([]any)
	data := body["data"]
	if data == nil {
		if len(all) == 0 && body["errors"] == nil && hasMember(body, "data") {
			r.value, r.raw = nil, []byte("null")
			return nil
		}
		return t.refuseBody(call, resp, body, "The service answered that this has failed."+saidIn(map[string]any{"errors": body["errors"]}))
	}
	members, err := strictjson.Members(r.raw, nil)
	if err != nil {
		return unreadable(resp, wantedJSON, err)
	}
	for i := range members {
		if members[i].Name == "data" {
			r.value, r.raw = data, members[i].Value
		}
	}
	if len(all) > 0 {
		r.note = "The service could not answer all of it." + saidIn(map[string]any{"errors": all})
	}
	return nil
}

func hasMember(object map[string]any, name string) bool {
	_, has := object[name]
	return has
}
