package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/sallyport-mcp/sallyport/bench/internal/crowd"
)

const (
	// deafEvery makes 1 % of the clients never read.
	deafEvery = 100
	// spare is how many descriptors are needed besides the streams.
	spare = 500
)

// memory is what the gateway holds at a moment.
type memory struct {
	RSS int64 `json:"rss"`
	// Live is what the last garbage collection found in use, in bytes.
	Live        int64 `json:"live"`
	Goroutines  int   `json:"goroutines"`
	Descriptors int   `json:"descriptors"`
}

// told is how long one piece of news took to the clients.
type told struct {
	What   string        `json:"what"`
	Median time.Duration `json:"median_ns"`
	Last   time.Duration `json:"last_ns"`
}

// streamsReport is the outcome of -streams; its JSON is what -json writes.
type streamsReport struct {
	Streams int           `json:"streams"`
	Deaf    int           `json:"deaf"`
	CPUs    int           `json:"cpus"`
	Opening time.Duration `json:"opening_ns"`
	Idle    time.Duration `json:"idle_ns"`
	IdleCPU time.Duration `json:"idle_cpu_ns"`
	PeakRSS int64         `json:"peak_rss"`
	Start   memory        `json:"start"`
	Before  memory        `json:"before"`
	Open    memory        `json:"open"`
	After   memory        `json:"after"`
	Told    []told        `json:"told"`
	Goals   []goal        `json:"goals,omitempty"`
}

// listen measures streams that are open and idle.
func listen(o options) error {
	if err := crowd.RaiseDescriptors(o.streams + spare); err != nil {
		return err
	}
	s, err := startSite(o)
	if err != nil {
		return err
	}
	defer s.stop()
	r, err := s.measure(o)
	if err != nil {
		return fmt.Errorf("%w; the gateway's log: %s", err, s.gateway.Log())
	}
	if o.check {
		r.Goals = r.judge()
	}
	fmt.Print(r.markdown())
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o600); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return missed(r.Goals)
}

// measure has a crowd come and go, and another come, listen and go.
func (s *site) measure(o options) (*streamsReport, error) {
	r := newStreamsReport(o)
	addr, err := netip.ParseAddrPort(s.gateway.addr)
	if err != nil {
		return nil, err
	}
	plan := crowd.Plan{Server: addr, Streams: o.streams, DeafEvery: deafEvery, URI: watchedURI, Token: s.identity.tokenOf()}
	if r.Start, err = s.settle(o); err != nil {
		return nil, err
	}
	// A first crowd, so that what is remembered of callers, and what a process
	// never gives back, isn't taken for a leak: what a second one leaves behind is.
	progress("opening %d streams", o.streams)
	begun := time.Now()
	c, err := crowd.Open(plan)
	if err != nil {
		return nil, err
	}
	r.Opening, r.Deaf = time.Since(begun), c.Deaf()
	if err = c.Leave(); err != nil {
		return nil, err
	}
	if err = s.emptied(o, r.Start); err != nil {
		return nil, err
	}
	if r.Before, err = s.settle(o); err != nil {
		return nil, err
	}
	progress("once more")
	if c, err = crowd.Open(plan); err != nil {
		return nil, err
	}
	if err = s.attend(o, c, r); err != nil {
		_ = c.Leave() // the first error counts
		return nil, err
	}
	progress("hanging up")
	if err = c.Leave(); err != nil {
		return nil, err
	}
	if err = s.emptied(o, r.Before); err != nil {
		return nil, err
	}
	r.After, err = s.settle(o)
	return r, err
}

// attend measures while the crowd listens.
func (s *site) attend(o options, c *crowd.Crowd, r *streamsReport) (err error) {
	progress("idle for %v", o.idle)
	if r.IdleCPU, err = s.idle(o.idle); err != nil {
		return err
	}
	for i := range o.rounds {
		progress("change %d of %d", i+1, o.rounds)
		list, err := s.tellList(c, i+1)
		if err != nil {
			return err
		}
		update, err := s.tellUpdate(c)
		if err != nil {
			return err
		}
		r.Told = append(r.Told, list, update)
	}
	if r.Open, err = s.settle(o); err != nil {
		return err
	}
	if r.PeakRSS, err = s.gateway.PeakRSS(); err != nil {
		return err
	}
	return c.Err()
}

