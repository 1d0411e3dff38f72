// Package observe keeps the gateway's metrics, with the names that operators'
// dashboards know.
package observe

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Observer counts what happens. All its methods may be called at once.
type Observer struct {
	registry *prometheus.Registry

	requests  *prometheus.CounterVec
	refused   *prometheus.CounterVec
	calls     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	errors    *prometheus.CounterVec
	timeouts  *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	coerced   prometheus.Counter
	// truncated counts answers that were shortened, saved the tokens that it
	// took away, and pages those of upstreams' answers.
	truncated, saved, pages prometheus.Counter
	limited                 *prometheus.CounterVec
	authFailed              *prometheus.CounterVec

	breakers           *breakers
	breakerTransitions *prometheus.CounterVec
	upstreamRequests   *prometheus.CounterVec
	upstreamDuration   *prometheus.HistogramVec
	retries            *prometheus.CounterVec
	keySets            *prometheus.CounterVec
	cacheHits          *prometheus.CounterVec
	cacheMisses        *prometheus.CounterVec

	reloads reloadMetrics

	// Children of the vectors above, so that a call looks none up twice.
	mu        sync.RWMutex
	tools     map[toolOutcome]toolCounters
	upstreams map[upstreamClass]upstreamCounters
	byRequest map[requestLabels]prometheus.Counter
}

type toolOutcome struct{ tool, outcome string }

type toolCounters struct {
	calls    prometheus.Counter
	duration prometheus.Observer
	bytes    prometheus.Counter
}

type upstreamClass struct {
	name  string
	class int
}

type upstreamCounters struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

type requestLabels struct {
	method, revision string
	status           int
}

// Buckets of durations in seconds, from 1 ms to 60 s.
func durationBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
}

// New makes an observer with a registry of its own.
func New(version string) *Observer {
	o := &Observer{
		registry:  prometheus.NewRegistry(),
		tools:     make(map[toolOutcome]toolCounters),
		upstreams: make(map[upstreamClass]upstreamCounters),
		byRequest: make(map[requestLabels]prometheus.Counter),
	}
	o.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	o.registerCalls()
	o.registerUpstreams()
	o.registerReloads(version)
	return o
}

func (o *Observer) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	o.registry.MustRegister(c)
	return c
}

func (o *Observer) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: durationBuckets()}, labels)
	o.registry.MustRegister(h)
	return h
}

func (o *Observer) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	o.registry.MustRegister(g)
	return g
}

func (o *Observer) registerCalls() {
	o.calls = o.counter("mcp_tool_calls_total", "Tool calls by outcome.", "tool_name", "status")
	o.durations = o.histogram("mcp_tool_call_duration_seconds", "Duration of tool calls.", "tool_name")
	o.errors = o.counter("mcp_tool_errors_total", "Tool calls that failed, by type of error.", "tool_name", "error_type")
	o.timeouts = o.counter("mcp_timeouts_total", "Tool calls that ran out of time.", "tool_name")
	o.bytes = o.counter("sallyport_result_bytes_total", "Bytes of tool call responses.", "tool_name")
	o.limited = o.counter("sallyport_rate_limited_total", "Requests refused by a rate limit, by its scope.", "scope")
	o.authFailed = o.counter("sallyport_auth_failures_total", "Requests whose credentials were refused, by reason.", "reason")
	o.requests = o.counter("sallyport_requests_total", "HTTP requests by JSON-RPC method, protocol revision and status.", "method", "revision", "http_status")
	o.refused = o.counter("sallyport_front_refusals_total", "HTTP requests refused before they were decoded, by status.", "http_status")
	coerced := prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_coerced_arguments_total", Help: "Arguments coerced to the type their schema asks for."})
	o.registry.MustRegister(coerced)
	o.coerced = coerced
	o.truncated = prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_truncations_total", Help: "Answers that were shortened to their budget of tokens."})
	o.saved = prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_tokens_saved_total", Help: "Tokens, estimated, that shortening took away from answers."})
	o.pages = prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_upstream_pages_total", Help: "Pages of upstreams' answers that were put together."})
	o.registry.MustRegister(o.truncated, o.saved, o.pages)
}

func (o *Observer) registerUpstreams() {
	o.breakers = newBreakers()
	o.registry.MustRegister(o.breakers)
	o.breakerTransitions = o.counter("sallyport_breaker_transitions_total", "Changes of an upstream's breaker, by new state.", "upstream", "state")
	o.upstreamRequests = o.counter("sallyport_upstream_requests_total", "Requests to an upstream, by status class; none if no answer came.", "upstream", "class")
	o.upstreamDuration = o.histogram("sallyport_upstream_request_duration_seconds", "Duration of upstream requests.", "upstream")
	o.retries = o.counter("sallyport_upstream_retries_total", "Requests repeated.", "upstream")
	o.cacheHits = o.counter("mcp_cache_hits_total", "Calls answered from the cache, by the kind of what was called.", "cache_type")
	o.cacheMisses = o.counter("mcp_cache_misses_total", "Calls that the cache had no answer to, by the kind of what was called.", "cache_type")
	o.keySets = o.counter("sallyport_jwks_refreshes_total", "Fetches of an issuer's key set, by result.", "issuer", "result")
}

