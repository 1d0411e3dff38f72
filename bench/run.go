package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
	"github.com/sallyport-mcp/sallyport/bench/internal/load"
)

// workload is one way of loading the sides; each is a table of the report.
type workload struct {
	name  string
	title string
	conns int
	rate  int    // calls per second; 0: as fast as they are answered
	tool  string // the tool that is called; "" lists tools
	tools int    // size of the catalog that is listed
}

// openRate is the constant rate of calls at which latencies are compared.
const openRate = 1000

func workloads(conns []int) []workload {
	var list []workload
	for _, n := range conns {
		list = append(list, workload{
			name: fmt.Sprintf("call-%d", n), title: fmt.Sprintf("tools/call, 310 B answer, %d connections", n),
			conns: n, tool: fixture.CustomerTool,
		})
	}
	return append(list,
		workload{name: "call-rate", title: "tools/call, 310 B answer, 1,000 calls/s", conns: 32, rate: openRate, tool: fixture.CustomerTool},
		workload{name: "large-32", title: "tools/call, 64 KiB answer, 32 connections", conns: 32, tool: fixture.OrdersTool},
		workload{name: "list-100", title: "tools/list of 100 tools, 32 connections", conns: 32, tools: 100},
		workload{name: "list-1000", title: "tools/list of 1,000 tools, 32 connections", conns: 32, tools: 1000},
	)
}

// minRateTime is the least measured time at a constant rate: a 99th percentile
// of fewer calls than it allows says little.
const minRateTime = time.Second

// lasts is the measured time of the workload if the others' is d.
func (w workload) lasts(d time.Duration) time.Duration {
	if w.rate > 0 {
		return max(d, minRateTime)
	}
	return d
}

// measures reports whether the workload makes sense for a side.
func (w workload) measures(side string) bool {
	return w.tool != "" || side != upstreamSide && side != proxySide
}

// cell is a side at a workload; it has a sample of every round.
type cell struct {
	workload workload
	side     string
	target   *load.Target
	instance instance
	samples  []sample
}

// sample is what one round of a cell measured.
type sample struct {
	load.Result
	cpu, upstreamCPU time.Duration
	opened           int   // connections that the upstream accepted meanwhile
	rss              int64 // while the connections are open
}

// run measures all cells, round by round, every side in turn.
func (b *bench) run() (*report, error) {
	r := newReport(b.options)
	var cells []*cell
	for _, side := range b.options.sides {
		added, err := b.prepare(side)
		if err != nil {
			r.Missing = append(r.Missing, missing{Side: side, Reason: err.Error()})
			continue
		}
		cells = append(cells, added...)
	}
	if err := b.measureIdle(r); err != nil {
		return nil, err
	}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, b.rounds)
		for _, w := range workloads(b.conns) {
			turn := slices.DeleteFunc(slices.Clone(cells), func(c *cell) bool { return c.workload.name != w.name })
			for i := range turn { // another side begins each round
				c := turn[(i+round)%len(turn)]
				if err := b.measure(c); err != nil {
					return nil, fmt.Errorf("%s at %s: %w\n%s", c.side, w.title, err, c.instance.Log())
				}
			}
		}
	}
	for _, c := range cells {
		r.add(c)
	}
	return r, nil
}

// prepare starts a side's processes and makes a first, verified call of every
// workload.
func (b *bench) prepare(side string) ([]*cell, error) {
	var cells []*cell
	for _, w := range workloads(b.conns) {
		if !w.measures(side) {
			continue
		}
		key := sideKey{side, w.tools}
		i, ok := b.sides[key]
		if !ok {
			var err error
			if i, err = b.startSide(key); err != nil {
				return nil, err
			}
			b.sides[key] = i
		}
		target, err := b.target(w, side, i.addr)
		if err != nil {
			return nil, fmt.Errorf("%s at %s: %w: %s", side, w.title, err, i.Log())
		}
		cells = append(cells, &cell{workload: w, side: side, target: target, instance: i})
	}
	return cells, nil
}

func (b *bench) target(w workload, side, addr string) (*load.Target, error) {
	if w.tool == "" {
		return load.NewTarget(addr, &b.numbers, listRequests(addr, b.tokens), load.VerifyList(catalogOf(w.tools)))
	}
	body, path := fixture.CustomerBody(), fixture.Tools()[0].Path
	if w.tool == fixture.OrdersTool {
		body, path = fixture.OrdersBody(), fixture.Tools()[1].Path
	}
	if side == upstreamSide || side == proxySide {
		return load.NewTarget(addr, &b.numbers, plainRequests(addr, path), load.VerifyBody(body))
	}
	return load.NewTarget(addr, &b.numbers, callRequests(addr, w.tool, b.tokens), load.VerifyTool(body))
}

// measureIdle records the memory of the sides that have answered no more than
// their first calls.
func (b *bench) measureIdle(r *report) error {
	time.Sleep(idlePause)
	for _, side := range b.options.sides {
		i, ok := b.sides[sideKey{side, 0}]
		if !ok {
			continue
		}
		rss, err := i.RSS()
		if err != nil {
			return err
		}
		r.Idle = append(r.Idle, idle{Side: side, RSS: rss})
	}
	return nil
}

// idlePause lets the processes come to rest before their memory is read.
const idlePause = time.Second

// measure takes one sample of a cell.
func (b *bench) measure(c *cell) error {
	s, err := c.target.Open(c.workload.conns)
	if err != nil {
		return err
	}
	defer s.Close()
	drive := s.Closed
	if c.workload.rate > 0 {
		drive = func(d time.Duration) (load.Result, error) { return s.AtRate(c.workload.rate, d) }
	}
	if _, err := drive(b.warmup); err != nil {
		return err
	}
	opened, err := b.connections()
	if err != nil {
		return err
	}
	before, err := b.cost(c)
	if err != nil {
		return err
	}
	result, err := drive(c.workload.lasts(b.duration))
	if err != nil {
		return err
	}
	after, err := b.cost(c)
	if err != nil {
		return err
	}
	openedAfter, err := b.connections()
	if err != nil {
		return err
	}
	c.samples = append(c.samples, sample{
		Result: result, opened: openedAfter - opened, rss: after.rss,
		cpu: after.cpu - before.cpu, upstreamCPU: after.upstreamCPU - before.upstreamCPU,
	})
	return nil
}

// cost reads what a cell's process and the upstream have used so far.
func (b *bench) cost(c *cell) (s sample, err error) {
	if s.cpu, err = c.instance.CPU(); err != nil {
		return s, err
	}
	if s.upstreamCPU, err = b.upstream.CPU(); err != nil {
		return s, err
	}
	s.rss, err = c.instance.RSS()
	return s, err
}
