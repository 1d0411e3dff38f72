package transform

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// The values of `next` that are no expressions.
const (
	nextLink   = "link"
	nextPage   = "page"
	nextOffset = "offset"
)

const (
	// defaultPages is how many pages are read unless the manifest says.
	defaultPages = 5
	// maxPaged bounds the items of all pages, in bytes.
	maxPaged = 16 << 20
)

// pages is how the pages of a list are followed.
type pages struct {
	items *expr.Query
	// next is link, page or offset; empty if query finds the next page.
	next     string
	query    *expr.Query
	passAs   string
	maxPages int
	maxItems int // 0 if there is no bound
}

// paginate compiles the settings.
func (b *builder) paginate(s *PaginateSettings) {
	if s == nil {
		return
	}
	p := &pages{passAs: s.PassAs, maxPages: s.MaxPages, maxItems: s.MaxItems}
	if p.maxPages == 0 {
		p.maxPages = defaultPages
	}
	// A page is always there.
	outer := b.scope.Body
	b.scope.Body = true
	defer func() { b.scope.Body = outer }()
	if s.Items == "" {
		b.wrong("paginate needs items", "write a jq expression that is the list on a page, e.g. .data", "paginate")
	} else {
		p.items = b.query(s.Items, "paginate", "items")
	}
	switch next := strings.TrimSpace(s.Next); next {
	case "":
		b.wrong("paginate needs next", "write link, page, offset, or a jq expression such as .next_cursor", "paginate")
	case nextLink:
		p.next = next
		if s.PassAs != "" {
			b.wrong("pass_as does not go with next: link, which is a whole URL", "take pass_as away", "paginate", "pass_as")
		}
	case nextPage, nextOffset:
		p.next = next
		if s.PassAs == "" {
			b.wrong("next: "+next+" needs pass_as", "write the name of the argument that says which "+next+", e.g. pass_as: "+next, "paginate", "next")
		}
	default:
		p.query = b.query(s.Next, "paginate", "next")
	}
	if s.MaxPages < 0 || s.MaxItems < 0 {
		b.wrong("want a number above 0", "", "paginate")
	}
	if b.env.Upstream == "" {
		b.wrong("there is no upstream that could have pages", "give the tool a request, or take paginate away", "paginate")
	}
	switch b.t.as {
	case formText, formHTML, formImage, formAudio, formBlob, formLink:
		b.wrong("there are no pages of a list here", "take as away, or write as: json", "paginate")
	}
	b.t.pages = p
}

// PageRequest implements plugins.Pager.
func (t *transform) PageRequest() (plugins.PageRequest, bool) {
	if t.pages == nil {
		return plugins.PageRequest{}, false
	}
	if t.pages.passAs == "" {
		return plugins.PageRequest{Link: true, Path: []string{"paginate", "next"}}, true
	}
	return plugins.PageRequest{PassAs: t.pages.passAs, Path: []string{"paginate", "pass_as"}}, true
}

// asking asks for one more page.
type asking = func(ctx context.Context, page plugins.Page) (*plugins.Response, error)

// collection is the list that pages are put together to.
type collection struct {
	t     *transform
	call  *plugins.Call
	pages int
	items []any  // decoded, if the transform needs values
	raw   []byte // the items as JSON, with commas between
	count int
	last  []byte // the items of the page before
	seen  map[string]bool
	// longest is the longest time that a page took.
	longest time.Duration
	// rest says that there is more, and where.
	rest *plugins.Page
	// cut says that items of a page were left out.
	cut bool
	// broken says that a page could not be had.
	broken bool
}

// add takes the items of a page; false says that there are none, or none that
// are new.
func (c *collection) add(ctx context.Context, resp *plugins.Response, r *reading) (bool, error) {
	raws, values, err := c.itemsOf(ctx, resp, r)
	if err != nil {
		return false, err
	}
	if most := c.t.pages.maxItems; most > 0 && c.count+len(raws) > most {
		raws, c.cut = raws[:most-c.count], true
		if values != nil {
			values = values[:len(raws)]
		}
	}
	start := len(c.raw)
	for _, item := range raws {
		if len(c.raw) > 0 {
			c.raw = append(c.raw, ',')
		}
		c.raw = append(c.raw, item...)
	}
	page := c.raw[start:]
	if c.pages > 1 && len(raws) > 0 && string(trimComma(page)) == string(trimComma(c.last)) {
		c.raw = c.raw[:start] // the service does not know of pages
		return false, nil
	}
	c.last, c.count = page, c.count+len(raws)
	c.items = append(c.items, values...)
	return len(raws) > 0, nil
}

