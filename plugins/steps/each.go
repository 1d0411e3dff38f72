package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// each calls a tool once for each element.
func (r *run) each(ctx context.Context, s *step, u *unit) outcome {
	items, failed := r.items(ctx, s, u)
	if failed != nil {
		return r.settle(ctx, &job{step: s, unit: u}, outcome{err: failed})
	}
	outs := r.together(ctx, len(items), s.tool.limit, func(ctx context.Context, i int) outcome {
		return r.item(ctx, s, i, items[i])
	})
	all := sum(outs)
	if all.err != nil || all.wait.any {
		return all
	}
	u.Done, u.Items, u.Count = true, nil, len(items)
	if len(items) == 0 {
		u.Value = []byte("[]")
	}
	if s.id == "" {
		r.forget(s, len(items))
		return outcome{}
	}
	return listOf(outs)
}

// forget drops the units of items that nobody asks for any more.
func (r *run) forget(s *step, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range n {
		address := below(s.address, i)
		if u := r.state.Units[address]; u != nil && len(u.Undo) == 0 {
			delete(r.state.Units, address)
		}
	}
}

// item makes the call of one element.
func (r *run) item(ctx context.Context, s *step, i int, item any) outcome {
	u := r.unit(below(s.address, i))
	if u.Done {
		value, blocks, err := u.restore()
		if err != nil {
			return outcome{err: broken(err)}
		}
		return outcome{value: value, blocks: blocks}
	}
	j := job{step: s, unit: u, values: r.values(), key: below(s.key(), i)}
	j.values.Item = item
	return r.settle(ctx, &j, r.invoke(ctx, &j))
}

// items are the elements: those of the list that the expression makes, or all
// that it makes. In later rounds they are those of the first.
func (r *run) items(ctx context.Context, s *step, u *unit) ([]any, *plugins.Error) {
	if u.Items != nil {
		value, err := strictjson.Decode(u.Items, stateDepth)
		if err != nil {
			return nil, broken(fmt.Errorf("state: %w", err))
		}
		items, ok := value.([]any)
		if !ok || len(items) > maxItems {
			return nil, broken(fmt.Errorf("state: items are a %T", value))
		}
		return items, nil
	}
	v := r.values()
	items, err := s.tool.each.RunAll(ctx, v)
	if err != nil {
		return nil, r.failure(s, v, messageOf(err), err) //nolint:contextcheck // a text's expressions have a clock of their own
	}
	if len(items) == 1 {
		switch only := items[0].(type) {
		case []any:
			items = only
		case nil:
			items = nil
		}
	}
	if len(items) > maxItems {
		return nil, r.failure(s, v, fmt.Sprintf("These are %d elements, more than the %d that one call can take. Ask for less.", len(items), maxItems), nil) //nolint:contextcheck // a text's expressions have a clock of their own
	}
	if u.Items, err = encodeItems(items); err != nil {
		return nil, r.failure(s, v, messageOf(err), err) //nolint:contextcheck // a text's expressions have a clock of their own
	}
	return items, nil
}

// encodeItems keeps the elements of a for_each.
func encodeItems(items []any) (json.RawMessage, error) {
	raw, err := strictjson.Append(nil, items)
	if err != nil {
		return nil, fmt.Errorf("an element of for_each is no JSON: %w", err)
	}
	return raw, nil
}

// together runs n parts, at most limit of them at once. A part that waits keeps
// its place: what would come after it is not begun. A failure ends the others.
func (r *run) together(ctx context.Context, n, limit int, part func(ctx context.Context, i int) outcome) []outcome {
	outs := make([]outcome, n)
	if n == 0 {
		return outs
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	next := 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	work := func() {
		for i := take(); i < n; i = take() {
			if outs[i].err = ended(ctx); outs[i].err == nil {
				outs[i] = r.guarded(ctx, i, part)
			}
			if outs[i].err != nil {
				cancel()
				return
			}
			if outs[i].wait.any {
				return
			}
		}
	}
	var all sync.WaitGroup
	for range min(n, limit) - 1 {
		all.Go(work)
	}
	work()
	all.Wait()
	return outs
}

// guarded runs a part. A panic of it is a fault of ours, and nobody above
// would catch it.
func (r *run) guarded(ctx context.Context, i int, part func(ctx context.Context, i int) outcome) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = outcome{err: broken(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))}
		}
	}()
	return part(ctx, i)
}
