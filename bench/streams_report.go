package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// What -streams checks.
const (
	maxStreamsRSS = 350_000_000
	maxIdleShare  = 0.15 // of one core
	maxTold       = 3 * time.Second
	maxGrowth     = 1.1
	// What may be left over anyway: kept-alive connections and those who
	// serve them.
	slackGoroutines, slackDescriptors = 10, 10
)

// What is told to clients.
const (
	toolsChanged    = "tools/list_changed after a reload"
	resourceUpdated = "resources/updated after a change"
)

func newStreamsReport(o options) *streamsReport {
	return &streamsReport{Streams: o.streams, CPUs: runtime.NumCPU(), Idle: o.idle}
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// last is the slowest round of one kind of news.
func (r *streamsReport) last(what string) (slowest told) {
	for _, t := range r.Told {
		if t.What == what && t.Last >= slowest.Last {
			slowest = t
		}
	}
	return slowest
}

// share is the part of one core that was used for nothing.
func (r *streamsReport) share() float64 { return float64(r.IdleCPU) / float64(r.Idle) }

// judge checks the limits. Lost news and dropped streams end a run before.
func (r *streamsReport) judge() []goal {
	goals := []goal{
		{"at most 350 MB of resident memory", megabytes(r.PeakRSS), r.PeakRSS <= maxStreamsRSS},
		{"idle, under 15 % of a core", percent(r.share()), r.share() < maxIdleShare},
	}
	for _, what := range []string{toolsChanged, resourceUpdated} {
		slowest := r.last(what)
		goals = append(goals, goal{
			what + " reaches all within 3 s", slowest.Last.Round(time.Millisecond).String(),
			slowest.Last > 0 && slowest.Last <= maxTold,
		})
	}
	return append(goals,
		back("resident memory back within 10 % after all have hung up", r.Before.RSS, r.After.RSS),
		back("memory in use back within 10 % after all have hung up", r.Before.Live, r.After.Live),
		goal{
			"descriptors back after all have hung up", fmt.Sprintf("%d before, %d after", r.Before.Descriptors, r.After.Descriptors),
			r.After.Descriptors <= r.Before.Descriptors+slackDescriptors,
		},
		goal{
			"goroutines back after all have hung up", fmt.Sprintf("%d before, %d after", r.Before.Goroutines, r.After.Goroutines),
			r.After.Goroutines <= r.Before.Goroutines+slackGoroutines,
		})
}

// back judges whether memory is what it was before.
func back(name string, before, after int64) goal {
	return goal{name, megabytes(before) + " before, " + megabytes(after) + " after", float64(after) <= maxGrowth*float64(before)}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

// markdown renders the report for people.
func (r *streamsReport) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %d idle streams\n\n", r.Streams)
	fmt.Fprintf(&b, "%s, %d CPUs, shared with the clients and the upstream; %d clients never read. Half of the streams are subscriptions/listen "+
		"(2026-07-28), half are those of legacy sessions (2025-11-25), each with a caller of its own.\n\n", runtime.Version(), r.CPUs, r.Deaf)
	fmt.Fprintf(&b, "| | at the start | a first crowd has gone | all open | all have gone |\n|---|---:|---:|---:|---:|\n")
	all := []memory{r.Start, r.Before, r.Open, r.After}
	for _, row := range []struct {
		name string
		of   func(memory) string
	}{
		{"resident memory", func(m memory) string { return megabytes(m.RSS) }},
		{"memory in use", func(m memory) string { return megabytes(m.Live) }},
		{"goroutines", func(m memory) string { return fmt.Sprint(m.Goroutines) }},
		{"descriptors", func(m memory) string { return fmt.Sprint(m.Descriptors) }},
	} {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, m := range all {
			fmt.Fprintf(&b, " %s |", row.of(m))
		}
		b.WriteString("\n")
	}
	each := func(of func(memory) int64) int64 { return (of(r.Open) - of(r.Before)) / int64(r.Streams) }
	b.WriteString("\n| what | found |\n|---|---:|\n")
	for _, row := range [][2]string{
		{"peak of resident memory", megabytes(r.PeakRSS)},
		{"memory in use, a stream", fmt.Sprintf("%d bytes", each(func(m memory) int64 { return m.Live }))},
		{"resident memory, a stream", fmt.Sprintf("%d bytes", each(func(m memory) int64 { return m.RSS }))},
		{"opened", fmt.Sprintf("%.0f streams/s", float64(r.Streams)/r.Opening.Seconds())},
		{fmt.Sprintf("processor time while idle, %v", r.Idle), percent(r.share()) + " of a core"},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
	}
	for _, what := range []string{toolsChanged, resourceUpdated} {
		t := r.last(what)
		fmt.Fprintf(&b, "| %s: half, all (slowest of %d) | %v, %v |\n", what, len(r.Told)/2, t.Median.Round(time.Millisecond), t.Last.Round(time.Millisecond))
	}
	if len(r.Goals) > 0 {
		b.WriteString("\n")
		writeGoals(&b, r.Goals)
	}
	return b.String()
}
