package main

import (
	"fmt"

	"github.com/sallyport-mcp/sallyport/bench/internal/load"
)

// goal is a ratio or a size that a run must keep to.
type goal struct {
	Name  string `json:"name"`
	Found string `json:"found"`
	Met   bool   `json:"met"`
}

const (
	maxFloors        = 1.5
	minGoSDKRatio    = 8
	maxUpstreamRatio = 1.05
	maxOpened        = 1 // of 1,000 calls
	maxIdle          = 25_000_000
)

// goals judges sallyport by the report. What was not measured is missed.
func goals(r *report) []goal {
	reuse := goal{Name: "at 32 connections, at most 1 in 1,000 calls opens an upstream connection", Found: notMeasured}
	if row, ok := r.row("call-32", sallyportSide); ok {
		reuse.Found, reuse.Met = fmt.Sprintf("%.1f", row.Opened), row.Opened <= maxOpened
	}
	memory := goal{Name: "idle memory under 25 MB", Found: notMeasured}
	for _, i := range r.Idle {
		if i.Side == sallyportSide {
			memory.Found, memory.Met = fmt.Sprintf("%.1f MB", float64(i.RSS)/1e6), i.RSS < maxIdle
		}
	}
	return []goal{
		ratioGoal(r, "CPU a call at 32 connections at most 1.5 times the floor's",
			"call-32", sallyportSide, floorSide, cpu, func(x float64) bool { return x <= maxFloors }),
		ratioGoal(r, "CPU a call at 32 connections at least 8 times less than go-sdk's",
			"call-32", goSDKSide, sallyportSide, cpu, func(x float64) bool { return x >= minGoSDKRatio }),
		ratioGoal(r, "upstream CPU a call at 1,000 calls/s at most the bare proxy's (5 % tolerance)",
			"call-rate", sallyportSide, proxySide, upstreamCPU, func(x float64) bool { return x <= maxUpstreamRatio }),
		reuse,
		memory,
	}
}

const notMeasured = "not measured"

func cpu(r row) []float64         { return r.CPURounds }
func upstreamCPU(r row) []float64 { return r.UpstreamCPURounds }

// ratioGoal judges the ratio of two sides' values at a workload.
func ratioGoal(r *report, name, workload, a, b string, value func(row) []float64, met func(float64) bool) goal {
	rowA, okA := r.row(workload, a)
	rowB, okB := r.row(workload, b)
	x := ratio(value(rowA), value(rowB))
	if !okA || !okB || x == 0 {
		return goal{Name: name, Found: notMeasured}
	}
	found := fmt.Sprintf("%.2f (medians %.1f and %.1f us)", x, load.Median(value(rowA)), load.Median(value(rowB)))
	return goal{Name: name, Found: found, Met: met(x)}
}
