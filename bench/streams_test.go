package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestStreams is the short form of -streams: all news must reach all clients,
// once, and nothing be left behind. Times and memory are not judged.
func TestStreams(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	if err := compare([]string{"-streams", "300", "-idle", "400ms", "-rounds", "2", "-json", file}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r streamsReport
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if r.Streams != 300 || r.Deaf != 3 || len(r.Told) != 4 || r.Opening <= 0 || r.IdleCPU < 0 || r.PeakRSS < r.Open.RSS {
		t.Errorf("the report is %s", text)
	}
	for _, one := range r.Told {
		if one.Last <= 0 || one.Median > one.Last {
			t.Errorf("%s took %v, %v", one.What, one.Median, one.Last)
		}
	}
	if r.Open.Descriptors < 300 || r.After.Descriptors > r.Before.Descriptors+slackDescriptors {
		t.Errorf("before %+v, open %+v, after %+v", r.Before, r.Open, r.After)
	}
}

func TestStreamsGoals(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*streamsReport)
		missed []int
	}{
		"just met":       {func(*streamsReport) {}, nil},
		"large":          {func(r *streamsReport) { r.PeakRSS++ }, []int{0}},
		"busy":           {func(r *streamsReport) { r.IdleCPU += time.Second }, []int{1}},
		"late list":      {func(r *streamsReport) { r.Told[0].Last++ }, []int{2}},
		"late update":    {func(r *streamsReport) { r.Told[1].Last++ }, []int{3}},
		"nothing told":   {func(r *streamsReport) { r.Told = nil }, []int{2, 3}},
		"resident stays": {func(r *streamsReport) { r.After.RSS++ }, []int{4}},
		"memory leaks":   {func(r *streamsReport) { r.After.Live++ }, []int{5}},
		"sockets leak":   {func(r *streamsReport) { r.After.Descriptors++ }, []int{6}},
		"goroutine leak": {func(r *streamsReport) { r.After.Goroutines++ }, []int{7}},
	} {
		r := &streamsReport{
			Streams: 10, Idle: 20 * time.Second, IdleCPU: 3*time.Second - 1, PeakRSS: 350_000_000,
			Before: memory{RSS: 100, Live: 10, Goroutines: 5, Descriptors: 5},
			After:  memory{RSS: 110, Live: 11, Goroutines: 15, Descriptors: 15},
			Told:   []told{{toolsChanged, 1, 3 * time.Second}, {resourceUpdated, 1, 3 * time.Second}, {toolsChanged, 1, 2}},
		}
		c.spoil(r)
		var missed []int
		for i, g := range r.judge() {
			if !g.Met {
				missed = append(missed, i)
			}
		}
		if !slices.Equal(missed, c.missed) {
			t.Errorf("%s: missed %v, want %v", name, missed, c.missed)
		}
	}
}
