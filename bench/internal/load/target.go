package load

import (
	"bytes"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
)

// Verify judges an answer by its content, thoroughly and slowly.
type Verify func(answer []byte, call fixture.Call) error

// Numbers hands out the numbers of a run's calls, so that no two calls of it
// are alike.
type Numbers struct{ next atomic.Uint64 }

// block is how many numbers a worker takes at once.
const block = 1024

// Target is what load is sent to: an address, the requests, of which each
// connection uses one, and the answer they must get.
type Target struct {
	addr     string
	numbers  *Numbers
	requests []*Pattern
	answer   *Pattern
	verify   Verify
}

// NewTarget sends a call to addr, judges the answer by its content, and learns
// from it how the bytes of every further answer must look. requests returns
// the same request as different callers would send it.
func NewTarget(addr string, numbers *Numbers, requests func(fixture.Call) [][]byte, verify Verify) (*Target, error) {
	t := &Target{addr: addr, numbers: numbers, verify: verify}
	call := fixture.NewCall(numbers.next.Add(1))
	for _, r := range requests(call) {
		t.requests = append(t.requests, NewPattern(r, call))
	}
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.limit(answerTimeout); err != nil {
		return nil, err
	}
	status, body, err := c.exchange(t.requests[0].Instance().For(&call))
	if err != nil {
		return nil, err
	}
	if err := judge(status, body, call, verify); err != nil {
		return nil, err
	}
	t.answer = NewPattern(body, call)
	return t, nil
}

// answerTimeout is how long an answer may take beyond the time of the load.
const answerTimeout = 20 * time.Second

func judge(status int, body []byte, call fixture.Call, verify Verify) error {
	if status != http.StatusOK {
		return fmt.Errorf("call %s: status %d: %.300q", call.ID, status, body)
	}
	if err := verify(body, call); err != nil {
		return fmt.Errorf("call %s for %s: %w: %.300q", call.ID, call.Customer, err, body)
	}
	return nil
}

// worker is one connection of a session.
type worker struct {
	target   *Target
	conn     *conn
	request  *Instance
	answer   *Instance
	next     uint64
	end      uint64
	latency  []time.Duration
	reparsed int64
}

// call makes one call and checks its answer: byte by byte, and if the bytes
// are not those of the first answer, by its content.
func (w *worker) call() error {
	if w.next == w.end {
		w.end = w.target.numbers.next.Add(block)
		w.next = w.end - block
	}
	w.next++
	call := fixture.NewCall(w.next)
	status, body, err := w.conn.exchange(w.request.For(&call))
	if err != nil {
		return err
	}
	if status == http.StatusOK && bytes.Equal(body, w.answer.For(&call)) {
		return nil
	}
	w.reparsed++
	return judge(status, body, call, w.target.verify)
}
