package upstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// The namespaces of the envelope (SOAP 1.1, section 4; SOAP 1.2 part 1, section
// 5.1).
const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// SOAP is an envelope with what a tool sends in it.
type SOAP struct {
	Version    string            `manifest:"version" doc:"Version of SOAP." enum:"1.1,1.2" default:"1.1"`
	Action     string            `manifest:"action" doc:"URI of the operation, as the WSDL's soapAction says, e.g. urn:crm#Find. Sent as SOAPAction (1.1) or as the action of the media type (1.2)."`
	Namespaces map[string]string `manifest:"namespaces" doc:"Namespaces declared on the envelope, by prefix, e.g. {crm: \"urn:crm\"}. The prefix soap is that of the envelope."`
	Header     json.RawMessage   `manifest:"header" doc:"Elements of the header, written as in xml."`
	Body       json.RawMessage   `manifest:"body,required" doc:"Elements of the body, written as in xml, e.g. {\"crm:Find\": {name: \"${{ args.name }}\"}}."`
}

// Validate refuses what isn't an envelope.
func (s SOAP) Validate() error {
	var errs plugins.FieldErrors
	fail := func(message, hint string, path ...string) {
		errs = append(errs, &plugins.FieldError{Path: path, Message: message, Hint: hint})
	}
	if s.Version != "" && s.Version != "1.1" && s.Version != "1.2" {
		fail(fmt.Sprintf("%q is not a version of SOAP", s.Version), "1.1 or 1.2", "version")
	}
	if !isURLText(s.Action) {
		fail("an action is a URI, without blanks and quotes", "", "action")
	}
	for _, prefix := range slices.Sorted(maps.Keys(s.Namespaces)) {
		switch {
		case !isNCName(prefix) || strings.HasPrefix(strings.ToLower(prefix), "xml") || prefix == "soap":
			fail(fmt.Sprintf("%q is not a prefix that can be declared", prefix), "", "namespaces", prefix)
			errs[len(errs)-1].Offset = -1
		case s.Namespaces[prefix] == "" || !isXMLText(s.Namespaces[prefix]):
			fail("a prefix stands for a namespace, which is not empty", "", "namespaces", prefix)
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// soap makes ready a body that is an envelope.
func (p *planner) soap() {
	s := p.req.SOAP
	if err := s.Validate(); err != nil {
		p.unread(err, p.requestPath("soap")...)
		return
	}
	p.op.protocol = "soap"
	body := &xmlBody{}
	namespace := soap11
	if s.Version == "1.2" {
		namespace, p.accept = soap12, "application/soap+xml, */*;q=0.8"
		mediaType := "application/soap+xml; charset=utf-8"
		if s.Action != "" {
			mediaType += `; action="` + s.Action + `"`
		}
		p.own(body, mediaType)
	} else {
		p.accept = "text/xml, */*;q=0.8"
		p.own(body, "text/xml; charset=utf-8")
		p.soapAction(s.Action)
	}
	c := xmlCompiler{planner: p, prefixes: map[string]bool{"xml": true, "soap": true}}
	head := []byte(xmlDeclaration + `<soap:Envelope xmlns:soap="` + namespace + `"`)
	for _, prefix := range slices.Sorted(maps.Keys(s.Namespaces)) {
		c.prefixes[prefix] = true
		head = append(head, " xmlns:"+prefix+`="`...)
		head = append(appendXML(head, s.Namespaces[prefix]), '"')
	}
	body.before, body.middle, body.after = string(head)+">", "<soap:Body>", "</soap:Body></soap:Envelope>"
	if s.Header != nil {
		body.before, body.middle = body.before+"<soap:Header>", "</soap:Header>"+body.middle
		body.header = c.members(s.Header, p.requestPath("soap", "header"))
	}
	body.nodes = c.members(s.Body, p.requestPath("soap", "body"))
}

// soapAction writes the header of SOAP 1.1 (section 6.1.1).
func (p *planner) soapAction(action string) {
	if err := p.headerName("SOAPAction", false); err != nil {
		p.fail(err, p.requestPath("soap", "action")...)
		return
	}
	p.op.head = append(p.op.head, headerLine{name: "SOAPAction", value: `"` + action + `"`})
}
