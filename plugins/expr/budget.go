package expr

import (
	"context"
	"errors"
	"time"
)

// checkEvery is after how many steps a budget looks at the clock.
const checkEvery = 1024

var errBudget = errors.New("the expression takes too many steps")

// budget is a context that ends after so many steps of a jq program: gojq asks
// for Done before each of them. Counting is cheaper than a timer, and doesn't
// depend on how busy the machine is.
type budget struct {
	context.Context //nolint:containedctx // a context is made of its parent
	steps           int
	end             time.Time
	err             error
}

func newBudget(ctx context.Context) *budget {
	return &budget{Context: ctx}
}

// Done counts a step. It returns nil, which blocks, while there are any left.
func (b *budget) Done() <-chan struct{} {
	if b.steps++; b.steps%checkEvery == 0 {
		b.check()
	}
	if b.err == nil {
		return nil
	}
	done := make(chan struct{})
	close(done)
	return done
}

func (b *budget) check() {
	now := time.Now()
	switch {
	case b.end.IsZero():
		b.end = now.Add(maxTime)
	case b.steps > maxSteps:
		b.err = errBudget
	case now.After(b.end):
		b.err = context.DeadlineExceeded
	}
	if err := b.Context.Err(); err != nil {
		b.err = err
	}
}

// Err returns why there are no steps left.
func (b *budget) Err() error { return b.err }
