// Command bench compares sallyport with what else a REST service could be put
// behind: nothing, a bare reverse proxy, a translator by hand, and a server
// written with the official Go SDK. With -streams it measures what streams cost
// sallyport that are open and idle. See README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	var err error
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		err = serve(os.Args[1], os.Args[2:])
	} else {
		err = compare(os.Args[1:])
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// compare runs the comparison and prints its report.
func compare(args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.streams > 0 {
		return listen(o)
	}
	b, err := start(o)
	if err != nil {
		return err
	}
	defer b.stop()
	report, err := b.run()
	if err != nil {
		return err
	}
	if o.check {
		report.Goals = goals(report)
	}
	fmt.Print(report.markdown())
	if o.json != "" {
		if err := report.write(o.json); err != nil {
			return err
		}
	}
	return report.verdict()
}

// options are what the flags say.
type options struct {
	duration, warmup time.Duration
	rounds           int
	sides            []string
	conns            []int
	json             string
	check            bool
	binary, source   string
	logLevel         string
	streams          int
	idle             time.Duration
}

func parseOptions(args []string) (options, error) {
	o := options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := f.Bool("quick", false, "short cells and three rounds: under a minute")
	f.DurationVar(&o.duration, "duration", time.Second, "measured time of one cell (a side at a workload, in one round)")
	f.IntVar(&o.rounds, "rounds", 5, "how often every cell is measured; the medians are reported")
	sideList := f.String("sides", strings.Join(allSides(), ","), "sides to measure")
	connList := f.String("conns", "1,32,256", "numbers of connections of the closed loop")
	f.StringVar(&o.json, "json", "", "file for the report as JSON")
	f.BoolVar(&o.check, "check", false, "check the goals; exit 1 if one is missed")
	f.StringVar(&o.binary, "sallyport", "", "sallyport binary to measure instead of building one")
	f.StringVar(&o.source, "source", "..", "sallyport's source folder, for building")
	f.StringVar(&o.logLevel, "log-level", "warn", "sallyport's log level; info adds a line a call")
	f.IntVar(&o.streams, "streams", 0, "measure so many idle streams of sallyport instead of comparing the sides")
	f.DurationVar(&o.idle, "idle", 20*time.Second, "with -streams: how long nothing happens while the processor time is measured")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		set := map[string]bool{}
		f.Visit(func(f *flag.Flag) { set[f.Name] = true })
		if !set["duration"] {
			o.duration = 300 * time.Millisecond
		}
		if !set["rounds"] {
			o.rounds = 3
		}
	}
	o.warmup = max(o.duration/4, 100*time.Millisecond)
	if f.NArg() > 0 || o.rounds < 1 || o.duration <= 0 || o.idle <= 0 || o.streams < 0 {
		return o, errors.New("give no arguments, at least one round, positive durations and no negative number of streams")
	}
	for name := range strings.SplitSeq(*sideList, ",") {
		if !slices.Contains(allSides(), name) {
			return o, fmt.Errorf("no side %q; there are %s", name, strings.Join(allSides(), ", "))
		}
		o.sides = append(o.sides, name)
	}
	for text := range strings.SplitSeq(*connList, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return o, fmt.Errorf("bad number of connections %q: 1 to 1000", text)
		}
		o.conns = append(o.conns, n)
	}
	return o, nil
}
