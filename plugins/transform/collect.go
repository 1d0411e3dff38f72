package transform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Collect implements plugins.Pager: the items of all pages are one list, which
// is what select, text and schema are about. What fails on the first page is
// the call's failure; a later page that can't be had ends the list, and the
// model is told so.
func (t *transform) Collect(ctx context.Context, call *plugins.Call, first *plugins.Response, next asking) (*mcp.Result, error) {
	if first.Status >= 300 || first.Status == 202 && t.poll != nil || t.pages == nil {
		return t.Transform(ctx, call, first)
	}
	began := t.now()
	c := &collection{t: t, call: call, seen: map[string]bool{}, pages: 1}
	r, err := t.page(ctx, call, first)
	if err == nil {
		err = c.follow(ctx, first, r, began, next)
	}
	if call.Record != nil {
		call.Record.Pages = c.pages
	}
	var result *mcp.Result
	if err != nil {
		result, err = t.failed(ctx, err)
	} else {
		result, err = t.finish(ctx, call, first, c.reading())
	}
	if err == nil {
		if !result.IsError {
			c.tell(result)
		}
		t.fit(call, result)
	}
	if err != nil {
		first.Free()
		return nil, err
	}
	// What select made may point into the first page.
	result.Release, first.Release = first.Release, nil
	return result, nil
}

// page reads a page.
func (t *transform) page(ctx context.Context, call *plugins.Call, resp *plugins.Response) (*reading, error) {
	as, m := t.formOf(resp)
	r, err := t.readAs(call, resp, as, m) //nolint:contextcheck // a text's expressions have a clock of their own
	if err != nil {
		return nil, err
	}
	if r.media != nil {
		return nil, unreadable(resp, "a page of a list", nil)
	}
	if err := t.judge(ctx, call, resp, r); err != nil {
		return nil, err
	}
	return r, nil
}

// follow takes the first page and then the others, as long as there are some
// and it makes sense.
func (c *collection) follow(ctx context.Context, resp *plugins.Response, r *reading, began time.Time, next asking) error {
	if _, err := c.add(ctx, resp, r); err != nil {
		return err
	}
	for {
		page, err := c.after(ctx, resp, r)
		if err != nil && c.pages == 1 {
			return err
		}
		if c.pages > 1 {
			resp.Free()
		}
		c.longest = max(c.longest, c.t.now().Sub(began))
		if err != nil {
			c.lost(ctx, err)
			return nil
		}
		if page == nil || c.count == 0 {
			return nil
		}
		if c.isEnough(ctx) {
			c.rest = page
			return nil
		}
		began = c.t.now()
		var goOn bool
		if resp, r, goOn, err = c.more(ctx, page, next); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("reading page %d: %w", c.pages+1, err)
			}
			c.rest = page
			c.lost(ctx, err)
			return nil
		}
		if !goOn {
			resp.Free()
			return nil
		}
	}
}

// more asks for one more page and takes its items.
func (c *collection) more(ctx context.Context, page *plugins.Page, next asking) (resp *plugins.Response, r *reading, goOn bool, err error) {
	if resp, err = next(ctx, *page); err != nil {
		return nil, nil, false, err
	}
	if resp.Status >= 300 {
		defer resp.Free()
		return nil, nil, false, c.t.refuse(c.call, resp) //nolint:contextcheck // a text's expressions have a clock of their own
	}
	if r, err = c.t.page(ctx, c.call, resp); err == nil {
		c.pages++
		goOn, err = c.add(ctx, resp, r)
	}
	if err != nil {
		resp.Free()
		return nil, nil, false, err
	}
	return resp, r, goOn, nil
}

// lost notes that a further page could not be had.
func (c *collection) lost(ctx context.Context, err error) {
	c.broken = true
	cause := err
	var failure *plugins.Error
	if errors.As(err, &failure) && failure.Cause != nil {
		cause = failure.Cause
	}
	c.t.log.LogAttrs(ctx, slog.LevelWarn, "a further page could not be read",
		slog.String("tool", c.t.name), slog.Int("page", c.pages+1), slog.Any("error", cause))
}

// isEnough reports whether no further page is asked for: because of the bounds
// of the manifest, or of time, or of memory, or because the model would not
// read it.
func (c *collection) isEnough(ctx context.Context) bool {
	p := c.t.pages
	if c.pages >= p.maxPages || p.maxItems > 0 && c.count >= p.maxItems || len(c.raw) > maxPaged {
		return true
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < c.longest*3/2 {
		return true
	}
	// Dropping what is empty and showing tables makes an answer shorter, but not
	// to a quarter.
	unread := c.t.query == nil && c.t.text == nil && c.t.blocks == nil && c.t.bounded(c.call)
	return unread && len(c.raw) > 4*c.t.limit && tokens.Estimate(c.raw) > 4*c.t.limit
}

// reading is the list as a body.
func (c *collection) reading() *reading {
	raw := make([]byte, 0, len(c.raw)+2)
	raw = append(append(append(raw, '['), c.raw...), ']')
	items := c.items
	if items == nil {
		items = []any{}
	}
	return &reading{value: items, raw: raw, mime: typeJSON}
}

// tell adds a note on what is missing of the list.
func (c *collection) tell(result *mcp.Result) {
	var note string
	switch {
	case c.broken:
		note = fmt.Sprintf("… The list is incomplete: after %s, the next page could not be read. Call again later for the rest.", pagesText(c.pages))
	case c.rest != nil || c.cut:
		note = fmt.Sprintf("… The list goes on: this is %s, %d items.", pagesText(c.pages), c.count)
		if how := c.goOn(); how != "" {
			note += " " + how
		}
	default:
		return
	}
	result.Content = append(result.Content, mcp.Block{Text: []byte(note), MIMEType: typeText})
}

func pagesText(n int) string {
	if n == 1 {
		return "1 page"
	}
	return fmt.Sprintf("%d pages", n)
}

// maxCursor bounds a cursor that is told to the model, in bytes.
const maxCursor = 200

// goOn says how to get the rest: with the argument that says which page, if
// callers have it and nothing of the last page was left out.
func (c *collection) goOn() string {
	p := c.t.pages
	has := c.call.Tool != nil && slices.ContainsFunc(c.call.Tool.Arguments, func(a plugins.Argument) bool {
		return a.Name == p.passAs && a.Value == nil
	})
	if !has || c.cut || c.rest == nil || c.rest.Value == nil {
		return howToGet(c.call.Tool)
	}
	cursor := textOfCursor(c.rest.Value)
	if len(cursor) > maxCursor || cursor != oneLine(cursor) {
		return howToGet(c.call.Tool)
	}
	if _, isText := c.rest.Value.(string); isText {
		cursor = `"` + cursor + `"`
	}
	return fmt.Sprintf("To go on, call again with %s %s.", p.passAs, cursor)
}
