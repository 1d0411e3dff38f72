package transform

import (
	"bytes"
	"strings"

	"github.com/JohannesKaufmann/html-to-markdown/v2/converter"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/base"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/commonmark"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/table"
	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// readHTML answers a page as Markdown: headings, lists, tables and links stay;
// scripts, styles, forms and whatever a reader of the page would not see go.
func (t *transform) readHTML(resp *plugins.Response, m media) (*reading, error) {
	if isBinary(resp.Body, m.charset) {
		return nil, unreadable(resp, "HTML", nil)
	}
	markdown, err := toMarkdown(htmlText(resp.Body, m))
	if err != nil {
		return nil, unreadable(resp, "HTML", err)
	}
	return t.textOf(clean(validUTF8(markdown))), nil
}

// htmlText decodes a page. What the header doesn't tell, a meta element may.
func htmlText(body []byte, m media) []byte {
	label := m.charset
	if known, _ := charset.Lookup(label); known == nil {
		if _, name, certain := charset.DetermineEncoding(body, ""); certain {
			label = name
		}
	}
	return decodeText(body, label)
}

// toMarkdown converts a page.
func toMarkdown(page []byte) ([]byte, error) {
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return nil, err
	}
	removeUnseen(doc)
	c := converter.NewConverter(converter.WithPlugins(
		base.NewBasePlugin(), commonmark.NewCommonmarkPlugin(),
		table.NewTablePlugin(table.WithCellPaddingBehavior(table.CellPaddingBehaviorMinimal)),
	))
	return c.ConvertNode(doc)
}

// removeUnseen takes out the elements that a reader of the page doesn't see,
// and pictures that are written into the page.
func removeUnseen(n *html.Node) {
	for child := n.FirstChild; child != nil; {
		next := child.NextSibling
		if child.Type == html.ElementNode && isUnseen(child) {
			n.RemoveChild(child)
		} else {
			removeUnseen(child)
		}
		child = next
	}
}

func isUnseen(n *html.Node) bool {
	switch n.Data {
	case "script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math", "canvas", "select", "button":
		return true
	}
	for _, a := range n.Attr {
		value := strings.ToLower(a.Val)
		switch a.Key {
		case "hidden":
			return true
		case "style":
			value = strings.Join(strings.Fields(value), "")
			if strings.Contains(value, "display:none") || strings.Contains(value, "visibility:hidden") {
				return true
			}
		case "src":
			if n.Data == "img" && strings.HasPrefix(strings.TrimSpace(value), "data:") {
				return true
			}
		}
	}
	return false
}
