package load

import (
	"slices"
	"sync"
	"time"
)

// Session is a set of open connections to a target.
type Session struct {
	workers []*worker
}

// Result is what a stretch of load measured. Every call in it was answered
// rightly; a wrong answer is an error instead.
type Result struct {
	Calls    int
	Elapsed  time.Duration
	P50, P99 time.Duration
	// Reparsed counts answers whose bytes differed from the first answer's
	// and that were judged by their content.
	Reparsed int64
}

// Open opens n connections.
func (t *Target) Open(n int) (*Session, error) {
	s := &Session{}
	for i := range n {
		c, err := dial(t.addr)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.workers = append(s.workers, &worker{
			target:  t,
			conn:    c,
			request: t.requests[i%len(t.requests)].Instance(),
			answer:  t.answer.Instance(),
		})
	}
	return s, nil
}

// Close closes the connections.
func (s *Session) Close() {
	for _, w := range s.workers {
		w.conn.close()
	}
}

// Closed makes every connection call again as soon as it has its answer, for d.
func (s *Session) Closed(d time.Duration) (Result, error) {
	start := time.Now()
	end := start.Add(d)
	return s.run(d, start, func(w *worker) error {
		for now := start; now.Before(end); {
			if err := w.call(); err != nil {
				return err
			}
			done := time.Now()
			w.latency = append(w.latency, done.Sub(now))
			now = done
		}
		return nil
	})
}

// run lets all workers work and collects what they measured.
func (s *Session) run(d time.Duration, start time.Time, work func(*worker) error) (Result, error) {
	var wg sync.WaitGroup
	errs := make([]error, len(s.workers))
	for i, w := range s.workers {
		w.latency, w.reparsed = w.latency[:0], 0
		if err := w.conn.limit(d + answerTimeout); err != nil {
			return Result{}, err
		}
		wg.Go(func() { errs[i] = work(w) })
	}
	wg.Wait()
	r := Result{Elapsed: time.Since(start)}
	var all []time.Duration
	for _, w := range s.workers {
		all = append(all, w.latency...)
		r.Reparsed += w.reparsed
	}
	slices.Sort(all)
	r.Calls, r.P50, r.P99 = len(all), Percentile(all, 50), Percentile(all, 99)
	for _, err := range errs {
		if err != nil {
			return r, err // one wrong answer says enough
		}
	}
	return r, nil
}