// GaugeFunc publishes a number that is read when metrics are.
func (o *Observer) GaugeFunc(name, help string, read func() float64) {
	o.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Handler serves the metrics in the Prometheus exposition formats.
func (o *Observer) Handler() http.Handler {
	return promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{Registry: o.registry})
}

// Request counts an HTTP request.
func (o *Observer) Request(method, revision string, status int) {
	labels := requestLabels{method: method, revision: revision, status: status}
	o.mu.RLock()
	c, ok := o.byRequest[labels]
	o.mu.RUnlock()
	if !ok {
		c = o.requests.WithLabelValues(method, revision, strconv.Itoa(status))
		o.mu.Lock()
		o.byRequest[labels] = c
		o.mu.Unlock()
	}
	c.Inc()
}

// Refused counts a request that the strict front refused.
func (o *Observer) Refused(status int) { o.refused.WithLabelValues(strconv.Itoa(status)).Inc() }

// AuthFailed counts refused credentials.
func (o *Observer) AuthFailed(reason string) { o.authFailed.WithLabelValues(reason).Inc() }

// Call is a tool call that ended.
type Call struct {
	Tool, Outcome, ErrorType, LimitScope string
	Duration                             time.Duration
	Coerced, Bytes                       int
	// Truncated says that the answer was shortened, by TokensSaved; Pages are
	// those that it was put together of.
	Truncated          bool
	TokensSaved, Pages int
}

// Call counts a tool call.
func (o *Observer) Call(c Call) {
	t := o.tool(c.Tool, c.Outcome)
	t.calls.Inc()
	t.duration.Observe(c.Duration.Seconds())
	t.bytes.Add(float64(c.Bytes))
	if c.Truncated {
		o.truncated.Inc()
		o.saved.Add(float64(c.TokensSaved))
	}
	if c.Pages > 0 {
		o.pages.Add(float64(c.Pages))
	}
	if c.Coerced > 0 {
		o.coerced.Add(float64(c.Coerced))
	}
	if c.ErrorType != "" {
		o.errors.WithLabelValues(c.Tool, c.ErrorType).Inc()
	}
	if c.Outcome == "timeout" {
		o.timeouts.WithLabelValues(c.Tool).Inc()
	}
	if c.Outcome == "limited" && c.LimitScope != "" {
		o.limited.WithLabelValues(c.LimitScope).Inc()
	}
}

func (o *Observer) tool(name, outcome string) toolCounters {
	key := toolOutcome{tool: name, outcome: outcome}
	o.mu.RLock()
	t, ok := o.tools[key]
	o.mu.RUnlock()
	if ok {
		return t
	}
	t = toolCounters{
		calls:    o.calls.WithLabelValues(name, outcome),
		duration: o.durations.WithLabelValues(name),
		bytes:    o.bytes.WithLabelValues(name),
	}
	o.mu.Lock()
	o.tools[key] = t
	o.mu.Unlock()
	return t
}

// UpstreamRequest counts a request to an upstream; duration is in nanoseconds.
func (o *Observer) UpstreamRequest(upstream string, status int, duration int64) {
	u := o.upstream(upstream, status/100)
	u.requests.Inc()
	u.duration.Observe(float64(duration) / float64(time.Second))
}

func (o *Observer) upstream(name string, class int) upstreamCounters {
	key := upstreamClass{name: name, class: class}
	o.mu.RLock()
	u, ok := o.upstreams[key]
	o.mu.RUnlock()
	if ok {
		return u
	}
	label := "none"
	if class >= 1 && class <= 5 {
		label = strconv.Itoa(class) + "xx"
	}
	u = upstreamCounters{
		requests: o.upstreamRequests.WithLabelValues(name, label),
		duration: o.upstreamDuration.WithLabelValues(name),
	}
	o.mu.Lock()
	o.upstreams[key] = u
	o.mu.Unlock()
	return u
}

// Retry counts a repeated request.
func (o *Observer) Retry(upstream string) { o.retries.WithLabelValues(upstream).Inc() }

// Cache counts a call that was answered from the cache, or was not.
func (o *Observer) Cache(kind string, hit bool) {
	if hit {
		o.cacheHits.WithLabelValues(kind).Inc()
		return
	}
	o.cacheMisses.WithLabelValues(kind).Inc()
}

// Breaker publishes the state of an upstream's breaker until release is called.
func (o *Observer) Breaker(upstream string, state func() int) (release func()) {
	return o.breakers.add(upstream, state)
}

// BreakerState counts a change of a breaker's state.
func (o *Observer) BreakerState(upstream string, state int) {
	names := [...]string{"closed", "half_open", "open"}
	if state >= 0 && state < len(names) {
		o.breakerTransitions.WithLabelValues(upstream, names[state]).Inc()
	}
}

// KeySetRefresh counts a fetch of an issuer's key set.
func (o *Observer) KeySetRefresh(issuer string, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	o.keySets.WithLabelValues(issuer, result).Inc()
}
