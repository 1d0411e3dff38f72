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

// measure has a crowd come, listen and go.
func (s *site) measure(o options) (*streamsReport, error) {
	r := newStreamsReport(o)
	addr, err := netip.ParseAddrPort(s.gateway.addr)
	if err != nil {
		return nil, err
	}
	plan := crowd.Plan{Server: addr, Streams: o.streams, DeafEvery: deafEvery, URI: watchedURI, Token: s.identity.tokenOf()}
	if err = crowd.Warm(plan); err != nil {
		return nil, err
	}
	if r.Before, err = s.settle(); err != nil {
		return nil, err
	}
	progress("opening %d streams", o.streams)
	begun := time.Now()
	c, err := crowd.Open(plan)
	if err != nil {
		return nil, err
	}
	r.Opening, r.Deaf = time.Since(begun), c.Deaf()
	if err = s.attend(o, c, r); err != nil {
		_ = c.Leave() // the first error counts
		return nil, err
	}
	progress("hanging up")
	if err = c.Leave(); err != nil {
		return nil, err
	}
	if err = s.emptied(r.Before); err != nil {
		return nil, err
	}
	if r.After, err = s.settle(); err != nil {
		return nil, err
	}
	for i := range 60 { time.Sleep(time.Second); rss, _ := s.gateway.RSS(); if i % 5 == 0 { progress("%d: %s", i, megabytes(rss)) } }
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
	if r.Open, err = s.settle(); err != nil {
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

// settle reads what the gateway holds, after some more garbage collections:
// reading the metrics is what brings them about.
func (s *site) settle() (memory, error) {
	const collections = 4 // a socket's memory outlives the first two
	var m map[string]float64
	for begun := -1.0; ; {
		var err error
		if m, err = s.metrics(); err != nil {
			return memory{}, err
		}
		done := m["go_gc_duration_seconds_count"]
		if begun < 0 {
			begun = done
		}
		if done >= begun+collections {
			break
		}
	}
	rss, err := s.gateway.RSS()
	if err != nil {
		return memory{}, err
	}
	descriptors, err := s.gateway.Descriptors()
	return memory{
		RSS: rss, Descriptors: descriptors, Goroutines: int(m["go_goroutines"]),
		// With GOGC=100 the collector's goal is twice what it found in use.
		Live: int64(m["go_memstats_next_gc_bytes"]) / 2,
	}, err
}

// emptied waits until the gateway has closed what was hung up, and until the
// goroutines have ended that it keeps for further requests.
func (s *site) emptied(before memory) error {
	const limit, pause = 30 * time.Second, 100 * time.Millisecond
	for end := time.Now().Add(limit); ; time.Sleep(pause) {
		descriptors, err := s.gateway.Descriptors()
		if err != nil {
			return err
		}
		m, err := s.metrics()
		if err != nil {
			return err
		}
		if descriptors <= before.Descriptors+slackDescriptors && int(m["go_goroutines"]) <= before.Goroutines {
			return nil
		}
		if time.Now().After(end) {
			return nil // the report tells what is left
		}
	}
}
