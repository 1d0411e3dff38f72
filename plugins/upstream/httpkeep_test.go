package upstream_test

import (
	"io"
	"sync"
)

// keeper is the gateway's way to keep what outlives a reload.
type keeper struct {
	mu   sync.Mutex
	kept map[string]io.Closer
}

func (k *keeper) keep(key string, build func() (io.Closer, error)) (io.Closer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := k.kept[key]; ok {
		return c, nil
	}
	c, err := build()
	if err != nil {
		return nil, err
	}
	if k.kept == nil {
		k.kept = map[string]io.Closer{}
	}
	k.kept[key] = c
	return c, nil
}

func (k *keeper) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.kept {
		if err := c.Close(); err != nil {
			panic(err)
		}
	}
}
