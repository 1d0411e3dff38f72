package upstream_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
	"pgregory.net/rapid"
)

// xmlTree is an element as encoding/xml reads it.
type xmlTree struct {
	name       string
	attributes map[string]string
	text       string
	children   []*xmlTree
}

func readTree(body []byte) (*xmlTree, error) {
	top := &xmlTree{}
	open := []*xmlTree{top}
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(top.children) != 1 || top.text != "" {
				return nil, errors.New("not one root")
			}
			return top.children[0], nil
		}
		if err != nil {
			return nil, err
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &xmlTree{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			last.children = append(last.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(token)
		case xml.Comment, xml.Directive:
			return nil, fmt.Errorf("unexpected %T", token)
		}
	}
}

// Any string as text or attribute arrives as it is, or nothing is sent.
func TestXMLArrivesExactly(t *testing.T) {
	url, seen := record(t)
	u := build(t, base(url))
	soapBody := `{"r":{"@a":"${{ args.v }}","#text":"${{ args.v }}","e":"${{ args.v }}","l":"${{ [args.v, args.v] }}","o":"${{ {\"@b\": args.v, c: args.v} }}"}}`
	for name, request := range map[string]upstream.Request{
		"xml": xmlOf(soapBody), "soap": soapOf(upstream.SOAP{Body: raw(soapBody)}), "soap header": soapOf(upstream.SOAP{Header: raw(soapBody), Body: raw(`{}`)}),
	} {
		t.Run(name, func(t *testing.T) {
			op := prepare(t, u, request, arg("v"))
			generator := rapid.OneOf(textGenerator(), rapid.SampledFrom([]string{"]]>", "<!--", "<![CDATA[", "&lt;", "&#0;", "\ufffe", "\x0b", "\r\n\t", "</r><r>", `" x="`, "<?x?>", "&x;"}))
			rapid.Check(t, func(t *rapid.T) {
				v := generator.Draw(t, "value")
				got := sendOne(t, op, seen, map[string]any{"v": v})
				if got == nil {
					if strings.IndexFunc(v, func(c rune) bool { return c < ' ' && !strings.ContainsRune("\t\r\n", c) || c == 0xfffe || c == 0xffff }) < 0 && utf8.ValidString(v) {
						t.Fatalf("%q is refused", v)
					}
					return
				}
				tree, err := readTree(got.body)
				if err != nil {
					t.Fatalf("%q: %v", got.body, err)
				}
				for tree.name != "r" {
					if len(tree.children) == 0 || tree.name != "Envelope" && tree.name != "Header" && tree.name != "Body" {
						t.Fatalf("%q", got.body)
					}
					tree = tree.children[0]
				}
				leaf := func(name string) *xmlTree { return &xmlTree{name: name, attributes: map[string]string{}, text: v} }
				want := &xmlTree{name: "r", attributes: map[string]string{"a": v}, text: v, children: []*xmlTree{
					leaf("e"), leaf("l"), leaf("l"), {name: "o", attributes: map[string]string{"b": v}, children: []*xmlTree{leaf("c")}},
				}}
				if !reflect.DeepEqual(tree, want) {
					t.Fatalf("%q arrived as %s", v, got.body)
				}
			})
		})
	}
}

// Names that a call gives are names, and nothing more.
func TestXMLValuesRefused(t *testing.T) {
	url, seen := record(t)
	op := prepare(t, build(t, base(url)), xmlOf(`{"r":{"@xmlns:p":"u","e":"${{ args.v }}","@a":"${{ args.w }}"}}`), arg("v"), plugins.Argument{Name: "w", Optional: true})
	root := prepare(t, build(t, base(url)), xmlOf(`{"r":"${{ args.v }}"}`), arg("v"))
	for _, tt := range []struct {
		op            plugins.Operator
		args, message string
	}{
		{op, `{"v":{"a b":1}}`, `The value of "e" can't be sent in the body of the request: a member is not the name of an element. Nothing was sent.`},
		{op, `{"v":{"a><x/":1}}`, "a member is not the name of an element"},
		{op, `{"v":{"":1}}`, "a member is not the name of an element"},
		{op, `{"v":{"q:a":1}}`, "a member is not the name of an element"},
		{op, `{"v":{"a:b:c":1}}`, "a member is not the name of an element"},
		{op, `{"v":{"@xmlns":"u"}}`, "a member is not the name of an attribute"},
		{op, `{"v":{"@xmlns:p":"u"}}`, "a member is not the name of an attribute"},
		{op, `{"v":{"@":"u"}}`, "a member is not the name of an attribute"},
		{op, `{"v":{"@a\"b":"u"}}`, "a member is not the name of an attribute"},
		{op, `{"v":{"@a":[1]}}`, "not a text that an attribute can hold"},
		{op, `{"v":{"#text":{}}}`, "a text is wanted there"},
		{op, `{"v":[[1]]}`, "a list there has no lists in it"},
		{op, `{"v":"\u0000"}`, "it has a character that XML can't hold"},
		{op, `{"v":1,"w":{}}`, "not a text that an attribute can hold"},
		{op, `{"v":1,"w":"\u0001"}`, "not a text that an attribute can hold"},
		{root, `{"v":null}`, "one root element"},
		{root, `{"v":[1,2]}`, "one root element"},
	} {
		_, err := tt.op.Outline(callOf(t, tt.args))
		if err == nil || kindOf(t, err) != plugins.KindInvalid || !strings.Contains(err.Error(), tt.message) || len(seen.take()) > 0 {
			t.Errorf("%s: %v", tt.args, err)
		}
	}
}

func FuzzXML(f *testing.F) {
	f.Add(`{"a":"b"}`)
	f.Add(`{"p:a":{"@b":"c\r","#text":"]]>"},"l":[1,null,{}]}`)
	f.Add(`{"@xmlns:p":"u","a b":"\u0001"}`)
	op := prepare(f, build(f, base("http://127.0.0.1:1")), xmlOf(`{"r":{"@xmlns:p":"u","e":"${{ args.v }}"}}`), arg("v"))
	f.Fuzz(func(t *testing.T, value string) {
		var v any
		d := json.NewDecoder(strings.NewReader(value))
		d.UseNumber()
		if d.Decode(&v) != nil {
			return
		}
		o, err := op.Outline(&plugins.Call{Args: map[string]any{"v": v}, Principal: &plugins.Principal{}})
		if err != nil {
			return
		}
		tree, err := readTree(o.Body)
		if err != nil || tree.name != "r" || tree.text != "" {
			t.Fatalf("%s: %s, %v", value, o.Body, err)
		}
		for _, e := range tree.children {
			if e.name != "e" {
				t.Fatalf("%s: %s", value, o.Body)
			}
		}
	})
}
