package main

import (
	"strings"
	"testing"
)

func TestMemoryIsThatOfTheMostConnections(t *testing.T) {
	r := &report{Idle: []idle{{floorSide, 12_000_000}}}
	for _, w := range workloads([]int{1, 32}) {
		rss := 99e6
		if w.name == "call-32" {
			rss = 26e6
		}
		r.Rows = append(r.Rows, row{Workload: w.name, Side: floorSide, RSS: rss})
	}
	if want := "| floor | 12.0 | 26.0 (32) |"; !strings.Contains(r.markdown(), want) {
		t.Errorf("no %q in\n%s", want, r.markdown())
	}
}