func trimComma(page []byte) []byte {
	if len(page) > 0 && page[0] == ',' {
		return page[1:]
	}
	return page
}

// itemsOf finds a page's items: as they were written, if items is a path and
// nothing needs their values.
func (c *collection) itemsOf(ctx context.Context, resp *plugins.Response, r *reading) (raws [][]byte, values []any, err error) {
	query := c.t.pages.items
	steps, isPath := query.Path()
	if isPath {
		if raws, isPath = elementsAt(r.raw, steps); isPath && !c.t.shaped {
			return raws, nil, nil
		}
	}
	v := valuesOf(c.call, resp)
	v.Body = r.value
	out, err := query.Run(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	if out == nil {
		return nil, nil, nil
	}
	values, ok := out.([]any)
	if !ok {
		return nil, nil, &expr.Error{
			Message: "The service's answer has no list where the tool's definition expects one.",
			Cause:   errors.New("paginate.items makes no list of a page"),
		}
	}
	if isPath && len(raws) == len(values) {
		return raws, values, nil
	}
	raws = make([][]byte, len(values))
	for i := range values {
		if raws[i], err = appendJSON(nil, values[i]); err != nil {
			return nil, nil, err
		}
	}
	return raws, values, nil
}

// elementsAt returns the elements of the list that a path of members leads to.
func elementsAt(raw []byte, steps []any) ([][]byte, bool) {
	for _, step := range steps {
		name, ok := step.(string)
		if !ok || len(raw) == 0 || raw[0] != '{' {
			return nil, false
		}
		members, err := strictjson.Members(raw, nil)
		if err != nil {
			return nil, false
		}
		raw = nil
		for i := range members {
			if members[i].Name == name {
				raw = members[i].Value
			}
		}
	}
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	elements, err := strictjson.Elements(raw, nil)
	return elements, err == nil
}

// after finds out which page comes after one; nil if there is none.
func (c *collection) after(ctx context.Context, resp *plugins.Response, r *reading) (*plugins.Page, error) {
	p := c.t.pages
	var page plugins.Page
	switch p.next {
	case nextLink:
		page.URL = nextOf(resp)
	case nextPage:
		page.Value = number(c.started(1) + int64(c.pages))
	case nextOffset:
		page.Value = number(c.started(0) + int64(c.count))
	default:
		v := valuesOf(c.call, resp)
		v.Body = r.value
		out, err := p.query.Run(ctx, v)
		if err != nil {
			return nil, err
		}
		if page.Value = cursorOf(out); p.passAs == "" {
			page.URL, _ = page.Value.(string)
			page.Value = nil
		}
	}
	if page.URL == "" && page.Value == nil || len(page.URL) > maxURI {
		return nil, nil
	}
	key := page.URL
	if page.Value != nil {
		key = textOfCursor(page.Value)
	}
	if c.seen[key] {
		return nil, nil // it leads around in a circle
	}
	c.seen[key] = true
	return &page, nil
}

// started is the number that the caller began with.
func (c *collection) started(usual int64) int64 {
	text, ok := c.call.Args[c.t.pages.passAs].(json.Number)
	if !ok {
		return usual
	}
	if n, err := text.Int64(); err == nil {
		return n
	}
	return usual
}

func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// cursorOf is a cursor as an argument; nil for what means that there is none.
func cursorOf(out any) any {
	switch v := out.(type) {
	case string:
		if v = strings.Clone(v); v != "" {
			return v
		}
	case json.Number:
		return v
	case int:
		return number(int64(v))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'f', -1, 64))
	case *big.Int:
		return json.Number(v.String())
	}
	return nil
}

func textOfCursor(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
