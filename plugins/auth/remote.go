package auth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// fetching says how key sets are fetched.
type fetching struct {
	transport http.RoundTripper // nil for the default
	every     time.Duration     // between refreshes, if the server doesn't say
	least     time.Duration     // least time between refreshes
	most      time.Duration     // most time between refreshes
	retry     time.Duration     // first pause after a failure; doubles
	retryMost time.Duration     // longest pause after a failure
	unknown   time.Duration     // least time between refreshes for unknown keys
	timeout   time.Duration     // of one HTTP exchange
	wait      time.Duration     // how long a call waits for an unknown key
	waiting   int64             // calls that may wait at once
	stale     time.Duration     // how long keys hold after the last good fetch
}

// defaultFetching leaves room between the longest pause and the time at which
// keys end, so that an outage of hours is survived whatever max-age was.
func defaultFetching() fetching {
	return fetching{
		every: 15 * time.Minute, least: 5 * time.Minute, most: 12 * time.Hour,
		retry: time.Second, retryMost: time.Minute,
		unknown: 10 * time.Second, timeout: 5 * time.Second,
		wait: 2 * time.Second, waiting: 256, stale: 24 * time.Hour,
	}
}

// remoteKeys fetches a key set in the background and keeps it fresh. It
// outlives reloads. An outage, garbage or an empty set never replaces good
// keys; those end a day after they were last seen.
type remoteKeys struct {
	issuer  string
	where   location
	env     plugins.Env
	with    fetching
	state   atomic.Pointer[fetched]
	waiting atomic.Int64
	place   string // of the key set, once found; the loop's own
	stop    context.CancelFunc
	ended   chan struct{}
	kick    chan struct{}

	mu      sync.Mutex
	kicked  time.Time     // of the last refresh for an unknown key
	running chan struct{} // closed when the fetch under way, or asked for, ends; nil if none is
}

// fetched is a key set and when it was last seen.
type fetched struct {
	set *keySet
	at  time.Time
}

// newRemoteKeys starts fetching, unless the manifest is only looked at; Close
// ends it.
func newRemoteKeys(issuer string, where location, env plugins.Env, with fetching) *remoteKeys {
	ctx, stop := context.WithCancel(context.Background())
	r := &remoteKeys{
		issuer: issuer, where: where, env: env, with: with, stop: stop,
		ended: make(chan struct{}), kick: make(chan struct{}, 1),
		running: make(chan struct{}), // the first fetch
	}
	if r.with.transport == nil {
		r.with.transport = newTransport()
	}
	if env.Offline {
		close(r.ended)
		return r
	}
	go r.loop(ctx)
	return r
}

// Close ends the fetching and waits for its end.
func (r *remoteKeys) Close() error {
	r.stop()
	<-r.ended
	return nil
}

func (r *remoteKeys) ready() error {
	if r.state.Load() == nil {
		return fmt.Errorf("the keys of %s are not loaded yet", r.issuer)
	}
	return nil
}

func (r *remoteKeys) current(now time.Time) *keySet {
	f := r.state.Load()
	if f == nil || now.Sub(f.at) >= r.with.stale {
		return nil
	}
	return f.set
}

// renew waits for the fetch under way, or asks for one if the last that was
// asked for is long enough ago. It waits a bounded time, and so does a bounded
// number of calls.
func (r *remoteKeys) renew(ctx context.Context, now time.Time) {
	end := r.ask(now)
	if end == nil {
		return
	}
	defer r.waiting.Add(-1)
	if r.waiting.Add(1) > r.with.waiting {
		return
	}
	patience := time.NewTimer(r.with.wait)
	defer patience.Stop()
	select {
	case <-end:
	case <-patience.C:
	case <-ctx.Done():
	case <-r.ended:
	}
}

// ask returns what is closed when the next fetch ends; nil if there is none to
// wait for.
func (r *remoteKeys) ask(now time.Time) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		return r.running
	}
	if !r.kicked.IsZero() && now.Sub(r.kicked) < r.with.unknown {
		return nil
	}
	r.kicked = now
	r.running = make(chan struct{})
	select {
	case r.kick <- struct{}{}:
	default: // the loop is about to take one already
	}
	return r.running
}

// loop fetches again and again: single flight by construction.
func (r *remoteKeys) loop(ctx context.Context) {
	defer close(r.ended)
	failures := 0
	for rediscover := true; ; {
		pause, err := r.once(ctx, rediscover)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause = r.with.pauseAfter(failures)
			failures++
		} else {
			failures = 0
		}
		r.env.Observe.KeySetRefresh(r.issuer, err)
		if err != nil {
			r.env.Log.Warn("key set not refreshed", "issuer", r.issuer, "error", err, "retry_in", pause.String())
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			rediscover = true
		case <-r.kick:
			timer.Stop()
			rediscover = err != nil
		}
	}
}

// once fetches and puts the keys in force, tells those who wait, and returns
// how long the keys are fresh.
func (r *remoteKeys) once(ctx context.Context, rediscover bool) (time.Duration, error) {
	r.mu.Lock()
	if r.running == nil {
		r.running = make(chan struct{})
	}
	r.mu.Unlock()
	fresh, err := r.load(ctx, rediscover)
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.running)
	r.running = nil
	select { // who asked since the fetch began was told, too
	case <-r.kick:
	default:
	}
	return fresh, err
}

// load fetches and puts the keys in force.
func (r *remoteKeys) load(ctx context.Context, rediscover bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, r.with.timeout)
	defer cancel()
	if rediscover || r.place == "" {
		place, err := r.where(ctx, r.with.transport)
		if err != nil {
			return 0, err
		}
		r.place = place
	}
	doc, err := fetch(ctx, r.with.transport, r.place)
	if err != nil {
		return 0, err
	}
	if err := statusError(doc.status, "the key set"); err != nil {
		return 0, err
	}
	set, skipped, err := parseKeySet(doc.body)
	if err != nil {
		return 0, errors.Join(err, joined(skipped))
	}
	had := r.state.Load()
	if had == nil || had.set.digest != set.digest {
		r.env.Log.Info("key set loaded", "issuer", r.issuer, "keys", len(set.keys), "left_out", skipped)
	} else {
		set = had.set
	}
	r.state.Store(&fetched{set: set, at: time.Now()})
	return r.with.pauseFor(doc.maxAge), nil
}

// joined makes one error of what was left out.
func joined(skipped []string) error {
	errs := make([]error, len(skipped))
	for i, why := range skipped {
		errs[i] = errors.New(why)
	}
	return errors.Join(errs...)
}

// pauseFor returns the time until the next refresh: what the server says,
// within bounds, up to a tenth less so that replicas spread.
func (f *fetching) pauseFor(maxAge time.Duration) time.Duration {
	pause := f.every
	if maxAge >= 0 {
		pause = min(max(maxAge, f.least), f.most)
	}
	return jitter(pause)
}

// pauseAfter returns the time until the next try after so many failures.
func (f *fetching) pauseAfter(failures int) time.Duration {
	return jitter(min(f.retry<<min(failures, 16), f.retryMost))
}

func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/10+1)) //nolint:gosec // jitter is no secret
}
