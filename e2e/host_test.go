package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// host is the application that a client is part of: it answers what the gateway
// asks, and takes down what it is told.
type host struct {
	mu   sync.Mutex
	told notes
	// news is poked at everything that is told.
	news chan struct{}
	// declines says that the person refuses to answer.
	declines bool
}

// notes are what a host was told.
type notes struct {
	progress []float64
	logs     []string // level: text
	updated  []string // URIs
	changed  int      // changes of the list of tools
	asked    []string // messages of questions to the person

	acknowledged int // streams that stand
}

// What every host answers.
const (
	quantity  = 3
	modelName = "e2e-model"
	modelSays = "A shop."
	rootURI   = "file:///home/ada/shop"
)

func newHost() *host { return &host{news: make(chan struct{}, 1)} }

// note takes something down.
func (h *host) note(take func(*notes)) {
	h.mu.Lock()
	take(&h.told)
	h.mu.Unlock()
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// forget clears what was told, and says how the person answers from now on.
func (h *host) forget(declines bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told, h.declines = notes{}, declines
}

// elicit is how the person answers a form; nil means that they decline.
func (h *host) elicit(message string) map[string]any {
	h.note(func(n *notes) { n.asked = append(n.asked, message) })
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.declines {
		return nil
	}
	return map[string]any{"quantity": quantity}
}

// notes returns what was told so far.
func (h *host) notes() notes {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.told
	n.progress, n.logs = slices.Clone(n.progress), slices.Clone(n.logs)
	n.updated, n.asked = slices.Clone(n.updated), slices.Clone(n.asked)
	return n
}

// await waits until what was told is enough.
func (h *host) await(ctx context.Context, enough func(notes) bool) error {
	for {
		n := h.notes()
		if enough(n) {
			return nil
		}
		select {
		case <-h.news:
		case <-ctx.Done():
			return fmt.Errorf("was told only %+v", n)
		}
	}
}
