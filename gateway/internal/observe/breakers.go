package observe

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// breakers publishes the states that breakers have when metrics are read: one
// that rests is ready for a probe when its time has passed, called or not.
type breakers struct {
	desc *prometheus.Desc
	mu   sync.Mutex
	// During a reload an upstream may have two: the last one tells.
	states map[string][]*breakerState
}

type breakerState struct{ read func() int }

func newBreakers() *breakers {
	return &breakers{
		desc: prometheus.NewDesc("sallyport_breaker_state",
			"State of an upstream's breaker: 0 closed, 1 half-open, 2 open.", []string{"upstream"}, nil),
		states: make(map[string][]*breakerState),
	}
}

func (b *breakers) add(upstream string, read func() int) (release func()) {
	state := &breakerState{read: read}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states[upstream] = append(b.states[upstream], state)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		list := slices.DeleteFunc(b.states[upstream], func(s *breakerState) bool { return s == state })
		if b.states[upstream] = list; len(list) == 0 {
			delete(b.states, upstream)
		}
	}
}

// Describe implements prometheus.Collector.
func (b *breakers) Describe(descs chan<- *prometheus.Desc) { descs <- b.desc }

// Collect implements prometheus.Collector. The breakers are asked without the
// lock: what they answer may be told to the observer.
func (b *breakers) Collect(metrics chan<- prometheus.Metric) {
	b.mu.Lock()
	now := make(map[string]*breakerState, len(b.states))
	for upstream, list := range b.states {
		now[upstream] = list[len(list)-1]
	}
	b.mu.Unlock()
	for upstream, state := range now {
		metrics <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, float64(state.read()), upstream)
	}
}
