package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/sallyport-mcp/sallyport/bench/internal/load"
)

// report is the outcome of a comparison; its JSON is what -json writes.
type report struct {
	Date     time.Time `json:"date"`
	Go       string    `json:"go"`
	CPUs     int       `json:"cpus"`
	Duration string    `json:"duration"`
	Rounds   int       `json:"rounds"`
	Calls    int       `json:"calls"` // all of them checked
	Missing  []missing `json:"missing,omitempty"`
	Idle     []idle    `json:"idle"`
	Rows     []row     `json:"rows"`
	Goals    []goal    `json:"goals,omitempty"`
}

// missing is a side that could not be measured.
type missing struct {
	Side   string `json:"side"`
	Reason string `json:"reason"`
}

// idle is a side's resident memory in bytes before the load.
type idle struct {
	Side string `json:"side"`
	RSS  int64  `json:"rss"`
}

// row is a side at a workload: medians over the rounds. CPU times are
// microseconds of processor time a call, latencies microseconds, memory bytes.
type row struct {
	Workload    string  `json:"workload"`
	Title       string  `json:"title"`
	Side        string  `json:"side"`
	PerSecond   float64 `json:"calls_per_second"`
	CPU         float64 `json:"cpu_us"`
	Floors      float64 `json:"cpu_x_floor,omitempty"`
	UpstreamCPU float64 `json:"upstream_cpu_us"`
	Opened      float64 `json:"upstream_connections_per_1000_calls"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	RSS         float64 `json:"rss"`
	Reparsed    int64   `json:"reparsed"` // answers judged by content, not bytes

	// Every round's CPU times, for ratios within a round.
	CPURounds         []float64 `json:"cpu_us_rounds"`
	UpstreamCPURounds []float64 `json:"upstream_cpu_us_rounds"`
}

func newReport(o options) *report {
	return &report{Date: time.Now().UTC(), Go: runtime.Version(), CPUs: runtime.NumCPU(), Duration: o.duration.String(), Rounds: o.rounds}
}

// add adds a cell's medians.
func (r *report) add(c *cell) {
	row := row{Workload: c.workload.name, Title: c.workload.title, Side: c.side}
	rounds := func(value func(sample) float64) []float64 {
		values := make([]float64, len(c.samples))
		for i, s := range c.samples {
			values[i] = value(s)
		}
		return values
	}
	perCall := func(total float64, s sample) float64 { return total / float64(max(s.Calls, 1)) }
	row.CPURounds = rounds(func(s sample) float64 { return perCall(micros(s.cpu), s) })
	row.CPU = load.Median(row.CPURounds)
	row.UpstreamCPURounds = rounds(func(s sample) float64 { return perCall(micros(s.upstreamCPU), s) })
	row.UpstreamCPU = load.Median(row.UpstreamCPURounds)
	row.PerSecond = load.Median(rounds(func(s sample) float64 { return float64(s.Calls) / s.Elapsed.Seconds() }))
	row.Opened = load.Median(rounds(func(s sample) float64 { return perCall(1000*float64(s.opened), s) }))
	row.P50 = load.Median(rounds(func(s sample) float64 { return micros(s.P50) }))
	row.P99 = load.Median(rounds(func(s sample) float64 { return micros(s.P99) }))
	row.RSS = load.Median(rounds(func(s sample) float64 { return float64(s.rss) }))
	for _, s := range c.samples {
		r.Calls += s.Calls
		row.Reparsed += s.Reparsed
	}
	r.Rows = append(r.Rows, row)
	r.relate()
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// relate sets every row's ratio to the floor at the same workload.
func (r *report) relate() {
	for i := range r.Rows {
		if floor, ok := r.row(r.Rows[i].Workload, floorSide); ok {
			r.Rows[i].Floors = ratio(r.Rows[i].CPURounds, floor.CPURounds)
		}
	}
}

// ratio returns the median of the rounds' ratios: two sides of one round ran
// one after the other, so what the machine did meanwhile touched both. It is 0
// if there is nothing to compare.
func ratio(a, b []float64) float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return load.Median(ratios)
}

// row finds the row of a side at a workload.
func (r *report) row(workload, side string) (row, bool) {
	for _, row := range r.Rows {
		if row.Workload == workload && row.Side == side {
			return row, true
		}
	}
	return row{}, false
}

// write writes the report as JSON.
func (r *report) write(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// verdict is an error if a side is missing or a goal was missed.
func (r *report) verdict() error {
	var errs []error
	for _, m := range r.Missing {
		errs = append(errs, fmt.Errorf("%s was not measured: %s", m.Side, m.Reason))
	}
	return errors.Join(append(errs, missed(r.Goals))...)
}

// missed names the goals that were missed; nil if there are none.
func missed(goals []goal) error {
	var errs []error
	for _, g := range goals {
		if !g.Met {
			errs = append(errs, fmt.Errorf("goal missed: %s: %s", g.Name, g.Found))
		}
	}
	return errors.Join(errs...)
}
