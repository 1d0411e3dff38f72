package transform

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/JohannesKaufmann/html-to-markdown/v2/converter"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/base"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/commonmark"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/table"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
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
	return t.textOf(clean(validUTF8(markdown)), typeMarkdown), nil
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

// toMarkdown converts a page. A panic of the converter is an error: pages are
// written by anybody.
func toMarkdown(page []byte) (markdown []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			markdown, err = nil, fmt.Errorf("converting the page: %v", p)
		}
	}()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return nil, err
	}
	p := pruner{nodes: maxHTMLNodes, cells: maxHTMLCells}
	if p.prune(doc, 0); p.nodes < 0 {
		return nil, errHTMLNodes
	}
	// Text is not escaped: a model takes foo_bar for what it is, and the
	// converter's search for what to escape is not linear.
	c := converter.NewConverter(converter.WithEscapeMode(converter.EscapeModeDisabled), converter.WithPlugins(
		base.NewBasePlugin(), commonmark.NewCommonmarkPlugin(),
		table.NewTablePlugin(table.WithCellPaddingBehavior(table.CellPaddingBehaviorMinimal)),
	))
	return c.ConvertNode(doc)
}

const (
	// maxHTMLNodes bounds the elements and texts of a page.
	maxHTMLNodes = 200_000
	// maxHTMLCells bounds the empty cells that tables are filled up with.
	maxHTMLCells = 10_000
	// maxHTMLQuotes bounds how deep lists and quotations are nested: each
	// level is written in front of each line.
	maxHTMLQuotes = 12
)

var errHTMLNodes = errors.New("the page has too many elements")

// pruner takes out of a page what a reader of it doesn't see, pictures that are
// written into it, and what would make a short page long.
type pruner struct{ nodes, cells int }

// prune goes through the children of n; quotes is how many lists and
// quotations they are in.
func (p *pruner) prune(n *html.Node, quotes int) {
	for child := n.FirstChild; child != nil && p.nodes >= 0; {
		next := child.NextSibling
		p.nodes--
		if child.Type == html.ElementNode && isUnseen(child) {
			n.RemoveChild(child)
		} else {
			p.prune(child, p.level(child, quotes))
		}
		child = next
	}
}

// level returns how many lists and quotations the children of n are in.
func (p *pruner) level(n *html.Node, quotes int) int {
	switch n.Data {
	case "ul", "ol", "blockquote":
		if quotes++; quotes > maxHTMLQuotes {
			n.Data, n.DataAtom = "div", atom.Div
		}
	case "table":
		if p.cells -= padding(n); p.cells < 0 {
			n.Data, n.DataAtom = "div", atom.Div
		}
	case "td", "th":
		columns, rows := min(span(n, "colspan"), maxHTMLCells), min(span(n, "rowspan"), maxHTMLCells)
		if p.cells -= columns*rows - 1; p.cells < 0 {
			n.Attr = nil
		}
	}
	return quotes
}

// padding returns how many empty cells make all rows of a table as long as the
// longest.
func padding(table *html.Node) int {
	rows, cells, row, longest := 0, 0, 0, 0
	for n := range table.Descendants() {
		switch n.Data {
		case "tr":
			rows, row = rows+1, 0
		case "td", "th":
			cells, row = cells+1, row+1
			longest = max(longest, row)
		}
	}
	return max(rows*longest-cells, 0)
}

// span reads over how many columns or rows a cell extends.
func span(n *html.Node, key string) int {
	for _, a := range n.Attr {
		if a.Key != key {
			continue
		}
		if size, err := strconv.Atoi(strings.TrimSpace(a.Val)); err == nil {
			return max(size, 1)
		}
		return maxHTMLCells // whatever the converter makes of it
	}
	return 1
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
