package observe

import (
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// reloadMetrics tell which configuration is in force.
type reloadMetrics struct {
	successful prometheus.Gauge
	time       prometheus.Gauge
	generation prometheus.Gauge
	total      *prometheus.CounterVec
	hash       *prometheus.GaugeVec
	// last is the hash published, which the next one replaces.
	mu   sync.Mutex
	last string
}

func (o *Observer) registerReloads(version string) {
	one := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		o.registry.MustRegister(g)
		return g
	}
	o.reloads.successful = one("sallyport_config_last_reload_successful", "Whether the last reload was put in force.")
	o.reloads.time = one("sallyport_config_last_reload_success_timestamp_seconds", "When a manifest was last put in force.")
	o.reloads.generation = one("sallyport_config_generation", "Number of the manifest in force.")
	o.reloads.total = o.counter("sallyport_config_reloads_total", "Reloads by result.", "result")
	o.reloads.hash = o.gauge("sallyport_config_hash_info", "Hash of the manifest in force.", "hash")
	o.gauge("sallyport_build_info", "Version of the gateway.", "version", "go_version").
		WithLabelValues(version, runtime.Version()).Set(1)
}

// Reloaded publishes how a reload ended.
func (o *Observer) Reloaded(generation uint64, hash string, err error) {
	r := &o.reloads
	if err != nil {
		r.successful.Set(0)
		r.total.WithLabelValues("refused").Inc()
		return
	}
	r.successful.Set(1)
	r.total.WithLabelValues("ok").Inc()
	r.time.SetToCurrentTime()
	r.generation.Set(float64(generation))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hash.DeleteLabelValues(r.last)
	r.hash.WithLabelValues(hash).Set(1)
	r.last = hash
}
