package policy

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"
)

// change is a change of a breaker's state.
type change struct {
	from, to           gobreaker.State
	failures, requests uint32 // of the window that opened it
}

// journal logs a breaker's changes. They come to pass under the breaker's lock,
// where a slow log would stop all calls of the upstream: there they are only
// noted, and written by whoever leaves.
type journal struct {
	log      *slog.Logger
	upstream string
	rest     time.Duration
	noted    chan change
}

// notedChanges is how many changes wait to be written; each is followed by a
// write, so there are hardly ever two.
const notedChanges = 16

func newJournal(log *slog.Logger, upstream string, rest time.Duration) *journal {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &journal{log: log, upstream: upstream, rest: rest, noted: make(chan change, notedChanges)}
}

// note never waits: what finds no room is left out.
func (j *journal) note(c change) {
	select {
	case j.noted <- c:
	default:
	}
}

// write logs what was noted.
func (j *journal) write() {
	for len(j.noted) > 0 {
		select {
		case c := <-j.noted:
			j.line(c)
		default:
			return
		}
	}
}

func (j *journal) line(c change) {
	rests := "upstream " + j.upstream + " rests for " + j.rest.String()
	switch {
	case c.to == gobreaker.StateHalfOpen:
		j.log.Info("upstream "+j.upstream+" has rested: the next request probes it", "upstream", j.upstream)
	case c.to == gobreaker.StateClosed:
		j.log.Info("upstream "+j.upstream+" answers again: all requests pass", "upstream", j.upstream)
	case c.from == gobreaker.StateHalfOpen:
		j.log.Warn(rests+": the probe failed", "upstream", j.upstream, "rest", j.rest.String())
	default:
		j.log.Warn(fmt.Sprintf("%s: %d of %d requests failed", rests, c.failures, c.requests),
			"upstream", j.upstream, "rest", j.rest.String(), "failures", c.failures, "requests", c.requests)
	}
}