// idle measures the processor time that the gateway takes for nothing.
func (s *site) idle(d time.Duration) (time.Duration, error) {
	before, err := s.gateway.CPU()
	if err != nil {
		return 0, err
	}
	time.Sleep(d)
	after, err := s.gateway.CPU()
	return after - before, err
}

// tellList reloads with another list of tools. The time counts from the
// request to reload.
func (s *site) tellList(c *crowd.Crowd, n int) (told, error) {
	if err := s.writeExtra(n); err != nil {
		return told{}, err
	}
	await := c.Expect(crowd.ToolsChanged)
	begun := time.Now()
	if err := s.reload(); err != nil {
		return told{}, err
	}
	arrivals, err := await()
	return summary(toolsChanged, begun, arrivals), err
}

// tellUpdate changes the resource. The time counts from the gateway's request
// that sees it.
func (s *site) tellUpdate(c *crowd.Crowd) (told, error) {
	// A look that has begun before the change may end after it.
	if err := s.lookedAt(); err != nil {
		return told{}, err
	}
	await := c.Expect(crowd.ResourceUpdated)
	s.change()
	arrivals, err := await()
	return summary(resourceUpdated, s.seen(), arrivals), err
}

func summary(what string, begun time.Time, arrivals []time.Time) told {
	if len(arrivals) == 0 {
		return told{What: what}
	}
	slices.SortFunc(arrivals, time.Time.Compare)
	return told{What: what, Median: arrivals[len(arrivals)/2].Sub(begun), Last: arrivals[len(arrivals)-1].Sub(begun)}
}

// settle reads what the gateway holds, once it has given back what it gives
// back.
func (s *site) settle(o options) (memory, error) {
	live, err := s.collect()
	if err != nil {
		return memory{}, err
	}
	rss, err := s.lowest(min(o.idle/4, 5*time.Second))
	if err != nil {
		return memory{}, err
	}
	m, err := s.metrics()
	if err != nil {
		return memory{}, err
	}
	descriptors, err := s.gateway.Descriptors()
	return memory{RSS: rss, Live: live, Descriptors: descriptors, Goroutines: int(m["go_goroutines"])}, err
}

// collect reads the metrics until that has brought about some more garbage
// collections, and returns what the last one found in use.
func (s *site) collect() (int64, error) {
	const collections = 4 // what sockets hold outlives the first two
	for begun := -1.0; ; {
		m, err := s.metrics()
		if err != nil {
			return 0, err
		}
		done := m["go_gc_duration_seconds_count"]
		if begun < 0 {
			begun = done
		}
		if done >= begun+collections {
			// With GOGC=100 the goal is twice what was in use.
			return int64(m["go_memstats_next_gc_bytes"]) / 2, nil
		}
	}
}

// lowest waits until resident memory has not shrunk for a while: unused memory
// goes back to the system bit by bit.
func (s *site) lowest(while time.Duration) (int64, error) {
	const pause = 100 * time.Millisecond
	low, err := s.gateway.RSS()
	for last := time.Now(); err == nil && time.Since(last) < while; time.Sleep(pause) {
		var now int64
		if now, err = s.gateway.RSS(); now < low {
			low, last = now, time.Now()
		}
	}
	return low, err
}

// emptied waits until the gateway has closed what was hung up, and until the
// goroutines have ended that it keeps for further requests. If that takes too
// long, the report tells what is left.
func (s *site) emptied(o options, before memory) error {
	const pause = 100 * time.Millisecond
	limit := min(max(2*time.Second, 2*o.idle), 30*time.Second)
	for end := time.Now().Add(limit); ; time.Sleep(pause) {
		descriptors, err := s.gateway.Descriptors()
		if err != nil {
			return err
		}
		m, err := s.metrics()
		if err != nil {
			return err
		}
		if descriptors <= before.Descriptors+slackDescriptors && int(m["go_goroutines"]) <= before.Goroutines+slackGoroutines || time.Now().After(end) {
			return nil
		}
	}
}
