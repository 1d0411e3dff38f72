package transform

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html/charset"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// maxXMLDepth bounds how deep elements are nested.
	maxXMLDepth = 64
	// maxXMLNodes bounds the elements and attributes of a document.
	maxXMLNodes = 200_000
)

// The reasons to refuse a document. They quote nothing of it.
var (
	errXMLDepth = errors.New("elements are nested too deeply")
	errXMLNodes = errors.New("there are too many elements and attributes")
	errXMLTwice = errors.New("an element has the same attribute twice")
	errXMLRoot  = errors.New("want exactly one root element")
	errXMLText  = errors.New("there is text outside of the root element")
)

// element is an element on its way to JSON.
type element struct {
	// members are attributes and child elements, in the order in which their
	// names first came.
	members []xmlMember
	index   map[string]int // of members, once they are many
	text    []byte
}

// xmlMember is a member of an element's JSON object; several values of one
// name become an array.
type xmlMember struct {
	name   string
	values []any // string for an attribute, or *element
}

// readXML makes JSON of XML:
//
//   - the root element is the one member of an object;
//   - an element with nothing but text is a string, without the white space
//     around it; an empty element is "";
//   - any other element is an object: attributes as "@name", child elements by
//     name, and text, if there is any, as "#text";
//   - children of the same name become an array, in their order. One child
//     alone is none: `[.list.item] | flatten` is an array in both cases;
//   - prefixes and declarations of namespaces, comments, processing
//     instructions and document types are left out.
//
// All values are strings. No entities are known but those of XML itself:
// nothing is expanded, and nothing is fetched.
func readXML(resp *plugins.Response, m media) (*reading, error) {
	body, decoded := resp.Body, false
	if known, _ := charset.Lookup(m.charset); known != nil { // more than the document's own word: RFC 7303, section 3
		body, decoded = decodeText(body, m.charset), true
	}
	root, name, err := parseXML(body, decoded)
	if err != nil {
		return nil, unreadable(resp, "XML", err)
	}
	if resp.Form == formSOAP {
		if body := soapBody(root, name); body != nil {
			return &reading{value: body.object(), raw: body.appendObject(nil), mime: typeJSON}, nil
		}
	}
	raw := append(strictjson.AppendString([]byte{'{'}, name), ':')
	raw = append(root.appendJSON(raw), '}')
	return &reading{value: map[string]any{name: root.value()}, raw: raw, mime: typeJSON}, nil
}

// parseXML reads a document. decoded says that it is UTF-8 already, whatever
// its declaration says.
func parseXML(body []byte, decoded bool) (root *element, name string, err error) {
	if bytes.HasPrefix(body, []byte("\xff\xfe")) || bytes.HasPrefix(body, []byte("\xfe\xff")) {
		body, decoded = decodeText(body, ""), true
	}
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if decoded {
			return in, nil
		}
		return charset.NewReaderLabel(label, in)
	}
	var open []*element
	nodes := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, "", err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if nodes += 1 + len(token.Attr); nodes > maxXMLNodes {
				return nil, "", errXMLNodes
			}
			e, err := newElement(token.Attr)
			switch {
			case err != nil:
				return nil, "", err
			case len(open) == maxXMLDepth:
				return nil, "", errXMLDepth
			case len(open) > 0:
				open[len(open)-1].add(token.Name.Local, e)
			case root != nil:
				return nil, "", errXMLRoot
			default:
				root, name = e, token.Name.Local
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text = append(open[len(open)-1].text, token...)
			} else if len(bytes.TrimSpace(token)) > 0 {
				return nil, "", errXMLText
			}
		}
	}
	if root == nil {
		return nil, "", errXMLRoot
	}
	return root, name, nil
}

// newElement makes an element with its attributes.
func newElement(attrs []xml.Attr) (*element, error) {
	e := &element{}
	var seen map[xml.Name]bool
	if len(attrs) > 1 {
		seen = make(map[xml.Name]bool, len(attrs))
	}
	for _, a := range attrs {
		if seen[a.Name] {
			return nil, errXMLTwice
		}
		if seen != nil {
			seen[a.Name] = true
		}
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			e.add("@"+a.Name.Local, a.Value)
		}
	}
	return e, nil
}

// add adds a value to the member of that name.
func (e *element) add(name string, value any) {
	const few = 8
	at := -1
	if e.index != nil {
		if i, ok := e.index[name]; ok {
			at = i
		}
	} else {
		for i := range e.members {
			if e.members[i].name == name {
				at = i
				break
			}
		}
	}
	if at >= 0 {
		e.members[at].values = append(e.members[at].values, value)
		return
	}
	e.members = append(e.members, xmlMember{name: name, values: []any{value}})
	switch {
	case e.index != nil:
		e.index[name] = len(e.members) - 1
	case len(e.members) > few:
		e.index = make(map[string]int, 2*few)
		for i := range e.members {
			e.index[e.members[i].name] = i
		}
	}
}

// content returns the element's own text.
func (e *element) content() string { return strings.TrimSpace(string(e.text)) }

// appendJSON appends the element as JSON, members in the document's order.
func (e *element) appendJSON(dst []byte) []byte {
	text := e.content()
	if len(e.members) == 0 {
		return strictjson.AppendString(dst, text)
	}
	dst = append(dst, '{')
	for i := range e.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		m := &e.members[i]
		dst = append(strictjson.AppendString(dst, m.name), ':')
		if len(m.values) == 1 {
			dst = appendXMLValue(dst, m.values[0])
			continue
		}
		dst = append(dst, '[')
		for j, v := range m.values {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendXMLValue(dst, v)
		}
		dst = append(dst, ']')
	}
	if text != "" {
		dst = strictjson.AppendString(append(dst, `,"#text":`...), text)
	}
	return append(dst, '}')
}

func appendXMLValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case *element:
		return v.appendJSON(dst)
	case string:
		return strictjson.AppendString(dst, v)
	}
	return append(dst, "null"...)
}

// value returns the element as expressions see it.
func (e *element) value() any {
	text := e.content()
	if len(e.members) == 0 {
		return text
	}
	object := make(map[string]any, len(e.members)+1)
	for i := range e.members {
		m := &e.members[i]
		if len(m.values) == 1 {
			object[m.name] = xmlValue(m.values[0])
			continue
		}
		list := make([]any, len(m.values))
		for j, v := range m.values {
			list[j] = xmlValue(v)
		}
		object[m.name] = list
	}
	if text != "" {
		object["#text"] = text
	}
	return object
}

func xmlValue(v any) any {
	if e, ok := v.(*element); ok {
		return e.value()
	}
	return v
}

// child returns the first child element of that name; nil if there is none.
func (e *element) child(name string) *element {
	for i := range e.members {
		if e.members[i].name == name {
			child, _ := e.members[i].values[0].(*element)
			return child
		}
	}
	return nil
}

// object is the element's value where an object is wanted: an element with
// nothing but text has that as #text.
func (e *element) object() map[string]any {
	switch v := e.value().(type) {
	case map[string]any:
		return v
	case string:
		if v != "" {
			return map[string]any{"#text": v}
		}
	}
	return map[string]any{}
}

// appendObject appends what object returns, members in the document's order.
func (e *element) appendObject(dst []byte) []byte {
	if len(e.members) > 0 {
		return e.appendJSON(dst)
	}
	if text := e.content(); text != "" {
		return append(strictjson.AppendString(append(dst, `{"#text":`...), text), '}')
	}
	return append(dst, "{}"...)
}
