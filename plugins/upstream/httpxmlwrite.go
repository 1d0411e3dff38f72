package upstream

import (
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// write writes the document.
func (x *xmlBody) write(b *builder) error {
	w := xmlWriter{builder: b}
	b.body = append(b.body, x.before...)
	if err := w.nodes(x.header); err != nil {
		return err
	}
	b.body = append(b.body, x.middle...)
	w.roots = 0
	if err := w.nodes(x.nodes); err != nil {
		return err
	}
	if x.single && w.roots != 1 {
		s := slot{place: inBody, name: x.nodes[0].name}
		return s.refuse("an XML document has one root element")
	}
	b.body = append(b.body, x.after...)
	return nil
}

// xmlWriter writes the elements of one call.
type xmlWriter struct {
	*builder
	depth, roots int
}

func (w *xmlWriter) nodes(nodes []xmlNode) error {
	for i := range nodes {
		if err := w.node(&nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

// node writes an element of the manifest.
func (w *xmlWriter) node(n *xmlNode) error {
	if n.value != nil {
		v, err := w.evaluate(n.value)
		if err != nil {
			return err
		}
		return w.value(n, n.name, v, n.order)
	}
	w.open(n.name)
	for i := range n.attributes {
		a := &n.attributes[i]
		v, err := w.evaluate(a.value)
		if err != nil {
			return err
		}
		if err := w.attribute(a.name, v); err != nil {
			return err
		}
	}
	w.body = append(w.body, '>')
	if n.content != nil {
		v, err := w.evaluate(n.content)
		if err != nil {
			return err
		}
		if err := w.text(n.name, v); err != nil {
			return err
		}
	}
	if err := w.nodes(n.children); err != nil {
		return err
	}
	return w.end(n.name)
}

func (w *xmlWriter) evaluate(t *expr.Text) (any, error) {
	v, err := t.Value(w.values)
	return v, evaluation(err)
}

// open writes the beginning of a start tag.
func (w *xmlWriter) open(name string) {
	if w.depth == 0 {
		w.roots++
	}
	w.depth++
	w.body = append(append(w.body, '<'), name...)
}

func (w *xmlWriter) end(name string) error {
	w.depth--
	w.body = append(append(append(w.body, "</"...), name...), '>')
	return w.checkSize(0)
}

// value writes the elements of a name that a value stands for. The names in it
// are those of a call: they are checked, and take the prefixes that are
// declared there.
func (w *xmlWriter) value(n *xmlNode, name string, v any, order *memberOrder) error {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		for _, item := range v {
			if _, nested := item.([]any); nested {
				return refuseXML(name, "a list there has no lists in it")
			}
			if err := w.value(n, name, item, order.item()); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		return w.object(n, name, v, order)
	}
	w.open(name)
	w.body = append(w.body, '>')
	if err := w.text(name, v); err != nil {
		return err
	}
	return w.end(name)
}

// object writes an element with the members of an object.
func (w *xmlWriter) object(n *xmlNode, name string, object map[string]any, order *memberOrder) error {
	w.open(name)
	sorted := order.sort(object)
	for _, key := range sorted {
		if attribute, ok := strings.CutPrefix(key, "@"); ok {
			if !n.allows(attribute) || strings.HasPrefix(attribute, "xmlns") {
				return refuseXML(name, "a member is not the name of an attribute")
			}
			if err := w.attribute(attribute, object[key]); err != nil {
				return err
			}
		}
	}
	w.body = append(w.body, '>')
	for _, key := range sorted {
		var err error
		switch {
		case key[:min(1, len(key))] == "@":
		case key == "#text":
			err = w.text(name, object[key])
		case !n.allows(key):
			err = refuseXML(name, "a member is not the name of an element")
		default:
			err = w.value(n, key, object[key], order.member(key))
		}
		if err != nil {
			return err
		}
	}
	return w.end(name)
}

// allows reports whether a name of a call can stand there.
func (n *xmlNode) allows(name string) bool {
	prefix, local, prefixed := strings.Cut(name, ":")
	return isNCName(prefix) && (!prefixed || isNCName(local) && n.prefixes[prefix])
}

// attribute writes an attribute; null is none.
func (w *xmlWriter) attribute(name string, v any) error {
	if v == nil {
		return nil
	}
	text, err := scalar(v)
	if err != nil || !isXMLText(text) {
		return refuseXML(name, "it is not a text that an attribute can hold")
	}
	w.body = append(append(append(w.body, ' '), name...), `="`...)
	w.body = append(appendXML(w.body, text), '"')
	return nil
}

// text writes the text of an element; null is none.
func (w *xmlWriter) text(name string, v any) error {
	if v == nil {
		return nil
	}
	text, err := scalar(v)
	if err != nil {
		return refuseXML(name, "a text is wanted there")
	}
	if !isXMLText(text) {
		return refuseXML(name, "it has a character that XML can't hold")
	}
	w.body = appendXML(w.body, text)
	return nil
}

// appendXML escapes text for elements and attributes. White space other than
// blanks is escaped as well: parsers change it otherwise (XML 1.0, sections 2.11
// and 3.3.3).
func appendXML(dst []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\'':
			dst = append(dst, "&apos;"...)
		case '\t':
			dst = append(dst, "&#9;"...)
		case '\n':
			dst = append(dst, "&#10;"...)
		case '\r':
			dst = append(dst, "&#13;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// refuseXML refuses the value of an element or attribute. Its name may be one of
// a call, so that it is quoted.
func refuseXML(name, why string) error {
	s := slot{place: inBody, name: name}
	return s.refuse(why)
}
