package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// kept holds what outlives a reload: connection pools, breakers, counters and
// key sets, by key, for as long as some snapshot uses them.
type kept struct {
	mu    sync.Mutex
	items map[string]*keptItem
}

type keptItem struct {
	value io.Closer
	uses  int
}

func newKept() *kept { return &kept{items: make(map[string]*keptItem)} }

// lease is what one snapshot keeps; it is given back as a whole.
type lease struct {
	from *kept
	keys map[string]bool
}

func (k *kept) lease() *lease { return &lease{from: k, keys: make(map[string]bool)} }

// keep returns the value under key, or makes it.
func (l *lease) keep(key string, build func() (io.Closer, error)) (io.Closer, error) {
	l.from.mu.Lock()
	defer l.from.mu.Unlock()
	item, ok := l.from.items[key]
	if !ok {
		value, err := build()
		if err != nil {
			return nil, fmt.Errorf("keep %s: %w", key, err)
		}
		item = &keptItem{value: value}
		l.from.items[key] = item
	}
	if !l.keys[key] {
		l.keys[key] = true
		item.uses++
	}
	return item.value, nil
}

// order is 0 for what is closed first.
func order(value io.Closer) int {
	if _, first := value.(plugins.FirstCloser); first {
		return 0
	}
	return 1
}

// release gives the lease's keys back and closes what nobody uses any more.
func (l *lease) release() error {
	l.from.mu.Lock()
	var last []io.Closer
	for key := range l.keys {
		item := l.from.items[key]
		if item.uses--; item.uses == 0 {
			delete(l.from.items, key)
			last = append(last, item.value)
		}
	}
	l.keys = nil
	l.from.mu.Unlock()

	// What still works with the rest ends before it.
	slices.SortStableFunc(last, func(x, y io.Closer) int { return cmp.Compare(order(x), order(y)) })
	errs := make([]error, 0, len(last))
	for _, value := range last {
		errs = append(errs, value.Close())
	}
	return errors.Join(errs...)
}
