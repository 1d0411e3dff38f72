package main

import (
	"fmt"
	"strings"
)

// markdown renders the report for people: a table for every workload.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Load test, %s\n\n", r.Date.Format("2006-01-02"))
	fmt.Fprintf(&b, "%s, %d CPUs, %d rounds of %s a cell, medians; %d calls, every answer checked. "+
		"CPU is processor time a call, user and system, of that side's process.\n", r.Go, r.CPUs, r.Rounds, r.Duration, r.Calls)
	for _, m := range r.Missing {
		fmt.Fprintf(&b, "\n**%s was not measured:** %s\n", m.Side, strings.TrimSpace(m.Reason))
	}
	for i, row := range r.Rows {
		if r.first(i) {
			r.table(&b, row.Workload, row.Title)
		}
	}
	r.memory(&b)
	if len(r.Goals) > 0 {
		b.WriteString("\n")
		writeGoals(&b, r.Goals)
	}
	return b.String()
}

func writeGoals(b *strings.Builder, goals []goal) {
	b.WriteString("## Goals\n\n| goal | found | |\n|---|---|---|\n")
	for _, g := range goals {
		fmt.Fprintf(b, "| %s | %s | %s |\n", g.Name, g.Found, map[bool]string{true: "met", false: "**missed**"}[g.Met])
	}
}

// first reports whether row i is the first of its workload.
func (r *report) first(i int) bool {
	for _, row := range r.Rows[:i] {
		if row.Workload == r.Rows[i].Workload {
			return false
		}
	}
	return true
}

func (r *report) table(b *strings.Builder, workload, title string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	b.WriteString("| side | calls/s | CPU us | x floor | p50 us | p99 us | upstream CPU us | upstream connections / 1,000 calls |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, row := range r.Rows {
		if row.Workload != workload {
			continue
		}
		ratio := "-"
		if row.Floors > 0 {
			ratio = fmt.Sprintf("%.2f", row.Floors)
		}
		fmt.Fprintf(b, "| %s | %.0f | %.1f | %s | %.0f | %.0f | %.1f | %.1f |\n",
			row.Side, row.PerSecond, row.CPU, ratio, row.P50, row.P99, row.UpstreamCPU, row.Opened)
	}
}

func (r *report) memory(b *strings.Builder) {
	b.WriteString("\n## Resident memory, MB\n\n| side | idle | at the most connections |\n|---|---:|---:|\n")
	for _, i := range r.Idle {
		loaded, conns := 0.0, 0
		for _, row := range r.Rows {
			var n int
			if _, err := fmt.Sscanf(row.Workload, "call-%d", &n); err == nil && row.Side == i.Side && n > conns {
				loaded, conns = row.RSS, n
			}
		}
		fmt.Fprintf(b, "| %s | %.1f | %.1f (%d) |\n", i.Side, float64(i.RSS)/1e6, loaded/1e6, conns)
	}
}
